"""Read what apps keep in Forge's services from a file, and load it (ADR 112).

A file has JSON lines, or one document as a command of ``ferryman state`` printed it. Their members
tell what they are: a row has ``row``, a table ``table``, an object ``checksum``, a value the rest.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ferryman import refusals
from ferryman.client.state import StoredState
from ferryman.object_vocab import ChecksumType
from ferryman.sdk.errors import ClientError
from ferryman.wire.state import LoadedFile, NewStateEntry, ObjectLoad, RowsLoad

LIST = "state.ndjson"
"""The file of what an app keeps in a folder that was exported."""

_BYTES = 2 << 20
"""Of a call's values or rows, of which the platform takes four times as many."""

_ENTRIES = 1_000
"""As many as the platform takes at once."""


class _Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
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


@dataclass(slots=True)
class _Batch:
    """Values of a site, or rows of a table of it with the same columns, for one call."""

    lines: list[_Line] = field(default_factory=list)
    bytes: int = 0


def load(state: StoredState, name: str, file: str, site: str | None) -> LoadedFile:
    """Load a file, or the folder of an export, for an app; ``site`` replaces the sites in it.

    All lines are looked at before the first call. Secrets without a value are left out. Raises
    ``ConfigError`` (``state_file_invalid``, ``state_object_file_missing``).
    """
    path = Path(file)
    if file != "-" and path.is_dir():
        path /= LIST
    text = sys.stdin.read() if file == "-" else path.read_text(encoding="utf-8")
    folder = None if file == "-" else path.parent
    for number, line in _lines(text):
        _check(number, line, site, folder)
    return _Loading(state, name, site, folder).run(line for _, line in _lines(text))


def _lines(text: str) -> Iterator[tuple[int, _Line]]:
    for number, entry in _entries(text):
        try:
            yield number, msgspec.convert(entry, _Line)
        except msgspec.ValidationError as error:
            raise refusals.state.FILE_INVALID(number=number, found=error) from error


def _entries(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file with their numbers."""
    lines = [line for line in text.split("\n") if line.strip()]
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
        except ValueError as error:
            raise refusals.state.FILE_INVALID(number=number, found=error) from error
        if not isinstance(found, dict):
            raise refusals.state.FILE_INVALID(number=number, found="no object")
        if len(lines) == 1 and isinstance(found.get("items"), list):
            yield from enumerate(found["items"], 1)
        else:
            yield number, found


def _check(number: int, line: _Line, site: str | None, folder: Path | None) -> None:
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
    if line.file is not None and not (folder and (folder / line.file).is_file()):
        raise refusals.state.OBJECT_FILE_MISSING(file=line.file)


class _Loading:
    """Collects lines of a kind until they make a call."""

    def __init__(
        self, state: StoredState, name: str, site: str | None, folder: Path | None
    ) -> None:
        self._state, self._name, self._site = state, name, site
        self._folder = folder or Path()
        self._batches: dict[tuple[str, ...], _Batch] = {}
        self._views: list[_Line] = []
        self._stored = self._tables = self._rows = self._objects = 0

    def run(self, lines: Iterator[_Line]) -> LoadedFile:
        for line in lines:
            site = self._site or line.site or ""
            if line.row is not None:
                self._collect(("rows", site, line.table or "", *line.row), line, line.row)
            elif line.view:
                self._views.append(line)
            elif line.table is not None:
                self._define(line)
            elif line.file is not None:
                self._send(line)
            elif not (line.secret and line.value is None):
                self._collect(("values", site), line, [line.key, line.value])
        for key in list(self._batches):
            self._flush(key)
        self._define_views()
        return LoadedFile(
            stored=self._stored, tables=self._tables, rows=self._rows, objects=self._objects
        )

    def _collect(self, key: tuple[str, ...], line: _Line, counted: object) -> None:
        size = len(json.dumps(counted))
        batch = self._batches.get(key)
        if batch and (len(batch.lines) == _ENTRIES or batch.bytes + size > _BYTES):
            self._flush(key)
        batch = self._batches.setdefault(key, _Batch())
        batch.lines.append(line)
        batch.bytes += size

    def _flush(self, key: tuple[str, ...]) -> None:
        lines = self._batches.pop(key).lines
        kind, site, *rest = key
        if kind == "values":
            entries = [
                NewStateEntry(
                    key=line.key or "", value=line.value, secret=line.secret, entity=line.entity
                )
                for line in lines
            ]
            self._stored += self._state.load(self._name, site, entries).stored
            return
        table, *columns = rest
        rows = [[*(line.row or {}).values()] for line in lines]
        body = RowsLoad(site=site, table=table, columns=columns, rows=rows)
        self._rows += self._state.load_rows(self._name, body).stored

    def _define(self, line: _Line) -> None:
        site = self._site or line.site or ""
        body = RowsLoad(site=site, table=line.table or "", definition=line.definition)
        self._tables += self._state.load_rows(self._name, body).made

    def _define_views(self) -> None:
        """Make the views, each after those that it reads."""
        left = self._views
        while left:
            refused: list[_Line] = []
            for line in left:
                try:
                    self._define(line)
                except ClientError as error:
                    if error.code != "sql_execution_error" or len(left) == 1:
                        raise
                    refused.append(line)
                    last = error
            if len(refused) == len(left):
                raise last
            left = refused

    def _send(self, line: _Line) -> None:
        path = self._folder / (line.file or "")
        new = ObjectLoad(
            site=self._site or line.site or "",
            key=line.key or "",
            cdn=line.cdn,
            size=path.stat().st_size,
            checksum=line.checksum or "",
            checksum_type=line.checksum_type,
        )
        self._state.load_object(self._name, new, line.content_type, path)
        self._objects += 1
