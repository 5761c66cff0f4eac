"""The head that all pages of a transfer have."""

from typing import Any

from litestar.response import Template

from ferryman.console.forecasts import forecast_of
from ferryman.console.visit import Visit
from ferryman.vocab import EventType, MessageState, TransferStatus
from ferryman.wire.transfer import MessageView, TransferExplanation, TransferView

RERUNNABLE = (TransferStatus.FAILED, TransferStatus.INCOMPLETE, TransferStatus.TIMED_OUT)


async def transfer_template(visit: Visit, view: TransferView, tab: str, **context: Any) -> Template:
    """Return a page of a transfer below its head, which says how it is and why."""
    details = view.migration_details

    def can_redeliver(message: MessageView) -> bool:
        # App data of a settled transfer is not delivered again.
        over = view.status.final and message.event_type == EventType.UPLOADED
        given_up = message.state is MessageState.UNDELIVERED
        return given_up and not over and visit.may("redeliver_message")

    if "explanation" not in context:
        path = f"/transfers/{view.transfer_id}/explain"
        context["explanation"] = await visit.calls.get(
            path, TransferExplanation, maxAge=visit.count_age
        )
    return await visit.page(
        f"transfer_{tab}.html",
        "migrations",
        view=view,
        tab=tab,
        forecast=await forecast_of(visit, view),
        can_redeliver=can_redeliver,
        live=not view.status.final,
        title=f"{view.cloud_app_key} ({view.environment}) on {details.cloud_url}",
        can_rerun=view.status in RERUNNABLE and visit.may("rerun_transfer"),
        can_pause=_goes_on(view) and view.paused_at is None and visit.may("pause_transfer"),
        can_resume=view.paused_at is not None and visit.may("resume_transfer"),
        can_extend=view.deadline is not None and _goes_on(view) and visit.may("extend_transfer"),
        can_cancel=not view.status.final
        and view.status != "CANCELLATION_REQUESTED"
        and visit.may("cancel_transfer"),
        **context,
    )


def _goes_on(view: TransferView) -> bool:
    return not view.status.final and view.status is not TransferStatus.CANCELLATION_REQUESTED
