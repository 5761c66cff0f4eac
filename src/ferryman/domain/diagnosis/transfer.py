"""Explain a transfer: check each link of its chain and name the first broken one.

Each check decides whether one link holds now. Problems that were fixed since, or that the transfer
survived, are history and break nothing.
"""

from collections.abc import Callable
from datetime import datetime

from ferryman.domain import lifetime
from ferryman.domain.diagnosis.acknowledgement import acknowledgement, failed_late, progress
from ferryman.domain.diagnosis.delivery import calls, deliveries, events
from ferryman.domain.diagnosis.link import Link, broken_link, ok_link
from ferryman.domain.diagnosis.pause import pause
from ferryman.domain.diagnosis.snapshot import ListenerPoll, TransferSnapshot
from ferryman.domain.diagnosis.workers import workers
from ferryman.domain.limits import CLAIM_CONFIRMATION, CLAIM_SILENCE
from ferryman.text import instant, plural
from ferryman.vocab import AppKind, TransferStatus

_AGENT_GONE_SECONDS = 120
_CLAIM = "/listeners/claim"
_ENDED_CALLS = frozenset({"transfer_settled", "claim_superseded"})
"""Refusals of a listener that is over, whose transfer continues or has ended without it."""


def chain(snapshot: TransferSnapshot) -> tuple[list[Link], str | None]:
    """Return all links that apply, in order, and the name of the first broken one."""
    links = [link for check in _CHECKS if (link := check(snapshot)) is not None]
    if _ended_by_hand(snapshot):
        return links, "end"
    return links, next((link.name for link in links if not link.holds), None)


def _ended_by_hand(snapshot: TransferSnapshot) -> bool:
    """Return whether an admin ended the transfer, so that unfinished work is no failure."""
    skipped = snapshot.transfer.status is TransferStatus.SKIPPED and snapshot.skipped_by is None
    cancelled = snapshot.transfer.cancel_requested_at is not None
    return skipped or (cancelled and not snapshot.settled_well)


def _migration(snapshot: TransferSnapshot) -> Link:
    if snapshot.migration_started_at is None:
        return broken_link("migration", "migration_not_started", migration=snapshot.migration_id)
    started = instant(snapshot.migration_started_at)
    return ok_link("migration", f"{snapshot.migration_id} started at {started}")


def _dependencies(snapshot: TransferSnapshot) -> Link | None:
    if snapshot.skipped_by is not None:
        return broken_link("dependencies", "dependency_failed", transfer=snapshot.skipped_by)
    if snapshot.waits_for:
        return broken_link(
            "dependencies", "dependency_running", names=", ".join(snapshot.waits_for)
        )
    return None


def _app(snapshot: TransferSnapshot) -> Link:
    app = snapshot.app
    if app.suspended and not snapshot.settled_well:
        return broken_link("app", "app_suspended", app=app.name)
    if app.kind is AppKind.CONNECT and not app.installed and not snapshot.settled_well:
        if app.install_error is not None:
            return broken_link("app", "install_failed", app=app.name, error=app.install_error)
        if app.uninstalled_at is not None:
            return broken_link(
                "app", "app_uninstalled", app=app.name, at=instant(app.uninstalled_at)
            )
        return broken_link("app", "app_not_installed", app=app.name)
    others = f"; also in {', '.join(app.others)}" if app.others else ""
    return ok_link("app", f"{app.kind} app {app.key} in environment {app.environment}{others}")


def _agent(snapshot: TransferSnapshot) -> Link | None:
    if snapshot.claimed_at is not None:
        return _claimed(snapshot, snapshot.claimed_at)
    if snapshot.transfer.started_at is not None:
        return ok_link("agent", "none: the server app called by itself")
    if snapshot.transfer.status.final or snapshot.released_at is None:
        return None
    asked, refused = snapshot.asked, snapshot.refusal(_CLAIM)
    if refused and (asked is None or asked.at <= refused.at):
        return refused.link("agent")
    return _nobody_asked(snapshot) if asked is None else _asked(snapshot, asked)


def _claimed(snapshot: TransferSnapshot, at: datetime) -> Link:
    by = snapshot.claimed_by or "an agent without a name"
    lease = CLAIM_SILENCE if snapshot.claim_confirmed else CLAIM_CONFIRMATION
    if (
        snapshot.transfer.status.final
        or _listener_ended(snapshot)
        or snapshot.claim_silence <= lease
    ):
        return ok_link("agent", f"{by} took it at {instant(at)}")
    cause = "agent_silent" if snapshot.claim_confirmed else "claim_unconfirmed"
    silence = plural(round(snapshot.claim_silence.total_seconds()), "second")
    return broken_link("agent", cause, agent=by, at=instant(at), silence=silence)


def _listener_at_work(snapshot: TransferSnapshot) -> bool:
    """Return whether it may still call complete_export(): a file is open, or its agent is alive."""
    if _listener_ended(snapshot):
        return False
    runs = snapshot.transfer.heartbeats and snapshot.claim_silence <= CLAIM_SILENCE
    return bool(snapshot.transfer.unfinished) or runs


