"""A page of a long timeline has its newest entries, and leads to all others."""

import csv
import io
import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest

from ferryman.console.zoom import zoom_of
from tests.console.people import Console
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, wait_until

LINES = 520
SHOWN = 200


@pytest.fixture
def long(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    """A migration whose app has written many lines, and which nothing is left to happen to."""
    migration = FunctionMigration.begin(platform_process, app_folder)
    migration.upload("boards")
    wait_until(lambda: len(migration.timeline("attempt.delivered")) == 2)
    path = f"/app/migration/forge/v1/log/{migration.transfer_id}"
    for number in range(LINES):
        migration.cloud.ok("POST", path, {"message": f"line {number}"})
    return migration


def shown(text: str) -> list[int]:
    return [int(each) for each in re.findall(r'<tr id="e(\d+)"', text)]


def link(text: str, rel: str) -> str:
    found = re.search(rf'<a rel="{rel}" href="\.\./([^"]+)"', text)
    return unescape(found[1]) if found else ""


def downloaded(console: Console, text: str, form: str) -> bytes:
    """Return the file that a page links to."""
    found = re.search(rf'href="\.\./([^"]+/timeline\.{form}[^"]*)" download>', text)
    assert found is not None
    reply = console.get(unescape(found[1]))
    assert reply.status == 200
    assert reply.headers["content-disposition"] == f'attachment; filename="timeline.{form}"'
    return reply.body


def test_every_entry_is_reached(long: FunctionMigration, console: Console) -> None:
    """Page by page, and all at once in a file."""
    page = f"transfers/{long.transfer_id}"
    every = [each["seq"] for each in long.timeline()]
    assert len(every) > 2 * SHOWN

    newest = console.text(page)
    assert shown(newest) == every[-SHOWN:]
    assert not link(newest, "next")
    read, text = shown(newest), newest
    while link(text, "prev"):
        text = console.text(link(text, "prev"))
        read = [*shown(text), *read]
    assert read == every

    again = shown(text)
    while link(text, "next"):
        text = console.text(link(text, "next"))
        again += shown(text)
    assert again == every

    rows = csv.DictReader(io.StringIO(downloaded(console, newest, "csv").decode("utf-8-sig")))
    assert [int(each["seq"]) for each in rows] == every
    entries = json.loads(downloaded(console, newest, "json"))
    assert entries == long.timeline()
    logs = json.loads(downloaded(console, console.text(f"{page}?kind=log"), "json"))
    assert logs == [each for each in entries if each["kind"] == "log.added"]
    assert json.loads(console.get(f"{page}/timeline.json?from=2001-01-01&to=2001-01-02").body) == []
    assert console.get(f"{page}/timeline.csv?from=soon").status == 400
    assert console.get("transfers/0/timeline.csv").status == 404


def test_an_old_entry_is_shown_among_its_own(long: FunctionMigration, console: Console) -> None:
    """Also if it is chosen by its message, or of one kind."""
    entries = long.timeline()
    first = next(each for each in entries if each["kind"] == "message.created")
    text = console.text(f"transfers/{long.transfer_id}?entry={first['seq']}")
    assert first["seq"] in shown(text)
    assert f"entry {first['seq']}</p>" in text
    sent = console.get(f"messages/{first['data']['messageId']}")
    assert sent.headers["location"].endswith(f"{long.transfer_id}?entry={first['seq']}#chosen")
    attempts = [each["seq"] for each in entries if each["kind"].startswith("attempt.")]
    assert shown(console.text(f"transfers/{long.transfer_id}?kind=attempt")) == attempts
    log = [each["seq"] for each in entries if each["kind"] == "log.added"]
    assert shown(console.text(f"transfers/{long.transfer_id}?kind=log")) == log[-SHOWN:]


def test_numbers_that_no_entry_has(
    long: FunctionMigration, console: Console, platform_process: PlatformProcess
) -> None:
    page = f"transfers/{long.transfer_id}"
    assert shown(console.text(f"{page}?before=1")) == []
    assert shown(console.text(f"{page}?after={(1 << 63) - 2}")) == []
    assert shown(console.text(f"{page}?entry=1"))
    assert console.get(f"{page}?entry={1 << 64}").status == 400
    assert console.get(f"{page}?before=-1").status == 400
    for wrong in ("from=soon", "to=1", "from=2026-01-02T00:00:00&to=2026-01-01T00:00:00"):
        assert console.get(f"{page}?{wrong}").status == 400, wrong


def test_bins_lead_to_their_part_of_the_time(long: FunctionMigration, console: Console) -> None:
    """Until each entry is shown by itself; rows and links keep to the part that was chosen."""
    page = f"transfers/{long.transfer_id}"
    text = console.text(page)
    parts = {unescape(each) for each in re.findall(r'<td><a href="\.\./([^"]+from=[^"]+)"', text)}
    bins = {unescape(each) for each in re.findall(r'href="\.\./([^"]+)"[^>]*class="bin"', text)}
    assert bins
    assert bins <= parts
    assert f"{len(long.timeline())} entries, too many" in text
    ordered = sorted(parts)
    for part in (ordered[0], ordered[-1]):
        inner = console.text(part)
        assert "too many to show each" not in inner
        assert 'class="bin"' not in inner
        start, end = (
            zoom_of(each, "").start for each in re.findall("(?:from|to)=([^&]+)", unquote(part))
        )
        own = long.admin.ok("GET", f"/admin/v1/{page}/timeline?from={start}&to={end}")["items"]
        assert own
        assert shown(inner) == [each["seq"] for each in own][-SHOWN:]
        chosen = console.text(f"{part}&entry={own[-1]['seq']}")
        assert f"entry {own[-1]['seq']}</p>" in chosen
        assert shown(chosen) == shown(inner)
    step = re.search(r'data-key="0"[^>]*href="\.\./([^"]+)"', inner)
    assert step is not None
    assert shown(console.text(step[1])) == shown(text)
