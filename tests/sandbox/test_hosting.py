"""How functions run is found out by each process, said, and acted on."""

from pathlib import Path

import msgspec
import pytest

from ferryman.errors import ConfigError
from ferryman.functions.hosting import Hosting, Hostings
from ferryman.functions.sandbox.limits import taken_elsewhere
from ferryman.functions.sandbox.sandbox import Sandbox
from ferryman.services.app_registration import check_registration
from ferryman.vocab import AppKind, FunctionMode
from ferryman.wire.app import AppRegistration
from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import TRUSTED, PlatformProcess, wait_until
from tests.sandbox.conftest import Ground


@pytest.fixture
def no_bubblewrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def app(folder: Path) -> AppRegistration:
    (folder / "index.py").write_text("def run(event, context):\n    pass\n")
    return AppRegistration(
        server_app_key="org.example.server",
        cloud_app_key="org.example.cloud",
        environment="development",
        kind=AppKind.FORGE,
        manifest=function_manifest("index.run"),
        source=str(folder),
    )


async def test_without_bubblewrap_functions_are_refused(
    no_bubblewrap: None, tmp_path: Path
) -> None:
    found = await Hostings(FunctionMode.SANDBOXED).find()
    with pytest.raises(ConfigError) as refused:
        check_registration(app(tmp_path), found)
    assert refused.value.code == "sandbox_missing"
    assert "bubblewrap" in refused.value.found
    assert found.found.startswith("held")


async def test_a_developer_without_bubblewrap_is_trusted(no_bubblewrap: None) -> None:
    found = await Hostings(FunctionMode.AUTO, Sandbox()).find()
    assert (found.mode, found.sandbox, found.refusal) == (FunctionMode.TRUSTED, None, None)
    assert "no bubblewrap" in found.found


async def test_functions_that_are_switched_off_are_refused(tmp_path: Path) -> None:
    found = await Hostings(FunctionMode.NONE).find()
    with pytest.raises(ConfigError) as refused:
        check_registration(app(tmp_path), found)
    assert refused.value.code == "functions_off"


async def test_an_old_bubblewrap_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.7.0\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = await Hostings(FunctionMode.SANDBOXED).find()
    assert found.refusal is not None
    assert "0.7.0" in found.refusal.found


def test_a_node_that_does_not_run_in_it_is_said(ground: Ground) -> None:
    """Outside it looks like Node.js; inside, its interpreter of scripts is not there."""
    node = ground.folder / "tmp" / "node"
    node.write_text(f"#!{ground.folder}/data/sh\nexec /bin/sh -c 'echo v20.0.0 1000'\n")
    node.chmod(0o755)
    shell = ground.folder / "data" / "sh"
    shell.write_bytes(Path("/bin/sh").read_bytes())
    shell.chmod(0o755)
    kept = dict(ground.environment)
    ground.environment["FERRYMAN_NODE"] = str(node)
    try:
        said = ground.call({"handler": "endings.exit_with_137"})
    finally:
        ground.environment = kept
        shell.unlink()
    assert "Node.js does not run in it" in said["found"]
    assert said["outcomes"][0]["cause"] == "function_exited", "Python does"


def test_javascript_is_refused_without_a_node_that_runs(tmp_path: Path) -> None:
    javascript = msgspec.structs.replace(app(tmp_path), manifest=function_manifest("script.run"))
    (tmp_path / "script.js").write_text("export const run = () => {};\n")
    sandbox = Sandbox(no_node="Node.js does not run in it: a reason")
    hosting = Hosting(mode=FunctionMode.SANDBOXED, found="", sandbox=sandbox, bundler=sandbox)
    with pytest.raises(ConfigError, match="a reason"):
        check_registration(javascript, hosting)
    check_registration(app(tmp_path), hosting)


def test_the_sandbox_is_said(ground: Ground) -> None:
    said = ground.call()
    assert said["found"].startswith("sandboxed: ")
    assert ("root" in said["found"]) == (ground.who == "root")


def test_user_ids_of_others_are_not_taken() -> None:
    assert taken_elsewhere(0) is not None
    assert taken_elsewhere(1_900_000_000) is None


def test_held_functions_run_when_they_may_again(tmp_path: Path) -> None:
    """They wait, and no attempt is counted; new ones are refused meanwhile."""
    platform = PlatformProcess(tmp_path / "data", clock="real")
    with platform:
        held = FunctionMigration.begin(platform, tmp_path / "app")
        held.send("first")
        wait_until(held.events)
        before = len(held.events())
        platform.stop()
        platform.env = {"FERRYMAN_FUNCTIONS": "none"}
        platform.start()
        message = held.send("second")
        found = platform.readiness()
        assert (found["functions"], found["checks"]["functions"]["ok"]) == ("none", False)
        refused = held.admin.refused(400, "POST", "/admin/v1/apps", held.registration)
        assert refused["code"] == "functions_off"
        view = held.admin.ok("GET", f"/admin/v1/messages/{message}")
        assert (view["state"], view["attempts"]) == ("PENDING", [])
        platform.stop()
        platform.env = TRUSTED
        platform.start()
        wait_until(lambda: len(held.events()) > before)
