"""Debug the functions of ``ferryman dev``: the port of the debugger, and what it needs."""

import os
import socket
from pathlib import Path

from ferryman import refusals
from ferryman.client.text import Line
from ferryman.devtools.dev.built_from import handler_files
from ferryman.functions.debugging import check_debugpy
from ferryman.functions.source import in_python
from ferryman.vocab import FunctionMode

_MODE = "FERRYMAN_FUNCTIONS"
_ALLOWED = ("", FunctionMode.AUTO, FunctionMode.TRUSTED)


def prepare(folder: Path, port: int) -> int:
    """Return the port where functions shall wait for a debugger; ``port`` 0 takes a free one.

    Raises ``ConfigError`` if no debugger could attach to a function of the app in ``folder``.
    """
    functions = os.environ.get(_MODE, "")
    if functions not in _ALLOWED:
        raise refusals.function.INSPECT_SANDBOXED(functions=functions)
    if any(map(in_python, handler_files(folder))):
        check_debugpy()
    try:
        with socket.create_server(("127.0.0.1", port)) as listener:
            free: int = listener.getsockname()[1]
            return free
    except OSError as error:
        raise refusals.function.INSPECT_PORT_TAKEN(port=port, found=error.strerror) from error


def settings(port: int | None) -> dict[str, str]:
    """Return the variables of a platform whose functions are debugged, if they are."""
    # A sandbox has a network of its own, into which nothing from outside connects.
    return {} if port is None else {_MODE: "trusted", "FERRYMAN_FUNCTION_DEBUG_PORT": str(port)}


def greeting(port: int | None) -> list[Line]:
    """Return the line that says where to attach, if functions are debugged."""
    if port is None:
        return []
    text = f"  debugger        attach to 127.0.0.1:{port}; functions have no time limit"
    return [(text, "bold")]
