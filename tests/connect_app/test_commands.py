"""``ferryman app`` for Connect apps."""

import json
from pathlib import Path

import pytest

from tests.connect_app.conftest import App
from tests.kit.command import Command, command


@pytest.fixture
def ferryman(app: App) -> Command:
    """The command, with the address and folder of the app's platform."""
    return command(app.platform.url, app.platform.data_dir)


def test_an_app_is_registered_by_its_descriptor(app: App, ferryman: Command) -> None:
    """From where the app serves it: it is installed, and the answer says so."""
    where = f"{app.base_url}/atlassian-connect.json"
    words = ("app", "register", "--descriptor", where, "--server-key", "server.connect")
    said = ferryman.ok(*words)
    assert f"{app.key} (development)" in said
    assert "INSTALLED" in said
    assert "FERRYMAN_SERVER_TOKEN" in said
    assert app.seen()["tenant"]["sharedSecret"] in said
    [row] = [line for line in ferryman.ok("app", "list", "--all").splitlines() if app.key in line]
    assert " connect " in row
    assert " INSTALLED " in row


def test_an_app_is_installed_shown_and_uninstalled(
    app: App, ferryman: Command, tmp_path: Path
) -> None:
    """By its name, from a file, in JSON and in words."""
    file = tmp_path / "descriptor.json"
    file.write_text(json.dumps(app.descriptor()))
    words = ("app", "register", "--descriptor", str(file), "--server-key", "server.connect")
    app.control("answer", **{"/installed": 500})
    done = ferryman(*words, "--json")
    assert json.loads(done.stdout)["installation"]["state"] == "NOT_INSTALLED"
    retry = f"ferryman app install {app.key}@development"
    for done in (done, ferryman(*words)):  # noqa: B020
        assert done.returncode == 1
        assert done.stderr.count("ferryman: app_registered_not_installed") == 1
        assert "answered 500" in done.stderr
        assert retry in done.stderr
    assert "server token" in done.stdout
    assert "answered 500" in ferryman.refused("install_refused (502)", "app", "install", app.key)
    assert "installed at" in ferryman.ok("app", "show", app.key)
    app.control("answer", **{"/installed": 200})
    view = ferryman.json("app", "install", f"{app.key}@development")
    assert view["installation"]["state"] == "INSTALLED"
    assert ferryman.json("app", "show", view["appId"]) == view
    app.control("answer", **{"/installed": 500})
    assert ferryman(*words).returncode == 1, "it keeps the secret before, and says so"
    app.control("answer", **{"/installed": 200})
    said = ferryman.ok("app", "uninstall", app.key)
    assert "UNINSTALLED" in said
    assert view["installation"]["clientKey"] in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("text", "code"),
    [(None, "file_unreadable"), ("{", "descriptor_unreadable"), ("[]", "descriptor_unreadable")],
)
def test_a_descriptor_that_cannot_be_read(
    ferryman: Command, tmp_path: Path, text: str | None, code: str
) -> None:
    """It is told of before anything is sent."""
    file = tmp_path / "descriptor.json"
    if text is not None:
        file.write_text(text)
    ferryman.refused(code, "app", "register", "--descriptor", str(file), "--server-key", "s")


def test_what_is_not_there_or_not_enough(ferryman: Command, tmp_path: Path) -> None:
    """An address that nobody answers, two definitions, none, and a manifest without a key."""
    register = ("app", "register", "--server-key", "s")
    nobody = "http://127.0.0.1:9/atlassian-connect.json"
    ferryman.refused("descriptor_unreachable", *register, "--descriptor", nobody)
    ferryman.refused("app_source_ambiguous", *register)
    ferryman.refused("app_source_ambiguous", *register, str(tmp_path), "--descriptor", nobody)
    (tmp_path / "manifest.json").write_text("{}")
    ferryman.refused("cloud_key_missing", *register, str(tmp_path))
    ferryman.refused("app_not_found (404)", "app", "show", "nobody")


def test_one_event_is_sent_to_a_connect_app(app: App, ferryman: Command, tmp_path: Path) -> None:
    """By its key and server token; a Connect app acknowledges nothing, so delivery is success."""
    token = app.register()["serverToken"]
    (tmp_path / "note.txt").write_text("a note")
    said = ferryman.given(FERRYMAN_SERVER_TOKEN=token).ok(
        *("trigger", "app-data-uploaded", "--app", app.key),
        *("--file", str(tmp_path / "note.txt"), "--label", "notes"),
    )
    assert said.startswith(f"SUCCESS  {app.key} (development)")
    assert said.splitlines()[0].endswith(": uploaded:app_data, delivered, 1 attempt")
