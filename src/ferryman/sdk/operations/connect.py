"""The calls that only Connect apps have (connect-rest)."""

from collections.abc import Sequence
from typing import Any

from ferryman.sdk.errors import NotFoundError
from ferryman.sdk.exchange import Exchange, Flow
from ferryman.sdk.operation import Operation, json_operation, plain_operation, segment
from ferryman.sdk.operations.cloud import AppData, AppDataListResponse
from ferryman.vocab import ReportedStatus
from ferryman.wire.connect import DataItem, Feedback, ProgressReport, RecentTransfer, Webhooks
from ferryman.wire.listener import ListenerError

CONNECT = "/rest/atlassian-connect/1/migration"


def get_webhooks() -> Operation[Webhooks]:
    """Ask where events go."""
    return json_operation("GET", f"{CONNECT}/webhook", Webhooks)


def set_webhooks(endpoints: Sequence[str]) -> Operation[Webhooks]:
    """Replace all addresses."""
    body = Webhooks(endpoints=list(endpoints))
    return json_operation("PUT", f"{CONNECT}/webhook", Webhooks, body=body)


def report_progress(
    transfer_id: str, status: ReportedStatus | str, percent: int | None, message: str | None
) -> Operation[ProgressReport]:
    """Report progress, or settle."""
    body = ProgressReport(status=ReportedStatus(status), percent=percent, message=message)
    path = f"{CONNECT}/progress/{segment(transfer_id)}"
    return json_operation("POST", path, ProgressReport, body=body)


def app_data_list(exchange: Exchange, transfer_id: str) -> Flow[AppDataListResponse]:
    """Read the list of files, which comes in one answer."""
    path = f"{CONNECT}/data/{segment(transfer_id)}/all"
    items = yield from exchange.call(json_operation("GET", path, list[DataItem]))
    return AppDataListResponse([AppData(f.s3_key, f.s3_key, f.label or None) for f in items])


def recent_transfers() -> Operation[list[RecentTransfer]]:
    """Ask for the running transfers."""
    return json_operation("GET", f"{CONNECT}/transfer/recent", list[RecentTransfer])


def leave_feedback(transfer_id: str, details: dict[str, Any]) -> Operation[None]:
    """Leave something for the server app."""
    path = f"{CONNECT}/feedback/{segment(transfer_id)}"
    return plain_operation("POST", path, body=Feedback(details=details))


def listener_error(exchange: Exchange, transfer_id: str) -> Flow[ListenerError | None]:
    """Ask which exception the listener threw."""
    path = f"{CONNECT}/error/{segment(transfer_id)}"
    try:
        return (yield from exchange.call(json_operation("GET", path, ListenerError)))
    except NotFoundError as refused:
        if refused.code == "listener_error_not_found":
            return None
        raise
