"""The lines of a file of what apps keep: parsed, and checked before anything is loaded (ADR 112).

A file has JSON lines, or one document as a command of ``ferryman state`` printed it. Their members
tell what they are: a row has ``row``, a table ``table``, an object ``checksum``, a value the rest.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from ferryman import refusals
from ferryman.object_vocab import ChecksumType


class StateLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a line may have; members that say when something was stored are left alone."""

    site: str | None = None
    key: str | None = None
    value: Any = None
    secret: bool = False
    entity: str | None = None
    table: str | None = None
    definition: str | None = None
    view: bool = False
    row: dict[str, Any] | None = None
    cdn: bool = False
    content_type: str = "application/octet-stream"
    checksum: str | None = None
    checksum_type: ChecksumType = ChecksumType.SHA256
    file: str | None = None

    @property
    def is_definition(self) -> bool:
        """Return whether it makes a table or view."""
        return self.table is not None and self.row is None


def lines_of(text: IO[bytes]) -> Iterator[tuple[int, StateLine]]:
    """Yield the lines of a file with their numbers; raises ``state_file_invalid``."""
    for number, entry in _entries(text):
        try:
            # What a call cannot hold is told here, with its number.
            msgspec.json.encode(entry)
            yield number, msgspec.convert(entry, StateLine)
        except (msgspec.ValidationError, ValueError, OverflowError, RecursionError) as error:
            raise refusals.state.FILE_INVALID(number=number, found=error) from error


def _entries(text: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file with their numbers."""
    lines = (line for line in text if line.strip())
    begin = list(itertools.islice(lines, 2))
    document = _parsed(1, begin[0]).get("items") if len(begin) == 1 else None
    if isinstance(document, list):
        yield from _items(document)
        return
    for number, line in enumerate(itertools.chain(begin, lines), 1):
        yield number, _parsed(number, line)


def _parsed(number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise refusals.state.FILE_INVALID(number=number, found=error) from error
    if not isinstance(found, dict):
        raise refusals.state.FILE_INVALID(number=number, found="no object")
    return found


def _items(items: list[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise refusals.state.FILE_INVALID(number=number, found="no object")
        yield number, item


def _refuse(constant: str) -> None:
    raise ValueError(f"the number {constant}, which JSON lacks,")


def check(number: int, line: StateLine, site: str | None, folder: Path | None) -> None:
    """Refuse a line that says too little, or names a file that is not in the folder.

    ``site`` replaces that of the line. Raises ``state_file_invalid`` and
    ``state_object_file_missing``.
    """
    if (site or line.site) is None:
        raise refusals.state.FILE_INVALID(number=number, found="no site")
    if line.table is not None:
        if line.row is None and line.definition is None:
            raise refusals.state.FILE_INVALID(number=number, found="a table without definition")
        if line.row is not None and not line.row:
            raise refusals.state.FILE_INVALID(number=number, found="a row without columns")
    elif line.key is None:
        raise refusals.state.FILE_INVALID(number=number, found="no key, and no table")
    elif line.checksum is not None and line.file is None:
        found = "an object without the file of its bytes"
        raise refusals.state.FILE_INVALID(number=number, found=found)
    if line.file is not None and not _is_in(folder, line.file):
        raise refusals.state.OBJECT_FILE_MISSING(file=line.file)


def _is_in(folder: Path | None, name: str) -> bool:
    """Return whether a file is in a folder; a list from elsewhere must not send others of ours."""
    if folder is None or "\0" in name:
        return False
    path = (folder / name).resolve()
    return path.is_relative_to(folder.resolve()) and path.is_file()
