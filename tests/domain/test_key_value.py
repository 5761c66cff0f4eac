"""What Forge's key-value store takes, edge by edge."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.domain import key_value as rules
from ferryman.domain.limits import KVS_DEPTH, KVS_VALUE_BYTES
from ferryman.errors import PlatformError
from ferryman.kvs_vocab import KeyPolicy, LifetimeUnit, ReturnedValue


def refused(rule: object, *arguments: object) -> str | None:
    """The code of a refusal; None if nothing was refused."""
    try:
        rule(*arguments)  # type: ignore[operator]
    except PlatformError as error:
        return error.code.removeprefix("kvs_")
    return None


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("a", None),
        ("A:1._-# \t z", None),
        ("k" * 500, None),
        ("", "key_too_short"),
        ("k" * 501, "key_too_long"),
        (" \t", "invalid_key"),
        ("a/b", "invalid_key"),
        ("ä", "invalid_key"),
        ("a\u2003b", "invalid_key"),
        ("a\0b", "invalid_key"),
    ],
)
def test_keys(key: str, code: str | None) -> None:
    assert refused(rules.check_key, key) == code


def test_a_refused_key_is_not_repeated() -> None:
    with pytest.raises(PlatformError) as error:
        rules.check_key("ada@harbour.example")
    assert "ada" not in str(error.value)
    assert "U+0040 at character 4" in error.value.found


def nested(depth: int) -> bytes:
    return b'{"[":' * (depth - 1) + b"[]" + b"}" * (depth - 1)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"null", None),
        (b"", "invalid_value"),
        (b'"' + b"x" * (KVS_VALUE_BYTES - 2) + b'"', None),
        (b'"' + b"x" * (KVS_VALUE_BYTES - 1) + b'"', "max_size"),
        (nested(KVS_DEPTH), None),
        (nested(KVS_DEPTH + 1), "max_depth"),
        (b"[" + b"[]," * 100 + b"0]", None),
        (b'"' + b"[" * 100 + b'\\"' + b"[" * 100 + b'"', None),
    ],
)
def test_values(value: bytes, code: str | None) -> None:
    assert refused(rules.check_value, value) == code


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        (1, LifetimeUnit.SECONDS, 1),
        (1.5, LifetimeUnit.MINUTES, 90),
        (24, LifetimeUnit.HOURS, 86_400),
        (365, LifetimeUnit.DAYS, 365 * 86_400),
        (366, LifetimeUnit.DAYS, None),
        (0, LifetimeUnit.SECONDS, None),
        (-1, LifetimeUnit.DAYS, None),
    ],
)
def test_lifetimes(value: float, unit: LifetimeUnit, seconds: int | None) -> None:
    if seconds is None:
        assert refused(rules.lifetime, value, unit) == "invalid_ttl"
    else:
        assert rules.lifetime(value, unit) == timedelta(seconds=seconds)


@given(st.integers(-5, 200) | st.none())
def test_pages(asked: int | None) -> None:
    if asked is None:
        assert rules.page_limit(asked) == 10
    elif 1 <= asked <= 100:
        assert rules.page_limit(asked) == asked
    else:
        assert refused(rules.page_limit, asked) == "invalid_limit"


@pytest.mark.parametrize(
    ("keys", "size", "code"),
    [
        ([str(number) for number in range(25)], 4 << 20, None),
        ([str(number) for number in range(26)], 1, "too_many_keys"),
        ([], 1, "no_keys"),
        (["a", "b", "a"], 1, "duplicate_key"),
        (["a"], (4 << 20) + 1, "payload_too_large"),
    ],
)
def test_groups(keys: list[str], size: int, code: str | None) -> None:
    assert refused(rules.check_group, keys, size) == code


def test_a_key_that_may_not_exist_has_no_value_to_return() -> None:
    for returned in ReturnedValue:
        assert refused(rules.check_answer, KeyPolicy.OVERRIDE, returned) is None
        assert refused(rules.check_answer, None, returned) is None
        assert refused(rules.check_answer, KeyPolicy.FAIL_IF_EXISTS, returned) is not None
    assert refused(rules.check_answer, KeyPolicy.FAIL_IF_EXISTS, None) is None
