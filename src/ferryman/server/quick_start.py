"""Import less, and collect nothing, while a process starts."""

import sys
from contextlib import suppress

from ferryman.server import collector


def prepare() -> None:
    """Call this first: before structlog is imported, and before anything is built.

    structlog imports rich, if it is there, for tracebacks in colour. Our logs hold them as text, so
    a twelfth of what a process imports would be for nothing.
    """
    collector.disable()
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    hidden: dict[str, None] = {"rich": None}
    sys.modules.update(hidden)  # type: ignore[arg-type] # as the import system defines it
    try:
        # If it is not installed, no platform is; the command says so.
        with suppress(ModuleNotFoundError):
            import structlog  # noqa: F401 - without it
    finally:
        del sys.modules["rich"]
