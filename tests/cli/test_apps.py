"""``ferryman app``."""

import json
from pathlib import Path

import pytest

from ferryman.devtools import definition
from ferryman.errors import ConfigError
from tests.kit.command import Command
from tests.kit.function_app import CLOUD_APP
from tests.kit.manifests import function_manifest

KEYS = ("--server-key", "server.cli", "--cloud-key", "cloud.cli")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cloud app, its manifest in JSON, which is YAML too."""
    (tmp_path / "index.py").write_text(CLOUD_APP)
    (tmp_path / "manifest.yml").write_text(json.dumps(function_manifest()))
    return tmp_path


def test_an_app_is_registered_by_its_folder(ferryman: Command, folder: Path) -> None:
    """The tokens are shown, the app and its environment are named, and it is in the list."""
    said = ferryman.ok("app", "register", str(folder), *KEYS, "--environment", "staging")
    assert "cloud.cli (staging)" in said
    assert "FERRYMAN_SERVER_TOKEN" in said
    assert str(folder) in said
    listed = ferryman.ok("app", "list", "--all")
    rows = [line for line in listed.splitlines() if line.startswith("cloud.cli")]
    [row] = [row for row in rows if "staging" in row]
    assert "uploaded:app_data" in row


def test_an_app_that_is_told_of_nothing_is_warned_of(ferryman: Command, folder: Path) -> None:
    """One for product events alone; one for events that are never sent is refused."""
    for event, code in (("avi:jira:created:issue", 0), ("avi:ecosystem.migration:uploaded:sql", 1)):
        manifest = function_manifest(events=[event])
        manifest["app"]["runtime"] = {"name": "nodejs20.x"}
        (folder / "manifest.yml").write_text(json.dumps(manifest))
        done = ferryman("app", "register", str(folder), *KEYS, "--environment", "untold")
        assert done.returncode == code, done.stderr
        said = "manifest_events_unsent" if code else "Warning: no trigger in the manifest lists"
        assert said in done.stderr
        deprecated = "Warning: The runtime nodejs20.x of the manifest is deprecated"
        assert (deprecated in done.stderr) is (code == 0)


def test_an_app_is_registered_by_its_manifest(ferryman: Command, folder: Path) -> None:
    """The functions are loaded from the folder that holds the manifest."""
    (folder / "manifest.yml").rename(folder / "manifest.json")
    file = str(folder / "manifest.json")
    assert ferryman.json("app", "register", file, *KEYS, "--window-seconds", "60")["serverToken"]


def test_a_wrong_environment_is_refused(ferryman: Command, folder: Path) -> None:
    """In the platform's words."""
    said = ferryman.refused(
        "environment_not_lower_case (400)",
        *("app", "register", str(folder), *KEYS, "--environment", "PRODUCTION"),
    )
    assert "'production'" in said


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("manifest.yml", None, "manifest_unreadable"),
        ("manifest.yml", "a: [", "manifest_malformed"),
        ("manifest.json", "[1]", "manifest_malformed"),
        ("manifest.json", "{", "manifest_malformed"),
    ],
)
def test_a_manifest_that_cannot_be_read(
    ferryman: Command, tmp_path: Path, name: str, text: str | None, code: str
) -> None:
    """It is told of before anything is sent."""
    if text is not None:
        (tmp_path / name).write_text(text)
    ferryman.refused(code, "app", "register", str(tmp_path), *KEYS)


def test_without_yaml_json_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base install cannot read YAML: it says so, and takes manifest.json where there is one."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"manifest\.json"):
        definition.read_manifest(definition.manifest_file(folder))
    (folder / "manifest.json").write_text(json.dumps(function_manifest()))
    assert definition.read_manifest(definition.manifest_file(folder)) == function_manifest()
