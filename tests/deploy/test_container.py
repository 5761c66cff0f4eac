"""The files for containers, as far as they can be read; ``test_bare_root`` builds the image."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ferryman.cli.app import build
from ferryman.config import Settings
from tests.docs.pages import ROOT

FOLDER = ROOT / "deploy" / "container"
FILES = [FOLDER / "Containerfile", FOLDER / "compose.yaml"]


def instructions() -> list[tuple[str, str]]:
    """Return each instruction of the Containerfile with what follows it."""
    text = (FOLDER / "Containerfile").read_text()
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line)
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_file_says_that_it_was_never_run(file: Path) -> None:
    assert file.read_text().startswith("# Never ")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_settings_exist(file: Path) -> None:
    names = re.findall(r"\b(FERRYMAN_\w+)[=:]", file.read_text())
    assert names
    assert {name.removeprefix("FERRYMAN_").lower() for name in names} <= set(Settings.model_fields)


def test_the_containerfile_is_made_of_known_instructions() -> None:
    known = {
        *("ARG", "FROM", "COPY", "RUN", "USER", "ENV", "VOLUME", "EXPOSE"),
        *("HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"),
    }
    found = instructions()
    assert {word for word, _ in found} <= known
    assert all(shlex.split(rest) for word, rest in found if word in ("RUN", "ENV", "COPY"))
    last = max(i for i, (word, _) in enumerate(found) if word == "FROM")
    [user] = [rest for word, rest in found[last:] if word == "USER"]
    assert int(user) >= 1000, "it runs as a user of its own"


def test_its_commands_exist() -> None:
    """Those that it runs while it is built, and the one that it starts."""
    words = {name: yaml.safe_load(rest) for name, rest in instructions() if name == "CMD"}["CMD"]
    used = [words, ["constraints"]]
    for each in used:
        done = CliRunner().invoke(build(), [each[0], "--help"])
        assert done.exit_code == 0
        assert all(option in done.output for option in each[1:])


def test_the_compose_file_is_hardened_and_gives_time_to_stop() -> None:
    document: Any = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    assert {*document} == {"services", "volumes"}
    service = document["services"]["ferryman"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["stop_grace_period"] == "90s"
    [volume] = service["volumes"]
    name, _, place = volume.partition(":")
    assert name in document["volumes"]
    assert ("VOLUME", place) in instructions()
    assert (ROOT / "deploy" / "container" / service["build"]["dockerfile"]).is_file()
