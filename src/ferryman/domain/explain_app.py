"""The links of the chain that the cloud app has a part in."""

from collections.abc import Callable

from ferryman.domain import transfer as rules
from ferryman.domain.cause import broken, whole
from ferryman.domain.failure import link_of
from ferryman.domain.outcome import reason_of
from ferryman.domain.snapshot import Handled, LeftAlone, Refused, Sample, Snapshot
from ferryman.domain.text import instant, plural, span
from ferryman.vocab import AppKind, EventType, MessageState, TransferStatus
from ferryman.wire.transfer import Link, MessageView

_NAMED = 5
_STATUS = "/status"
_PROGRESS = "/progress/"


def events(found: Snapshot) -> Link | None:
    """What was created, and whether it has a way to the app."""
    if found.transfer.started_at is None:
        return None
    lost = next((each for each in found.events if each.undelivered), None)
    wanted = bool(found.transfer.outstanding) or lost is not None or found.waiting
    if wanted and not found.settled_well and (link := _no_way(found)):
        return link
    parts = [_summary(each.event, each.created, each.undelivered) for each in found.events]
    parts += [f"{_short(name)} not routed: no trigger names it" for name in found.not_routed]
    return whole("events", "; ".join(parts) or "none so far")


def _no_way(found: Snapshot) -> Link | None:
    """The first event that is owed and has no way to go."""
    app = found.app
    if app.kind is AppKind.CONNECT:
        has_none = EventType.TRIGGERED not in app.routed
        return broken("events", "no_webhook", app=app.name) if has_none else None
    if not app.has_manifest:
        return broken("events", "no_manifest", app=app.name)
    owed = [each.event for each in found.events if each.created > each.delivered]
    for event in owed:
        if event not in app.routed:
            return broken("events", "no_trigger", app=app.name, event=event.value)
    return None


def deliveries(found: Snapshot) -> Link | None:
    """The first message that did not get through, and why its last attempt failed."""
    if not found.events:
        return None
    for message in found.troubled:
        if link := _trouble(found, message):
            return link
    if found.waiting and found.left_alone:
        return link_of_left_alone(found.left_alone[0])
    delivered = sum(each.delivered for each in found.events)
    return whole("delivery", f"{delivered} of {sum(each.created for each in found.events)}")


def link_of_left_alone(alone: LeftAlone) -> Link:
    """An endpoint at which a circuit breaker is open."""
    return broken(
        "delivery",
        "endpoint_left_alone",
        target=alone.target,
        at=instant(alone.until),
        error=reason_of(None, alone.error),
    )


def _trouble(found: Snapshot, message: MessageView) -> Link | None:
    failed = [each for each in message.attempts if each.outcome in ("FAILED", "LOST")]
    connect = found.app.kind is AppKind.CONNECT
    if failed:
        link = link_of("delivery", failed[-1], connect=connect, message=message.message_id)
        of = f"{_short(message.event_type)} {message.message_id}"
        more = "given up" if message.state is MessageState.UNDELIVERED else "tried again"
        tries = plural(len(message.attempts), "attempt")
        return Link(
            name=link.name,
            holds=False,
            cause=link.cause,
            found=f"{of}, {tries}, {more}: {link.found}",
            fix=link.fix,
        )
    if message.state is not MessageState.UNDELIVERED or found.settled_well:
        return None
    reason = reason_of(None, message.reason)
    if found.details_removed:
        return broken("delivery", "undelivered", reason=reason, message=message.message_id)
    return broken("delivery", "not_tried", event=_short(message.event_type), reason=reason)


def calls(found: Snapshot) -> Link | None:
    """Calls of the cloud app that were refused, and keys that it could not find."""
    if found.transfer.started_at is None:
        return None
    if found.wrong_keys:
        key = found.wrong_keys[0]
        return broken(
            "calls",
            "mapping_key_form",
            namespace=key.namespace,
            key=repr(key.key),
            expected=key.expected,
            nearest=key.nearest,
            transfer=found.transfer_id,
        )
    refused = [each for each in found.refusals if _counts(found, each)]
    if not refused:
        return whole("calls", "none is refused")
    first = next((each for each in refused if each.own), refused[0])
    if not first.own:
        return first.by_another(found.app.name)
    if first.code == "transfer_settled" and _STATUS in first.call:
        window = span(found.transfer.window)
        return broken("calls", "acknowledged_too_late", window=window)
    return first.link("calls")


def _counts(found: Snapshot, refused: Refused) -> bool:
    """Whether it may be what the transfer suffers from: of this run, and not mended since."""
    state = found.transfer
    if "/server/v1" in refused.call or found.settled_well:
        return False
    last = state.last_success_at or state.started_at
    if last is None or refused.at < last:
        return False
    if refused.code == "transfer_settled":
        return state.status is TransferStatus.TIMED_OUT
    if state.kind is AppKind.FORGE:
        return bool(state.outstanding)
    return found.reported_at is None or refused.at >= found.reported_at


