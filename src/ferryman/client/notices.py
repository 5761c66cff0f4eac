"""List notices, and say where they are told."""

from ferryman.client.http import BASE, LONG_SECONDS, AdminHttp
from ferryman.notice_vocab import NoticeKind
from ferryman.sdk.operation import segment
from ferryman.wire.notice import (
    AddedSink,
    NoticePage,
    SinkPage,
    SinkRequest,
    SinkTrial,
    SinkView,
)

_SINKS = f"{BASE}/notice-sinks"


class Notices:
    """What the platform told, and where it tells it."""

    def __init__(self, http: AdminHttp) -> None:
        self._http = http

    def list(
        self,
        cursor: str | None,
        size: int,
        *,
        kind: NoticeKind | None = None,
        open_: bool | None = None,
        app: str | None = None,
        customer: str | None = None,
    ) -> NoticePage:
        """List notices, newest first; ``open_`` is whether the trouble lasts."""
        query = {
            "kind": kind,
            "open": None if open_ is None else str(open_).lower(),
            "cloudAppKey": app,
            "customer": customer,
            "cursor": cursor,
            "pageSize": size,
        }
        return self._http.get(f"{BASE}/notices", NoticePage, query)

    def add_sink(self, request: SinkRequest) -> AddedSink:
        """Add a sink; only this answer has its secret."""
        return self._http.post(_SINKS, AddedSink, request)

    def list_sinks(self, cursor: str | None, size: int) -> SinkPage:
        """List sinks, oldest first."""
        return self._http.get(_SINKS, SinkPage, {"cursor": cursor, "pageSize": size})

    def test_sink(self, name: str) -> SinkTrial:
        """Tell a sink that nothing is wrong; waits for what becomes of it."""
        return self._http.post(f"{_SINKS}/{segment(name)}/test", SinkTrial, timeout=LONG_SECONDS)

    def remove_sink(self, name: str) -> SinkView:
        """Remove a sink."""
        return self._http.post(f"{_SINKS}/{segment(name)}/remove", SinkView)
