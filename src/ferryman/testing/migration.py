"""A migration under test: where it stands, what happened, and how it ended."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from ferryman.cli import admin_calls as calls
from ferryman.cli import carry, pages
from ferryman.cli.chain import link_line
from ferryman.cli.connection import Admin
from ferryman.cli.transcript import messages_of, transcript
from ferryman.cli.verdict import explained, first_broken, late_failure
from ferryman.cli.watch import result_line
from ferryman.testing.app import App
from ferryman.vocab import TransferStatus
from ferryman.wire.transfer import (
    MessageView,
    TimelineEntry,
    TransferExplanation,
    TransferView,
)

_LOOK_SECONDS = 0.05


class _Touched(Protocol):
    def __call__(self, migration: "Migration", /) -> None: ...


class Migration:
    """One migration of one app. Everything is asked of the platform when it is read."""

    def __init__(
        self, admin: Admin, app: App, migration_id: str, transfer_id: str, touched: _Touched
    ) -> None:
        self._admin = admin
        self._touched = touched
        self.app = app
        self.migration_id = migration_id
        self.transfer_id = transfer_id
        touched(self)

    @property
    def view(self) -> TransferView:
        """The transfer as ``ferryman transfer show`` knows it: counts, bytes, deadline."""
        self._touched(self)
        return self._admin.call(calls.get_transfer(self.transfer_id))

    @property
    def status(self) -> TransferStatus:
        """Where it stands, such as ``IN_PROGRESS``; a status equals its name."""
        return self.view.status

    @property
    def messages(self) -> list[MessageView]:
        """Every event that the app was owed, with its attempts, oldest first."""
        self._touched(self)
        return list(messages_of(self._admin, self.transfer_id))

    @property
    def timeline(self) -> list[TimelineEntry]:
        """All that happened, in order."""
        self._touched(self)

        def fetch(after: str | None, size: int) -> pages.Page[TimelineEntry]:
            return self._admin.call(calls.get_timeline(self.transfer_id, after, size))

        return [entry for page in pages.pages(fetch) for entry in page]

    @property
    def explanation(self) -> TransferExplanation:
        """Its chain of links, and which is broken first, once no attempt runs any more."""
        self._touched(self)
        return explained(self._admin, self.transfer_id)

    @property
    def logs(self) -> list[str]:
        """What the app logged (``addLog``), in order."""
        added = [entry for entry in self.timeline if entry.kind == "log.added"]
        return [str(entry.data.get("message")) for entry in added]

    @property
    def output(self) -> str:
        """What the app's functions printed, in the order of the events."""
        attempts = [attempt for message in self.messages for attempt in message.attempts]
        return "".join(attempt.output or "" for attempt in attempts)

    def settle(self) -> TransferStatus:
        """Move time until it is settled, deadline by deadline; how it ended."""
        self._touched(self)
        return carry.settle(self._admin, self.transfer_id).status

    def wait(self, until: Callable[["Migration"], object], seconds: float = 30.0) -> None:
        """Wait in real time until that holds: for apps that go on after they answered.

        Raises ``AssertionError`` after so many seconds.
        """
        limit = time.monotonic() + seconds
        while not until(self):
            if time.monotonic() > limit:
                raise AssertionError(f"not so after {seconds:g} s: {result_line(self.view)}")
            time.sleep(_LOOK_SECONDS)

    def explain(self) -> str:
        """The timeline, what functions printed, and the first link of the chain that is broken."""
        return "\n".join(transcript(self._admin, self.transfer_id))

    def __repr__(self) -> str:
        return f"<Migration of {self.app.cloud_key}, transfer {self.transfer_id}>"


def assert_settled(
    migration: Migration,
    status: str = "SUCCESS",
    within: float = 0.0,
    *,
    allow_failed_attempts: bool = False,
) -> None:
    """Assert that the migration has ended, and as ``status``.

    ``within`` waits so many real seconds for an app that acknowledges after it answered. Time
    is not moved: ``platform.advance("15m")`` and ``migration.settle()`` do that.

    It fails as well where a handler acknowledged a message and then failed: the message is not
    delivered again, so what the handler had not done is missing. ``allow_failed_attempts`` is
    for apps that need nothing of a handler after its acknowledgement.
    """
    __tracebackhide__ = True
    wanted = TransferStatus(status)
    if not wanted.final:
        raise ValueError(f"{status} is not how a transfer ends")
    if within:
        with suppress(AssertionError):  # said better below
            migration.wait(lambda each: each.status.final, within)
    view, found = migration.view, migration.explanation
    late = late_failure(found)
    if view.status is wanted and (late is None or allow_failed_attempts):
        return
    if view.status is wanted and late is not None:
        raise AssertionError(
            f"{result_line(view)}, but {late.found}. {late.fix} Where that is meant so: "
            "assert_settled(..., allow_failed_attempts=True)."
        )
    link = first_broken(found)
    why = f"\n{link_line(link, broken=True)}" if link is not None else ""
    if view.status.final:
        raise AssertionError(f"expected {wanted}, found {result_line(view)}{why}")
    raise AssertionError(
        f"expected {wanted}, found a transfer that goes on: {result_line(view)}. Nothing more is "
        "due now; platform.advance(...) moves time to retries, migration.settle() to the "
        f"end.{why}"
    )
