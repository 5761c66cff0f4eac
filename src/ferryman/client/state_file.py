"""Load what apps keep in Forge's services from a file (ADR 112)."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from ferryman.client.state import StoredState
from ferryman.client.state_lines import StateLine, check, lines_of
from ferryman.sdk.errors import ClientError
from ferryman.wire.state import LoadedFile, NewStateEntry, ObjectLoad, RowsLoad

LIST = "state.ndjson"
"""The file of what an app keeps in a folder that was exported."""

_BYTES = 2 << 20
"""Of a call's values or rows, of which the platform takes four times as many."""

_HELD = 4 * _BYTES
"""Of the calls that are being collected, one for each table and set of columns."""

_ENTRIES = 1_000
"""As many as the platform takes at once."""


@dataclass(slots=True)
class _Batch:
    """Values of a site, or rows of a table of it with the same columns, for one call."""

    lines: list[StateLine] = field(default_factory=list)
    bytes: int = 0


def load(state: StoredState, name: str, file: str, site: str | None) -> LoadedFile:
    """Load a file, or the folder of an export, for an app; ``site`` replaces the sites in it.

    All lines are looked at before the first call. Secrets without a value are left out. Raises
    ``ConfigError`` (``state_file_invalid``, ``state_object_file_missing``).
    """
    path = Path(file)
    if file != "-" and path.is_dir():
        path /= LIST
    folder = None if file == "-" else path.parent
    with _opened(None if file == "-" else path) as text:
        loading = _Loading(state, name, site, folder)
        for number, line in lines_of(text):
            check(number, line, site, folder)
            if line.is_definition:
                loading.definitions.append(line)
        text.seek(0)
        return loading.run(line for _, line in lines_of(text))


@contextmanager
def _opened(path: Path | None) -> Iterator[IO[bytes]]:
    """Open a file, or standard input, so that it can be read twice, and is never held whole."""
    with nullcontext(sys.stdin.buffer) if path is None else path.open("rb") as file:
        if path is not None and file.seekable():
            yield file
            return
        with TemporaryFile() as copied:
            shutil.copyfileobj(file, copied)
            copied.seek(0)
            yield copied


class _Loading:
    """Collects lines of a kind until they make a call."""

    def __init__(
        self, state: StoredState, name: str, site: str | None, folder: Path | None
    ) -> None:
        self._state, self._name, self._site = state, name, site
        self._folder = folder or Path()
        self._batches: dict[tuple[str, ...], _Batch] = {}
        self._held = 0
        self.definitions: list[StateLine] = []
        self._stored = self._tables = self._rows = self._objects = 0

    def run(self, lines: Iterator[StateLine]) -> LoadedFile:
        """Make the tables of ``definitions``, store what the lines say, and make the views."""
        for line in self.definitions:
            if not line.view:
                self._define(line)
        for line in lines:
            site = self._site or line.site or ""
            if line.row is not None:
                self._collect(("rows", site, line.table or "", *line.row), line, line.row)
            elif line.is_definition:
                continue
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

    def _collect(self, key: tuple[str, ...], line: StateLine, counted: object) -> None:
        size = len(json.dumps(counted))
        batch = self._batches.get(key)
        if batch and (len(batch.lines) == _ENTRIES or batch.bytes + size > _BYTES):
            self._flush(key)
        batch = self._batches.setdefault(key, _Batch())
        batch.lines.append(line)
        batch.bytes += size
        self._held += size
        if self._held > _HELD:
            for each in list(self._batches):
                self._flush(each)

    def _flush(self, key: tuple[str, ...]) -> None:
        batch = self._batches.pop(key)
        lines = batch.lines
        self._held -= batch.bytes
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

    def _define(self, line: StateLine) -> None:
        site = self._site or line.site or ""
        body = RowsLoad(site=site, table=line.table or "", definition=line.definition)
        self._tables += self._state.load_rows(self._name, body).made

    def _define_views(self) -> None:
        """Make the views, each after those that it reads."""
        left = [line for line in self.definitions if line.view]
        while left:
            refused: list[StateLine] = []
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

    def _send(self, line: StateLine) -> None:
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
