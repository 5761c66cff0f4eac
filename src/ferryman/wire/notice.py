"""Notices, and the sinks where they are told (admin surface). Times are epoch milliseconds."""

from ferryman.notice_vocab import NoticeKind, SinkKind, TellingState
from ferryman.wire.base import Wire


class NoticeView(Wire, frozen=True):
    """A trouble, or a transfer that settled: what was ``found``, and the next step in ``fix``.

    ``link`` and ``cause`` are those of an explanation. ``count`` is how many transfers, messages or
    endpoints it is about, and ``transferId`` is one of them. ``endedAt`` is null while it lasts.
    """

    notice_id: str
    kind: NoticeKind
    customer: str | None
    cloud_app_key: str | None
    environment: str | None
    transfer_id: str | None
    migration_name: str | None
    found: str
    fix: str | None
    link: str | None
    cause: str | None
    count: int
    began_at: int
    noticed_at: int
    ended_at: int | None


class NoticePage(Wire, frozen=True):
    """Notices, newest first."""

    items: list[NoticeView]
    next_cursor: str | None = None


class SinkRequest(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/notice-sinks``.

    ``address`` is the URL of a webhook or of a Slack-compatible hook, or a mail address. ``secret``
    signs what a webhook gets, as ``whsec_`` and base64; one is made if it is left out. The lists
    limit what is told; a sink of some customers or apps isn't told of the platform itself.
    """

    name: str
    kind: SinkKind
    address: str
    secret: str | None = None
    customers: list[str] | None = None
    apps: list[str] | None = None
    kinds: list[NoticeKind] | None = None


class SinkView(Wire, frozen=True):
    """A sink; ``address`` without what could be a secret in it.

    ``waiting`` counts what is still to be told, ``givenUp`` what could not be told within a day,
    ``error`` is the last one.
    """

    name: str
    kind: SinkKind
    address: str
    customers: list[str] | None
    apps: list[str] | None
    kinds: list[NoticeKind] | None
    created_at: int
    created_by: str
    waiting: int
    given_up: int
    told_at: int | None
    error: str | None


class AddedSink(Wire, frozen=True):
    """Response to adding a sink; ``secret`` is shown only here, and only for a webhook."""

    sink: SinkView
    secret: str | None


class SinkPage(Wire, frozen=True):
    """Sinks, oldest first."""

    items: list[SinkView]
    next_cursor: str | None = None


class SinkTrial(Wire, frozen=True):
    """What became of a trial of a sink; ``waiting`` if it has not answered yet."""

    name: str
    state: TellingState
    error: str | None
