"""Lists as files, by the filters of their pages: streamed, so that they may have any length."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from litestar import get
from litestar.exceptions import ValidationException
from litestar.response import Stream

from ferryman import csv_rows
from ferryman.console.names import called
from ferryman.console.pages.parameters import Id, OwnVisit
from ferryman.console.visit import Visit
from ferryman.console.zoom import ZoomInvalid, zoom_of
from ferryman.vocab import MessageState
from ferryman.wire.audit import AuditPage
from ferryman.wire.mapping import StoredMappingPage
from ferryman.wire.transfer import MessagePage, TimelinePage, TransferPage

_PAGE = 500

_MARK = "\ufeff".encode()
"""Spreadsheets read UTF-8 only after this."""


class _Page(Protocol):
    @property
    def items(self) -> list[Any]: ...

    @property
    def next_cursor(self) -> str | None: ...


def query_of_transfers(given: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of the page of migrations as the call names them."""
    names = (
        "status",
        "environment",
        "site",
        "cause",
        "text",
        "stuck",
        "sort",
        "customer",
        "archived",
    )
    return {name: given.get(name, "") for name in names} | {"cloudAppKey": given.get("app", "")}


def query_of_messages(given: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of the page of messages as the call names them, and its order."""
    state = given.get("state") or MessageState.UNDELIVERED
    return {
        "state": "" if state == "any" else state,
        "cloudAppKey": given.get("app", ""),
        "eventType": given.get("event", ""),
        **{name: given.get(name, "") for name in ("environment", "cause", "text", "statusCode")},
        "sort": "oldest" if state == MessageState.UNDELIVERED else "newest",
    }


def query_of_audit(given: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of the page of the audit log as the call names them."""
    return {
        "actor": called(given.get("actor", "")),
        "operation": given.get("operation", "").strip().replace(" ", "_"),
        "target": given.get("target", ""),
    }


def query_of_timeline(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the filters of the page of a timeline as the call names them."""
    try:
        zoom = zoom_of(given.get("from", ""), given.get("to", ""))
    except ZoomInvalid as error:
        raise ValidationException(detail=str(error)) from None
    return {"kind": given.get("kind", ""), "from": zoom.start, "to": zoom.end}


def query_of_mappings(given: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of the page of mappings as the call names them."""
    return {name: given.get(name, "") for name in ("namespace", "prefix", "cloudKey")}


@dataclass(frozen=True, slots=True)
class _List:
    path: str
    page: type[Any]
    query: Callable[[Mapping[str, str]], Mapping[str, Any]]

    def of(self, **ids: str) -> "_List":
        """Return the list of one thing, which its path names."""
        return _List(self.path.format(**ids), self.page, self.query)


_TRANSFERS = _List("/transfers", TransferPage, query_of_transfers)
_MESSAGES = _List("/messages", MessagePage, query_of_messages)
_AUDIT = _List("/audit", AuditPage, query_of_audit)
_TIMELINE = _List("/transfers/{transfer}/timeline", TimelinePage, query_of_timeline)
_MAPPINGS = _List("/migrations/{migration}/mappings", StoredMappingPage, query_of_mappings)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a file is written: its beginning, each page of the list, and its end."""

    media_type: str
    head: Callable[[type[msgspec.Struct]], bytes]
    rows: Callable[[type[msgspec.Struct], Sequence[Any]], bytes]
    between: bytes = b""
    end: bytes = b""


def _json_lines(_kind: type[msgspec.Struct], items: Sequence[Any]) -> bytes:
    return b"".join(msgspec.json.encode(each) + b"\n" for each in items)


def _json_members(_kind: type[msgspec.Struct], items: Sequence[Any]) -> bytes:
    return b",\n".join(msgspec.json.encode(each) for each in items)


_FORMS = {
    "csv": _Form("text/csv", lambda kind: _MARK + csv_rows.head(kind), csv_rows.rows),
    "json": _Form("application/json", lambda _: b"[\n", _json_members, b",\n", b"\n]\n"),
    "ndjson": _Form("application/x-ndjson", lambda _: b"", _json_lines),
}


@get("/migrations.csv")
async def download_transfers(visit: OwnVisit) -> Stream:
    """Download the transfers that match, as the page of migrations lists them."""
    return await _download(visit, _TRANSFERS, "transfers.csv")


@get("/messages.csv")
async def download_messages(visit: OwnVisit) -> Stream:
    """Download the messages that match."""
    return await _download(visit, _MESSAGES, "messages.csv")


@get("/audit.csv")
async def download_audit(visit: OwnVisit) -> Stream:
    """Download the rows of the audit log that match."""
    return await _download(visit, _AUDIT, "audit.csv")


@get("/transfers/{transfer_id:str}/timeline.csv")
async def download_timeline(visit: OwnVisit, transfer_id: Id) -> Stream:
    """Download the entries of a timeline that match, oldest first."""
    return await _download(visit, _TIMELINE.of(transfer=transfer_id), "timeline.csv")


@get("/transfers/{transfer_id:str}/timeline.json")
async def download_timeline_as_json(visit: OwnVisit, transfer_id: Id) -> Stream:
    """Download the entries of a timeline that match, as they are stored."""
    return await _download(visit, _TIMELINE.of(transfer=transfer_id), "timeline.json")


@get("/migrations/{migration_id:str}/mappings.csv")
async def download_mappings(visit: OwnVisit, migration_id: Id) -> Stream:
    """Download the mappings that match, for a spreadsheet."""
    return await _download(visit, _MAPPINGS.of(migration=migration_id), "mappings.csv")


@get("/migrations/{migration_id:str}/mappings.ndjson")
async def download_mappings_as_lines(visit: OwnVisit, migration_id: Id) -> Stream:
    """Download the mappings that match, as they can be loaded again."""
    return await _download(visit, _MAPPINGS.of(migration=migration_id), "mappings.ndjson")


async def _download(visit: Visit, wanted: _List, name: str) -> Stream:
    # The first page comes before the answer begins, so that a refusal is a page as any other.
    form = _FORMS[name.rpartition(".")[2]]
    query = wanted.query(dict(visit.request.query_params))
    first = await visit.calls.get(wanted.path, wanted.page, pageSize=_PAGE, **query)
    return Stream(
        _lines(visit, wanted, form, query, first),
        media_type=form.media_type,
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


async def _lines(
    visit: Visit, wanted: _List, form: _Form, query: Mapping[str, Any], page: _Page
) -> AsyncIterator[bytes]:
    kind = csv_rows.item_type(wanted.page)
    yield form.head(kind) + form.rows(kind, page.items)
    some = bool(page.items)
    while page.next_cursor is not None:
        page = await visit.calls.get(
            wanted.path, wanted.page, pageSize=_PAGE, cursor=page.next_cursor, **query
        )
        if page.items:  # one may be empty, although another follows
            yield (form.between if some else b"") + form.rows(kind, page.items)
            some = True
    if form.end:
        yield form.end


DOWNLOADS = [
    download_transfers,
    download_messages,
    download_audit,
    download_timeline,
    download_timeline_as_json,
    download_mappings,
    download_mappings_as_lines,
]
