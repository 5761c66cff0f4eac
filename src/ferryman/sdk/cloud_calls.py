"""The nine calls of the Forge REST API as values, and what is made of their answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from ferryman.sdk.exchange import Exchange, Flow
from ferryman.sdk.operation import Operation, json_operation, plain_operation, segment
from ferryman.sdk.server_calls import find_mappings
from ferryman.vocab import AckStatus
from ferryman.wire.app_data import AppDataPage, DataUrl
from ferryman.wire.mapping import MappingPage, PageMeta
from ferryman.wire.message import LogMessage, MessageStatus

BASE = "/app/migration/forge/v1"
_FILES_PER_PAGE = 1000

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class MappingResponse:
    """Server id → cloud id; an id without a mapping is absent."""

    result: dict[str, str]


@dataclass(frozen=True, slots=True)
class AppData:
    """One file; ``s3_key`` and ``key`` are the same, ``label`` is None when none was given."""

    s3_key: str
    key: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class AppDataListResponse:
    """All files of a transfer."""

    result: list[AppData]


@dataclass(frozen=True, slots=True)
class Result(Generic[V]):
    """One entry of a query."""

    key: str
    value: V


@dataclass(frozen=True, slots=True)
class ListResults(Generic[V]):
    """A page of entries; ``next_cursor`` goes into ``cursor()``, and is None on the last page."""

    results: list[Result[V]] = field(default_factory=list)
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Query(Generic[V]):
    """A paged read that is not sent yet."""

    path: str
    filter: Mapping[str, str]
    read: Callable[[bytes], ListResults[V]]

    def page(self, limit: int | None, cursor: str | None) -> Operation[ListResults[V]]:
        """Describe the read of one page, of at most ``limit`` entries, after ``cursor``."""
        query = {**self.filter, "pageSize": limit, "lastEntity": cursor}
        raw = json_operation("GET", self.path, msgspec.Raw, query=query)
        return Operation(request=raw.request, parse=lambda answer: self.read(answer.body))


def mapping_query(transfer_id: str, namespace: str) -> Query[str]:
    """Read the mappings of a namespace."""

    def read(body: bytes) -> ListResults[str]:
        page = msgspec.json.decode(body, type=MappingPage)
        return ListResults([Result(k, v) for k, v in page.items.items()], _next(page.meta))

    return Query(f"{BASE}/mapping/{segment(transfer_id)}/page", {"namespace": namespace}, read)


class _ContainerObjects(msgspec.Struct):
    """A page of containers, each kept as the object that the platform sent."""

    meta: PageMeta
    containers: list[dict[str, Any]]


def container_query(transfer_id: str, container_type: str) -> Query[dict[str, Any]]:
    """Read what the admin selected; the key is the container's key, else its source id."""

    def read(body: bytes) -> ListResults[dict[str, Any]]:
        page = msgspec.json.decode(body, type=_ContainerObjects)
        results = [Result(_name(each), each) for each in page.containers]
        return ListResults(results, _next(page.meta))

    path = f"{BASE}/container/{segment(transfer_id)}/page"
    return Query(path, {"containerType": str(container_type)}, read)


def mapping_by_id(
    exchange: Exchange, transfer_id: str, namespace: str, keys: Sequence[str]
) -> Flow[MappingResponse]:
    """Look keys up."""
    path = f"{BASE}/mapping/{segment(transfer_id)}/find"
    found = yield from find_mappings(exchange, path, namespace, keys)
    return MappingResponse(found)


def app_data_list(exchange: Exchange, transfer_id: str) -> Flow[AppDataListResponse]:
    """Read the list of files, page after page."""
    files: list[AppData] = []
    last: str | None = None
    while True:
        page = yield from exchange.call(
            json_operation(
                "GET",
                f"{BASE}/data/{segment(transfer_id)}/page",
                AppDataPage,
                query={"pageSize": _FILES_PER_PAGE, "lastEvaluatedKey": last},
            )
        )
        files += [AppData(f.s3_key, f.key, f.label or None) for f in page.items]
        last = page.last_evaluated_key
        if last is None:
            return AppDataListResponse(files)


def data_url(key: str) -> Operation[DataUrl]:
    """Ask for a signed URL of a file, good for an hour."""
    return json_operation("GET", f"{BASE}/data/{segment(key)}", DataUrl)


def acknowledge(transfer_id: str, message_id: str, status: AckStatus) -> Operation[None]:
    """Say what became of a message; saying it twice is harmless."""
    body = MessageStatus(status=status, message_ids=[message_id])
    return plain_operation("POST", f"{BASE}/message/{segment(transfer_id)}/status", body=body)


def log_message(transfer_id: str, message: str) -> Operation[None]:
    """Add a line to the progress log that the customer sees."""
    body = LogMessage(message=message)
    return plain_operation("POST", f"{BASE}/log/{segment(transfer_id)}", body=body)


def _next(meta: PageMeta) -> str | None:
    return meta.last_entity if meta.has_next else None


def _name(container: dict[str, Any]) -> str:
    return str(container.get("key") or container.get("sourceId") or container.get("type", ""))
