"""The calls that both kinds of cloud app share, and those of Forge.

``base`` is the path of one of the two REST APIs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ferryman.sdk.exchange import Exchange, Flow
from ferryman.sdk.operation import Operation, json_operation, plain_operation, segment
from ferryman.sdk.operations.mapping import find_mappings
from ferryman.sdk.pagination import ListResults, Query, Result
from ferryman.vocab import AckStatus
from ferryman.wire.app_data import AppDataPage, DataUrl, FileParts
from ferryman.wire.mapping import MappingPage, PageMeta
from ferryman.wire.message import LogMessage, MessageStatus

FORGE = "/app/migration/forge/v1"
_FILES_PER_PAGE = 1000
_MESSAGES_PER_CALL = 1000


@dataclass(frozen=True, slots=True)
class MappingResponse:
    """Server id → cloud id; an id without a mapping is absent."""

    result: dict[str, str]


@dataclass(frozen=True, slots=True)
class AppData:
    """One file; ``s3_key`` and ``key`` are the same, ``label`` is None when none was given.

    ``file_size`` is in bytes, and None where the API does not tell it (Connect).
    """

    s3_key: str
    key: str
    label: str | None = None
    file_size: int | None = None


@dataclass(frozen=True, slots=True)
class AppDataListResponse:
    """All files of a transfer."""

    result: list[AppData]


@dataclass(frozen=True, slots=True)
class AppDataResults:
    """A page of files; ``next_cursor`` is None on the last page."""

    results: list[AppData]
    next_cursor: str | None = None


def mapping_query(base: str, transfer_id: str, namespace: str) -> Query[str]:
    """Read the mappings of a namespace."""

    def read(body: bytes) -> ListResults[str]:
        page = msgspec.json.decode(body, type=MappingPage)
        return ListResults([Result(k, v) for k, v in page.items.items()], _next(page.meta))

    return Query(f"{base}/mapping/{segment(transfer_id)}/page", {"namespace": namespace}, read)


class _ContainerObjects(msgspec.Struct):
    """A page of containers, each kept as the object that the platform sent."""

    meta: PageMeta
    containers: list[dict[str, Any]]


def container_query(base: str, transfer_id: str, container_type: str) -> Query[dict[str, Any]]:
    """Read what the admin selected; the key is the container's key, else its source id."""

    def read(body: bytes) -> ListResults[dict[str, Any]]:
        page = msgspec.json.decode(body, type=_ContainerObjects)
        results = [Result(_name(container), container) for container in page.containers]
        return ListResults(results, _next(page.meta))

    path = f"{base}/container/{segment(transfer_id)}/page"
    return Query(path, {"containerType": str(container_type)}, read)


def mapping_by_id(
    exchange: Exchange, base: str, transfer_id: str, namespace: str, keys: Iterable[str]
) -> Flow[MappingResponse]:
    """Look keys up."""
    path = f"{base}/mapping/{segment(transfer_id)}/find"
    mappings = yield from find_mappings(exchange, path, namespace, keys)
    return MappingResponse(mappings)


def data_url(base: str, key: str) -> Operation[DataUrl]:
    """Ask for a signed URL of a file, valid for an hour."""
    return json_operation("GET", f"{base}/data/{segment(key)}", DataUrl)


def file_parts(base: str, key: str) -> Operation[FileParts]:
    """Ask for the digests of a file and its parts, and for a signed URL."""
    return json_operation("GET", f"{base}/data/{segment(key)}/parts", FileParts)


def app_data_page(transfer_id: str, cursor: str | None) -> Operation[AppDataResults]:
    """Read a page of the list of files (Forge)."""
    raw = json_operation(
        "GET",
        f"{FORGE}/data/{segment(transfer_id)}/page",
        AppDataPage,
        query={"pageSize": _FILES_PER_PAGE, "lastEvaluatedKey": cursor},
    )

    def files(page: AppDataPage) -> AppDataResults:
        results = [
            AppData(
                f.s3_key,
                f.key,
                f.label or None,
                None if isinstance(f.file_size, msgspec.UnsetType) else f.file_size,
            )
            for f in page.items
        ]
        return AppDataResults(results, page.last_evaluated_key)

    return Operation(request=raw.request, parse=lambda answer: files(raw.parse(answer)))


def app_data_list(exchange: Exchange, transfer_id: str) -> Flow[AppDataListResponse]:
    """Read the list of files, page after page (Forge)."""
    files: list[AppData] = []
    cursor: str | None = None
    while True:
        page = yield from exchange.call(app_data_page(transfer_id, cursor))
        files += page.results
        cursor = page.next_cursor
        if cursor is None:
            return AppDataListResponse(files)


def acknowledge(
    exchange: Exchange, transfer_id: str, message_ids: Sequence[str], status: AckStatus
) -> Flow[None]:
    """Acknowledge messages in as few calls as the platform allows; repeating is harmless."""
    path = f"{FORGE}/message/{segment(transfer_id)}/status"
    for start in range(0, len(message_ids), _MESSAGES_PER_CALL):
        batch = list(message_ids[start : start + _MESSAGES_PER_CALL])
        body = MessageStatus(status=status, message_ids=batch)
        yield from exchange.call(plain_operation("POST", path, body=body))


def log_message(transfer_id: str, message: str) -> Operation[None]:
    """Add a line to the progress log that the customer sees (Forge)."""
    body = LogMessage(message=message)
    return plain_operation("POST", f"{FORGE}/log/{segment(transfer_id)}", body=body)


def _next(meta: PageMeta) -> str | None:
    return meta.last_entity if meta.has_next else None


def _name(container: dict[str, Any]) -> str:
    return str(container.get("key") or container.get("sourceId") or container.get("type", ""))
