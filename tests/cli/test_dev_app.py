"""What `ferryman dev`, the pytest plugin and `replay` take a folder for."""

import json
import re
from pathlib import Path

import pytest

from ferryman.client.admin import AdminClient
from ferryman.client.local import URL
from ferryman.devtools.dev.app import DevApp
from ferryman.vocab import AppKind, EventType
from tests.doctor.apps import FORGE, PYTHON_APP
from tests.functions.test_descriptor import MANIFEST
from tests.kit.platform import PlatformProcess

TRIGGER = {"key": "t", "function": "f", "events": [str(EventType.UPLOADED)]}
PRODUCT = {**TRIGGER, "events": ["avi:jira:created:issue"]}


@pytest.mark.parametrize(
    ("modules", "kind"),
    [
        ({}, AppKind.CONNECT),
        ({"modules": {"jira:issuePanel": [{"key": "p"}]}}, AppKind.CONNECT),
        ({"modules": {"trigger": [PRODUCT]}}, AppKind.CONNECT),
        ({"modules": {"trigger": [PRODUCT, TRIGGER]}}, AppKind.FORGE),
        ({"modules": {"trigger": [TRIGGER]}, "connectModules": None}, AppKind.FORGE),
        ({"modules": {"trigger": "nonsense"}, "connectModules": {}}, AppKind.CONNECT),
    ],
)
def test_the_kind_of_an_app_is_where_its_events_go(
    tmp_path: Path, modules: dict[str, object], kind: AppKind
) -> None:
    """To a webhook of connectModules, unless a trigger asks for events of a migration."""
    (tmp_path / "manifest.json").write_text(json.dumps({**MANIFEST, **modules}))
    app = DevApp(AdminClient(URL, ""), tmp_path, tmp_path, None, None, "development")
    registration = app.registration()
    assert (registration.kind, registration.cloud_app_key) == (kind, "org.example.notes")
    assert (registration.descriptor is not None) is (kind is AppKind.CONNECT)
    assert (registration.source is None) is (kind is AppKind.CONNECT)


def test_a_warning_is_told_once(platform_process: PlatformProcess, tmp_path: Path) -> None:
    """Not again at each change of a file, were it moved; but again when it was gone."""
    admin = AdminClient(platform_process.url, platform_process.operator_token)
    app = DevApp(admin, tmp_path, tmp_path / "data", "org.example.once", None, "development")
    (tmp_path / "data").mkdir()
    text = PYTHON_APP["manifest.yml"]
    for name, content in PYTHON_APP.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)

    def told(manifest: str) -> int:
        (tmp_path / "manifest.yml").write_text(manifest)
        app._last = 0.0
        return sum("app_id_malformed" in line for line, _ in app.refresh())

    wrong = re.sub(r"ari:cloud:ecosystem::app/\S+", "mine", text)
    assert wrong != text
    assert told(wrong) == 1
    assert told(f"# moved\n{wrong}") == 0
    assert told(f"# moved\n{text}") == 0
    assert told(wrong) == 1


def test_an_unreadable_descriptor_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "atlassian-connect.json").write_text('{"key": ')
    app = DevApp(AdminClient(URL, ""), tmp_path, tmp_path, None, None, "development")
    finding, outcome = (text for text, _ in app.refresh())
    assert "atlassian-connect.json:1: error: The descriptor cannot be read" in finding
    assert outcome == "not registered (descriptor_unreadable): see the error above"


@pytest.mark.usefixtures("javascript")
def test_a_package_of_the_workspace_is_watched(
    platform_process: PlatformProcess, tmp_path: Path
) -> None:
    """It is outside the app's folder, but what the app is built from; also while it is broken."""
    admin = AdminClient(platform_process.url, platform_process.operator_token)
    folder, shared = tmp_path / "apps" / "notes", tmp_path / "packages" / "shared"
    for path, text in {
        **{folder / name: text for name, text in FORGE.items()},
        folder / "src" / "index.js": f"import 'shared';\n{FORGE['src/index.js']}",
        shared / "package.json": '{"name": "shared", "main": "index.js"}',
        shared / "index.js": "export const from = 1;\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "shared").symlink_to("../../../packages/shared")
    app = DevApp(admin, folder, tmp_path, "org.example.workspace", None, "development")

    def said() -> str:
        app._last = 0.0
        return "\n".join(line for line, _ in app.refresh())

    assert "registered org.example.workspace" in said()
    assert said() == ""
    for text, outcome in (
        ("export const from = {;\n", "not registered"),
        ("export const from = 22;\n", "registered org.example.workspace"),
    ):
        (shared / "index.js").write_text(text)
        told = said()
        assert "changed: ../../packages/shared/index.js" in told
        assert f"\n{outcome}" in told
        assert said() == ""


@pytest.mark.usefixtures("javascript")
@pytest.mark.parametrize("place", ["", "../.."])
def test_an_install_while_it_runs_is_noticed(
    platform_process: PlatformProcess, tmp_path: Path, place: str
) -> None:
    """Of a package that the app could not be built without, here or for a whole workspace."""
    admin = AdminClient(platform_process.url, platform_process.operator_token)
    folder = tmp_path / "apps" / "notes"
    (folder / "src").mkdir(parents=True)
    for name, text in FORGE.items():
        (folder / name).write_text(text)
    (folder / "src" / "index.js").write_text(f"import 'tides';\n{FORGE['src/index.js']}")
    app = DevApp(admin, folder, tmp_path, "org.example.install", None, "development")

    def said() -> str:
        app._last = 0.0
        return "\n".join(line for line, _ in app.refresh())

    assert "not registered (handler_module_missing)" in said()
    packages = folder / place / "node_modules"
    (packages / "tides").mkdir(parents=True)
    (packages / "tides" / "index.js").write_text("exports.high = 1;\n")
    assert said() == ""
    (packages / ".package-lock.json").write_text("{}")
    told = said()
    assert f"changed: {Path(place) / 'node_modules' / '.package-lock.json'}" in told
    assert "registered org.example.install" in told
