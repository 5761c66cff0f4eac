"""What a function reaches: nothing that is not its own, in Python and in JavaScript.

Each probe is harmless, and there to be refused. A sandbox is made by root and by another user.
"""

import json
from typing import Any

import pytest

from tests.sandbox.apps.python.index import PROBES
from tests.sandbox.conftest import WHO, Ground

JAVASCRIPT = (
    *("the platform", "environment of the worker", "operator token"),
    *("operator token in the source", "data folder", "objects", "database by path"),
    *("source of another app", "passwords of the machine", "a module outside by require"),
    *(
        "descriptors of others",
        "other processes",
        "processes outside by number",
        "supervisor ended",
    ),
    *("supervisor's memory", "supervisor's variables", "supervisor's folder"),
    *("port of another service", "metadata of a cloud", "private address", "public address"),
    *("name server elsewhere", "name that is not granted", "user namespace", "mount"),
    *("kernel's settings", "kernel's emergency keys", "own source", "root of the files"),
    *("system folders", "devices", "root", "processes", "disk", "disk in shared memory"),
)


@pytest.fixture(scope="session")
def reached(ground: Ground) -> dict[str, Any]:
    """What each probe said, by language; each language is one call."""
    said = ground.call({"handler": "index.run"}, {"handler": "probes.run"})
    for outcome in said["outcomes"]:
        assert outcome["ok"], outcome
    python, javascript = (json.loads(each["output"].splitlines()[0]) for each in said["outcomes"])
    return {"python": python, "javascript": javascript}


@pytest.mark.parametrize("name", PROBES)
def test_what_a_function_in_python_reaches(reached: dict[str, Any], name: str) -> None:
    assert reached["python"][name].startswith("refused: "), reached["python"][name]


@pytest.mark.parametrize("name", JAVASCRIPT)
def test_what_a_function_in_javascript_reaches(reached: dict[str, Any], name: str) -> None:
    assert reached["javascript"][name].startswith("refused: "), reached["javascript"][name]


def test_every_probe_is_in_the_table(reached: dict[str, Any]) -> None:
    assert set(reached["python"]) == set(PROBES)
    assert set(reached["javascript"]) == set(JAVASCRIPT)
    assert min(len(PROBES), len(JAVASCRIPT)) >= 20
    assert WHO == ("root", "user")