def _listener_ended(snapshot: TransferSnapshot) -> bool:
    state = snapshot.transfer
    ended = state.export_completed_at or state.returned_at
    return ended is not None or state.listener_errored


def _nobody_asked(snapshot: TransferSnapshot) -> Link:
    app = snapshot.app
    if not snapshot.asked_elsewhere:
        return broken_link("agent", "agent_never_asked", app=app.name)
    return broken_link(
        "agent",
        "agent_of_other_environment",
        app=app.name,
        key=app.key,
        environment=app.environment,
        other=snapshot.asked_elsewhere[0],
    )


def _asked(snapshot: TransferSnapshot, asked: ListenerPoll) -> Link:
    agent, at = asked.agent or "without a name", instant(asked.at)
    if (snapshot.now - asked.at).total_seconds() > _AGENT_GONE_SECONDS:
        return broken_link("agent", "agent_gone", agent=agent, app=snapshot.app.name, at=at)
    return ok_link("agent", f"agent {agent} asked for work at {at}")


def _listener(snapshot: TransferSnapshot) -> Link | None:
    state = snapshot.transfer
    if snapshot.exception is not None and state.status is not TransferStatus.SUCCESS:
        return broken_link(
            "listener",
            "listener_threw",
            exception=snapshot.exception,
            transfer=snapshot.transfer_id,
        )
    if state.started_at is None:
        return None
    wordless = not (state.export_ended or state.unfinished)
    if state.status is TransferStatus.TIMED_OUT and wordless:
        cause = "listener_lost" if state.heartbeats else "listener_silent"
        return broken_link("listener", cause, transfer=snapshot.transfer_id)
    if _listener_ended(snapshot):
        return ok_link("listener", "was called and returned")
    return ok_link("listener", f"running since {instant(state.started_at)}")


def _uploads(snapshot: TransferSnapshot) -> Link | None:
    state = snapshot.transfer
    if state.started_at is None:
        return None
    refused = snapshot.refusal("/app-data", "/uploads/")
    last = state.last_upload_at
    if refused and refused.code not in _ENDED_CALLS and (last is None or last <= refused.at):
        return refused.link("uploads")
    ended = state.status.final or state.export_completed_at is not None
    if link := _unfinished(snapshot, late=ended or snapshot.half_gone):
        return link
    if not state.files and (ended or snapshot.half_gone):
        return broken_link("uploads", "no_file")
    under_way = f", {state.unfinished} under way" if state.unfinished else ""
    return ok_link("uploads", f"{plural(state.files, 'file')}{under_way}")


def _unfinished(snapshot: TransferSnapshot, *, late: bool) -> Link | None:
    """Report files whose writer failed, and, if ``late``, those that are still open."""
    failed = [upload for upload in snapshot.unfinished if upload.failed is not None]
    named = failed or (list(snapshot.unfinished) if late else [])
    if not named:
        return None
    count = snapshot.transfer.unfinished or len(named)
    more = count - len(named)
    names = ", ".join(map(str, named)) + (f" and {more} more" if more > 0 else "")
    return broken_link(
        "uploads",
        "writer_failed" if failed else "upload_not_completed",
        uploads=plural(len(named) if failed else count, "file"),
        names=names if not failed else ", ".join(map(str, named)),
        at=instant(named[0].since),
    )


def _export(snapshot: TransferSnapshot) -> Link | None:
    state = snapshot.transfer
    if state.started_at is None:
        return None
    refused = snapshot.refusal("/complete-export")
    if refused and state.export_completed_at is None and refused.code not in _ENDED_CALLS:
        return refused.link("export")
    if state.export_completed_at is not None and not snapshot.export_by_deadline:
        return ok_link("export", f"complete since {instant(state.export_completed_at)}")
    if state.kind is AppKind.CONNECT:
        return None
    waiting = state.files and not state.outstanding and not _listener_at_work(snapshot)
    if state.status.final or waiting or snapshot.half_gone:
        return broken_link("export", "export_not_completed")
    return ok_link("export", "not complete yet")


def _end(snapshot: TransferSnapshot) -> Link | None:
    state = snapshot.transfer
    if state.status is TransferStatus.SUCCESS and state.settled_at is not None:
        return ok_link("end", f"SUCCESS at {instant(state.settled_at)}")
    if state.cancel_requested_at is not None:
        return broken_link("end", "cancelled", at=instant(state.cancel_requested_at))
    if state.settled_at is None:
        return None
    expiry = lifetime.expires_at(state)
    timed_out = state.status is TransferStatus.TIMED_OUT
    expired = timed_out and expiry is not None and state.settled_at >= expiry
    causes = {TransferStatus.SKIPPED: "skipped", TransferStatus.TIMED_OUT: "timed_out"}
    return broken_link(
        "end",
        "expired" if expired else causes.get(state.status, "ended_unwell"),
        at=instant(state.settled_at),
        status=state.status,
        transfer=snapshot.transfer_id,
    )


_CHECKS: tuple[Callable[[TransferSnapshot], Link | None], ...] = (
    _migration,
    pause,
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
