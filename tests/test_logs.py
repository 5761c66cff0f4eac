"""What is logged: a level and a share of what went well; what failed or was slow always is."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ferryman import logs
from ferryman.api.request_log import RequestLog, _code_in
from ferryman.delivery.recorder import _log_outcome
from ferryman.logs import sampled
from ferryman.vocab import EventType


@given(st.text(min_size=1), st.floats(0, 1))
def test_all_lines_of_a_name_are_kept_or_none(name: str, share: float) -> None:
    assert sampled(share, name) is sampled(share, name)
    assert sampled(1, name)
    assert not sampled(0, name)


def test_a_share_of_the_names_is_kept() -> None:
    kept = sum(sampled(0.1, f"request {number}") for number in range(2_000))
    assert 120 < kept < 280


@pytest.mark.parametrize(
    ("path", "status", "seconds", "logged"),
    [
        ("/data", 200, 0.1, False),
        ("/data", 200, logs.SLOW_SECONDS, True),
        ("/data", 404, 0.1, True),
        ("/data", 500, 0.1, True),
        ("/data", 0, 0.1, True),
        ("/healthz", 200, 0.1, False),
        ("/healthz", 200, logs.SLOW_SECONDS, False),
        ("/readyz", 503, 0.1, True),
    ],
)
def test_what_failed_or_was_slow_is_logged_without_any_sample(
    path: str, status: int, seconds: float, logged: bool
) -> None:
    async def app(_scope: object, _receive: object, _send: object) -> None:
        raise AssertionError

    log = RequestLog(app, 0)
    assert log._logs(path, "request", status, seconds) is logged


@pytest.mark.parametrize(("status", "level"), [(404, "info"), (500, "warning"), (503, "warning")])
async def test_what_the_platform_failed_to_answer_is_a_warning(status: int, level: str) -> None:
    async def app(_scope: object, _receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(_message: object) -> None:
        pass

    receive: Any = None
    scope: Any = {"type": "http", "method": "GET", "path": "/data", "headers": [], "state": {}}
    with capture_logs() as told:
        await RequestLog(app, 1)(scope, receive, send)
    [line] = told
    assert (line["event"], line["log_level"]) == ("request.answered", level)


@pytest.mark.parametrize(("ok", "level"), [(True, "info"), (False, "warning")])
def test_an_attempt_that_failed_is_a_warning(ok: bool, level: str) -> None:
    lane = SimpleNamespace(event_type=EventType.UPLOADED)
    message = SimpleNamespace(transfer_id="t", message_id="m", number=1, lane=lane)
    app = SimpleNamespace(cloud_app_key="notes", environment="production")
    outcome = SimpleNamespace(ok=ok, duration=0.1, stage=None, cause=None, status=None)
    result: Any = SimpleNamespace(
        delivery=SimpleNamespace(app=app, message=message), outcome=outcome
    )
    with capture_logs() as told:
        _log_outcome(result, 1)
    assert [line["log_level"] for line in told] == [level]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"detail":"it said \\"code\\":\\"mine\\"","code":"app_not_found"}', "app_not_found"),
        (b"<p>Not found</p>", None),
        (None, None),
    ],
)
def test_the_code_of_a_refusal_is_found(body: object, code: str | None) -> None:
    assert _code_in(body) == code


def test_what_is_below_the_level_is_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    import structlog

    before = structlog.get_config()
    try:
        logs.configure(json=True, level="warning")
        log = structlog.get_logger("ferryman.test")
        log.info("harbour.left")
        log.warning("harbour.closed", code="ice")
    finally:
        structlog.configure(**before)
    said = capfd.readouterr().err
    assert "harbour.left" not in said
    assert '"code":"ice"' in said
