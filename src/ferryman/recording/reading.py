"""Reading a recording that anyone may have made: all of it is checked before any of it is used.

Nothing is unpacked to a disk, and names of members lead nowhere. What is in memory is bounded by
the limits below, whatever the file says of itself.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn, TypeVar

import msgspec

from ferryman.errors import ConfigError
from ferryman.recording import form
from ferryman.recording.form import Bundle, Redaction
from ferryman.recording.writing import Count
from ferryman.wire.recording import (
    RecordedCall,
    RecordedEntry,
    RecordedFile,
    RecordedLine,
    RecordedMapping,
    RecordedMessage,
    RecordedRun,
)

DOCUMENT_BYTES = 4 << 20
BUNDLE_BYTES = 32 << 20
LINE_BYTES = 2 << 20
LIST_BYTES = 2 << 30
MEMBERS = 100_000
LINES = 1_000_000
"""Of messages, files, calls and entries of the timeline, which are held in memory."""

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
"""What the standard library says of a zip file that is none; msgspec's errors are ValueErrors."""

T = TypeVar("T")


class Recording:
    """A recording that was found to be whole; good while its file is open."""

    def __init__(self, archive: zipfile.ZipFile, path: Path, bundle: Bundle) -> None:
        self._archive = archive
        self._path = path
        self.redacted = frozenset(bundle.redacted)
        self.run = self._run()
        self.messages = self._held(RecordedMessage)
        self.files = self._held(RecordedFile)
        self.calls = self._held(RecordedCall)
        self.entries = self._held(RecordedEntry)
        self.payloads = {
            each.name.removeprefix(form.PAYLOADS): each
            for each in bundle.members
            if each.name.startswith(form.PAYLOADS)
        }
        for message in self.messages:
            self._check_body(message)
        self._check_files()
        for _ in self.mappings():
            pass

    def mappings(self) -> Iterator[RecordedMapping]:
        """Mappings, of any number."""
        return self._lines(RecordedMapping)

    def payload(self, key: str) -> Iterator[bytes]:
        """The bytes of a file; none if they were left out."""
        if key in self.payloads:
            with self._archive.open(form.PAYLOADS + key) as member:
                while piece := member.read(_PIECE):
                    yield piece

    @property
    def absent(self) -> list[str]:
        """Keys of files whose bytes were left out, or deleted before it was made."""
        return [file.key for file in self.files if file.size and file.key not in self.payloads]

    def _run(self) -> RecordedRun:
        with self._archive.open(form.RUN) as member:
            return msgspec.json.decode(member.read(DOCUMENT_BYTES + 1), type=RecordedRun)

    def _held(self, kind: type[T]) -> list[T]:
        found: list[T] = []
        for line in self._lines(kind):
            if len(found) >= LINES:
                _refuse(self._path, f"more than {LINES} lines in a list")
            found.append(line)
        return found

    def _lines(self, kind: type[T]) -> Iterator[T]:
        decoder = msgspec.json.Decoder(RecordedLine)
        name = form.LISTS[kind]  # type: ignore[index]
        with self._archive.open(name) as member:
            while text := member.readline(LINE_BYTES + 1):
                if len(text) > LINE_BYTES:
                    _refuse(self._path, f"a line of more than {LINE_BYTES >> 20} MiB in {name}")
                line = decoder.decode(text)
                if not isinstance(line, kind):
                    _refuse(self._path, f"a {type(line).__name__} in {name}")
                yield line

    def _check_body(self, message: RecordedMessage) -> None:
        event = msgspec.json.decode(message.body)
        if not isinstance(event, dict) or event.get("messageId") != message.message_id:
            _refuse(self._path, f"no event as the body of message {message.message_id[:40]!r}")

    def _check_files(self) -> None:
        known = {file.key: file for file in self.files}
        for key, member in self.payloads.items():
            file = known.get(key)
            if file is None or (file.size, file.sha256) != (member.size, member.sha256):
                _refuse(self._path, f"bytes under {form.PAYLOADS}{key} that are no file of it")
        for key, file in known.items():
            if not form.MEMBER.fullmatch(form.PAYLOADS + key) or file.size < 0:
                _refuse(self._path, f"a file with the key {key[:40]!r}")
            left_out = Redaction.PAYLOADS in self.redacted or not file.kept
            if key not in self.payloads and not left_out:
                _refuse(self._path, f"no bytes of the file {key}")


