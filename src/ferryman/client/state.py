"""List, load and reset what apps keep in Forge's services."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ferryman.client.http import BASE, LONG_SECONDS, AdminHttp
from ferryman.sdk.operation import Answer, Operation, Request, segment
from ferryman.wire.state import (
    LoadedRows,
    LoadedState,
    NewStateEntry,
    ObjectLoad,
    ObjectPlace,
    ResetState,
    RowsLoad,
    StateLoad,
    StateObject,
    StateObjectPage,
    StateObjectUrl,
    StatePage,
    StateReset,
    StateTablePage,
    StateTableRowPage,
)

_CHUNK = 1 << 16


class StoredState:
    """Values, rows and objects that registered apps keep in Forge's services."""

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

    def rows(
        self, name: str, cursor: str | None, size: int, *, site: str | None, table: str | None
    ) -> StateTableRowPage:
        """List the rows of an app's SQL databases by site, table and primary key."""
        query = {"site": site, "table": table, "cursor": cursor, "pageSize": size}
        return self._http.get(f"{_path(name)}/rows", StateTableRowPage, query)

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

    def load_rows(self, name: str, rows: RowsLoad) -> LoadedRows:
        """Make a table if there is none, and store rows of it, all of them or none."""
        return self._http.post(f"{_path(name)}/rows", LoadedRows, rows)

    def load_object(self, name: str, new: ObjectLoad, content_type: str, file: Path) -> None:
        """Store a file's bytes as an object."""
        url = self._http.post(f"{_path(name)}/objects", StateObjectUrl, new).url
        headers = {"Content-Type": content_type, "Content-Length": str(new.size)}
        request = Request(method="PUT", url=url, headers=headers, timeout=LONG_SECONDS)
        with file.open("rb") as body:
            self._http.send(
                Operation(request=request, parse=_nothing), iter(partial(body.read, _CHUNK), b"")
            )

    @contextmanager
    def read_object(self, name: str, listed: StateObject) -> Iterator[Iterator[bytes]]:
        """Give the chunks of an object as they come."""
        place = ObjectPlace(site=listed.site, key=listed.key, cdn=listed.cdn)
        url = self._http.post(f"{_path(name)}/objects/open", StateObjectUrl, place).url
        with self._http.open(url) as chunks:
            yield chunks

    def reset(self, name: str, site: str | None) -> ResetState:
        """Delete an app's values on a site, or on all."""
        path, body = f"{_path(name)}/reset", StateReset(site=site)
        return self._http.post(path, ResetState, body, timeout=LONG_SECONDS)


def _nothing(_answer: Answer) -> None:
    """Return the result of a call that says nothing."""


def _path(name: str) -> str:
    return f"{BASE}/apps/{segment(name)}/state"
