"""What the body of an endpoint asks for: the same as what a function returns."""

import json
from datetime import timedelta

import pytest

from ferryman.domain.limits import MAX_RETRY_DATA_BYTES
from ferryman.functions.answer import read_body

OTHER = "FUNCTION_RETRY_REQUEST"


@pytest.mark.parametrize(
    ("options", "seconds", "context"),
    [
        ('{"retryAfter": 30}', 30, {}),
        ('{"retryAfter": NaN}', 1, {}),
        ('{"retryAfter": 1e999}', 900, {}),
        ("null", 1, {}),
        ("[7]", 1, {}),
        ('{"retryData": null}', 1, {"retryData": None}),
        ('{"retryData": NaN}', 1, {}),
        ('{"retryData": [1e999]}', 1, {}),
        (f'{{"retryData": {"[" * 5_000}}}', None, {}),
        # Two bytes each, as they are counted of a function.
        (f'{{"retryData": "{"é" * 2047}"}}', 1, {"retryData": "é" * 2047}),
        (f'{{"retryData": "{"é" * 2048}"}}', 1, {}),
    ],
)
def test_a_body_asks_for_another_call(
    options: str, seconds: float | None, context: dict[str, object]
) -> None:
    after, told, error = read_body(f'{{"_retry": true, "retryOptions": {options}}}', "remote")
    if seconds is None:
        assert (after, told, error) == (None, None, None)
        return
    assert after == timedelta(seconds=seconds)
    assert json.loads(str(told)) == {"retryReason": OTHER, **context}
    assert str(error).startswith(f"The remote asked to be called again in {seconds:g} s.")
    too_large = len(options) > MAX_RETRY_DATA_BYTES // 2 and not context
    assert ("of 4098 bytes is not kept" in str(error)) is too_large


def test_a_body_without_options_asks_too() -> None:
    after, told, _ = read_body('{"_retry": true}', "remote")
    assert (after, json.loads(str(told))) == (timedelta(seconds=1), {"retryReason": OTHER})
