"""A recording may come from anyone: it is whole, or it is refused in our own words."""

import io
import json
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferryman.devtools.recording import layout
from ferryman.devtools.recording.archive import DOCUMENT_BYTES
from ferryman.devtools.recording.kept import compare_kept, earlier
from ferryman.devtools.recording.layout import Redaction
from ferryman.devtools.recording.reading import LINE_BYTES, opened
from ferryman.devtools.recording.redaction import Redactor, filler
from ferryman.devtools.recording.writing import Writer
from ferryman.errors import ConfigError
from ferryman.vocab import AppKind, MessageState, TransferStatus
from ferryman.wire.app import AppRegistration
from ferryman.wire.migration import MigrationDetails
from ferryman.wire.recording import (
    RecordedEnd,
    RecordedFile,
    RecordedLine,
    RecordedMapping,
    RecordedMessage,
    RecordedRun,
)
from ferryman.wire.transfer import TransferView

KEY = "3f3a47f2-a6a2-4204-84bb-d0fc504c9dc6"
DATA = b"some app data\n" * 20
DETAILS = MigrationDetails(
    migration_id=KEY, migration_scope_id=KEY, created_at=1, cloud_url="https://a.example", name="n"
)
VIEW = {
    "transferId": KEY,
    "originalTransferId": None,
    "migrationDetails": msgspec.to_builtins(DETAILS),
    "kind": "forge",
    "serverAppKey": "s",
    "cloudAppKey": "c",
    "environment": "development",
    "status": TransferStatus.SUCCESS,
    **dict.fromkeys(("statusMessage", "deadline", "deadlineMovedBy", "expiresAt")),
    **dict.fromkeys(("startedAt", "exportCompletedAt", "settledAt"), 2),
    **dict.fromkeys(
        *(
            [*("progress", "files", "bytes", "messages", "attempts"), "acknowledged", "failed"],
            0,
        )
    ),
    "undelivered": 0,
    "unacknowledgedMessageIds": [],
}


def run() -> RecordedRun:
    return RecordedRun(
        version=1,
        ferryman="0.1.0",
        recorded_at=3,
        calls_recorded=True,
        transfer=msgspec.convert(VIEW, TransferView),
        source_id="source",
        server_app_version="1.0",
        window_seconds=900.0,
        app=AppRegistration(kind=AppKind.FORGE, server_app_key="s", cloud_app_key="c"),
        containers=[],
        listener_error=None,
        feedback=None,
    )


def message(message_id: str = KEY, body: str | None = None) -> RecordedMessage:
    return RecordedMessage(
        message_id=message_id,
        event_type="avi:ecosystem.migration:uploaded:app_data",
        body=body if body is not None else json.dumps({"messageId": message_id, "label": "é"}),
        state=MessageState.DELIVERED,
        reason=None,
        created_at=2,
        acknowledgement=None,
        acknowledged_at=None,
        attempts=[],
    )


FILE = RecordedFile(
    key=KEY,
    label="é",
    size=len(DATA),
    sha256=sha256(DATA).hexdigest(),
    created_at=2,
    kept=True,
)
MAPPING = RecordedMapping(namespace="jira:issue", server_key="1", cloud_key="2")
LINES: list[RecordedLine] = [run(), message(), FILE, MAPPING, RecordedEnd()]
_EMPTY: tuple[list[bytes] | None, ...] = (None, [])
STATE = [
    b'{"site":"s","key":"k","secret":false,"value":[1],"createdAt":1}',
    b'{"site":"s","table":"t","definition":"CREATE TABLE t"}',
    b'{"site":"s","table":"t","row":{"a":1}}',
    b'{"site":"s","key":"k","cdn":false,"size":1,"checksum":"x","checksumType":"SHA1"}',
]


def recording(
    folder: Path,
    lines: list[RecordedLine] | None = None,
    *,
    payload: bool = True,
    redact: Sequence[Redaction] = (),
) -> bytes:
    target = io.BytesIO()
    with Writer(target, Redactor(redact)) as writer:
        writer.write_lines(LINES if lines is None else lines, folder)
        if payload:
            writer.write_payload(KEY, [DATA[:7], DATA[7:]])
        writer.write_state(STATE)
        writer.finish("0.1.0")
    return target.getvalue()


