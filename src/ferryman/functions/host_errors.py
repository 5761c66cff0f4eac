"""Describe what a handler raised, for the answer of its host.

Part of the program ``host.py``: standard library only, and no import of another module of ours.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

ERROR_CHARACTERS = 8192
MESSAGE_CHARACTERS = 1000
LEAVES = 3
# Folders of installed packages, whose frames are not the app's own.
INSTALLED = {"site-packages", "dist-packages", "node_modules"}
HOST = f"{os.path.dirname(__file__)}/host.py"

Failure = dict[str, str | bool | None]


class HandlerMissingError(ImportError):
    """Raised when the handler's file defines no such function."""

    # So that tracebacks show it without a module.
    __module__ = "builtins"


# The first class that fits gives the cause.
LOAD_CAUSES = (
    (HandlerMissingError, "handler_missing"),
    (ModuleNotFoundError, "dependency_missing"),
    (MemoryError, "function_out_of_memory"),
    (BaseException, "function_not_loaded"),
)
RUN_CAUSES = (
    (SystemExit, "function_exited"),
    (MemoryError, "function_out_of_memory"),
    (BaseException, "function_raised"),
)


def failure(
    error: BaseException, source: str, causes: tuple[tuple[type[BaseException], str], ...]
) -> Failure:
    """Describe an exception for an answer; the first of ``causes`` that fits counts."""
    return {
        "error": describe(error),
        "cause": next(cause for kind, cause in causes if isinstance(error, kind)),
        "class": class_of(error),
        "message": message_of(error)[:MESSAGE_CHARACTERS],
        "frame": frame_of(error, source),
    }


def result(thrown: BaseException | None, source: str) -> Failure:
    """Describe how a function ended, by what it raised."""
    if thrown is None:
        return {"error": None}
    clean = not isinstance(thrown, SystemExit | MemoryError)
    return {**failure(thrown, source, RUN_CAUSES), "clean": clean}


def let_go(error: BaseException) -> None:
    """Drop the variables of the frames of an exception, which hold what the function opened.

    To forget the exception is not enough: some of them often hold it, such as a task of asyncio.
    """
    import traceback

    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        traceback.clear_frames(each.__traceback__)
        left += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            left += each.exceptions


def class_of(error: BaseException) -> str:
    """Return the name of an exception's class, as a traceback shows it."""
    kind = type(error)
    hidden = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if hidden else f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """Return an exception's message, with those of the first few exceptions of a group."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a message too large to print, or a __str__ that raises
        return ""
    if isinstance(error, BaseExceptionGroup):
        first = error.exceptions[:LEAVES]
        text += ": " + "; ".join(f"{class_of(line)}: {message_of(line)}" for line in first)
    return text


def frame_of(error: BaseException, source: str) -> str | None:
    """Return the innermost frame in the app's own files; for a group, in its first exception."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        file = own_file(error.filename, source)
        if file is not None:
            return f"{file}:{error.lineno}"
    place, frames = None, error.__traceback__
    while frames is not None:
        code = frames.tb_frame.f_code
        file = own_file(code.co_filename, source)
        if file is not None:
            place = f"{file}:{frames.tb_lineno} in {code.co_name}"
        frames = frames.tb_next
    return place


def own_file(name: str, source: str) -> str | None:
    """Return a file's path below the source; None if the app's authors did not write it."""
    prefix = f"{source}/"
    if not name.startswith(prefix):
        return None
    file = name.removeprefix(prefix)
    return None if INSTALLED.intersection(file.split("/")) else file


def describe(error: BaseException) -> str:
    """Return the traceback from the app's first frame on, shortened in the middle."""
    # Imported only here, to keep the start of hosts fast.
    import traceback

    try:
        text = "".join(traceback.format_exception(type(error), error, _app_frames(error)))
    except Exception:  # noqa: BLE001 - a message too large to print, or a __str__ that raises
        text = type(error).__name__
    if isinstance(error, SystemExit):
        text += "The function called exit instead of returning.\n"
    half = ERROR_CHARACTERS // 2
    return text if len(text) <= ERROR_CHARACTERS else f"{text[:half]}\n[...]\n{text[-half:]}"


def _app_frames(error: BaseException) -> "TracebackType | None":
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        name = frames.tb_frame.f_code.co_filename
        if not (name == HOST or name.startswith("<frozen") or "/asyncio/" in name):
            break
        frames = frames.tb_next
    return frames
