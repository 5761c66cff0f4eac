"""Services of Forge that Ferryman lacks: each use is named, unless something stands in for it."""

from pathlib import Path

import pytest

from tests.doctor.apps import FORGE
from tests.doctor.mistakes import M, examined

SERVICES = (
    (
        "import {\n  appEvents,\n} from '@forge/events';\nappEvents.publish({});",
        "publish",
        "local/events.js",
    ),
    (
        "import api from '@forge/api';\napi.asApp().requestJira(x);",
        "requestJira",
        "[products.jira] fixtures =",
    ),
    (
        "import { requestConfluence } from '@forge/api';\nrequestConfluence (x);",
        "requestConfluence (",
        "[products.confluence] fixtures =",
    ),
    *(
        (f"import api from '@forge/api';\n{call};", call, '[alias] "@forge/api" = "local/api.js"')
        for call in (
            *("api.asApp().requestGraph(x)", "api.asApp().requestTeamworkGraph(x)"),
            *("api.asApp().requestConnectedData(x)", "api.asApp().requestAtlassian(x)"),
            *("api.invokeRemote('r', x)", "api.invokeService('s', x)"),
            *("api.asUser().withProvider('p')", "api.webTrigger.getUrl('k')"),
            "api.privacy.reportPersonalData(x)",
        )
    ),
)


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize(("code", "at", "says"), SERVICES, ids=[at for _, at, _ in SERVICES])
def test_each_use_is_named_with_its_stand_in(tmp_path: Path, code: str, at: str, says: str) -> None:
    [found] = examined(tmp_path, {**FORGE, "src/queue.js": f"\n{code}\n"})
    assert (found.check, found.severity.value) == ("forge_service_missing", "warning")
    assert found.file == "src/queue.js"
    assert found.line is not None
    assert at in f"\n{code}".splitlines()[found.line - 1]
    assert says in found.fix


@pytest.mark.usefixtures("javascript")
def test_a_service_of_the_platform_is_not_named(tmp_path: Path) -> None:
    code = (
        "import kvs from '@forge/kvs';\nimport { storage } from '@forge/api';\n"
        "import { Queue } from '@forge/events';\n"
        "kvs.entity('e').get('k'); storage.get('k'); new Queue({ key: 'q' }).push({ body: {} });\n"
    )
    assert examined(tmp_path, {**FORGE, "src/other.js": code}) == []


@pytest.mark.usefixtures("javascript")
def test_a_consumer_at_an_unknown_endpoint_is_never_called(tmp_path: Path) -> None:
    consumer = "modules:\n  consumer:\n    - key: later\n      queue: q\n      endpoint: e\n"
    endpoint = "  endpoint:\n    - key: e\n      remote: vendor\n      route: {path: /e}\n"
    remotes = "remotes:\n  - key: vendor\n    baseUrl: https://vendor.example\n"
    whole = remotes + FORGE[M].replace("modules:\n", consumer + endpoint)
    assert "consumer_not_called" not in [
        each.check for each in examined(tmp_path / "known", {**FORGE, M: whole})
    ]
    manifest = FORGE[M].replace("modules:\n", consumer)
    [found] = examined(tmp_path / "unknown", {**FORGE, M: manifest})
    assert found.check == "consumer_not_called"
    assert "'later'" in found.what


STOOD_IN = """\
[alias]
"@forge/kvs" = "local.js"
"@forge/api" = "local.js"

[products]
jira = "http://127.0.0.1:2990"
"""


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize(
    "code",
    [
        "import kvs from '@forge/kvs';\nkvs.entity('e');",
        "import api, { storage } from '@forge/api';\napi.asApp().requestJira(storage);",
        "import { requestConfluence } from '@forge/bridge';\nrequestConfluence('/');",
        "// import { Queue } from '@forge/events';",
    ],
)
def test_a_service_with_a_stand_in_is_not_named(tmp_path: Path, code: str) -> None:
    more = {"src/other.js": code, "local.js": "", "ferryman.toml": STOOD_IN}
    assert examined(tmp_path, {**FORGE, **more}) == []


OBJECTS = {**FORGE, "src/pictures.js": "\nimport objects from '@forge/object-store';\n"}
MODULE = "modules:\n  objectStore:\n    - key: main\n      storageClass: standard\n"


@pytest.mark.usefixtures("javascript")
def test_objects_need_their_module(tmp_path: Path) -> None:
    [found] = examined(tmp_path / "without", OBJECTS)
    assert (found.check, found.severity.value) == ("object_store_module_missing", "error")
    assert (found.file, found.line) == ("src/pictures.js", 2)
    with_module = {**OBJECTS, M: FORGE[M].replace("modules:\n", MODULE)}
    assert examined(tmp_path / "with", with_module) == []
    stood_in = {"local.js": "", "ferryman.toml": '[alias]\n"@forge/object-store" = "local.js"\n'}
    assert examined(tmp_path / "stood-in", {**OBJECTS, **stood_in}) == []
