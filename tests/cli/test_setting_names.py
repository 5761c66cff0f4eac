"""Settings that are misspelt, missing or no address are told at the start."""

import json
import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from ferryman.config import Settings
from ferryman.setting_names import unknown_names


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FERRYMAN_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("FERRYMAN_PUBLC_URL", "FERRYMAN_PUBLIC_URL"),
        ("FERRYMAN_DATABASEURL", "FERRYMAN_DATABASE_URL"),
        ("FERRYMAN_XYZZY_PLUGH", None),
    ],
)
def test_a_name_that_nothing_reads(name: str, nearest: str | None) -> None:
    assert unknown_names({name: "x"}, Settings.model_fields) == {name: nearest}


@pytest.mark.parametrize(
    "name",
    [
        *("FERRYMAN_PUBLIC_URL", "ferryman_port", "FERRYMAN_URL", "FERRYMAN_NODE", "PATH"),
        *("FERRYMAN_TEST_DATABASE_URL", "FERRYMAN_SERVER_TOKEN", "FERRYMAN_OPERATOR_TOKEN"),
    ],
)
def test_a_name_that_something_reads(name: str) -> None:
    assert unknown_names({name: "x"}, Settings.model_fields) == {}


def test_it_is_said_when_the_platform_starts() -> None:
    """In a process of its own: the logs of this one are not ours to configure."""
    script = "from ferryman.cli.serve import settings_of; settings_of(json_logs=True)"
    environment = {**os.environ, "FERRYMAN_PUBLC_URL": "https://ferryman.example"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    [line] = [json.loads(each) for each in done.stderr.splitlines()]
    assert line["event"] == "setting.unknown"
    assert (line["name"], line["nearest"]) == ("FERRYMAN_PUBLC_URL", "FERRYMAN_PUBLIC_URL")


@pytest.mark.parametrize(
    "url", ["ferryman.example", "ftp://x", "https://", "https://ferryman.example?a=b", "//x"]
)
def test_a_public_url_that_no_app_could_call(url: str) -> None:
    with pytest.raises(ValidationError, match="expected an address such as https://"):
        Settings(public_url=url)


def test_a_path_and_a_port_are_fine() -> None:
    assert Settings(public_url="https://x.example:8443/f/").base_url == "https://x.example:8443/f"