def refusal(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as refused, opened(path):
        pass
    assert all((refused.value.expected, refused.value.found, refused.value.fix))
    return refused.value


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes], *, sign: bool = True) -> bytes:
    """A zip of these members; with ``sign`` its list of them says what they are."""
    if sign:
        bundle = json.loads(parts["bundle.json"])
        bundle["members"] = [
            {"name": name, "size": len(data), "sha256": sha256(data).hexdigest()}
            for name, data in parts.items()
            if name != "bundle.json"
        ]
        parts = {**parts, "bundle.json": json.dumps(bundle).encode()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in parts.items():
            method = zipfile.ZIP_STORED if name.startswith("payloads/") else zipfile.ZIP_DEFLATED
            archive.writestr(name, data, method)
    return target.getvalue()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """All of it; and the same recording is the same bytes."""
    data = recording(tmp_path)
    assert recording(tmp_path) == data
    (tmp_path / "run.ferry").write_bytes(data)
    with opened(tmp_path / "run.ferry") as found:
        assert (found.run, found.messages, found.files) == (run(), [message()], [FILE])
        assert list(found.mappings()) == [MAPPING]
        assert b"".join(found.payload(KEY)) == DATA
        assert list(found.payload("another")) == []
        assert found.absent == []
        assert found.with_state
        assert list(found.state()) == [json.loads(line) for line in STATE]


def test_a_recording_without_state_is_read_by_any_ferryman(tmp_path: Path) -> None:
    """Whether nothing is kept, or that was not recorded, is told apart."""
    (tmp_path / "run.ferry").write_bytes(recording(tmp_path))
    parts = members((tmp_path / "run.ferry").read_bytes())
    assert json.loads(parts["bundle.json"])["version"] == 2
    for lines in _EMPTY:
        target = io.BytesIO()
        with Writer(target, Redactor(())) as writer:
            writer.write_lines([run(), RecordedEnd()], tmp_path)
            if lines is not None:
                writer.write_state(lines)
            writer.finish("0.1.0")
        (tmp_path / "run.ferry").write_bytes(target.getvalue())
        bundle = json.loads(members(target.getvalue())["bundle.json"])
        assert (bundle["version"], bundle["state"]) == (1, lines == [])
        with opened(tmp_path / "run.ferry") as found:
            assert (found.with_state, list(found.state())) == (lines == [], [])


@pytest.mark.parametrize(
    ("bound", "most"),
    [("STATE_LINE_BYTES", max(map(len, STATE)) + 1), ("LINES", len(STATE))],
)
def test_no_state_is_recorded_that_could_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(layout, bound, most - 1)
    with pytest.raises(ConfigError, match="recording_state_too_large"):
        recording(tmp_path)
    monkeypatch.setattr(layout, bound, most)
    (tmp_path / "run.ferry").write_bytes(recording(tmp_path))
    with opened(tmp_path / "run.ferry") as found:
        assert len(list(found.state())) == len(STATE)


def test_bytes_that_are_not_there_are_known(tmp_path: Path) -> None:
    """Deleted before the recording was made; a file without bytes lacks none."""
    gone = msgspec.structs.replace(FILE, kept=False)
    empty = msgspec.structs.replace(FILE, key=f"{KEY[:-1]}0", size=0, kept=False)
    data = recording(tmp_path, [run(), gone, empty], payload=False)
    (tmp_path / "run.ferry").write_bytes(data)
    with opened(tmp_path / "run.ferry") as found:
        assert found.absent == [KEY]


REFUSALS = ("recording_unreadable", "recording_version_unknown")
CHANGES: dict[str, dict[str, bytes | None]] = {
    "an unknown member": {"notes.txt": b"x"},
    "a name that climbs": {"payloads/../../etc/passwd": b"x"},
    "an absolute name": {"/etc/passwd": b"x"},
    "a payload of no file": {f"payloads/{KEY[:-1]}0": DATA},
    "another payload": {f"payloads/{KEY}": DATA[::-1]},
    "a document that is none": {"run.json": b"[]"},
    "10 MB of JSON": {"run.json": b'"' + b"x" * 10_000_000 + b'"'},
    "deep JSON": {"run.json": b"[" * 100_000},
    "a line too long": {"timeline.ndjson": b"x" * (LINE_BYTES + 1)},
    "a line of another list": {"calls.ndjson": msgspec.json.encode(FILE)},
    "a line that is none": {"mappings.ndjson": b"{}\n"},
    "state of nothing": {"state.ndjson": b'{"site":"s"}\n'},
    "a row of no table": {"state.ndjson": b'{"key":"k","row":{"a":1}}\n'},
    "state that is none": {"state.ndjson": b'{"key":["k"]}\n'},
    "deep state": {"state.ndjson": b'{"key":"k","value":' + b"[" * 5000 + b"]" * 5000 + b"}"},
    "no text": {"messages.ndjson": b"\xff\xfe\n"},
    "an event of another message": {
        "messages.ndjson": msgspec.json.encode(message(body='{"messageId": "other"}'))
    },
    "no event": {"messages.ndjson": msgspec.json.encode(message(body="[1]"))},
    "a member missing": {"calls.ndjson": None},
    "the payload missing": {f"payloads/{KEY}": None},
    "a key that is a path": {
        "files.ndjson": msgspec.json.encode(msgspec.structs.replace(FILE, key="../x")),
        f"payloads/{KEY}": None,
    },
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_not_a_recording_is_refused(tmp_path: Path, name: str) -> None:
    """Also where every digest in it is right."""
    parts = members(recording(tmp_path))
    changed = {**parts, **CHANGES[name]}
    file = tmp_path / "run.ferry"
    file.write_bytes(packed({key: data for key, data in changed.items() if data is not None}))
    assert refusal(file).code == "recording_unreadable"


def test_digests_versions_and_formats(tmp_path: Path) -> None:
    """Bytes that were changed on the way, and files of others."""
    parts = members(recording(tmp_path))
    file = tmp_path / "run.ferry"
    file.write_bytes(packed({**parts, "mappings.ndjson": b""}, sign=False))
    assert "other bytes in mappings.ndjson" in refusal(file).found
    for member, value, code in (
        ("version", 3, "recording_version_unknown"),
        ("version", "1", "recording_version_unknown"),
        ("format", "zip", "recording_unreadable"),
        ("members", None, "recording_unreadable"),
    ):
        bundle = json.dumps({**json.loads(parts["bundle.json"]), member: value}).encode()
        file.write_bytes(packed({**parts, "bundle.json": bundle}, sign=False))
        assert refusal(file).code == code
    file.write_bytes(packed({"a": b"b"}, sign=False))
    assert refusal(file).code == "recording_unreadable"
    assert refusal(tmp_path / "missing").found == "no such file"
    assert refusal(tmp_path).code == "recording_unreadable"


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A member that says too much of itself, a payload that is compressed, a size that lies."""
    parts = members(recording(tmp_path))
    file = tmp_path / "run.ferry"
    bomb = packed({**parts, "run.json": b" " * (DOCUMENT_BYTES + 1)})
    file.write_bytes(bomb)
    assert "run.json of more than" in refusal(file).found
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    file.write_bytes(target.getvalue())
    assert "compressed" in refusal(file).found
    with zipfile.ZipFile(target, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("run.json", b"{}")
    file.write_bytes(target.getvalue())
    assert "two members" in refusal(file).found


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_spoiled_file_is_refused_or_the_same(tmp_path: Path, data: st.DataObject) -> None:
    """Cut off, overwritten or grown anywhere: no other error, and nothing else is read."""
    whole = recording(tmp_path)
    spoiled = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(0, len(spoiled) - 1)))
        piece = data.draw(st.binary(max_size=8))
        kind = data.draw(st.sampled_from(("cut", "write", "insert")))
        if kind == "cut":
            del spoiled[at:]
        elif kind == "write":
            spoiled[at : at + len(piece)] = piece
        else:
            spoiled[at:at] = piece
    file = tmp_path / "spoiled.ferry"
    file.write_bytes(spoiled)
    try:
        with opened(file) as found:
            assert (found.run, found.messages, found.files) == (run(), [message()], [FILE])
            assert list(found.mappings()) == [MAPPING]
            assert b"".join(found.payload(KEY)) == DATA
    except ConfigError as refused:
        if refused.code not in REFUSALS:
            raise


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_documents_of_any_content_are_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    """With digests that are right: any value in place of any other."""
    parts = members(recording(tmp_path))
    names = ["bundle.json", "run.json", "messages.ndjson", "files.ndjson", "mappings.ndjson"]
    names.append("state.ndjson")
    name = data.draw(st.sampled_from(names))
    document = json.loads(parts[name].splitlines()[-1] if name == names[-1] else parts[name])
    place = document
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            place[key] = data.draw(_JSON)
            break
        place = place[key]
    text = json.dumps(document).encode()
    file = tmp_path / "any.ferry"
    file.write_bytes(packed({**parts, name: text}, sign=name != "bundle.json"))
    try:
        with opened(file) as found:
            assert len(found.messages) == len(found.files) == 1
            compare_kept(found.state(), found.state(), STATE)
            earlier(found.state(), 5)
    except ConfigError as refused:
        if refused.code not in REFUSALS:
            raise


def test_filler_is_as_long_as_what_it_stands_for() -> None:
    """To the byte."""
    for size in (0, 1, 43, 44, 45, 1000):
        assert len(filler(size)) == size
    assert filler(1000).startswith(filler(100))
