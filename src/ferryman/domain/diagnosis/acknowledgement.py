"""Links about the cloud app's reaction: acknowledgements, late failures, Connect progress."""

from collections.abc import Callable

from ferryman.domain import transfer as transfer_rules
from ferryman.domain.diagnosis.link import Link, broken_link, ok_link
from ferryman.domain.diagnosis.snapshot import HandledMessage, Sample, TransferSnapshot
from ferryman.text import instant, plural, span
from ferryman.vocab import AppKind, EventType, TransferStatus

_NAMED = 5


def acknowledgement(snapshot: TransferSnapshot) -> Link | None:
    """Check which acknowledgements a Forge app still has to send, and how long it has for them."""
    state = snapshot.transfer
    if state.kind is not AppKind.FORGE or not state.files:
        return None
    if link := _returned(snapshot) or _overdue(snapshot):
        return link
    if state.failed:
        failed = plural(state.failed, "message")
        return broken_link(
            "acknowledgement", "acknowledged_failed", messages=failed, transfer=snapshot.transfer_id
        )
    limit = transfer_rules.deadline(state)
    if state.outstanding and limit is not None and not state.status.final:
        waiting = f"{snapshot.outstanding_messages} outstanding"
        return ok_link(
            "acknowledgement", f"{waiting}, to be acknowledged before {instant(limit.at)}"
        )
    return ok_link("acknowledgement", f"{state.succeeded} of {plural(state.files, 'message')}")


def _overdue(snapshot: TransferSnapshot) -> Link | None:
    """Report messages whose window is over, or half over."""
    state = snapshot.transfer
    messages, limit = snapshot.outstanding_messages, transfer_rules.deadline(state)
    if state.outstanding and state.status is TransferStatus.TIMED_OUT:
        named = snapshot.outstanding[:_NAMED]
        more = state.outstanding - len(named)
        names = ", ".join(named) + (f" and {more} more" if more > 0 else "")
        window = span(state.window)
        return broken_link(
            "acknowledgement", "never_acknowledged", messages=messages, names=names, window=window
        )
    if state.outstanding and limit is not None and snapshot.half_gone and not state.status.final:
        percent = 80 if snapshot.window_gone >= 0.8 else 50
        return broken_link(
            "acknowledgement",
            "unacknowledged",
            messages=messages,
            at=instant(snapshot.outstanding_since or snapshot.now),
            percent=percent,
            deadline=instant(limit.at),
        )
    return None


def _returned(snapshot: TransferSnapshot) -> Link | None:
    """Report functions that returned without acknowledging, once no other event is pending.

    Until then a remote, or a handler of the end of the export, may still acknowledge.
    """
    state = snapshot.transfer
    timed_out = state.status is TransferStatus.TIMED_OUT
    to_come = EventType.EXPORTED in snapshot.app.routed and state.export_completed_at is None
    if not timed_out and (state.status.final or snapshot.waiting or to_come):
        return None
    return (
        link_of_returned(snapshot.returned, again=not timed_out)
        if snapshot.returned.first
        else None
    )


def link_of_returned(sample: Sample, *, again: bool) -> Link:
    """Return the link for such functions; with ``again`` the fix includes a redelivery."""
    first = sample.first[0]
    left = next((message.left for message in sample.first if message.left), None)
    return broken_link(
        "acknowledgement",
        "returned_unacknowledged",
        function=f"function {first.target}",
        messages=plural(sample.count, "message"),
        names=_names(sample, lambda message: f"{message.file!r} ({message.message_id})"),
        left=f"; it left {left} running, which was ended then: the likely cause" if left else "",
        again=f" Then `ferryman message redeliver {first.message_id}`." if again else "",
    )


def failed_late(snapshot: TransferSnapshot) -> Link | None:
    """Report attempts that failed after their acknowledgement, although the transfer succeeded."""
    return link_of_failed_late(snapshot.failed_late) if snapshot.failed_late.first else None


def link_of_failed_late(sample: Sample) -> Link:
    """Return the link for handlers that acknowledged first and then failed."""

    def named(message: HandledMessage) -> str:
        why = message.error or "no reason was kept"
        return f"{message.target}, {message.file!r} ({message.message_id}): {why}"

    return broken_link(
        "handler",
        "failed_after_acknowledgement",
        attempts=plural(sample.count, "attempt"),
        its="its" if sample.count == 1 else "their",
        names=_names(sample, named),
    )


def _names(sample: Sample, name: Callable[[HandledMessage], str]) -> str:
    more = sample.count - len(sample.first)
    return "; ".join(map(name, sample.first)) + (f"; and {more} more" if more > 0 else "")


def progress(snapshot: TransferSnapshot) -> Link | None:
    """Check the progress that a Connect app reports."""
    state = snapshot.transfer
    if state.kind is not AppKind.CONNECT or state.started_at is None:
        return None
    if state.status in (TransferStatus.FAILED, TransferStatus.INCOMPLETE):
        message = snapshot.status_message or "no message"
        return broken_link(
            "progress",
            "settled_by_app",
            status=state.status,
            message=message,
            transfer=snapshot.transfer_id,
        )
    if state.status is TransferStatus.SUCCESS:
        return ok_link("progress", "the app settled the transfer as SUCCESS")
    ignored = snapshot.ignored_at
    if ignored is not None and (snapshot.reported_at is None or ignored > snapshot.reported_at):
        return broken_link("progress", "percent_ignored", at=instant(ignored))
    reported = snapshot.reported_at
    report = "no progress was reported" if reported is None else f"reported {instant(reported)}"
    if snapshot.details_removed:
        report = "what it reported was removed meanwhile"
    exported = state.export_completed_at
    late = (
        exported is not None and snapshot.now - max(exported, reported or exported) > state.window
    )
    if state.status is TransferStatus.TIMED_OUT or late:
        return broken_link(
            "progress", "never_settled", report=report, transfer=snapshot.transfer_id
        )
    return ok_link("progress", f"{state.progress} %, {report}")
