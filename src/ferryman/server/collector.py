"""Keep the garbage collector from walking what stays for the life of a process."""

import gc

_YOUNG, _MIDDLE, _OLD = 50_000, 20, 20
"""Objects until the youngest are looked at, and how many such looks until the older ones are."""


def disable() -> None:
    """Collect nothing while the process starts, since what it imports and builds stays."""
    gc.disable()


def freeze() -> None:
    """Switch collection on, but leave out all objects that exist now."""
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    gc.enable()
