"""What the explanation of a transfer adds to the status in which it ended."""

import time
from collections.abc import Sequence

import typer

from ferryman.cli import admin_calls as calls
from ferryman.cli.chain import link_line
from ferryman.cli.connection import Admin
from ferryman.wire.transfer import Link, TransferExplanation, TransferView

_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_LATE = "failed_after_acknowledgement"


def explained(admin: Admin, transfer_id: str) -> TransferExplanation:
    """Explain a transfer once none of its attempts runs any more.

    An acknowledgement may settle a transfer while its handler still runs and may yet fail. An
    attempt that takes longer than a minute is not waited for.
    """
    limit = time.monotonic() + _PATIENCE_SECONDS
    while (found := admin.call(calls.explain_transfer(transfer_id))).running_attempts:
        if time.monotonic() > limit:
            break
        time.sleep(_LOOK_SECONDS)
    return found


def first_broken(found: TransferExplanation) -> Link | None:
    """The link at which the chain is broken."""
    return next((link for link in found.links if link.name == found.broken), None)


def late_failure(found: TransferExplanation) -> Link | None:
    """The link that reports attempts that failed after an acknowledgement (ADR 0041)."""
    return next((link for link in found.links if link.cause == _LATE), None)


def findings(found: TransferExplanation) -> list[Link]:
    """All links that do not hold, in order."""
    return [link for link in found.links if not link.holds]


def say_late_failures(admin: Admin, views: Sequence[TransferView]) -> None:
    """Tell on standard error of attempts that failed in transfers that succeeded."""
    for view in views:
        if view.status.final and (late := late_failure(explained(admin, view.transfer_id))):
            typer.echo(link_line(late, broken=True), err=True)
