"""A time that somebody writes: absolute with its offset, or how long from now."""

from datetime import datetime
from typing import Annotated

import typer

from ferryman.cli.session import Session
from ferryman.client.clock import parse_duration

NEVER = "never"

Until = Annotated[
    str,
    typer.Argument(
        help="A time with its offset, such as 2027-01-30T22:00+01:00, or how long from now, such "
        "as 8h; at most 30 days from now.",
        show_default=False,
    ),
]


def instant_of(
    session: Session, when: str, *, never: bool = False, name: str = "WHEN"
) -> int | None:
    """Return a time in epoch milliseconds; raise a usage error if it is not one.

    A duration counts from now, by the clock of the platform. ``never``: it may be `never`, None.
    """
    if never and when == NEVER:
        return None
    try:
        seconds = parse_duration(when)
    except ValueError:
        return _absolute(when, never=never, name=name)
    return session.admin.clock.get().now + round(seconds * 1000)


def until_of(session: Session, until: str) -> int:
    """Return what :data:`Until` names, in epoch milliseconds."""
    at = instant_of(session, until, name="UNTIL")
    assert at is not None  # noqa: S101 - it may not be never
    return at


def _absolute(when: str, *, never: bool, name: str) -> int:
    try:
        at = datetime.fromisoformat(when)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        other = ", a duration such as 8h, or never" if never else ", or a duration such as 8h"
        raise typer.BadParameter(
            f"expected a time with its offset, such as 2027-01-30T22:00+01:00{other}; "
            f"found {when!r:.60}",
            param_hint=name,
        )
    return round(at.timestamp() * 1000)
