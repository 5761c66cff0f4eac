"""What is left out of a recording is nowhere in it: each text of an app, wherever it is kept."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ferryman.devtools.recording.layout import Redaction
from ferryman.devtools.recording.redaction import Redactor
from ferryman.vocab import AckStatus
from ferryman.wire.recording import (
    RecordedCall,
    RecordedEntry,
    RecordedLine,
    RecordedMapping,
    RecordedMessage,
)
from ferryman.wire.transfer import AttemptView
from tests.recording.test_reading import KEY, members, message, recording, run

PAYLOAD = "Ann's salary is 4711"
ATTEMPT = AttemptView(
    number=1,
    target="index.run",
    started_at=2,
    duration_ms=3,
    outcome="FAILED",
    stage="during",
    status=None,
    error=f"ValueError: {PAYLOAD}",
    output=PAYLOAD,
    cause="function_raised",
    error_class=PAYLOAD,
    error_message=PAYLOAD,
    error_frame=PAYLOAD,
)
TEXTS = ("output", "error", "error_class", "error_message", "error_frame")
FACTS: dict[str, Any] = {"messageId": KEY, "number": 1, "durationMs": 3}


def call(path: str, request: str | None, answer: str | None = None) -> RecordedCall:
    return RecordedCall(
        at=2,
        method="POST",
        path=path,
        query="namespace=jira:issue",
        status=200,
        request=request,
        request_size=9,
        request_sha256="1" * 64,
        answer=answer,
        answer_size=9,
        answer_sha256="2" * 64,
    )


MESSAGE = msgspec.structs.replace(message(), reason=PAYLOAD, attempts=[ATTEMPT])
LINES: list[RecordedLine] = [
    msgspec.structs.replace(
        run(),
        transfer=msgspec.structs.replace(run().transfer, status_message=PAYLOAD),
        feedback={"said": PAYLOAD},
    ),
    MESSAGE,
    call("/app/migration/forge/v1/mapping/t/find", '["10001"]', '{"10001": "20002"}'),
    call("/app/migration/forge/v1/log/t", json.dumps({"message": PAYLOAD})),
    call("/app/migration/forge/v1/message/t/status", json.dumps({"status": PAYLOAD})),
    *(
        RecordedEntry(at=2, kind=kind, data={**FACTS, **data})
        for kind, data in (
            ("attempt.failed", {"error": PAYLOAD, "reason": PAYLOAD}),
            ("listener.threw", {"exceptionType": PAYLOAD, "error": PAYLOAD}),
            ("log.added", {"message": PAYLOAD}),
            ("progress.reported", {"status": "IN_PROGRESS", "percent": 3, "message": PAYLOAD}),
            ("app_data.uploaded", {"key": KEY, "label": PAYLOAD, "size": 3, "sha256": "3" * 64}),
            ("something.new", {"whatever": PAYLOAD}),
        )
    ),
    RecordedMapping(namespace="jira:issue", server_key="10001", cloud_key="20002"),
]


@pytest.mark.parametrize("wanted", Redaction)
def test_no_text_of_the_app_is_left(wanted: Redaction) -> None:
    """Whichever is left out, all that may repeat it goes; facts of ours stay."""
    redactor = Redactor([wanted])
    lines = [redactor.redact(line) for line in LINES]
    texts = [msgspec.json.encode(line).decode() for line in lines]
    mappings = wanted is Redaction.MAPPINGS
    for text, line in zip(texts, lines, strict=True):
        assert PAYLOAD not in json.dumps(json.loads(text), ensure_ascii=False)
        assert isinstance(line, RecordedMapping) is not mappings or "10001" not in text
    calls = [line for line in lines if isinstance(line, RecordedCall)]
    # The digest of a body such as ["10001"] is found by trying numbers.
    assert all(not (each.request_sha256 or each.answer_sha256 or each.query) for each in calls)
    entries = [line.data for line in lines if isinstance(line, RecordedEntry)]
    assert all(entry.items() >= FACTS.items() for entry in entries)
    assert entries[3]["percent"] == 3
    assert entries[4]["sha256"] == "3" * 64


def test_an_acknowledgement_says_what_was_acknowledged_and_no_more() -> None:
    """A replay is compared by it."""
    said = {"status": "FAILED", "messageIds": [KEY], "why": PAYLOAD}
    line = Redactor([Redaction.PAYLOADS]).redact(call("/v1/message/t/status", json.dumps(said)))
    assert isinstance(line, RecordedCall)
    assert json.loads(line.request or "") == {"status": AckStatus.FAILED, "messageIds": [KEY]}


def test_nothing_is_left_out_unasked() -> None:
    redactor = Redactor([])
    assert [redactor.redact(line) for line in LINES] == LINES


def test_what_was_replaced_is_told_without_its_digest(tmp_path: Path) -> None:
    """One of a list with a single mapping would give that away."""
    bundle = json.loads(members(recording(tmp_path, redact=[Redaction.MAPPINGS]))["bundle.json"])
    changed = {each["name"]: each for each in bundle["members"] if each["redacted"]}
    assert changed.keys() == {"mappings.ndjson"}
    assert changed["mappings.ndjson"].keys() == {"name", "size", "sha256", "redacted"}


def test_a_message_is_what_it_was_but_for_texts() -> None:
    found = Redactor([Redaction.PAYLOADS]).redact(MESSAGE)
    assert isinstance(found, RecordedMessage)
    assert found.body == MESSAGE.body
    assert found.attempts == [msgspec.structs.replace(ATTEMPT, **dict.fromkeys(TEXTS))]
