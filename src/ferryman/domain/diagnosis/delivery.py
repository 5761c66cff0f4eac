"""Links about the way to the cloud app: events, deliveries, and the app's refused calls."""

from ferryman.domain.diagnosis.attempt import link_of
from ferryman.domain.diagnosis.link import Link, broken_link, ok_link
from ferryman.domain.diagnosis.record import MessageRecord
from ferryman.domain.diagnosis.snapshot import OpenBreaker, RefusalFact, TransferSnapshot
from ferryman.domain.outcome import reason_of
from ferryman.text import instant, plural, span
from ferryman.vocab import AppKind, EventType, MessageState, TransferStatus

_STATUS = "/status"


def events(snapshot: TransferSnapshot) -> Link | None:
    """Check which events were created and whether the app has a target for them."""
    if snapshot.transfer.started_at is None:
        return None
    lost = next((event for event in snapshot.events if event.undelivered), None)
    pending = bool(snapshot.transfer.outstanding) or lost is not None or snapshot.waiting
    if pending and not snapshot.settled_well and (link := _no_way(snapshot)):
        return link
    parts = [_summary(event.event, event.created, event.undelivered) for event in snapshot.events]
    if not snapshot.not_routed:
        return ok_link("events", "; ".join(parts) or "none so far")
    names = ", ".join(_short(name) for name in snapshot.not_routed)
    parts += [f"not sent, because the app's manifest has no trigger for it: {names}"]
    return ok_link(
        "events",
        "; ".join(parts),
        fix="Nothing, if the app does not need it. Otherwise add "
        f"{', '.join(snapshot.not_routed)} to modules.trigger[].events and register "
        f"{snapshot.app.name} again: such events are sent from then on.",
    )


def _no_way(snapshot: TransferSnapshot) -> Link | None:
    """Report the first pending event without a target."""
    app = snapshot.app
    if app.kind is AppKind.CONNECT:
        has_none = EventType.TRIGGERED not in app.routed
        return broken_link("events", "no_webhook", app=app.name) if has_none else None
    if not app.has_manifest:
        return broken_link("events", "no_manifest", app=app.name)
    not_delivered = [each.event for each in snapshot.events if each.created > each.delivered]
    for event in not_delivered:
        if event not in app.routed:
            return broken_link("events", "no_trigger", app=app.name, event=event.value)
    return None


def deliveries(snapshot: TransferSnapshot) -> Link | None:
    """Report the first message that was not delivered, and why its last attempt failed."""
    if not snapshot.events:
        return None
    for message in snapshot.troubled:
        if link := _trouble(snapshot, message):
            return link
    if snapshot.waiting and snapshot.open_breakers:
        return link_of_open_breaker(snapshot.open_breakers[0])
    delivered = sum(event.delivered for event in snapshot.events)
    return ok_link("delivery", f"{delivered} of {sum(event.created for event in snapshot.events)}")


def link_of_open_breaker(alone: OpenBreaker) -> Link:
    """Return the link for an endpoint whose circuit breaker is open."""
    return broken_link(
        "delivery",
        "circuit_breaker_open",
        target=alone.target,
        at=instant(alone.until),
        error=reason_of(None, alone.error),
    )


def _trouble(snapshot: TransferSnapshot, message: MessageRecord) -> Link | None:
    failed = [attempt for attempt in message.attempts if attempt.outcome in ("FAILED", "LOST")]
    connect = snapshot.app.kind is AppKind.CONNECT
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
    if message.state is not MessageState.UNDELIVERED or snapshot.settled_well:
        return None
    reason = reason_of(None, message.reason)
    if snapshot.details_removed:
        return broken_link("delivery", "undelivered", reason=reason, message=message.message_id)
    return broken_link("delivery", "not_tried", event=_short(message.event_type), reason=reason)


def calls(snapshot: TransferSnapshot) -> Link | None:
    """Check for refused calls of the cloud app, and for keys it could not find."""
    if snapshot.transfer.started_at is None:
        return None
    if snapshot.wrong_keys:
        key = snapshot.wrong_keys[0]
        return broken_link(
            "calls",
            "mapping_key_form",
            namespace=key.namespace,
            key=repr(key.key),
            expected=key.expected,
            nearest=key.nearest,
            transfer=snapshot.transfer_id,
        )
    refused = [refusal for refusal in snapshot.refusals if _counts(snapshot, refusal)]
    if not refused:
        return ok_link("calls", "none is refused")
    first = next((refusal for refusal in refused if refusal.own), refused[0])
    if not first.own:
        return first.by_another(snapshot.app.name)
    if first.code == "transfer_settled" and _STATUS in first.call:
        window = span(snapshot.transfer.window)
        return broken_link("calls", "acknowledged_too_late", window=window)
    return first.link("calls")


def _counts(snapshot: TransferSnapshot, refused: RefusalFact) -> bool:
    """Return whether a refusal may explain the state: of this run, and not fixed since."""
    state = snapshot.transfer
    if "/server/v1" in refused.call or snapshot.settled_well:
        return False
    last = state.last_success_at or state.started_at
    if last is None or refused.at < last:
        return False
    if refused.code == "transfer_settled":
        return state.status is TransferStatus.TIMED_OUT
    if state.kind is AppKind.FORGE:
        return bool(state.outstanding)
    return snapshot.reported_at is None or refused.at >= snapshot.reported_at


def _short(event: str) -> str:
    return event.removeprefix("avi:ecosystem.migration:")


def _summary(event: EventType, created: int, undelivered: int) -> str:
    lost = f", {undelivered} undelivered" if undelivered else ""
    return f"{created} {_short(event.value)}{lost}"
