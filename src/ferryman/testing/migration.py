"""A migration under test: its status, its events and its result."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Protocol

from ferryman.client.admin import AdminClient
from ferryman.client.explanation import (
    explained,
    first_broken,
    late_failure,
    link_line,
    messages_of,
    timeline_of,
    transcript,
)
from ferryman.client.text import result_line
from ferryman.devtools.migrate import run as run_migration
from ferryman.testing.app import TestApp
from ferryman.vocab import TransferStatus
from ferryman.wire.transfer import (
    MessageView,
    TimelineEntry,
    TransferExplanation,
    TransferView,
)

_POLL_SECONDS = 0.05


class _Touched(Protocol):
    def __call__(self, migration: "TestMigration", /) -> None: ...


class TestMigration:
    """A migration of one app; every property asks the platform when it is read."""

    __test__: ClassVar[bool] = False  # pytest would take it for a class of tests

    def __init__(
        self,
        admin: AdminClient,
        app: TestApp,
        migration_id: str,
        transfer_id: str,
        touched: _Touched,
    ) -> None:
        self._admin = admin
        self._touched = touched
        self.app = app
        self.migration_id = migration_id
        self.transfer_id = transfer_id
        touched(self)

    @property
    def view(self) -> TransferView:
        """Return the transfer as ``ferryman transfer show`` does: counts, bytes, deadline."""
        self._touched(self)
        return self._admin.transfers.get(self.transfer_id)

    @property
    def status(self) -> TransferStatus:
        """Return its status, such as ``IN_PROGRESS``; a status equals its name."""
        return self.view.status

    @property
    def messages(self) -> list[MessageView]:
        """Return every event for the app with its attempts, oldest first."""
        self._touched(self)
        return list(messages_of(self._admin, self.transfer_id))

    @property
    def timeline(self) -> list[TimelineEntry]:
        """Return everything that happened, in order."""
        self._touched(self)
        return list(timeline_of(self._admin, self.transfer_id))

    @property
    def explanation(self) -> TransferExplanation:
        """Return its chain of links and the first broken one, once no attempt is running."""
        self._touched(self)
        return explained(self._admin, self.transfer_id)

    @property
    def logs(self) -> list[str]:
        """Return the lines that the app logged (``addLog``), in order."""
        added = [entry for entry in self.timeline if entry.kind == "log.added"]
        return [str(entry.data.get("message")) for entry in added]

    @property
    def output(self) -> str:
        """Return the output of the app's functions, in the order of the events."""
        attempts = [attempt for message in self.messages for attempt in message.attempts]
        return "".join(attempt.output or "" for attempt in attempts)

    def settle(self) -> TransferStatus:
        """Move time until it is settled, deadline by deadline; return its final status."""
        self._touched(self)
        return run_migration.settle(self._admin, self.transfer_id).status

    def wait(self, until: Callable[["TestMigration"], object], seconds: float = 30.0) -> None:
        """Wait in real time until the condition holds, for apps that work after they answered.

        Raises ``AssertionError`` after that many seconds.
        """
        limit = time.monotonic() + seconds
        while not until(self):
            if time.monotonic() > limit:
                result = result_line(self.view)
                raise AssertionError(f"condition not met after {seconds:g} s: {result}")
            time.sleep(_POLL_SECONDS)

    def explain(self) -> str:
        """Return the timeline, what functions printed, and the chain with its first broken link."""
        return "\n".join(transcript(self._admin, self.transfer_id))

    def __repr__(self) -> str:
        return f"<Migration of {self.app.cloud_key}, transfer {self.transfer_id}>"


def assert_settled(
    migration: TestMigration,
    status: str = "SUCCESS",
    within: float = 0.0,
    *,
    allow_failed_attempts: bool = False,
) -> None:
    """Assert that the migration has ended with ``status``.

    ``within`` waits that many real seconds for an app that acknowledges after it answered. Time
    is not moved: ``platform.advance("15m")`` and ``migration.settle()`` do that.

    It also fails if a handler failed after it acknowledged its message: the message is not
    delivered again, so the rest of the handler's work is missing. ``allow_failed_attempts`` is
    for handlers that do nothing important after the acknowledgement.
    """
    __tracebackhide__ = True
    expected = TransferStatus(status)
    if not expected.final:
        raise ValueError(f"{status} is not how a transfer ends")
    if within:
        with suppress(AssertionError):  # said better below
            migration.wait(lambda each: each.status.final, within)
    view, explanation = migration.view, migration.explanation
    late = late_failure(explanation)
    if view.status is expected and (late is None or allow_failed_attempts):
        return
    if view.status is expected and late is not None:
        raise AssertionError(
            f"{result_line(view)}, but {late.found}. {late.fix} If that is intended: "
            "assert_settled(..., allow_failed_attempts=True)."
        )
    link = first_broken(explanation)
    why = f"\n{link_line(link, broken=True)}" if link is not None else ""
    if view.status.final:
        raise AssertionError(f"expected {expected}, found {result_line(view)}{why}")
    raise AssertionError(
        f"expected {expected}, found a transfer that is still running: {result_line(view)}. "
        "Nothing more is due now; platform.advance(...) moves time to retries, "
        f"migration.settle() to the end.{why}"
    )
