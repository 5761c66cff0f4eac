"""What registering an app says of its JavaScript, and what ``ferryman.toml`` may say."""

import asyncio
import os
from pathlib import Path

import pytest

from ferryman.domain.outcome import Outcome
from ferryman.errors import ConfigError, Invalid
from ferryman.functions.call import FunctionCall
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.overrides import read_overrides
from ferryman.functions.pool import FunctionPool
from ferryman.functions.source import check_source, handler_file
from tests.kit.manifests import function_manifest

RUN = "export const run = () => console.log('ran');"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of an app with an empty ``src``."""
    (tmp_path / "app" / "src").mkdir(parents=True)
    return tmp_path / "app"


def check(app: Path, handler: str = "index.run") -> None:
    check_source(parse_manifest(function_manifest(handler)), app)


def call(app: Path, handler: str = "index.run") -> Outcome:
    async def calls() -> Outcome:
        async with FunctionPool(concurrency=1) as pool:
            environment = {"FERRYMAN_URL": "http://127.0.0.1:9", "FERRYMAN_TOKEN": "t"}
            return await pool.invoke(
                FunctionCall(
                    source=app, handler=handler, event={}, context={}, environment=environment
                )
            )

    return asyncio.run(calls())


def write(app: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text(text)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["src/index.js"], "src/index.js"),
        (["index.mjs"], "index.mjs"),
        (["src/index.tsx"], "src/index.tsx"),
        (["index.js", "src/index.ts"], "src/index.ts"),
        (["index.py", "src/index.py"], "index.py"),
        (["src/index.ts", "src/index.d.ts", "src/index.test.js"], "src/index.ts"),
    ],
)
def test_the_file_of_a_handler(app: Path, names: list[str], chosen: str) -> None:
    write(app, dict.fromkeys(names, ""))
    assert handler_file(app, "index.run") == (app / chosen, "run")


@pytest.mark.parametrize(
    "names", [["index.py", "src/index.js"], ["src/index.py", "index.ts"], ["index.js", "index.ts"]]
)
def test_two_files_for_one_handler_are_refused_by_name(app: Path, names: list[str]) -> None:
    write(app, dict.fromkeys(names, RUN))
    with pytest.raises(Invalid, match="handler_file_ambiguous") as refusal:
        check(app)
    assert sorted(refusal.value.found.split(", ")) == sorted(names)


def test_no_file_for_a_handler_is_refused(app: Path) -> None:
    with pytest.raises(Invalid, match=r"handler_file_missing.*index\.py, \.js, .*\.tsx"):
        check(app)


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize(
    "files",
    [
        {"src/index.js": RUN},
        {"src/index.js": "exports.run = async () => {};"},
        {"src/index.js": "module.exports = require('./other');", "src/other.js": "exports.run = 1"},
        {"src/index.ts": "export * from './other';", "src/other/index.ts": RUN},
        {"src/index.js": "export * from './other.cjs';", "src/other.cjs": "exports.run = 1"},
        {"src/index.jsx": "export const run = () => <App/>;"},
        {"src/index.js": "import m, { migration } from '@forge/migrations';" + RUN},
        {"src/index.js": "try { require('left-pad') } catch {}; exports.run = () => 1"},
    ],
)
def test_a_sound_handler_passes(app: Path, files: dict[str, str]) -> None:
    write(app, files)
    check(app)


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("export const other = 1, more = 2;", "export run in index.ts; found exports more, o"),
        ("export default { run() {} };", "found exports default"),
        ("export {};", "found exports nothing"),
        ("export const run = (: number) => 1;", r"(?s)handler_does_not_compile.*index.ts:1:20"),
        ("import x from './gone'; export const run = x;", r'(?s)not resolve "./gone".*index.ts:1'),
        ("import x from 'left-pad'; export const run = x;", r"handler_module_missing.*left-pad"),
        ("import { nope } from '@forge/migrations'; export const run = nope;", "nope"),
    ],
)
def test_a_handler_that_could_never_be_called_is_refused(app: Path, text: str, words: str) -> None:
    write(app, {"src/index.ts": text})
    with pytest.raises(Invalid, match=words):
        check(app)


@pytest.mark.usefixtures("javascript")
def test_node_must_be_there_to_register_a_function(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(app, {"src/index.ts": RUN})
    monkeypatch.setenv("FERRYMAN_NODE", "/nowhere/node")
    with pytest.raises(ConfigError, match="node_missing"):
        check(app)


@pytest.mark.usefixtures("javascript")
def test_a_module_is_replaced_by_a_file(app: Path) -> None:
    write(
        app,
        {
            "src/index.js": "import kvs from '@forge/kvs'; export const run = () => kvs.say();",
            "local/kvs.js": "module.exports = { say: () => console.log('stand-in') };",
            "ferryman.toml": '[alias]\n"@forge/kvs" = "local/kvs.js"\n',
        },
    )
    check(app)
    assert call(app).output == "stand-in\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[alias", r"overrides_malformed.*ferryman\.toml to be TOML"),
        ("alias = 3", "alias to be a mapping"),
        ('[alias]\n"@forge/kvs" = 3', "@forge/kvs to be a string"),
        ('[alias]\n"@forge/kvs" = "gone.js"', "alias_file_missing.*gone.js"),
        ('[products]\njira = "localhost"', "overrides_malformed.*http"),
        (
            "[aliases]",
            "aliases to be one of alias, products, services, .*nearest is 'alias'",
        ),
        ("[test-handler]\nresets = ''", r"test-handler\.resets to be one of.*nearest is 'reset'"),
        ("[test-handler]\nunordered = 'yes'", r"test-handler\.unordered to be true or false"),
        ("[test-handler]\nignore = ['thrown']", r"test-handler\.ignore\[0\] to be one of"),
        ("[test-handler]\nstate = 'a'\nstate-function = 'b.c'", "not both"),
        ("\ufeff[alias]\n'a' = 'gone.js'", "alias_file_missing"),
    ],
)
def test_a_mistake_in_ferryman_toml_is_named(app: Path, text: str, words: str) -> None:
    write(app, {"ferryman.toml": text})
    with pytest.raises(Invalid, match=words):
        read_overrides(app)


def test_a_ferryman_toml_that_is_a_pipe_is_not_waited_for(app: Path) -> None:
    os.mkfifo(app / "ferryman.toml")
    with pytest.raises(Invalid, match="to be a file"):
        read_overrides(app)


def test_a_folder_without_ferryman_toml_replaces_nothing(app: Path) -> None:
    overrides = read_overrides(app)
    assert (overrides.alias, overrides.products) == ({}, {})


FORGE = """\
// As the package from npm does it.
const call = (remote) => globalThis.__forge_fetch__(
  { type: 'fpp', provider: 'app', remote }, '/rest/api/3/issue', { method: 'POST', body: '{}' });
