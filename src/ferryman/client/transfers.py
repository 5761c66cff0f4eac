"""Read, cancel and re-run transfers, and redeliver their messages."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from ferryman.client.filters import MessageFilters, TransferFilters, query_of
from ferryman.client.http import BASE, LONG_SECONDS, AdminHttp
from ferryman.sdk.operation import segment
from ferryman.vocab import Acknowledged, GroupedBy, ListSort, MessageState
from ferryman.wire.extension import Extension
from ferryman.wire.forecast import ForecastView
from ferryman.wire.mapping import MissingPage
from ferryman.wire.message_group import MessageGroups
from ferryman.wire.redelivery import RedeliveryAnswer, RedeliveryRequest
from ferryman.wire.refused_call import RefusedCallPage
from ferryman.wire.storage import FilePage
from ferryman.wire.transfer import (
    Explanation,
    MessagePage,
    MessageView,
    RerunAnswer,
    TimelinePage,
    TransferExplanation,
    TransferPage,
    TransferView,
)

_TRANSFERS = f"{BASE}/transfers"
_MESSAGES = f"{BASE}/messages"


class Transfers:
    """Transfers, by their whole ids."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def get(self, transfer_id: str) -> TransferView:
        """Get status, progress, deadline, counts and bytes."""
        return self._http.get(_path(transfer_id), TransferView)

    def list(
        self,
        cursor: str | None,
        size: int,
        wanted: TransferFilters | None = None,
        *,
        count: bool = False,
    ) -> TransferPage:
        """List transfers, by default newest first; ``count``: also how many there are."""
        query = {
            **query_of(wanted or TransferFilters()),
            "count": "true" if count else None,
            "cursor": cursor,
            "pageSize": size,
        }
        return self._http.get(_TRANSFERS, TransferPage, query)

    def timeline(
        self,
        transfer_id: str,
        cursor: str | None,
        size: int,
        *,
        kind: str | None = None,
        sort: ListSort | None = None,
    ) -> TimelinePage:
        """List what happened, in order, or newest first."""
        query = {"kind": kind, "sort": sort, "cursor": cursor, "pageSize": size}
        return self._http.get(_path(transfer_id, "timeline"), TimelinePage, query)

    def stream_timeline(
        self, transfer_id: str, after: int, *, timeout: float
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open the timeline as server-sent events; silent for ``timeout`` seconds, it breaks."""
        headers = {"accept": "text/event-stream", "last-event-id": str(after)}
        return self._http.open(_path(transfer_id, "timeline"), headers, timeout=timeout)

    def messages(
        self,
        transfer_id: str,
        cursor: str | None,
        size: int,
        *,
        state: MessageState | None = None,
        acknowledgement: Acknowledged | None = None,
    ) -> MessagePage:
        """List the messages of a transfer with their attempts, oldest first."""
        query = {
            "state": state,
            "acknowledgement": acknowledgement,
            "cursor": cursor,
            "pageSize": size,
        }
        return self._http.get(_path(transfer_id, "messages"), MessagePage, query)

    def missing_mappings(
        self, transfer_id: str, cursor: str | None, size: int, *, namespace: str | None = None
    ) -> MissingPage:
        """List keys that were looked up and not found, by namespace."""
        query = {"namespace": namespace, "cursor": cursor, "pageSize": size}
        return self._http.get(_path(transfer_id, "mappings/missing"), MissingPage, query)

    def refused_calls(self, transfer_id: str, cursor: str | None, size: int) -> RefusedCallPage:
        """List calls that were refused to the transfer's app, latest first."""
        query = {"cursor": cursor, "pageSize": size}
        return self._http.get(_path(transfer_id, "refused-calls"), RefusedCallPage, query)

    def explain(self, transfer_id: str) -> TransferExplanation:
        """Say why a transfer is where it is."""
        return self._http.get(_path(transfer_id, "explain"), TransferExplanation)

    def forecast(
        self,
        transfer_id: str,
        files: int | None = None,
        size: int | None = None,
        largest: int | None = None,
    ) -> ForecastView:
        """Forecast how long it takes; what is not given is as in its newest earlier run."""
        query = {"files": files, "bytes": size, "largestBytes": largest}
        return self._http.get(_path(transfer_id, "forecast"), ForecastView, query)

    def expected(self, transfer_id: str, max_age: int) -> ForecastView | None:
        """Forecast how long it takes from what the platform knows; None: it has no basis.

        The answer may be ``max_age`` seconds old.
        """
        kind: Any = ForecastView | None
        found: ForecastView | None = self._http.get(
            _path(transfer_id, "forecast"), kind, {"required": "false", "maxAge": max_age}
        )
        return found

    def cancel(self, transfer_id: str) -> TransferView:
        """Request cancellation."""
        return self._http.post(_path(transfer_id, "cancel"), TransferView)

    def pause(self, transfer_id: str) -> TransferView:
        """Deliver nothing and stop the deadlines until it is resumed; repeatable."""
        return self._http.post(_path(transfer_id, "pause"), TransferView)

    def resume(self, transfer_id: str) -> TransferView:
        """Continue a paused transfer; repeatable."""
        return self._http.post(_path(transfer_id, "resume"), TransferView)

    def extend(self, transfer_id: str, until: int) -> TransferView:
        """Put off the deadline to a time of the platform in epoch milliseconds; repeatable."""
        return self._http.post(_path(transfer_id, "extend"), TransferView, Extension(until=until))

    def rerun(self, transfer_id: str) -> RerunAnswer:
        """Run a FAILED, INCOMPLETE or TIMED_OUT transfer again, under a new id."""
        return self._http.post(_path(transfer_id, "rerun"), RerunAnswer)

    def files(self, transfer_id: str, cursor: str | None, size: int) -> FilePage:
        """List the files of a transfer with their digests, by key, also those that were deleted."""
        query = {"cursor": cursor, "pageSize": size}
        return self._http.get(_path(transfer_id, "app-data"), FilePage, query)

    def read_manifest(self, transfer_id: str) -> AbstractContextManager[Iterator[bytes]]:
        """Open the manifest of a transfer, as a stream."""
        return self._http.open(_path(transfer_id, "manifest"))

    def verify(self, transfer_id: str) -> AbstractContextManager[Iterator[bytes]]:
        """Have the platform read the transfer's files again; a stream of lines."""
        return self._http.open(_path(transfer_id, "verify"))


def _path(transfer_id: str, what: str = "") -> str:
    return f"{_TRANSFERS}/{segment(transfer_id)}" + (f"/{what}" if what else "")


class Messages:
    """Messages of all transfers, by their whole ids."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def get(self, message_id: str) -> MessageView:
        """Get a message with its attempts."""
        return self._http.get(f"{_MESSAGES}/{segment(message_id)}", MessageView)

    def explain(self, message_id: str) -> Explanation:
        """Say why a message went where it went."""
        return self._http.get(f"{_MESSAGES}/{segment(message_id)}/explain", Explanation)

    def list(
        self,
        cursor: str | None,
        size: int,
        wanted: MessageFilters | None = None,
        *,
        count: bool = False,
    ) -> MessagePage:
        """List messages of all transfers, by default oldest first; ``count``: and count them."""
        query = {
            **query_of(wanted or MessageFilters()),
            "count": "true" if count else None,
            "cursor": cursor,
            "pageSize": size,
        }
        return self._http.get(_MESSAGES, MessagePage, query)

    def groups(self, by: GroupedBy, wanted: MessageFilters | None = None) -> MessageGroups:
        """Count messages by a property of theirs; the largest groups first."""
        query = {**query_of(wanted or MessageFilters()), "by": by, "sort": None}
        return self._http.get(f"{_MESSAGES}/groups", MessageGroups, query)

    def redeliver(self, message_id: str) -> MessageView:
        """Deliver a message again, under the same id."""
        return self._http.post(f"{_MESSAGES}/{segment(message_id)}/redeliver", MessageView)

    def redeliver_all(self, selected: RedeliveryRequest) -> RedeliveryAnswer:
        """Re-queue the selected messages that were given up; returns once all are queued."""
        path = f"{BASE}/redeliver"
        return self._http.post(path, RedeliveryAnswer, selected, timeout=LONG_SECONDS)
