"""Customers keep the SDK that they have: its calls work on this platform, and find what they read.

The calls of each version that is supported are recorded on the platform of that version.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from ferryman.domain import support_window
from ferryman.domain.support_window import minor_of
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import Caller, PlatformProcess
from tests.kit.version import RELEASED
from tools.call_names import Names, shape, unpacked
from tools.recorded_calls import APP, FOLDER, PLAN

pytestmark = pytest.mark.e2e


def missing(wanted: Any, found: Any, place: str = "") -> list[str]:
    """Return where an answer lacks a member that was there, or has another kind of value."""
    match wanted, found:
        case dict(), dict():
            gone = [f"{place}/{name}" for name in wanted.keys() - found.keys()]
            for name in sorted(wanted.keys() & found.keys()):
                gone += missing(wanted[name], found[name], f"{place}/{name}")
            return gone
        case [first, *_], [other, *_]:
            return missing(first, other, f"{place}/0")
        case (list(), list()) if not wanted:
            return []
    return [] if wanted == found else [f"{place}: {wanted} became {found}"]


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_what_an_earlier_sdk_calls_is_answered_as_before(
    platform_process: PlatformProcess, tmp_path: Path, file: Path
) -> None:
    migration = FunctionMigration.begin(
        platform_process, tmp_path / "app", code="def run(event, context): pass", start=False
    )
    migration.create(containers=PLAN["containers"])
    migration.start()
    tokens = {name: migration.tokens[name] for name in ("serverToken", "cloudToken")}
    names = Names(platform_process.url, dict(tokens))
    plain = platform_process.caller(None)
    for number, call in enumerate(json.loads(file.read_text())):
        said = f"{number}: {call['method']} {call['path']}"
        reply = made(plain, names, call, migration)
        assert reply.status == call["status"], f"{said}: {reply.body!r}"
        found: dict[str, Any] = {"etag": reply.headers.get("etag", "").strip('"')}
        if isinstance(call.get("answer"), dict) and "letter" in call["answer"]:
            assert reply.body == unpacked(call["answer"]), said
        elif "answer" in call:
            found["body"] = reply.json
            assert missing(call["answer"], shape(found["body"])) == [], said
        names.learn(number, found)
    view = migration.view()
    assert view["status"] == "INCOMPLETE"


def made(plain: Caller, names: Names, call: Any, migration: FunctionMigration) -> Any:
    """Make a recorded call with the values of this run."""
    body = call["body"]
    if isinstance(body, str):
        own = migration.registration["serverAppKey"]
        body = names.filled(body).replace(APP["serverAppKey"], own)
    return plain.call(
        call["method"],
        names.filled(call["path"]),
        raw=unpacked(body),
        headers={name: names.filled(value) for name, value in call["headers"].items()},
    )


def test_each_version_that_is_supported_has_its_calls() -> None:
    own = minor_of(version("ferryman"))
    assert own is not None
    assert {minor_of(name) for name in RELEASED} == set(support_window.RELEASED)
    recorded = {minor_of(file.stem) for file in FOLDER.glob("*.json")}
    oldest = support_window.oldest_supported(own)
    assert recorded == {each for each in support_window.RELEASED if each >= oldest}


def test_what_an_answer_lacks_is_found() -> None:
    wanted = shape({"a": 1, "b": [{"c": "x", "d": None}], "e": []})
    assert missing(wanted, shape({"a": 2, "b": [{"c": "y", "d": None, "new": 1}], "e": [1]})) == []
    assert missing(wanted, shape({"a": "2", "b": [{"c": "y"}], "e": []})) == [
        "/a: int became str",
        "/b/0/d",
    ]
