"""Lists as CSV, by the filters of their pages: streamed, so that they may have any length."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from litestar import get
from litestar.response import Stream

from ferryman import csv_rows
from ferryman.console.names import called
from ferryman.console.pages.parameters import OwnVisit
from ferryman.console.visit import Visit
from ferryman.vocab import MessageState
from ferryman.wire.audit import AuditPage
from ferryman.wire.transfer import MessagePage, TransferPage

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


@dataclass(frozen=True, slots=True)
class _List:
    path: str
    page: type[Any]
    query: Callable[[Mapping[str, str]], dict[str, str]]


_TRANSFERS = _List("/transfers", TransferPage, query_of_transfers)
_MESSAGES = _List("/messages", MessagePage, query_of_messages)
_AUDIT = _List("/audit", AuditPage, query_of_audit)


@get("/migrations.csv")
async def download_transfers(visit: OwnVisit) -> Stream:
    """Download the transfers that match, as the page of migrations lists them."""
    return await _download(visit, _TRANSFERS, "transfers")


@get("/messages.csv")
async def download_messages(visit: OwnVisit) -> Stream:
    """Download the messages that match."""
    return await _download(visit, _MESSAGES, "messages")


@get("/audit.csv")
async def download_audit(visit: OwnVisit) -> Stream:
    """Download the rows of the audit log that match."""
    return await _download(visit, _AUDIT, "audit")


async def _download(visit: Visit, wanted: _List, name: str) -> Stream:
    # The first page comes before the answer begins, so that a refusal is a page as any other.
    query = wanted.query(dict(visit.request.query_params))
    first = await visit.calls.get(wanted.path, wanted.page, pageSize=_PAGE, **query)
    return Stream(
        _lines(visit, wanted, query, first),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )


async def _lines(
    visit: Visit, wanted: _List, query: Mapping[str, str], page: _Page
) -> AsyncIterator[bytes]:
    kind = csv_rows.item_type(wanted.page)
    yield _MARK + csv_rows.head(kind)
    while True:
        yield csv_rows.rows(kind, page.items)
        if page.next_cursor is None:
            return
        page = await visit.calls.get(
            wanted.path, wanted.page, pageSize=_PAGE, cursor=page.next_cursor, **query
        )


DOWNLOADS = [download_transfers, download_messages, download_audit]
