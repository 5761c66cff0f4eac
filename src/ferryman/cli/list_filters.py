"""The options that filter lists, shared by the commands that list something."""

from dataclasses import dataclass
from typing import Annotated

import typer

from ferryman.archive_vocab import Archived
from ferryman.cli.clock import read_duration
from ferryman.cli.ids import OfApp, OfCustomer
from ferryman.cli.session import Session
from ferryman.vocab import FailureCause

Since = Annotated[
    str | None,
    typer.Option("--since", help="Only those created at most this long ago, such as 2h or 3d."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="Only those created at least this long ago, such as 2h or 3d."),
]


OfEnvironment = Annotated[
    str | None, typer.Option("--environment", help="Only apps of this environment.")
]
OfSite = Annotated[
    str | None, typer.Option("--site", help="Only this cloud site: its URL, or its host.")
]

InArchive = Annotated[bool, typer.Option("--archived", help="Only archived migrations.")]


@dataclass(frozen=True)
class ListFilters:
    """The filters of lists whose items belong to an app, a site and a customer."""

    app_name: OfApp = None
    environment: OfEnvironment = None
    site: OfSite = None
    cause: Annotated[
        FailureCause | None,
        typer.Option(
            "--cause",
            metavar="CAUSE",
            help="Only where the last attempt failed for this, such as function_raised.",
        ),
    ] = None
    since: Since = None
    until: Until = None
    customer: OfCustomer = None

    def times(self, session: Session) -> tuple[int | None, int | None]:
        """Return both ends of the time range in epoch milliseconds."""
        return time_range(session, self.since, self.until)


def archive_of(archived: bool) -> Archived | None:
    """Return the filter of an option; None is the platform's default."""
    return Archived.ONLY if archived else None


def time_range(
    session: Session, since: str | None, until: str | None
) -> tuple[int | None, int | None]:
    """Return both ends of a time range, in epoch milliseconds of the platform's time."""
    # Asked once: both ends of the range count from the same moment.
    now = session.admin.clock.get().now if since or until else 0
    return instant_ago(since, now), instant_ago(until, now)


def instant_ago(ago: str | None, now: int) -> int | None:
    """Return the time that long before ``now``; both in epoch milliseconds."""
    return None if ago is None else max(0, now - round(read_duration(ago) * 1000))