export const jira = async () => console.log(await (await call('jira')).text());
export const wiki = () => call('confluence');
export const store = () => globalThis.__forge_fetch__({ type: 'other' }, '/metadata', {});
export const runtime = async () => {
  const { metrics, appContext, lambdaContext, contextAri } = globalThis.__forge_runtime__;
  metrics.counter('x').incr();
  metrics.timing('x').measure().stop();
  const left = lambdaContext.getRemainingTimeInMillis();
  console.log(left > 20_000 && left <= 25_000, appContext.invocationId, contextAri);
};
"""


@pytest.mark.usefixtures("javascript")
def test_calls_of_a_product_go_where_ferryman_toml_says(app: Path, product: str) -> None:
    write(app, {"src/index.js": FORGE, "ferryman.toml": f'[products]\njira = "{product}/base/"\n'})
    # Whoever stands in for a product is given no token of the platform.
    assert call(app, "index.jira").output == "POST /base/rest/api/3/issue {} None\n"
    refused = call(app, "index.wiki")
    assert "requestConfluence(/rest/api/3/issue): nothing stands in" in str(refused.error)
    assert "[products.confluence] fixtures" in str(refused.error)
    refused = call(app, "index.store")
    assert "no stand-in for the Forge service other (/metadata)" in str(refused.error)
    assert "[alias] in ferryman.toml" in str(refused.error)
    assert call(app, "index.runtime").output == "true 1 undefined\n"
