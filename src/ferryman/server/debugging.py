"""Refuse to debug functions on a platform that others rely on."""

from typing import TYPE_CHECKING

from ferryman import refusals
from ferryman.vocab import FunctionMode

if TYPE_CHECKING:
    from ferryman.config import Settings


def check_debugging(settings: "Settings") -> None:
    """Raise ``ConfigError`` for a port of a debugger outside ``ferryman dev --inspect``.

    Who can connect to it runs code as the platform's user; a function that is stopped has no time
    limit, and holds up all others.
    """
    if settings.function_debug_port is None:
        return
    if settings.clock != "virtual" or settings.functions is not FunctionMode.TRUSTED:
        raise refusals.function.DEBUGGED_IN_SERVE(
            clock=settings.clock, functions=settings.functions.value
        )
