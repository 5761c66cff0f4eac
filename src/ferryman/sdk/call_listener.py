"""Call a listener for one transfer, and tell the platform how it ended."""

import logging
import sys
import time
from collections.abc import Callable
from enum import Enum, auto

from ferryman.sdk.errors import ClientError, GatewayError
from ferryman.sdk.gateway import Gateway
from ferryman.sdk.keepalive import CLAIM_SUPERSEDED
from ferryman.sdk.listener import Listener
from ferryman.sdk.open_files import EXPORT_INCOMPLETE
from ferryman.sdk.resume import UPLOAD_RESTARTED
from ferryman.sdk.safe_trace import class_name, message_of, own_frame
from ferryman.wire.listener import ClaimedTransfer

log: logging.Logger = logging.getLogger("ferryman.agent")

OnError = Callable[[str, BaseException, bool], None]
"""Called with a transfer, the error of its listener, and whether its message may be shown."""

# Why a listener ended that did not fail: nobody needs its error, or it is called again.
_ENDED = {
    "transfer_cancelled": "transfer.cancelled",
    CLAIM_SUPERSEDED: "claim.superseded",
    UPLOAD_RESTARTED: "upload.restarted",
}


class CallOutcome(Enum):
    """Says how a call of a listener ended."""

    RECORDED = auto()
    """It returned, and the platform knows."""
    IDLE = auto()
    """It returned without completing its export, and the platform could not be told."""
    FAILED = auto()
    """It raised an error, or its transfer is over."""
    CALLED_AGAIN = auto()
    """It was cut short, or its upload has to start over: the platform has it called again."""


def call_listener(
    listener: Listener,
    gateway: Gateway,
    claimed: ClaimedTransfer,
    *,
    closed: Callable[[], bool],
    on_error: OnError,
) -> CallOutcome:
    """Confirm the claim, call the listener and report how it ended; never raises its error.

    ``closed`` returns whether the agent has been closed: then nothing is reported.
    """
    log.info(
        "listener.called transferId=%s name=%s app=%s environment=%s migration=%s claims=%d",
        claimed.transfer_id,
        claimed.transfer_name,
        claimed.cloud_app_key,
        claimed.environment,
        claimed.migration_details.migration_id,
        claimed.claims,
    )
    started = time.monotonic()
    try:
        gateway.keep_claim()
        listener.call_for(claimed, gateway)()
        gateway.check_finished()
    except BaseException as error:  # noqa: BLE001 - exiting is failing too
        if closed():
            log.info("listener.cut_off transferId=%s", claimed.transfer_id)
            return CallOutcome.CALLED_AGAIN
        return _report_error(gateway, claimed, error, on_error)
    recorded = gateway.export_completed or _report_return(gateway)
    log.info(
        "listener.returned transferId=%s exportCompleted=%s seconds=%.1f",
        claimed.transfer_id,
        gateway.export_completed,
        time.monotonic() - started,
    )
    return CallOutcome.RECORDED if recorded else CallOutcome.IDLE


def log_error(transfer_id: str, error: BaseException, revealed: bool, /) -> None:
    """Log where a listener failed, with the error's message if ``revealed``."""
    incomplete = isinstance(error, ClientError) and error.code == EXPORT_INCOMPLETE
    message = message_of(error, revealed=revealed or incomplete)
    log.error(
        "listener.failed transferId=%s exceptionType=%s at=%s%s",
        transfer_id,
        class_name(error),
        own_frame(error, roots=sys.path) or "?",
        "" if message is None else f": {message}",
    )
    log.debug("listener.failed transferId=%s", transfer_id, exc_info=error)


def _report_return(gateway: Gateway) -> bool:
    try:
        gateway.report_return()
    except GatewayError as refused:
        log.info("listener.not_recorded transferId=%s %s", gateway.transfer_id, refused)
        return False
    return True


def _report_error(
    gateway: Gateway, claimed: ClaimedTransfer, error: BaseException, on_error: OnError
) -> CallOutcome:
    transfer_id = gateway.transfer_id
    code = error.code if isinstance(error, ClientError) else None
    settled = isinstance(error, ClientError) and error.settled
    if settled or code in _ENDED:
        event = "transfer.settled" if settled else _ENDED[code or ""]
        log.info("%s transferId=%s, its listener ends", event, transfer_id)
        return CallOutcome.CALLED_AGAIN if code == UPLOAD_RESTARTED else CallOutcome.FAILED
    # The first frame is the agent's own.
    if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
        error = error.with_traceback(error.__traceback__.tb_next)
    on_error(transfer_id, error, claimed.virtual_clock)
    try:
        gateway.report_error(error, revealed=claimed.virtual_clock)
    except GatewayError as failure:
        log.warning("listener.report_failed transferId=%s %s", transfer_id, failure)
    return CallOutcome.FAILED
