"""What a handler raised is told the same way wherever one looks, in any language."""

import re
from typing import Any

import pytest

from tests.explain.apps import Apps
from tests.explain.cases import begun
from tests.explain.test_promises import say
from tests.kit.remote_app import ForgeMigration

PYTHON = """\
def save(page):
    raise ValueError(f"the author of {page}\\ncould not be resolved")


def run(event, context):
    print("begun")
    save("page 7")
"""
TYPESCRIPT = """\
class Missing extends Error {
  page: number = 7;
}
const save = (page: string): never => {
  throw new Missing(`the author of ${page}\\ncould not be resolved`);
};
export const run = async () => {
  console.log('begun');
  save('page 7');
};
"""
SAID = "the author of page 7 could not be resolved"


@pytest.mark.parametrize(
    ("file", "code", "raised", "frame"),
    [
        ("index.py", PYTHON, "ValueError", "index.py:2 in save"),
        ("src/index.ts", TYPESCRIPT, "Missing", "src/index.ts:5 in save"),
    ],
    ids=["python", "typescript"],
)
@pytest.mark.usefixtures("javascript")
def test_the_class_the_message_and_the_place_are_told(
    apps: Apps, file: str, code: str, raised: str, frame: str
) -> None:
    """By both explanations, the message, the list of those given up and the timeline."""
    (apps.folder / file).parent.mkdir(exist_ok=True)
    (apps.folder / file).write_text(code)
    migration = begun(apps.source())
    line = f"{raised}: {SAID} ({frame})"
    explanation = apps.explain(migration)
    [link] = [each for each in explanation["links"] if each["name"] == "delivery"]
    assert link["cause"] == "function_raised"
    assert link["found"].endswith(f"raised {line}")
    [message] = _messages(migration)
    [attempt] = message["attempts"]
    assert (attempt["cause"], attempt["errorClass"]) == ("function_raised", raised)
    assert " ".join(attempt["errorMessage"].split()) == SAID
    assert attempt["errorFrame"] == frame
    assert message["reason"] == line
    assert line in say(apps, "message", "explain", message["messageId"])
    assert line in say(apps, "transfer", "timeline", migration.transfer_id)
    # What the fix names is followed, and shows what it promises.
    [(promised, identifier)] = re.findall(r"`ferryman message (\w+) (\S+)`", link["fix"])
    shown = say(apps, "message", promised, identifier)
    assert str(apps.folder / file) in shown
    assert "output: begun" in shown
    _give_up(migration)
    listed = say(apps, "message", "list", "--undelivered", "--transfer", migration.transfer_id)
    assert line in listed


def _messages(migration: ForgeMigration) -> Any:
    path = f"/admin/v1/transfers/{migration.transfer_id}/messages"
    return migration.admin.ok("GET", path)["items"]


def _give_up(migration: ForgeMigration) -> None:
    migration.advance(minutes=60)
    assert _messages(migration)[0]["state"] == "UNDELIVERED"
