"""Dataclasses whose methods are closures do what those of the standard library do."""

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any

import pytest

from ferryman.server import quick_dataclasses

REPLACED = ("_repr_fn", "_frozen_get_del_attr", "_hash_fn", "_cmp_fn")

METHODS = ("__eq__", "__hash__", "__repr__", "__setattr__", "__delattr__")

OPTIONS = [
    {},
    {"frozen": True},
    {"slots": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"frozen": True, "order": True},
    {"eq": False, "repr": False},
    {"unsafe_hash": True},
]

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="Python compiles all methods of a class at once"
)


def classes(options: dict[str, bool]) -> list[Any]:
    """Return classes of no, one and several fields, and one that inherits."""
    made: Callable[[Any], Any] = dataclass(**options)

    @made
    class Nothing:
        """No field."""

    @made
    class One:
        """One field."""

        first: Any = 1

    @made
    class Several:
        """Fields that are not shown, not compared, not hashed, or made."""

        first: Any = 1
        second: Any = field(default="two", repr=False)
        third: Any = field(default=3.0, compare=False)
        fourth: Any = field(default=(), hash=False)
        fifth: Any = field(default_factory=tuple)

    @made
    class Heir(One):
        """A field more than its parent has."""

        more: Any = "more"

    return [Nothing, One, Several, Heir]


def done(made: Any) -> list[Any]:
    """Return what instances of a class do."""
    instance, names = made(), [each.name for each in dataclasses.fields(made)]
    not_a_number = made(**dict.fromkeys(names, float("nan")))
    each_other = [made(), made(), *(made(**{name: "other"}) for name in names), not_a_number]
    recursive = made()
    for name in names[:1]:
        object.__setattr__(recursive, name, [recursive])
    own = [name for name in METHODS if made.__dict__.get(name)]
    return [
        [(one == two, one != two) for one in each_other for two in [*each_other, 1, None]],
        [repr(each).partition(" at 0x")[0] for each in [*each_other, recursive]],
        made.__hash__ and len({*each_other}),
        [failure(setattr, instance, name, 5) for name in [*names, "unknown"]],
        [failure(delattr, instance, name) for name in [*names, "unknown"]],
        [name for name in names if hasattr(instance, name)],
        [(name, made.__dict__[name].__qualname__, made.__dict__[name].__name__) for name in own],
    ]


def failure(act: Callable[..., None], *given: Any) -> str | None:
    """Return the error of an act, if it raises one."""
    try:
        act(*given)
    except (FrozenInstanceError, AttributeError, TypeError) as exc:
        return f"{type(exc).__name__}: {exc}"
    return None


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_they_do_the_same(options: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """They are compared, shown, hashed, and refuse to be changed like any other."""
    expected = [done(each) for each in classes(options)]
    library: Any = dataclasses
    before = [getattr(library, name) for name in REPLACED]
    for name, function in zip(REPLACED, before, strict=True):
        monkeypatch.setattr(library, name, function)  # puts it back
    quick_dataclasses.prepare()
    after = [getattr(library, name) for name in REPLACED]
    assert not {*before} & {*after}
    assert [done(each) for each in classes(options)] == expected
