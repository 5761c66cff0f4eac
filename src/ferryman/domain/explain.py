"""Why a transfer is where it is: the chain of links over a snapshot, and the first broken one.

Each check looks at one link and says whether it holds. It tells of what is so now: what was
mended since, or what the transfer did not need in the end, is history and breaks nothing.
"""

from collections.abc import Callable
from datetime import datetime

from ferryman.domain import transfer as rules
from ferryman.domain.cause import broken, whole
from ferryman.domain.explain_app import (
    acknowledgement,
    calls,
    deliveries,
    events,
    failed_late,
    progress,
)
from ferryman.domain.explain_worker import workers
from ferryman.domain.limits import CLAIM_CONFIRMATION, CLAIM_SILENCE
from ferryman.domain.snapshot import Asked, Snapshot
from ferryman.domain.text import instant, plural
from ferryman.vocab import AppKind, TransferStatus
from ferryman.wire.transfer import Link

_AGENT_GONE_SECONDS = 120
_CLAIM = "/listeners/claim"
_ENDED_CALLS = frozenset({"transfer_settled", "claim_superseded"})
"""Refusals of a listener that is over, whose transfer goes on or has ended without it."""


def chain(found: Snapshot) -> tuple[list[Link], str | None]:
    """All links that apply, in order, and the name of the first that does not hold."""
    links = [link for check in _CHECKS if (link := check(found)) is not None]
    if _ended_by_hand(found):
        return links, "end"
    return links, next((link.name for link in links if not link.holds), None)


def _ended_by_hand(found: Snapshot) -> bool:
    """Whether an admin ended it: what it had not done by then is nobody's fault."""
    skipped = found.transfer.status is TransferStatus.SKIPPED and found.skipped_by is None
    cancelled = found.transfer.cancel_requested_at is not None
    return skipped or (cancelled and not found.settled_well)


def _migration(found: Snapshot) -> Link:
    if found.migration_started_at is None:
        return broken("migration", "migration_not_started", migration=found.migration_id)
    started = instant(found.migration_started_at)
    return whole("migration", f"{found.migration_id} started at {started}")


def _dependencies(found: Snapshot) -> Link | None:
    if found.skipped_by is not None:
        return broken("dependencies", "dependency_failed", transfer=found.skipped_by)
    if found.waits_for:
        return broken("dependencies", "dependency_running", names=", ".join(found.waits_for))
    return None


def _app(found: Snapshot) -> Link:
    app = found.app
    if app.kind is AppKind.CONNECT and not app.installed and not found.settled_well:
        if app.install_error is not None:
            return broken("app", "install_failed", app=app.name, error=app.install_error)
        if app.uninstalled_at is not None:
            return broken("app", "app_uninstalled", app=app.name, at=instant(app.uninstalled_at))
        return broken("app", "app_not_installed", app=app.name)
    others = f"; also in {', '.join(app.others)}" if app.others else ""
    return whole("app", f"{app.kind} app {app.key} in environment {app.environment}{others}")


def _agent(found: Snapshot) -> Link | None:
    if found.claimed_at is not None:
        return _claimed(found, found.claimed_at)
    if found.transfer.started_at is not None:
        return whole("agent", "none: the server app called by itself")
    if found.transfer.status.final or found.released_at is None:
        return None
    asked, refused = found.asked, found.refusal(_CLAIM)
    if refused and (asked is None or asked.at <= refused.at):
        return refused.link("agent")
    return _nobody_asked(found) if asked is None else _asked(found, asked)


def _claimed(found: Snapshot, at: datetime) -> Link:
    by = found.claimed_by or "an agent without a name"
    lease = CLAIM_SILENCE if found.claim_confirmed else CLAIM_CONFIRMATION
    if found.transfer.status.final or _listener_ended(found) or found.claim_silence <= lease:
        return whole("agent", f"{by} took it at {instant(at)}")
    cause = "agent_silent" if found.claim_confirmed else "claim_unconfirmed"
    silence = plural(round(found.claim_silence.total_seconds()), "second")
    return broken("agent", cause, agent=by, at=instant(at), silence=silence)


def _listener_ended(found: Snapshot) -> bool:
    state = found.transfer
    ended = state.export_completed_at or state.returned_at
    return ended is not None or state.listener_errored


def _nobody_asked(found: Snapshot) -> Link:
    app = found.app
    if not found.asked_elsewhere:
        return broken("agent", "agent_never_asked", app=app.name)
    return broken(
        "agent",
        "agent_of_other_environment",
        app=app.name,
        key=app.key,
        environment=app.environment,
        other=found.asked_elsewhere[0],
    )


