"""Write a recording member by member, in constant memory."""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from ferryman import refusals
from ferryman.devtools.recording import layout
from ferryman.devtools.recording.layout import RecordingBundle, RecordingMember
from ferryman.devtools.recording.redaction import Redactor
from ferryman.wire.recording import RecordedEnd, RecordedLine, RecordedRun

_NEWEST = (1980, 1, 1, 0, 0, 0)
"""The date of every member, so that equal recordings have equal bytes."""


class Count:
    """Size and sha256 of the bytes so far."""

    def __init__(self) -> None:
        self.size = 0
        self._digest = sha256()

    def add(self, piece: bytes) -> None:
        """Add the next bytes."""
        self.size += len(piece)
        self._digest.update(piece)

    @property
    def sha256(self) -> str:
        """Return the digest of all bytes so far, in hex."""
        return self._digest.hexdigest()


class Writer:
    """A recording that is being written; ``finish`` completes it."""

    def __init__(self, target: IO[bytes], redactor: Redactor) -> None:
        self._zip = zipfile.ZipFile(target, "w")
        self._redactor = redactor
        self._members: list[RecordingMember] = []
        self._with_state = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the target; without ``finish`` its content is not a recording."""
        self._zip.close()

    def write_lines(self, lines: Iterable[RecordedLine], folder: Path) -> RecordedRun:
        """Take the lines and return the first; lists are kept in unnamed files in ``folder``."""
        spools: dict[type, _List] = {}
        run: RecordedRun | None = None
        try:
            for kind in layout.LISTS:
                spools[kind] = _List(folder)
            for line in lines:
                redacted = self._redactor.redact(line)
                if isinstance(line, RecordedRun) and isinstance(redacted, RecordedRun):
                    run = redacted
                elif not isinstance(line, RecordedEnd):
                    spools[type(line)].add(redacted, changed=redacted != line)
            if run is None:
                raise ValueError("no first line")
            self._write_document(layout.RUN, msgspec.json.encode(run))
            for kind, name in layout.LISTS.items():
                spool = spools[kind]
                spool.file.seek(0)
                self._write(name, _pieces(spool.file), redacted=spool.redacted)
        finally:
            for spool in spools.values():
                spool.file.close()
        return run

    def write_payload(self, key: str, chunks: Iterable[bytes]) -> tuple[int, str]:
        """Take the bytes of a file; return their number and sha256."""
        member = self._write(layout.PAYLOADS + key, chunks, method=zipfile.ZIP_STORED)
        return member.size, member.sha256

    def write_state(self, lines: Iterable[bytes]) -> int:
        """Take the lines of what the app keeps; return their number.

        Raises ``ConfigError`` (``recording_state_too_large``).
        """
        self._with_state = True
        rest = iter(lines)
        first = next(rest, None)
        if first is None:
            return 0
        count = size = 0

        def bounded() -> Iterator[bytes]:
            nonlocal count, size
            for line in chain([first], rest):
                count += 1
                size += len(line) + 1
                long = len(line) >= layout.STATE_LINE_BYTES
                if long or count > layout.LINES or size > layout.LIST_BYTES:
                    raise refusals.recording.STATE_TOO_LARGE(
                        lines=layout.LINES,
                        each=layout.STATE_LINE_BYTES >> 20,
                        size=layout.LIST_BYTES >> 30,
                    )
                yield line + b"\n"

        self._write(layout.STATE, bounded())
        return count

    def finish(self, ferryman: str) -> None:
        """Write the list of all members, and complete the file."""
        bundle = RecordingBundle(
            format=layout.FORMAT,
            version=self._version(),
            ferryman=ferryman,
            redacted=self._redactor.wanted,
            members=self._members,
            state=self._with_state,
        )
        self._write_document(layout.BUNDLE, msgspec.json.encode(bundle))
        self._zip.close()

    def _version(self) -> int:
        named = any(member.name == layout.STATE for member in self._members)
        return layout.VERSION if named else layout.WITHOUT_STATE

    def _write_document(self, name: str, document: bytes) -> None:
        self._write(name, [msgspec.json.format(document)])

    def _write(
        self,
        name: str,
        chunks: Iterable[bytes],
        *,
        method: int = zipfile.ZIP_DEFLATED,
        redacted: bool = False,
    ) -> RecordingMember:
        info = zipfile.ZipInfo(name, _NEWEST)
        info.compress_type = method
        count = Count()
        with self._zip.open(info, "w", force_zip64=True) as member:
            for chunk in chunks:
                count.add(chunk)
                member.write(chunk)
        written = RecordingMember(
            name=name, size=count.size, sha256=count.sha256, redacted=redacted
        )
        self._members.append(written)
        return written


class _List:
    """Lines of one kind as written; ``redacted`` if any of them was changed."""

    def __init__(self, folder: Path) -> None:
        self.file: Any = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by its owner
        self.redacted = False

    def add(self, line: RecordedLine, *, changed: bool) -> None:
        self.redacted = self.redacted or changed
        self.file.write(msgspec.json.encode(line) + b"\n")


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(1 << 20):
        yield piece


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that gets its name only when it is complete."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as target:
            yield target
            target.flush()
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
