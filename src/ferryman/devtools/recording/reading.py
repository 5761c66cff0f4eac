"""Read a recording from an untrusted source: it is checked in full before it is used.

Nothing is unpacked to disk, and names of members are never paths. Memory is bounded by the limits
here and in ``archive.py``, whatever the file claims.
"""

import itertools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ferryman.client.state_lines import StateLine
from ferryman.devtools.recording import layout
from ferryman.devtools.recording.archive import DOCUMENT_BYTES, check_archive, refuse
from ferryman.devtools.recording.layout import RecordingBundle, Redaction
from ferryman.domain.kept_state import comparable
from ferryman.wire.recording import (
    RecordedCall,
    RecordedEntry,
    RecordedFile,
    RecordedLine,
    RecordedMapping,
    RecordedMessage,
    RecordedRun,
)

LINE_BYTES = 2 << 20

_PIECE = 1 << 20
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    MemoryError,
    RecursionError,
    struct.error,
)
"""Exceptions of the standard library for a broken zip file; msgspec's errors are ValueErrors."""

T = TypeVar("T")


class Recording:
    """A checked recording, whose file is open."""

    def __init__(self, archive: zipfile.ZipFile, path: Path, bundle: RecordingBundle) -> None:
        self._archive = archive
        self._path = path
        self.redacted = frozenset(bundle.redacted)
        self.with_state = bundle.state
        self._state_kept = any(member.name == layout.STATE for member in bundle.members)
        self.run = self._run()
        self.messages = self._held(RecordedMessage)
        self.files = self._held(RecordedFile)
        self.calls = self._held(RecordedCall)
        self.entries = self._held(RecordedEntry)
        self.payloads = {
            member.name.removeprefix(layout.PAYLOADS): member
            for member in bundle.members
            if member.name.startswith(layout.PAYLOADS)
        }
        for message in self.messages:
            self._check_body(message)
        self._check_files()
        for _ in chain(self.mappings(), self.state()):
            pass

    def mappings(self) -> Iterator[RecordedMapping]:
        """Yield the mappings, of any number."""
        return self._lines(RecordedMapping)

    def state(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of what the app keeps; none if that was not recorded."""
        if not self._state_kept:
            return
        with self._archive.open(layout.STATE) as member:
            for number in itertools.count(1):
                text = member.readline(layout.STATE_LINE_BYTES + 1)
                if not text:
                    return
                if len(text) > layout.STATE_LINE_BYTES:
                    most = f"{layout.STATE_LINE_BYTES >> 20} MiB"
                    refuse(self._path, f"a line of more than {most} in {layout.STATE}")
                if number > layout.LINES:
                    refuse(self._path, f"more than {layout.LINES} lines in a list")
                yield _state_line(text)

    def payload(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of a file; nothing if they were left out."""
        if key in self.payloads:
            with self._archive.open(layout.PAYLOADS + key) as member:
                while piece := member.read(_PIECE):
                    yield piece

    @property
    def absent(self) -> list[str]:
        """Return the keys of files whose bytes were left out, or deleted before the recording."""
        return [file.key for file in self.files if file.size and file.key not in self.payloads]

    def _run(self) -> RecordedRun:
        with self._archive.open(layout.RUN) as member:
            return msgspec.json.decode(member.read(DOCUMENT_BYTES + 1), type=RecordedRun)

    def _held(self, kind: type[T]) -> list[T]:
        items: list[T] = []
        for line in self._lines(kind):
            if len(items) >= layout.LINES:
                refuse(self._path, f"more than {layout.LINES} lines in a list")
            items.append(line)
        return items

    def _lines(self, kind: type[T]) -> Iterator[T]:
        decoder = msgspec.json.Decoder(RecordedLine)
        name = layout.LISTS[kind]  # type: ignore[index]
        with self._archive.open(name) as member:
            while text := member.readline(LINE_BYTES + 1):
                if len(text) > LINE_BYTES:
                    refuse(self._path, f"a line of more than {LINE_BYTES >> 20} MiB in {name}")
                line = decoder.decode(text)
                if not isinstance(line, kind):
                    refuse(self._path, f"a {type(line).__name__} in {name}")
                yield line

    def _check_body(self, message: RecordedMessage) -> None:
        event = msgspec.json.decode(message.body)
        if not isinstance(event, dict) or event.get("messageId") != message.message_id:
            refuse(self._path, f"no event as the body of message {message.message_id[:40]!r}")

    def _check_files(self) -> None:
        known = {file.key: file for file in self.files}
        for key, member in self.payloads.items():
            file = known.get(key)
            if file is None or not _is_of(file, member):
                refuse(self._path, f"bytes under {layout.PAYLOADS}{key} that are no file of it")
        for key, file in known.items():
            if not layout.MEMBER.fullmatch(layout.PAYLOADS + key) or file.size < 0:
                refuse(self._path, f"a file with the key {key[:40]!r}")
            left_out = Redaction.PAYLOADS in self.redacted or not file.kept
            if key not in self.payloads and not left_out:
                refuse(self._path, f"no bytes of the file {key}")


def _state_line(text: bytes) -> dict[str, Any]:
    entry = msgspec.json.decode(text, type=dict[str, Any])
    line = msgspec.convert(entry, StateLine)
    if line.table is None and line.key is None:
        raise ValueError("a line of state without a key and a table")
    if line.table is None and line.row is not None:
        raise ValueError("a row without its table")
    entry = {name: value for name, value in entry.items() if value is not None}
    list(comparable([entry]))  # what is nested too deeply is refused here
    return entry


def _is_of(file: RecordedFile, member: layout.RecordingMember) -> bool:
    return file.size == member.size and file.sha256 in (None, member.sha256)


@contextmanager
def opened(path: Path) -> Iterator[Recording]:
    """Open a recording after comparing every byte of it with its digest.

    Raises ``ConfigError``: ``recording_unreadable``, ``recording_version_unknown``.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as error:
        refuse(path, _words(error), error)
    with archive:
        try:
            bundle = check_archive(archive, path)
            recording = Recording(archive, path, bundle)
        except KeyError as error:
            refuse(path, f"no member {error.args[0] if error.args else ''}", error)
        except _BROKEN as error:
            refuse(path, _words(error), error)
        yield recording


def _words(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return f"{str(error)[:200] or type(error).__name__}"
