"""Attempts and agents in lists of all (admin surface). Times are epoch milliseconds."""

from ferryman.wire.base import Wire
from ferryman.wire.transfer import AttemptView


class AttemptEntry(AttemptView, frozen=True, kw_only=True):
    """An attempt in a list of all, and where it belongs."""

    message_id: str
    transfer_id: str
    event_type: str
    cloud_app_key: str
    environment: str
    customer: str


class AttemptPage(Wire, frozen=True):
    """Attempts that have ended, by default newest first."""

    items: list[AttemptEntry]
    next_cursor: str | None = None


class AgentView(Wire, frozen=True):
    """An agent of an app; one without a name is shown with an empty one.

    ``asked_at`` is when it last asked for work. ``running`` counts its transfers in progress, and
    ``silent_seconds`` is for how long it has made no call on any of them.
    """

    agent: str
    app_id: str
    cloud_app_key: str
    environment: str
    asked_at: int | None
    running: int
    silent_seconds: float | None


class AgentPage(Wire, frozen=True):
    """Agents, ordered by app and name."""

    items: list[AgentView]
    next_cursor: str | None = None