def _asked(found: Snapshot, asked: Asked) -> Link:
    agent, at = asked.agent or "without a name", instant(asked.at)
    if (found.now - asked.at).total_seconds() > _AGENT_GONE_SECONDS:
        return broken("agent", "agent_gone", agent=agent, app=found.app.name, at=at)
    return whole("agent", f"agent {agent} asked for work at {at}")


def _listener(found: Snapshot) -> Link | None:
    state = found.transfer
    if found.exception is not None and state.status is not TransferStatus.SUCCESS:
        return broken(
            "listener",
            "listener_threw",
            exception=found.exception,
            transfer=found.transfer_id,
        )
    if state.started_at is None:
        return None
    wordless = not (state.export_ended or state.unfinished)
    if state.status is TransferStatus.TIMED_OUT and wordless:
        cause = "listener_lost" if state.heartbeats else "listener_silent"
        return broken("listener", cause, transfer=found.transfer_id)
    if _listener_ended(found):
        return whole("listener", "was called and returned")
    return whole("listener", f"running since {instant(state.started_at)}")


def _uploads(found: Snapshot) -> Link | None:
    state = found.transfer
    if state.started_at is None:
        return None
    refused = found.refusal("/app-data", "/uploads/")
    last = state.last_upload_at
    if refused and refused.code not in _ENDED_CALLS and (last is None or last <= refused.at):
        return refused.link("uploads")
    ended = state.status.final or state.export_completed_at is not None
    if link := _unfinished(found, late=ended or found.half_gone):
        return link
    if not state.files and (ended or found.half_gone):
        return broken("uploads", "no_file")
    under_way = f", {state.unfinished} under way" if state.unfinished else ""
    return whole("uploads", f"{plural(state.files, 'file')}{under_way}")


def _unfinished(found: Snapshot, *, late: bool) -> Link | None:
    """Files whose writer failed, and, once it is late, those that are still open."""
    failed = [each for each in found.unfinished if each.failed is not None]
    named = failed or (list(found.unfinished) if late else [])
    if not named:
        return None
    count = found.transfer.unfinished or len(named)
    more = count - len(named)
    names = ", ".join(map(str, named)) + (f" and {more} more" if more > 0 else "")
    return broken(
        "uploads",
        "writer_failed" if failed else "upload_not_completed",
        uploads=plural(len(named) if failed else count, "file"),
        names=names if not failed else ", ".join(map(str, named)),
        at=instant(named[0].since),
    )


def _export(found: Snapshot) -> Link | None:
    state = found.transfer
    if state.started_at is None:
        return None
    refused = found.refusal("/complete-export")
    if refused and state.export_completed_at is None and refused.code not in _ENDED_CALLS:
        return refused.link("export")
    if state.export_completed_at is not None and not found.export_by_deadline:
        return whole("export", f"complete since {instant(state.export_completed_at)}")
    if state.kind is AppKind.CONNECT:
        return None
    waiting = state.files and not state.outstanding
    if state.status.final or waiting or found.half_gone:
        return broken("export", "export_not_completed")
    return whole("export", "not complete yet")


def _end(found: Snapshot) -> Link | None:
    state = found.transfer
    if state.status is TransferStatus.SUCCESS and state.settled_at is not None:
        return whole("end", f"SUCCESS at {instant(state.settled_at)}")
    if state.cancel_requested_at is not None:
        return broken("end", "cancelled", at=instant(state.cancel_requested_at))
    if state.settled_at is None:
        return None
    expiry = rules.expires_at(state)
    timed_out = state.status is TransferStatus.TIMED_OUT
    expired = timed_out and expiry is not None and state.settled_at >= expiry
    causes = {TransferStatus.SKIPPED: "skipped", TransferStatus.TIMED_OUT: "timed_out"}
    return broken(
        "end",
        "expired" if expired else causes.get(state.status, "ended_unwell"),
        at=instant(state.settled_at),
        status=state.status,
        transfer=found.transfer_id,
    )


_CHECKS: tuple[Callable[[Snapshot], Link | None], ...] = (
    _migration,
    _dependencies,
    _app,
    _agent,
    _listener,
    _uploads,
    events,
    workers,
    deliveries,
    calls,
    acknowledgement,
    failed_late,
    _export,
    progress,
    _end,
)
