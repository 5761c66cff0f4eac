"""Read a transfer's mappings, containers and feedback, for a listener."""

from collections.abc import Iterable, Mapping
from typing import Any

from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operations import server
from ferryman.sdk.pagination import PaginatedContainers, PaginatedMapping
from ferryman.vocab import ContainerType


class GatewayReads:
    """The reading half of ``Gateway``."""

    def __init__(self, transport: HttpTransport, transfer_id: str) -> None:
        self._transport = transport
        self._transfer_id = transfer_id

    @property
    def transfer_id(self) -> str:
        """The id of the transfer that this gateway exports to."""
        return self._transfer_id

    def get_mapping_by_id(self, namespace: str, keys: Iterable[str]) -> dict[str, str]:
        """Translate server ids; an id without a mapping is absent from the result."""
        flow = server.mapping_by_id(self._transport.exchange, self._transfer_id, namespace, keys)
        return self._transport.run(flow)

    def get_paginated_mapping(
        self, namespace: str, page_size: int | None = None
    ) -> PaginatedMapping:
        """Walk all mappings of a namespace, at most 1,200 a page."""
        return PaginatedMapping(
            lambda last: self._transport.call(
                server.mapping_page(self._transfer_id, namespace, page_size, last)
            )
        )

    def get_paginated_containers(
        self, container_type: ContainerType | str, page_size: int | None = None
    ) -> PaginatedContainers:
        """Walk the containers of one type that the admin selected, at most 250 a page."""
        return PaginatedContainers(
            lambda last: self._transport.call(
                server.container_page(self._transfer_id, container_type, page_size, last)
            )
        )

    def get_cloud_feedback_if_present(self) -> Mapping[str, Any] | None:
        """Return what the cloud app left for the server app, or None."""
        return self._transport.run(server.feedback(self._transport.exchange, self._transfer_id))
