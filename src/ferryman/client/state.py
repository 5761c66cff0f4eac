"""List, load and reset what apps keep in Forge's services; read it from files."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ferryman import refusals
from ferryman.client.http import BASE, LONG_SECONDS, AdminHttp
from ferryman.sdk.operation import segment
from ferryman.wire.state import (
    LoadedState,
    NewStateEntry,
    ResetState,
    StateLoad,
    StateObjectPage,
    StatePage,
    StateReset,
    StateTablePage,
)

_BYTES = 4 << 20
"""Of a call's values, of which the platform takes twice as many."""

_ENTRIES = 1_000
"""As many as the platform takes at once."""


class StoredState:
    """Values that registered apps keep in Forge's services."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def list(
        self, name: str, cursor: str | None, size: int, *, site: str | None, prefix: str | None
    ) -> StatePage:
        """List an app's values by site and key."""
        query = {"site": site, "keyPrefix": prefix, "cursor": cursor, "pageSize": size}
        return self._http.get(_path(name), StatePage, query)

    def tables(
        self, name: str, cursor: str | None, size: int, *, site: str | None
    ) -> StateTablePage:
        """List the tables of an app's SQL databases by site and name."""
        query = {"site": site, "cursor": cursor, "pageSize": size}
        return self._http.get(f"{_path(name)}/tables", StateTablePage, query)

    def objects(
        self, name: str, cursor: str | None, size: int, *, site: str | None
    ) -> StateObjectPage:
        """List an app's objects by site, bucket and key."""
        query = {"site": site, "cursor": cursor, "pageSize": size}
        return self._http.get(f"{_path(name)}/objects", StateObjectPage, query)

    def load(self, name: str, site: str, entries: Sequence[NewStateEntry]) -> LoadedState:
        """Store values, all of them or none."""
        body = StateLoad(site=site, entries=[*entries])
        return self._http.post(_path(name), LoadedState, body)

    def reset(self, name: str, site: str | None) -> ResetState:
        """Delete an app's values on a site, or on all."""
        path, body = f"{_path(name)}/reset", StateReset(site=site)
        return self._http.post(path, ResetState, body, timeout=LONG_SECONDS)


def _path(name: str) -> str:
    return f"{BASE}/apps/{segment(name)}/state"


def read_file(file: str, site: str | None) -> Iterator[tuple[str, list[NewStateEntry]]]:
    """Yield the values of a file by site, as many as one call takes.

    The file has JSON lines of key, value and optionally secret or entity, or what
    ``state show --json`` printed. ``site`` replaces the sites in the file. Secrets without a value
    are left out. Raises ``ConfigError`` (``state_file_invalid``).
    """
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    by_site: dict[str, list[NewStateEntry]] = defaultdict(list)
    for number, entry in _entries(text):
        where = site or entry.get("site")
        if not isinstance(where, str) or not isinstance(entry.get("key"), str):
            raise refusals.state.FILE_INVALID(number=number, found="no site, or no key")
        if not isinstance(entry.get("entity"), str | None):
            raise refusals.state.FILE_INVALID(number=number, found="an entity that is no text")
        if entry.get("secret") and entry.get("value") is None:
            continue
        by_site[where].append(
            NewStateEntry(
                key=entry["key"],
                value=entry.get("value"),
                secret=bool(entry.get("secret")),
                entity=entry.get("entity"),
            )
        )
    for where, entries in by_site.items():
        for batch in _batches(entries):
            yield where, batch


def _entries(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file with their numbers."""
    lines = [line for line in text.splitlines() if line.strip()]
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


def _batches(entries: list[NewStateEntry]) -> Iterator[list[NewStateEntry]]:
    batch: list[NewStateEntry] = []
    size = 0
    for entry in entries:
        more = len(json.dumps(entry.value)) + len(entry.key)
        if batch and (len(batch) == _ENTRIES or size + more > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += more
    if batch:
        yield batch
