"""The trace of a call goes on with the message that it owes, to the app that gets it."""

from pathlib import Path

import pytest

from ferryman import tracing
from ferryman.vocab import EventType
from tests.support import Crossing, PlatformProcess

from .receiver import receiving

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def listening_at(url: str) -> dict[str, object]:
    """A manifest whose one remote gets every file."""
    return {
        "app": {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"},
        "remotes": [{"key": "remote", "baseUrl": url, "operations": ["compute"]}],
        "modules": {
            "endpoint": [{"key": "endpoint", "remote": "remote", "route": {"path": "/in"}}],
            "trigger": [
                {"key": "trigger", "endpoint": "endpoint", "events": [EventType.TRIGGERED.value]}
            ],
        },
    }


def test_a_remote_goes_on_with_the_trace_of_the_call(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Claiming owes the first event; the second claim comes without a trace, which begins one."""
    with receiving() as receiver:
        for headers in ({"traceparent": PARENT}, {"traceparent": "00-nonsense"}):
            crossing = Crossing.begin(
                platform_process, app_folder, claim=False, manifest=listening_at(receiver.url)
            )
            request = {
                "serverAppKeys": [crossing.registration["serverAppKey"]],
                "agentId": "agent",
                "waitSeconds": 0,
            }
            path = "/server/v1/listeners/claim"
            assert crossing.server.call("POST", path, request, headers=headers).status == 200
            crossing.advance(1)
        first, second = ({k.lower(): v for k, v in got.headers.items()} for got in receiver.got)
    for headers in (first, second):
        assert tracing.parse(headers["traceparent"]) is not None
        assert headers["x-b3-traceid"] in headers["traceparent"]
        assert headers["x-b3-spanid"] in headers["traceparent"]
    assert first["x-b3-traceid"] == TRACE_ID
    assert first["traceparent"].endswith("-01")
    assert second["x-b3-traceid"] != TRACE_ID


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        PARENT.upper(),
        PARENT + "-00",
        PARENT.replace(TRACE_ID, "0" * 32),
        "00-" + TRACE_ID + "-" + "0" * 16 + "-01",
        "ff" + PARENT[2:],
    ],
)
def test_what_is_no_trace_is_left_out(header: str | None) -> None:
    assert tracing.parse(header) is None


def test_a_trace_ends_with_its_block() -> None:
    with tracing.span("call", PARENT, "server"):
        assert tracing.current() == PARENT
        with tracing.span("attempt", None, "client"):
            assert tracing.current() is None
        assert tracing.current() == PARENT
    assert tracing.current() is None