def acknowledgement(found: Snapshot) -> Link | None:
    """What a Forge app still owes, and how long it has for it."""
    state = found.transfer
    if state.kind is not AppKind.FORGE or not state.files:
        return None
    if link := _returned(found) or _overdue(found):
        return link
    if state.failed:
        failed = plural(state.failed, "message")
        return broken(
            "acknowledgement", "acknowledged_failed", messages=failed, transfer=found.transfer_id
        )
    limit = rules.deadline(state)
    if state.outstanding and limit is not None and not state.status.final:
        waiting = f"{found.outstanding_messages} outstanding"
        return whole("acknowledgement", f"{waiting}, to be acknowledged before {instant(limit.at)}")
    return whole("acknowledgement", f"{state.succeeded} of {plural(state.files, 'message')}")


def _overdue(found: Snapshot) -> Link | None:
    """Messages whose window is over, or half of it."""
    state = found.transfer
    messages, limit = found.outstanding_messages, rules.deadline(state)
    if state.outstanding and state.status is TransferStatus.TIMED_OUT:
        named = found.outstanding[:_NAMED]
        more = state.outstanding - len(named)
        names = ", ".join(named) + (f" and {more} more" if more > 0 else "")
        window = span(state.window)
        return broken(
            "acknowledgement", "never_acknowledged", messages=messages, names=names, window=window
        )
    if state.outstanding and limit is not None and found.half_gone and not state.status.final:
        percent = 80 if found.window_gone >= 0.8 else 50
        return broken(
            "acknowledgement",
            "unacknowledged",
            messages=messages,
            at=instant(found.outstanding_since or found.now),
            percent=percent,
            deadline=instant(limit.at),
        )
    return None


def _returned(found: Snapshot) -> Link | None:
    """Functions that returned and left their messages unacknowledged, once nothing else is due.

    A remote or an app that listens for the end of the export may still acknowledge.
    """
    state = found.transfer
    timed_out = state.status is TransferStatus.TIMED_OUT
    to_come = EventType.EXPORTED in found.app.routed and state.export_completed_at is None
    if not timed_out and (state.status.final or found.waiting or to_come):
        return None
    return link_of_returned(found.returned, again=not timed_out) if found.returned.first else None


def link_of_returned(sample: Sample, *, again: bool) -> Link:
    """Functions that returned without acknowledging; ``again``: they can be called again."""
    first = sample.first[0]
    left = next((each.left for each in sample.first if each.left), None)
    return broken(
        "acknowledgement",
        "returned_unacknowledged",
        function=f"function {first.target}",
        messages=plural(sample.count, "message"),
        names=_names(sample, lambda each: f"{each.file!r} ({each.message_id})"),
        left=f"; it left {left} running, which was ended then: the likely cause" if left else "",
        again=f" Then `ferryman message redeliver {first.message_id}`." if again else "",
    )


def failed_late(found: Snapshot) -> Link | None:
    """Attempts that failed after the acknowledgement, so that the transfer succeeded anyway."""
    return link_of_failed_late(found.failed_late) if found.failed_late.first else None


def link_of_failed_late(sample: Sample) -> Link:
    """Handlers that said they were done, and then failed."""

    def named(each: Handled) -> str:
        why = each.error or "no reason was kept"
        return f"{each.target}, {each.file!r} ({each.message_id}): {why}"

    return broken(
        "handler",
        "failed_after_acknowledgement",
        attempts=plural(sample.count, "attempt"),
        its="its" if sample.count == 1 else "their",
        names=_names(sample, named),
    )


def _names(sample: Sample, name: Callable[[Handled], str]) -> str:
    more = sample.count - len(sample.first)
    return "; ".join(map(name, sample.first)) + (f"; and {more} more" if more > 0 else "")


def progress(found: Snapshot) -> Link | None:
    """What a Connect app says of itself."""
    state = found.transfer
    if state.kind is not AppKind.CONNECT or state.started_at is None:
        return None
    if state.status in (TransferStatus.FAILED, TransferStatus.INCOMPLETE):
        said = found.status_message or "no message"
        return broken(
            "progress",
            "settled_by_app",
            status=state.status,
            message=said,
            transfer=found.transfer_id,
        )
    if state.status is TransferStatus.SUCCESS:
        return whole("progress", "the app settled the transfer as SUCCESS")
    ignored = found.ignored_at
    if ignored is not None and (found.reported_at is None or ignored > found.reported_at):
        return broken("progress", "percent_ignored", at=instant(ignored))
    reported = found.reported_at
    report = "no progress was reported" if reported is None else f"reported {instant(reported)}"
    if found.details_removed:
        report = "what it reported was removed meanwhile"
    exported = state.export_completed_at
    late = exported is not None and found.now - max(exported, reported or exported) > state.window
    if state.status is TransferStatus.TIMED_OUT or late:
        return broken("progress", "never_settled", report=report, transfer=found.transfer_id)
    return whole("progress", f"{state.progress} %, {report}")


def _short(event: str) -> str:
    return event.removeprefix("avi:ecosystem.migration:")


def _summary(event: EventType, created: int, undelivered: int) -> str:
    lost = f", {undelivered} undelivered" if undelivered else ""
    return f"{created} {_short(event.value)}{lost}"
