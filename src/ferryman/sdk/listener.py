"""Finding the server app's listener and calling it, whatever form it has."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman.sdk.gateway import Gateway
from ferryman.wire.migration import MigrationDetails

Start = Callable[[Gateway, MigrationDetails], object]


@dataclass(frozen=True, slots=True)
class Listener:
    """What the agent calls; ``keys`` are the server app keys that the listener names itself."""

    name: str
    start: Start
    keys: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The file that the listener was loaded from, or its module where there is none."""
        module = getattr(self.start, "__module__", "")
        return getattr(sys.modules.get(module), "__file__", None) or module


def load_listener(target: str) -> Listener:
    """Import ``module:attribute``, with the working directory on the path.

    Raises ``ValueError`` for a target of another form or an attribute that is no listener;
    what the import itself raises comes through.
    """
    module_name, colon, attribute = target.partition(":")
    if not (colon and module_name and attribute):
        raise ValueError(f"expected module:listener; found {target!r}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    found: Any = importlib.import_module(module_name)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ValueError(f"expected {attribute!r} in the module {module_name}; found none")
        found = getattr(found, part)
    return adapt_listener(found, name=target)


def adapt_listener(listener: object, *, name: str | None = None) -> Listener:
    """Make a listener of an object or class with ``on_start_app_migration``, or of a function."""
    if isinstance(listener, type):
        listener = listener()
    start = getattr(listener, "on_start_app_migration", None)
    keys: tuple[str, ...] = ()
    if start is None and callable(listener):
        start = listener
    elif (own_key := getattr(listener, "get_server_app_key", None)) is not None:
        keys = (str(own_key()),)
    if not callable(start):
        raise ValueError(
            "expected an object or class with on_start_app_migration(gateway, details), "
            f"or a function of the two; found {type(listener).__qualname__}"
        )
    own_name = getattr(listener, "__qualname__", type(listener).__qualname__)
    module = getattr(listener, "__module__", type(listener).__module__)
    return Listener(name=name or f"{module}:{own_name}", start=start, keys=keys)
