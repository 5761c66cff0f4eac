"""Make dataclasses without compiling a program for each of their methods (ADR 125).

The standard library writes the text of six methods for each frozen dataclass and compiles each by
itself: a sixth of what a process does that imports four hundred of them. All but ``__init__`` do
the same for every class, so here they are closures over the names of its fields. Later versions of
Python compile the six at once.
"""

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from operator import attrgetter
from typing import Any

_COMPILES_EACH = sys.version_info < (3, 13)


def prepare() -> None:
    """Call this before dataclasses are made; what a class does stays the same."""
    if not _COMPILES_EACH:
        return
    library: dict[str, Any] = vars(dataclasses)
    recursive, compiled = library["_recursive_repr"], library["_cmp_fn"]

    def compared(name: str, sign: str, own: str, other: str, **variables: Any) -> Any:
        if sign != "==":
            return compiled(name, sign, own, other, **variables)
        # `own` is the text of a tuple: (self.first,self.second,)
        return _eq([word.removeprefix("self.") for word in own[1:-1].split(",") if word])

    library["_repr_fn"] = lambda fields, _: recursive(_repr([each.name for each in fields]))
    library["_frozen_get_del_attr"] = lambda cls, fields, _: _frozen(cls, fields)
    library["_hash_fn"] = lambda fields, _: _hash([each.name for each in fields])
    library["_cmp_fn"] = compared


def _values(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that returns the values of these fields as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda _: ()
    get = attrgetter(*names)
    return lambda instance: (get(instance),)


def _eq(names: list[str]) -> Any:
    values = _values(names)

    def __eq__(self: Any, other: Any) -> Any:  # noqa: N807
        if other.__class__ is self.__class__:
            return values(self) == values(other)
        return NotImplemented

    return __eq__


def _hash(names: list[str]) -> Any:
    values = _values(names)

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(values(self))

    return __hash__


def _repr(names: list[str]) -> Any:
    def __repr__(self: Any) -> str:  # noqa: N807
        shown = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
        return f"{self.__class__.__qualname__}({shown})"

    return __repr__


def _frozen(cls: Any, fields: Any) -> tuple[Any, Any]:
    names = frozenset(field.name for field in fields)

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return __setattr__, __delattr__