@contextmanager
def opened(path: Path) -> Iterator[Recording]:
    """A recording, every byte of which was read and compared with its digest.

    Raises ``ConfigError``: ``recording_unreadable``, ``recording_version_unknown``.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as error:
        _refuse(path, _words(error), error)
    with archive:
        try:
            bundle = _checked(archive, path)
            recording = Recording(archive, path, bundle)
        except KeyError as error:
            _refuse(path, f"no member {error.args[0] if error.args else ''}", error)
        except _BROKEN as error:
            _refuse(path, _words(error), error)
        yield recording


def _checked(archive: zipfile.ZipFile, path: Path) -> Bundle:
    names = _named(archive, path)
    bundle = _bundle(archive, names[form.BUNDLE], path)
    listed = {member.name: member for member in bundle.members}
    if len(listed) != len(bundle.members) or set(listed) | {form.BUNDLE} != set(names):
        _refuse(path, f"other members than {form.BUNDLE} lists")
    for name in (form.RUN, *form.LISTS.values()):
        if name not in listed:
            _refuse(path, f"no {name}")
    for name, member in listed.items():
        with archive.open(names[name]) as source:
            count = _counted(source, names[name].file_size, path, name)
        if (count.size, count.sha256) != (member.size, member.sha256):
            _refuse(path, f"other bytes in {name} than when it was recorded")
    return bundle


def _named(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The members, of which only their names and sizes were looked at."""
    infos = archive.infolist()
    if len(infos) > MEMBERS:
        _refuse(path, f"more than {MEMBERS} members")
    names = {info.filename: info for info in infos}
    if len(names) != len(infos):
        _refuse(path, "two members of one name")
    if sum(info.compress_size for info in infos) > path.stat().st_size:
        _refuse(path, "members that overlap")
    if form.BUNDLE not in names:
        _refuse(path, f"no {form.BUNDLE}")
    for info in infos:
        if info.filename != form.BUNDLE and not form.MEMBER.fullmatch(info.filename):
            _refuse(path, f"a member named {info.filename[:80]!r}")
        _check_size(info, path)
    return names


def _bundle(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Bundle:
    with archive.open(info) as member:
        text = member.read(BUNDLE_BYTES + 1)
    if len(text) > BUNDLE_BYTES:
        _refuse(path, f"a {form.BUNDLE} of more than {BUNDLE_BYTES >> 20} MiB")
    head = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    name, version = (bytes(head.get(key, msgspec.Raw(b"null"))) for key in ("format", "version"))
    if name != msgspec.json.encode(form.FORMAT):
        _refuse(path, f"the format {name[:40].decode(errors='replace')}")
    if version != b"%d" % form.VERSION:
        raise ConfigError(
            "recording_version_unknown",
            expected=f"a recording of version {form.VERSION}",
            found=f"version {version[:20].decode(errors='replace')}",
            fix="Read it with the version of Ferryman that wrote it, or a newer one.",
        )
    return msgspec.json.decode(text, type=Bundle)


def _check_size(info: zipfile.ZipInfo, path: Path) -> None:
    name = info.filename
    if name.startswith(form.PAYLOADS):
        # So no file is larger than the recording.
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            _refuse(path, f"{name} compressed")
        return
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        _refuse(path, f"{name} compressed in another way than by deflate")
    most = {form.RUN: DOCUMENT_BYTES, form.BUNDLE: BUNDLE_BYTES}.get(name, LIST_BYTES)
    if info.file_size > most:
        _refuse(path, f"a {name} of more than {most >> 20} MiB")


def _counted(source: IO[bytes], most: int, path: Path, name: str) -> Count:
    count = Count()
    while piece := source.read(_PIECE):
        count.add(piece)
        if count.size > most:
            _refuse(path, f"more bytes in {name} than it says of itself")
    return count


def _words(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return f"{str(error)[:200] or type(error).__name__}"


def _refuse(path: Path, found: str, cause: BaseException | None = None) -> NoReturn:
    raise ConfigError(
        "recording_unreadable",
        expected=f"a recording as `ferryman record` writes it, in {path}",
        found=found,
        fix="Record the transfer again, or copy the file again; nothing was done with it.",
    ) from cause
