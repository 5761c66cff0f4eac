"""The order in which a recorded transfer is done again, and what must have kept it alive."""

from itertools import pairwise
from pathlib import Path

import msgspec

from ferryman.devtools.recording.reading import opened
from ferryman.devtools.recording.steps import RecordedStep, steps
from ferryman.vocab import AckStatus, EventType, TransferStatus
from ferryman.wire.recording import RecordedEntry, RecordedFile, RecordedLine, RecordedMessage
from tests.recording.test_reading import message, recording, run

MINUTE = 60_000
KEYS = [f"{n}f3a47f2-a6a2-4204-84bb-d0fc504c9dc6" for n in (7, 3, 9, 1)]


def file(key: str, at: int) -> RecordedFile:
    return RecordedFile(key=key, label=None, size=1, sha256="0" * 64, created_at=at, kept=False)


def entry(at: int, kind: str, **data: object) -> RecordedEntry:
    return RecordedEntry(at=at, kind=kind, data=data)


def exported(at: int) -> RecordedEntry:
    return entry(at, "message.not_routed", eventType=EventType.EXPORTED.value)


def success(at: int) -> RecordedMessage:
    facts = {"acknowledgement": AckStatus.SUCCESS, "acknowledged_at": at}
    return msgspec.structs.replace(message(), **facts)


def of(folder: Path, *lines: RecordedLine, settled_at: int = 60 * MINUTE) -> list[RecordedStep]:
    """The steps of a transfer that was claimed at 0."""
    view = msgspec.structs.replace(
        run().transfer, started_at=0, settled_at=settled_at, status=TransferStatus.SUCCESS
    )
    first = msgspec.structs.replace(run(), transfer=view)
    path = folder / "run.ferry"
    path.write_bytes(recording(folder, [first, *lines], payload=False))
    with opened(path) as found:
        return steps(found)


def told(found: list[RecordedStep]) -> list[str]:
    return [each.kind if each.file is None else each.file.key for each in found]


def test_files_of_one_instant_come_in_the_order_of_the_timeline(tmp_path: Path) -> None:
    """Not in that of their keys, nor of the list of files; and between what came between them."""
    entries = [entry(5, "app_data.uploaded", key=key) for key in KEYS]
    lines: list[RecordedLine] = [
        *(file(key, 5) for key in sorted(KEYS)),
        *entries[:2],
        exported(5),
        *entries[2:],
    ]
    found = of(tmp_path, *lines)
    assert told(found) == ["claim", *KEYS[:2], "complete", *KEYS[2:]]
    assert {step.at for step in found[1:]} == {5}


def test_a_file_without_an_entry_stands_at_its_instant(tmp_path: Path) -> None:
    """A platform removes timelines in time; and one transaction may wait for another."""
    lines: list[RecordedLine] = [
        file(KEYS[0], 7),
        file(KEYS[1], 3),
        file(KEYS[2], 5),
        entry(6, "app_data.uploaded", key=KEYS[2]),
        exported(4),
    ]
    found = of(tmp_path, *lines)
    assert told(found) == ["claim", KEYS[1], KEYS[2], "complete", KEYS[0]]
    assert [step.at for step in found] == [0, 3, 6, 6, 7]


def test_bytes_on_their_way_keep_it_alive(tmp_path: Path) -> None:
    """A file that took 40 minutes; the window is 15."""
    lines: list[RecordedLine] = [
        file(KEYS[0], 40 * MINUTE),
        entry(40 * MINUTE, "app_data.uploaded", key=KEYS[0]),
    ]
    found = of(tmp_path, *lines, exported(54 * MINUTE))
    assert told(found) == ["claim", "touch", "touch", KEYS[0], "complete"]
    moves = [step.at for step in found if step.kind != "complete"]
    assert all(0 < b - a < 15 * MINUTE for a, b in pairwise(moves))


def test_what_moved_the_deadline_otherwise_is_not_made_up(tmp_path: Path) -> None:
    """An acknowledgement did: a handler that does not acknowledge times out, as it would have."""
    lines: list[RecordedLine] = [success(12 * MINUTE), file(KEYS[0], 25 * MINUTE)]
    assert told(of(tmp_path, *lines)) == ["claim", KEYS[0]]
    late: list[RecordedLine] = [success(20 * MINUTE), file(KEYS[0], 25 * MINUTE)]
    assert told(of(tmp_path, *late)) == ["claim", "touch", KEYS[0]]


def test_after_its_end_nothing_keeps_it_alive(tmp_path: Path) -> None:
    """Nor after a cancellation, which has a time of its own."""
    again = entry(50 * MINUTE, "message.redelivered", messageId="m")
    assert told(of(tmp_path, again, settled_at=15 * MINUTE)) == ["claim", "redeliver"]
    assert told(of(tmp_path, again)) == ["claim", "touch", "touch", "touch", "redeliver"]
    cancel = entry(MINUTE, "transfer.changed", after=TransferStatus.CANCELLATION_REQUESTED.value)
    assert told(of(tmp_path, cancel, again)) == ["claim", "cancel", "redeliver"]


def test_a_recording_may_say_anything(tmp_path: Path) -> None:
    """A file of the far future does not make steps without end."""
    assert len(of(tmp_path, file(KEYS[0], 2**53))) < 20_000
