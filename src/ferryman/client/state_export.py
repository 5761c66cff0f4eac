"""Write what an app keeps in Forge's services to a folder that ``state load`` reads (ADR 112)."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Protocol, TypeVar

import msgspec

from ferryman import refusals
from ferryman.client.state import StoredState
from ferryman.client.state_file import LIST
from ferryman.sdk.errors import TransportError
from ferryman.wire.state import ExportedState, StateObject

T = TypeVar("T")

_PAGE = 1_000


class _Page(Protocol[T]):
    @property
    def items(self) -> list[T]: ...
    @property
    def next_cursor(self) -> str | None: ...


def export(state: StoredState, name: str, folder: Path, site: str | None) -> ExportedState:
    """Write values, tables, rows and objects; of secrets, nothing.

    Raises ``ConfigError`` (``state_folder_not_empty``).
    """
    if folder.exists() and any(folder.iterdir()):
        raise refusals.state.FOLDER_NOT_EMPTY(folder=folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "objects").mkdir(mode=0o700)
    done = {"values": 0, "secrets": 0, "tables": 0, "rows": 0, "objects": 0}
    draft = folder / f"{LIST}.part"
    with draft.open("wb") as out:
        for value in _all(functools.partial(state.list, name, site=site, prefix=None)):
            if value.secret:
                done["secrets"] += 1
                continue
            done["values"] += 1
            _write(out, value)
        for table in _all(functools.partial(state.tables, name, site=site)):
            done["tables"] += 1
            _write(out, table)
        for row in _all(functools.partial(state.rows, name, site=site, table=None)):
            done["rows"] += 1
            _write(out, row)
        for listed in _all(functools.partial(state.objects, name, site=site)):
            done["objects"] += 1
            file = f"objects/{done['objects']}"
            _fetch(state, name, listed, folder / file)
            _write(out, {**msgspec.to_builtins(listed), "file": file})
    # Under its own name it is whole, so that none is loaded that was cut.
    draft.rename(folder / LIST)
    return ExportedState(**done)


def _all(fetch: Callable[[str | None, int], _Page[T]]) -> Iterator[T]:
    cursor = None
    while True:
        page = fetch(cursor, _PAGE)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _write(out: IO[bytes], item: object) -> None:
    out.write(msgspec.json.encode(item) + b"\n")


def _fetch(state: StoredState, name: str, listed: StateObject, path: Path) -> None:
    with state.read_object(name, listed) as chunks, path.open("wb") as out:
        for chunk in chunks:
            out.write(chunk)
    if path.stat().st_size != listed.size:
        raise TransportError(
            None, f"{listed.key}: {path.stat().st_size} bytes of {listed.size} came"
        )
