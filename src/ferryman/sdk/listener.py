"""Load the server app's listener, in any form that it may have, and describe it."""

import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ferryman.sdk.gateway import Gateway
from ferryman.vocab import AccessScope
from ferryman.wire.listener import ClaimedTransfer, TransferDefinitionRequest
from ferryman.wire.migration import MigrationDetails

Start = Callable[[Gateway, MigrationDetails], object]
Rerun = Callable[[Gateway, str, str, MigrationDetails], object]


@dataclass(frozen=True, slots=True)
class TransferDefinition:
    """One of several transfers into which a listener splits its app's part of a migration.

    The listener is called once for each; ``gateway.transfer_name`` says for which. A transfer
    begins when those named in ``depends_on`` are settled; when one of these is ``blocking`` and
    failed, it is skipped. Without ``access_scopes`` the listener's own apply. Example::

        def get_transfer_definitions(self) -> list[TransferDefinition]:
            return [
                TransferDefinition("users"),
                TransferDefinition("notes", depends_on=["users"]),
                TransferDefinition("usage statistics", blocking=False),
            ]
    """

    name: str
    blocking: bool = True
    depends_on: Iterable[str] = ()
    access_scopes: Iterable[AccessScope | str] | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """Holds what the agent calls; ``keys`` are the server app keys that the listener names itself.

    ``rerun``, if any, is called for re-runs instead of ``start``. With ``access_scopes`` None
    those of the app's registration apply.
    """

    name: str
    start: Start
    keys: tuple[str, ...] = ()
    rerun: Rerun | None = None
    access_scopes: tuple[str, ...] | None = None
    definitions: tuple[TransferDefinitionRequest, ...] = ()

    def call_for(self, claimed: ClaimedTransfer, gateway: Gateway) -> Callable[[], object]:
        """Return the call to make for this transfer."""
        original, details = claimed.original_transfer_id, claimed.migration_details
        if self.rerun is None or original is None:
            return partial(self.start, gateway, details)
        return partial(self.rerun, gateway, original, claimed.transfer_id, details)

    @property
    def origin(self) -> str:
        """The file that the listener was loaded from, or else its module."""
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
    value: Any = importlib.import_module(module_name)
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise ValueError(f"expected {attribute!r} in the module {module_name}; found none")
        value = getattr(value, part)
    return adapt_listener(value, name=target)


def adapt_listener(listener: object, *, name: str | None = None) -> Listener:
    """Make a listener of an object or class with ``on_start_app_migration``, or of a function.

    Its keys, scopes and transfer definitions are read here, once. Raises ``ValueError`` for
    anything else.
    """
    if isinstance(listener, Listener):
        return listener
    if isinstance(listener, type):
        listener = listener()
    module = getattr(listener, "__module__", type(listener).__module__)
    own_name = getattr(listener, "__qualname__", type(listener).__qualname__)
    name = name or f"{module}:{own_name}"
    start = getattr(listener, "on_start_app_migration", None)
    if start is None and callable(listener):
        return Listener(name=name, start=listener)
    if not callable(start):
        raise ValueError(
            "expected an object or class with on_start_app_migration(gateway, details), "
            f"or a function of the two; found {type(listener).__qualname__}"
        )
    return Listener(
        name=name,
        start=start,
        keys=tuple(map(str, _declared(listener, "get_server_app_key", lambda key: [key]) or ())),
        rerun=getattr(listener, "on_rerun_app_migration", None),
        access_scopes=_declared(listener, "get_data_access_scopes", _texts),
        definitions=_declared(listener, "get_transfer_definitions", _definitions) or (),
    )


def _declared(listener: object, method: str, taken: Callable[[Any], Any]) -> Any:
    ask = getattr(listener, method, None)
    if ask is None:
        return None
    declared = ask()
    try:
        return taken(declared)
    except TypeError:
        raise ValueError(
            f"{method}(): expected {_FORMS[method]}; found {type(declared).__qualname__}"
        ) from None


_FORMS = {
    "get_server_app_key": "a text",
    "get_data_access_scopes": "a set of AccessScope",
    "get_transfer_definitions": "a list of TransferDefinition",
}


def _texts(declared: Iterable[object]) -> tuple[str, ...]:
    if isinstance(declared, str):
        raise TypeError
    return tuple(sorted(map(str, declared)))


def _definitions(declared: Iterable[object]) -> tuple[TransferDefinitionRequest, ...]:
    requests: list[TransferDefinitionRequest] = []
    for entry in declared:
        if not isinstance(entry, TransferDefinition):
            raise TypeError
        scopes = entry.access_scopes
        requests.append(
            TransferDefinitionRequest(
                transfer_name=entry.name,
                blocking=entry.blocking,
                depends_on=list(_texts(entry.depends_on)),
                access_scopes=None if scopes is None else list(_texts(scopes)),
            )
        )
    return tuple(requests)
