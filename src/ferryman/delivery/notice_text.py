"""Notices as text for people, and as JSON for programs. No IO."""

import msgspec

from ferryman.notice_vocab import NoticeKind, NoticePart
from ferryman.services.notice import view
from ferryman.store.notice import NoticeRow
from ferryman.store.notice_sink import Telling
from ferryman.text import instant

_NAMES = {
    NoticeKind.SETTLED: "A transfer has settled",
    NoticeKind.STALLED: "A transfer is stalled",
    NoticeKind.DEADLINE_NEAR: "A deadline is near",
    NoticeKind.UNCLAIMED: "No agent takes a transfer",
    NoticeKind.AGENT_GONE: "An agent has gone",
    NoticeKind.GIVEN_UP: "Messages were given up",
    NoticeKind.PAUSED: "A transfer stays paused",
    NoticeKind.ENDPOINT_LEFT_ALONE: "An endpoint is left alone",
    NoticeKind.QUOTA_NEAR: "A quota is nearly used up",
    NoticeKind.NO_WORKER: "No worker runs",
    NoticeKind.WORKER_FAILING: "Workers are failing",
    NoticeKind.STORE_FULL: "The disk is full",
    NoticeKind.STORE_AWAY: "The store of files does not work",
}

_TRIAL = "This is a trial of a sink of Ferryman: nothing is wrong."


def subject(telling: Telling) -> str:
    """Return a line that says what it is about."""
    notice = telling.notice
    if notice is None:
        return "Ferryman: a trial"
    over = "Over: " if telling.part is NoticePart.ENDED else ""
    whose = ", ".join(each for each in (notice.app, notice.customer) if each)
    return f"Ferryman: {over}{_NAMES[notice.kind]}" + (f" ({whose})" if whose else "")


def body(telling: Telling, base_url: str) -> str:
    """Return the body: what was found, the next step, and where the console shows it."""
    notice = telling.notice
    if notice is None:
        return _TRIAL
    lines = [notice.found]
    if notice.fix is not None and telling.part is NoticePart.BEGAN:
        lines.append(f"Next: {notice.fix}")
    if notice.migration_name is not None:
        lines.append(f"Migration: {notice.migration_name}")
    if notice.transfer_id is not None:
        lines.append(f"Transfer: {notice.transfer_id}")
    if notice.kind is not NoticeKind.SETTLED:
        lines.append(f"Since: {instant(notice.began_at)}")
        if notice.ended_at is not None:
            lines.append(f"Until: {instant(notice.ended_at)}")
    return "\n".join([*lines, console_url(notice, base_url)])


def webhook_body(telling: Telling, base_url: str) -> str:
    """Return the body of a webhook: ``type``, ``timestamp`` and ``data`` (Standard Webhooks)."""
    notice = telling.notice
    if notice is None:
        data: dict[str, object] = {"found": _TRIAL}
        kind, at = NoticePart.TEST.value, telling.queued_at
    else:
        kind = f"{notice.kind}.{telling.part}"
        ended = telling.part is NoticePart.ENDED and notice.ended_at is not None
        at = notice.ended_at if ended and notice.ended_at else notice.noticed_at
        data = {
            **msgspec.to_builtins(view(notice)),
            "consoleUrl": console_url(notice, base_url),
        }
        if not ended and notice.kind is not NoticeKind.SETTLED:
            data["endedAt"] = None  # it may have ended since; another call says so
    return msgspec.json.encode({"type": kind, "timestamp": at, "data": data}).decode()


def console_url(notice: NoticeRow, base_url: str) -> str:
    """Return the page of the console that shows it."""
    if notice.transfer_id is None:
        return f"{base_url}/console"
    return f"{base_url}/console/transfers/{notice.transfer_id}/explain"
