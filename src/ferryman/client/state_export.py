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
from ferryman.wire.state import (
    ExportedState,
    StateEntry,
    StateObject,
    StateTable,
    StateTableRow,
)

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
        for item in listed(state, name, site):
            match item:
                case StateEntry(secret=True):
                    done["secrets"] += 1
                    continue
                case StateEntry():
                    done["values"] += 1
                case StateTable():
                    done["tables"] += 1
                case StateTableRow():
                    done["rows"] += 1
                case StateObject():
                    done["objects"] += 1
                    file = f"objects/{done['objects']}"
                    _fetch(state, name, item, folder / file)
                    _write(out, {**msgspec.to_builtins(item), "file": file})
                    continue
            _write(out, item)
    # Under its own name it is whole, so that none is loaded that was cut.
    draft.rename(folder / LIST)
    return ExportedState(**done)


def listed(
    state: StoredState, name: str, site: str | None
) -> Iterator[StateEntry | StateTable | StateTableRow | StateObject]:
    """Yield values, secrets without theirs, tables, rows, and objects without their bytes."""
    yield from _all(functools.partial(state.list, name, site=site, prefix=None))
    yield from _all(functools.partial(state.tables, name, site=site))
    yield from _all(functools.partial(state.rows, name, site=site, table=None))
    yield from _all(functools.partial(state.objects, name, site=site))


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


def _fetch(state: StoredState, name: str, found: StateObject, path: Path) -> None:
    with state.read_object(name, found) as chunks, path.open("wb") as out:
        for chunk in chunks:
            out.write(chunk)
    if path.stat().st_size != found.size:
        raise TransportError(None, f"{found.key}: {path.stat().st_size} bytes of {found.size} came")
