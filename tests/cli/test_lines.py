"""What happens to a transfer, as lines for eyes."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import typer

from ferryman.cli.dev.log import Log, Printed, rest_of
from ferryman.cli.output.entries import shortened
from ferryman.cli.output.fold import Fold
from ferryman.cli.output.lines import Level, Lines, level_of
from ferryman.client.admin import AdminClient
from ferryman.client.local import URL
from ferryman.client.timeline_text import line
from ferryman.devtools.dev.calls import call_line
from ferryman.wire.transfer import TimelineEntry

TRANSFER = "51f6285d-5217-4f42-adc4-2c29c0c00a63"
MESSAGE = "51f6285d-5217-510c-a1c6-28482f97844e"
UPLOADED = "avi:ecosystem.migration:uploaded:app_data"
ATTEMPT: dict[str, Any] = {
    "messageId": MESSAGE,
    "number": 1,
    "target": "on-migration",
    "eventType": UPLOADED,
    "label": "notes",
    "durationMs": 12,
}
PRINTED: dict[str, Any] = {
    "event": "function.printed",
    "function": "import-file",
    "number": 1,
    "text": "7 notes\n",
}
TRACEBACK = 'Traceback:\n  File "index.py", line 3, in run\nKeyError: 7'
FAILED: dict[str, Any] = {
    **ATTEMPT,
    "reason": "KeyError: 7 (index.py:3 in run)",
    "error": TRACEBACK,
}


def entry(kind: str, at: int = 0, **data: Any) -> TimelineEntry:
    return TimelineEntry(seq=1, at=at, kind=kind, data=data)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (entry("transfer.created", app="a.b"), "transfer created, app a.b"),
        (
            entry("transfer.created", originalTransferId=TRANSFER),
            "transfer created, again in place of 51f6285d",
        ),
        (entry("transfer.changed", before="READY", after="FAILED"), "READY -> FAILED"),
        (entry("transfer.rerun", transferId=TRANSFER), "run again as transfer 51f6285d"),
        (entry("listener.claimed", agentId="x", claim=2), "listener called, claim 2"),
        (
            entry("app_data.uploaded", key=TRANSFER, size=1500, label="pages"),
            "pages  stored  1.5 kB",
        ),
        (entry("app_data.uploaded", key=TRANSFER, size=8), "file 51f6285d  stored  8 bytes"),
        (
            entry("attempt.delivered", **ATTEMPT),
            "notes  on-migration  uploaded:app_data  delivered in 12 ms",
        ),
        (
            entry("attempt.delivered", **{**ATTEMPT, "number": 3, "label": None}),
            "on-migration  uploaded:app_data  delivered in 12 ms, attempt 3",
        ),
        (
            entry("attempt.failed", **FAILED),
            "notes  on-migration  uploaded:app_data  attempt 1 failed in 12 ms\n"
            "KeyError: 7 (index.py:3 in run)",
        ),
        (
            entry("attempt.delivered", messageId=MESSAGE, number=1, durationMs=5),
            "message 51f6285d..97844e  delivered in 5 ms",
        ),
        (
            entry("message.acknowledged", messageId=MESSAGE, status="SUCCESS"),
            "message 51f6285d..97844e  acknowledged: SUCCESS",
        ),
        (entry("upload.aborted", label="pages", reason="gone"), "pages  given up: gone"),
        (entry("of.tomorrow", count=3), "of.tomorrow, count 3"),
    ],
)
def test_an_entry_in_short(found: TimelineEntry, said: str) -> None:
    """Also of an earlier version, which has less to say, and of a later one."""
    assert shortened(found).text == said


def shown(lines: Lines, *entries: TimelineEntry, who: str = "", step: float = 0) -> list[str]:
    """The texts of entries that come ``step`` seconds apart, and of what was counted."""
    found = [
        text
        for number, each in enumerate(entries)
        for text, _ in lines.of(each, who, number * step)
    ]
    return [*found, *(text for text, _ in lines.flush())]


def test_a_migration_as_it_is_seen() -> None:
    """A day, times, no line that says what the next says; repeats counted, an error once whole."""
    lines = Lines(Level.NORMAL, terminal=True)
    assert shown(
        lines,
        entry("message.created", messageId=MESSAGE, eventType=UPLOADED),
        entry("attempt.failed", 1000, **FAILED),
        *[entry("attempt.failed", 2000, **FAILED)] * 37,
        entry("transfer.changed", 86_400_000, before="IN_PROGRESS", after="FAILED"),
        who="transfer 51f6285d",
    ) == [
        "-- 1970-01-01 UTC  transfer 51f6285d",
        "00:00:01  notes  on-migration  uploaded:app_data  attempt 1 failed in 12 ms\n"
        "          KeyError: 7 (index.py:3 in run)\n"
        "          Traceback:\n"
        '            File "index.py", line 3, in run\n'
        "          KeyError: 7",
        "00:00:02  notes  on-migration  uploaded:app_data  attempt 1 failed in 12 ms  x 37 more\n"
        "          KeyError: 7 (index.py:3 in run)",
        "-- 1970-01-02 UTC  transfer 51f6285d",
        "00:00:00  IN_PROGRESS -> FAILED",
    ]


def test_a_stack_does_not_repeat_the_reason_above_it() -> None:
    """In JavaScript an error begins its own stack."""
    stack = "Error: full\n    at run (src/index.js:9:28) {\n  [cause]: TypeError: no zone\n}"
    failed = {**ATTEMPT, "reason": "Error: full (src/index.js:9 in run)", "error": stack}
    (_, said) = shown(Lines(Level.NORMAL, terminal=True), entry("attempt.failed", **failed))
    assert said.splitlines()[1:] == [
        "          Error: full (src/index.js:9 in run)",
        "              at run (src/index.js:9:28) {",
        "            [cause]: TypeError: no zone",
        "          }",
    ]


def test_lines_fit_a_terminal() -> None:
    entries = [entry("attempt.delivered", **ATTEMPT), entry("app_data.uploaded", key=TRANSFER)]
    lines = shown(Lines(Level.NORMAL, terminal=True), *entries, who="transfer 51f6285d")
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("level", "terminal"), [(Level.NORMAL, False), (Level.VERBOSE, True), (Level.VERBOSE, False)]
)
def test_a_log_has_every_entry_whole(level: Level, terminal: bool) -> None:
    """Nothing is folded, shortened or left out."""
    entries = [
        entry("message.created", messageId=MESSAGE, eventType=UPLOADED),
        *[entry("attempt.failed", **FAILED)] * 2,
    ]
    assert shown(Lines(level, terminal=terminal), *entries) == [line(each) for each in entries]
    assert "target on-migration" in line(entries[1])
    assert "label notes" in line(entries[1])


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_shows_errors_and_the_outcome(terminal: bool) -> None:
    lines = Lines(Level.QUIET, terminal=terminal)
    kept = [
        entry("attempt.failed", **FAILED),
        entry("message.undelivered", messageId=MESSAGE),
        entry("transfer.changed", before="IN_PROGRESS", after="FAILED"),
    ]
    left_out = [
        entry("transfer.created", app="a"),
        entry("transfer.changed", before="READY", after="IN_PROGRESS"),
        entry("attempt.delivered", **ATTEMPT),
        entry("log.added", message="m"),
    ]
    assert shown(lines, *left_out) == []
    assert len(shown(lines, *kept)) == len(kept) + terminal  # the day
    result = Lines(Level.QUIET, terminal=terminal, result=True)
    assert len(shown(result, *kept)) == len(kept) - 1 + terminal  # a line of its own follows
    assert lines.line(("a",), ("call", ""), 0) == []
    assert lines.line(("a",), ("call", "red"), 0) == [("call", "red")]


def test_quiet_and_verbose_exclude_each_other() -> None:
    assert level_of(quiet=True, verbose=False) is Level.QUIET
    with pytest.raises(typer.BadParameter):
        level_of(quiet=True, verbose=True)


def test_text_of_others_cannot_steer_the_terminal() -> None:
    lines = Lines(Level.NORMAL, terminal=True)
    assert "\x1b" not in "".join(shown(lines, entry("log.added", message="a\x1b[2J"), who="\x1b"))


def test_texts_of_the_platform_have_short_ids_too() -> None:
    text = f"`ferryman message show {MESSAGE}` of {TRANSFER}, sha256 {'ab12' * 16}"
    assert Lines(Level.NORMAL, terminal=True).words(text) == (
        f"`ferryman message show 51f6285d..97844e` of 51f6285d, sha256 {'ab12' * 16}"
    )
    assert Lines(Level.NORMAL, terminal=True, full_ids=True).words(text) == text


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([("a", 0), ("a", 1), ("a", 2)], ["a 0", "a 2  x 2 more"]),
        ([("a", 0), ("b", 1), ("a", 2)], ["a 0", "b 1", "a 2"]),
        ([("a", 0), ("a", 4)], ["a 0", "a 4"]),
        ([("a", 0), ("a", 1), ("b", 4)], ["a 0", "a 1", "b 4"]),
        (
            [("a", 0), ("a", 1), ("a", 2), ("a", 4), ("a", 5)],
            ["a 0", "a 2  x 2 more", "a 5  x 2 more"],
        ),
    ],
)
def test_folding(times: list[tuple[str, int]], said: list[str]) -> None:
    """The first at once, the rest counted within three seconds, and none is lost."""
    fold = Fold(3.0)
    found = [each for key, now in times for each in fold.add((key,), (f"{key} {now}", ""), now)]
    assert [text for text, _ in [*found, *fold.flush()]] == said
    assert fold.flush() == fold.due(math.inf) == []


@pytest.mark.parametrize(
    ("kept", "printed", "rest"),
    [
        (["a", "b"], Printed(), ["a", "b"]),
        (["a", "b"], Printed(1, 2), ["b"]),
        (["a", "b"], Printed(2, 4), []),
        (["a", "[... 9000 bytes in all ...]", "z"], Printed(400, 9_000), []),
        (["a", "[... 20000000 bytes in all ...]", "z"], Printed(4_000, 65_536), None),
    ],
)
def test_output_that_was_shown_is_not_shown_again(
    kept: list[str], printed: Printed, rest: list[str] | None
) -> None:
    """But the end of one that was too long to be shown as it came."""
    assert rest_of(kept, printed) == (kept if rest is None else rest)


def test_a_call_of_an_app() -> None:
    call = {
        "event": "request.answered",
        "route": "/app/migration/forge/v1/mapping/{transfer_id}/page",
        "method": "GET",
        "status": 200,
        "seconds": 0.0031,
        "app": "a@b",
    }
    key, short = call_line(call, short=True)
    assert short == ("call      GET v1/mapping/{id}/page: 200 in 3 ms", "")
    assert call_line({**call, "seconds": 1}, short=True)[0] == key, "however long it took"
    assert call_line({**call, "status": 404}, short=True)[0] != key
    _, whole = call_line({**call, "status": 404, "app": None}, short=False)
    assert whole == (
        "call      GET /app/migration/forge/v1/mapping/{transfer_id}/page: 404 in 3 ms, "
        "by an unknown app",
        "red",
    )


@pytest.mark.parametrize(
    ("facts", "terminal", "shown"),
    [
        ({"transfer": TRANSFER, "message": MESSAGE}, False, "51f6285d    | 7 notes"),
        ({"queue": "imports-of-notes", "job": "j"}, False, "imports-    | 7 notes"),
        ({"queue": "notes", "job": "j"}, False, "notes       | 7 notes"),
        ({"queue": "notes", "job": "j"}, True, "import-file | 7 notes"),
    ],
)
def test_output_is_shown_with_whose_it_is(
    tmp_path: Path, facts: dict[str, str], *, terminal: bool, shown: str
) -> None:
    """That of a transfer, or of a queue, whose events belong to none."""
    served = tmp_path / "serve.log"
    served.write_text(json.dumps(PRINTED | facts) + "\n")
    log = Log(AdminClient(URL, ""), served, Lines(Level.NORMAL, terminal=terminal))
    [(found, _)] = log._of_platform()
    assert found.strip() == shown
