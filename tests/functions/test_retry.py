"""What a function returns to ask for a retry, as `InvocationError` of `@forge/events` does."""

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ferryman.domain.limits import MAX_RETRY_DATA_BYTES
from ferryman.domain.outcome import Outcome
from ferryman.functions.pool import FunctionPool
from tests.functions.calling import Invoke

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's processes"),
    pytest.mark.usefixtures("javascript", "nothing_left"),
]

REASON = "FUNCTION_UPSTREAM_RATE_LIMITED"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "src").mkdir(parents=True)
    return folder


def returning(invoke: Invoke, app: Path, value: str) -> tuple[Outcome, bool]:
    """What comes of a function that returns it, and whether its host stays warm."""
    (app / "src" / "index.js").write_text(f"export const run = async () => ({value});\n")

    async def call() -> tuple[Outcome, bool]:
        async with FunctionPool(concurrency=1) as pool:
            outcome = await invoke(pool, "run")
            return outcome, bool(pool.hosts[1])

    return asyncio.run(call())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (f"{{ _retry: true, retryOptions: {{ retryAfter: 30, retryReason: '{REASON}' }} }}", 30),
        ("{ _retry: true, retryOptions: { retryAfter: 0.5 } }", 1),
        ("{ _retry: true, retryOptions: { retryAfter: -3 } }", 1),
        ("{ _retry: true, retryOptions: { retryAfter: 86400 } }", 900),
        ("{ _retry: true, retryOptions: { retryAfter: Infinity } }", 1),
        ("{ _retry: true, retryOptions: { retryAfter: '30' } }", 1),
        ("{ _retry: true, retryOptions: { retryAfter: true } }", 1),
        ("{ _retry: true, retryOptions: { retryData: 10n } }", 1),
        ("{ _retry: true, retryOptions: null }", 1),
        ("{ _retry: true }", 1),
    ],
)
def test_a_retry_is_granted_within_bounds(
    invoke: Invoke, app: Path, value: str, seconds: float
) -> None:
    outcome, warm = returning(invoke, app, value)
    assert (outcome.ok, outcome.stage, outcome.cause) == (False, "after", "retry_requested")
    assert outcome.retry_after == timedelta(seconds=seconds)
    assert f"asked to be called again in {seconds:g} s" in str(outcome.reason)
    assert (REASON in str(outcome.reason)) is (REASON in value)
    assert warm


@pytest.mark.parametrize(
    ("options", "context"),
    [
        ("{}", {"retryReason": "FUNCTION_RETRY_REQUEST"}),
        (
            "{ retryReason: 'FUNCTION_UPSTREAM_RATE_LIMITED', retryData: { page: 7 } }",
            {"retryReason": "FUNCTION_UPSTREAM_RATE_LIMITED", "retryData": {"page": 7}},
        ),
        ("{ retryData: null }", {"retryReason": "FUNCTION_RETRY_REQUEST", "retryData": None}),
        (
            f"{{ retryData: 'x'.repeat({MAX_RETRY_DATA_BYTES - 2}) }}",
            {
                "retryReason": "FUNCTION_RETRY_REQUEST",
                "retryData": "x" * (MAX_RETRY_DATA_BYTES - 2),
            },
        ),
    ],
)
def test_what_the_next_call_gets(
    invoke: Invoke, app: Path, options: str, context: dict[str, object]
) -> None:
    outcome, _ = returning(invoke, app, f"{{ _retry: true, retryOptions: {options} }}")
    assert json.loads(str(outcome.retry_context)) == context


def test_data_over_the_limit_is_not_kept_and_says_so(invoke: Invoke, app: Path) -> None:
    data = f"'é'.repeat({MAX_RETRY_DATA_BYTES // 2})"
    outcome, _ = returning(
        invoke, app, f"{{ _retry: true, retryOptions: {{ retryData: {data} }} }}"
    )
    assert json.loads(str(outcome.retry_context)) == {"retryReason": "FUNCTION_RETRY_REQUEST"}
    assert "retryData of 4098 bytes is not kept: the limit is 4096" in str(outcome.error)


@pytest.mark.parametrize(
    "value",
    [
        "undefined",
        "null",
        "{ _retry: false, retryOptions: { retryAfter: 30 } }",
        "{ _retry: 'true' }",
        "{ retryOptions: { retryAfter: 30 } }",
        "{ get _retry() { throw 1; } }",
        "[{ _retry: true }]",
    ],
)
def test_anything_else_that_is_returned_means_nothing(
    invoke: Invoke, app: Path, value: str
) -> None:
    outcome, warm = returning(invoke, app, value)
    assert (outcome.ok, outcome.retry_after, warm) == (True, None, True)
