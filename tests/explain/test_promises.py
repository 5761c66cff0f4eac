"""What the fix of a cause says that a command shows, it shows."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import app as command
from tests.contract.ground import ERROR, Forge
from tests.explain.lab import Lab
from tests.explain.situations import begun


def say(lab: Lab, *arguments: str) -> str:
    """The answer of the command line."""
    options = ["--url", lab.platform.url, "--data-dir", str(lab.platform.data_dir)]
    said = CliRunner().invoke(command, [*arguments, *options], env={"COLUMNS": "400"})
    assert said.exit_code == 0, said.output
    return said.output


def raised(lab: Lab) -> Forge:
    return begun(lab.function("raise ValueError('no such page')"))


def threw(lab: Lab) -> Forge:
    ground = lab.forge()
    ground.begin()
    ground.throw()
    return ground


def failed(lab: Lab) -> Forge:
    ground = lab.forge()
    ground.begin()
    assert ground.call("POST", f"/log/{ground.transfer_id}", {"message": "no room"}).status == 200
    ground.finish("FAILED")
    return ground


def keys(lab: Lab) -> Forge:
    ground = lab.forge()
    ground.begin()
    ground.load(("identity:user", "confluence.userkey/abc", "557058:1"))
    path = f"/mapping/{ground.transfer_id}/find?namespace=identity%3Auser"
    ground.ok("POST", path, ["jsmith", "anna"])
    return ground


@pytest.mark.parametrize(
    ("bring_about", "cause", "shown"),
    [
        (raised, "function_raised", ["Traceback", 'index.py", line 3', "no such page"]),
        (threw, "listener_threw", ERROR["safeStackTrace"].splitlines()),
        (failed, "acknowledged_failed", ["no room"]),
        (keys, "mapping_key_form", ["jsmith", "anna"]),
    ],
)
def test_the_command_shows_what_the_fix_promises(
    lab: Lab, bring_about: Callable[[Lab], Forge], cause: str, shown: list[str]
) -> None:
    links: list[Any] = lab.explain(bring_about(lab))["links"]
    [fix] = [link["fix"] for link in links if link["cause"] == cause]
    named = re.findall(r"`ferryman ([^`]*)`", fix)[0]
    said = say(lab, *named.split())
    for words in shown:
        assert words.strip() in said, said
