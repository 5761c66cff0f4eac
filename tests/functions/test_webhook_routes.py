"""Which addresses the events of a Connect app go to, and what their tokens cover."""

import pytest

from ferryman.functions.descriptor import Descriptor
from ferryman.functions.routes import WebhookRoute, route_name, webhook_routes
from ferryman.vocab import EventType

BASE = "https://notes.example/connect"
OWN = Descriptor(key="k", base_url=BASE, webhook_path="/hook?a=1")
SILENT = Descriptor(key="k", base_url=BASE)


@pytest.mark.parametrize(
    ("descriptor", "registered", "expected"),
    [
        (None, [], []),
        (SILENT, [], []),
        (OWN, [], [(f"{BASE}/hook?a=1", "/hook", "a=1")]),
        # an address below the base URL is known to the app without the base URL's own path
        (SILENT, [f"{BASE}/in?b=2&a"], [(f"{BASE}/in?b=2&a", "/in", "b=2&a")]),
        (SILENT, [BASE], [(BASE, "/", "")]),
        # one that only looks like it, one elsewhere, and one that no descriptor is there for
        (SILENT, [f"{BASE}ed/in"], [(f"{BASE}ed/in", "/connected/in", "")]),
        (SILENT, ["http://else.example"], [("http://else.example", "/", "")]),
        (None, ["http://a.example/wiki/x?q"], [("http://a.example/wiki/x?q", "/wiki/x", "q")]),
        # the descriptor's first, then the registered ones in their order, each once
        (
            OWN,
            ["http://b.example/b", f"{BASE}/hook?a=1", "http://a.example/a"],
            [
                (f"{BASE}/hook?a=1", "/hook", "a=1"),
                ("http://b.example/b", "/b", ""),
                ("http://a.example/a", "/a", ""),
            ],
        ),
    ],
)
def test_the_addresses_of_an_event(
    descriptor: Descriptor | None, registered: list[str], expected: list[tuple[str, str, str]]
) -> None:
    routes = webhook_routes(descriptor, registered, EventType.UPLOADED)
    assert [(route.url, route.path, route.query) for route in routes] == expected


def test_nobody_is_told_of_the_end_of_an_export() -> None:
    for event in EventType:
        found = webhook_routes(OWN, [], event)
        assert bool(found) == (event is not EventType.EXPORTED)


def test_an_attempt_is_recorded_without_the_query() -> None:
    """It may hold a secret."""
    assert route_name(WebhookRoute("https://a.example/in?key=s", "/in", "key=s")) == (
        "https://a.example/in"
    )
