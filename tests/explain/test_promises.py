"""What the fix of a cause says that a command shows, it shows."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import build
from tests.explain.apps import Apps
from tests.explain.cases import begun
from tests.kit.migration import LISTENER_ERROR
from tests.kit.remote_app import ForgeMigration


def say(apps: Apps, *arguments: str) -> str:
    """The answer of the command line."""
    options = ["--url", apps.platform.url, "--data-dir", str(apps.platform.data_dir)]
    said = CliRunner().invoke(build(), [*arguments, *options], env={"COLUMNS": "400"})
    assert said.exit_code == 0, said.output
    return said.output


def raised(apps: Apps) -> ForgeMigration:
    return begun(apps.function("raise ValueError('no such page')"))


def threw(apps: Apps) -> ForgeMigration:
    migration = apps.forge()
    migration.begin()
    migration.throw()
    return migration


def failed(apps: Apps) -> ForgeMigration:
    migration = apps.forge()
    migration.begin()
    assert (
        migration.call("POST", f"/log/{migration.transfer_id}", {"message": "no room"}).status
        == 200
    )
    migration.finish("FAILED")
    return migration


def keys(apps: Apps) -> ForgeMigration:
    migration = apps.forge()
    migration.begin()
    migration.load(("identity:user", "confluence.userkey/abc", "557058:1"))
    path = f"/mapping/{migration.transfer_id}/find?namespace=identity%3Auser"
    migration.ok("POST", path, ["jsmith", "anna"])
    return migration


@pytest.mark.parametrize(
    ("set_up", "cause", "shown"),
    [
        (raised, "function_raised", ["Traceback", 'index.py", line 3', "no such page"]),
        (threw, "listener_threw", LISTENER_ERROR["safeStackTrace"].splitlines()),
        (failed, "acknowledged_failed", ["no room"]),
        (keys, "mapping_key_form", ["jsmith", "anna"]),
    ],
)
def test_the_command_shows_what_the_fix_promises(
    apps: Apps, set_up: Callable[[Apps], ForgeMigration], cause: str, shown: list[str]
) -> None:
    links: list[Any] = apps.explain(set_up(apps))["links"]
    [fix] = [link["fix"] for link in links if link["cause"] == cause]
    named = re.findall(r"`ferryman ([^`]*)`", fix)[0]
    said = say(apps, *named.split())
    for words in shown:
        assert words.strip() in said, said
