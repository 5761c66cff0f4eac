"""The migration API for cloud apps, synchronous."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Generic, TypeVar

from ferryman.sdk import cloud_calls
from ferryman.sdk.cloud_calls import (
    AppDataListResponse,
    ListResults,
    MappingResponse,
    Query,
    Result,
)
from ferryman.sdk.download import Download
from ferryman.sdk.errors import MigrationAPIError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.payload import Payload
from ferryman.vocab import AckStatus, ContainerType

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class QueryBuilder(Generic[V]):
    """A paged read: narrow it with ``limit`` and ``cursor``, send it with ``get_…``."""

    _transport: HttpTransport
    _query: Query[V]
    _limit: int | None = None
    _cursor: str | None = None

    def limit(self, limit: int) -> "QueryBuilder[V]":
        """Ask for at most this many entries."""
        return replace(self, _limit=limit)

    def cursor(self, cursor: str | None) -> "QueryBuilder[V]":
        """Go on after an earlier page's ``next_cursor``."""
        return replace(self, _cursor=cursor)

    def get_one(self) -> Result[V] | None:
        """Return the first entry, or None when there is none."""
        page = self._transport.call(self._query.page(1, self._cursor))
        return page.results[0] if page.results else None

    def get_many(self) -> ListResults[V]:
        """Return a page of entries."""
        return self._transport.call(self._query.page(self._limit, self._cursor))


class Migration:
    """What a cloud app may ask of the platform. Safe to use from several threads.

    ``url`` and ``token`` default to ``FERRYMAN_URL`` and ``FERRYMAN_TOKEN``, which the platform
    sets for its functions. Calls that fail for reasons that pass (no connection, 408, 429, 5xx)
    are repeated for ``patience`` seconds. All raise ``MigrationAPIError``. Example::

        migration = Migration()
        with migration.get_app_data_payload(event["key"]) as payload:
            load(payload.json())
        migration.message_processed(event["transferId"], event["messageId"])
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, patience: float = 15.0
    ) -> None:
        self._transport = HttpTransport(
            setting(url, "FERRYMAN_URL"),
            setting(token, "FERRYMAN_TOKEN"),
            patience=patience,
            error=MigrationAPIError,
        )

    def get_mapping_by_id(
        self, transfer_id: str, namespace: str, keys: Iterable[str]
    ) -> MappingResponse:
        """Translate server ids; one without a mapping is absent from ``result``."""
        exchange = self._transport.exchange
        return self._transport.run(
            cloud_calls.mapping_by_id(exchange, transfer_id, namespace, list(keys))
        )

    def get_app_data_list(self, transfer_id: str) -> AppDataListResponse:
        """List the files of a transfer."""
        exchange = self._transport.exchange
        return self._transport.run(cloud_calls.app_data_list(exchange, transfer_id))

    def get_app_data_payload(self, key: str) -> Payload:
        """Open a file for reading."""
        download = Download(self._transport.exchange, key)
        self._transport.run(download.open())
        return Payload(self._transport, download)

    def message_processed(self, transfer_id: str, message_id: str) -> None:
        """Acknowledge an event: its data is imported. Saying so twice is harmless."""
        self._acknowledge(transfer_id, message_id, AckStatus.SUCCESS)

    def message_failed(self, transfer_id: str, message_id: str) -> None:
        """Acknowledge an event: its data could not be imported, and will not be."""
        self._acknowledge(transfer_id, message_id, AckStatus.FAILED)

    def get_mappings(self, transfer_id: str, namespace: str) -> QueryBuilder[str]:
        """Read the mappings of a namespace, at most 1,200 a page."""
        return QueryBuilder(self._transport, cloud_calls.mapping_query(transfer_id, namespace))

    def get_containers(
        self, transfer_id: str, container_type: ContainerType | str
    ) -> QueryBuilder[dict[str, Any]]:
        """Read what the admin selected, of one type, at most 250 a page."""
        query = cloud_calls.container_query(transfer_id, container_type)
        return QueryBuilder(self._transport, query)

    def add_log(self, transfer_id: str, message: str) -> None:
        """Add a line of at most 65,536 characters to the progress log the customer sees."""
        self._transport.call(cloud_calls.log_message(transfer_id, message))

    def close(self) -> None:
        """Let go of the connections; a later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> "Migration":
        """Use the client for the length of a block."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the connections."""
        self.close()

    def _acknowledge(self, transfer_id: str, message_id: str, status: AckStatus) -> None:
        self._transport.call(cloud_calls.acknowledge(transfer_id, message_id, status))


def setting(value: str | None, variable: str) -> str:
    """Return ``value``, or what the environment holds; raises ``ValueError`` without either."""
    found = value or os.environ.get(variable, "")
    if not found:
        raise ValueError(f"expected an argument or the variable {variable}; found neither")
    return found
