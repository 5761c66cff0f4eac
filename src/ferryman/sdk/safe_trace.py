"""Describe exceptions by where they were raised, without their messages.

Messages can contain the customer's data: only the developer sees them, on a terminal or a platform
of their own. Values and source lines are never sent.
"""

import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from traceback import walk_tb
from types import TracebackType

from ferryman.sdk.errors import ClientError, TextWrittenError
from ferryman.wire.listener import ListenerError

_MOST_FRAMES = 60
_MOST_CAUSES = 20
_MOST_CHARACTERS = 2_000
_SDK = PurePath(__file__).parent
_ELSEWHERE = (
    _SDK.parent,
    *(
        PurePath(sysconfig.get_path(name))
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
    ),
)


def describe_error(
    error: BaseException, *, roots: Sequence[str] = (), revealed: bool = False
) -> ListenerError:
    """Describe an exception by the names of its class, its causes and its frames.

    The message is included if ``revealed``, or if it is the SDK's own. File names are shortened
    to what follows the longest of ``roots`` (such as ``sys.path``), or to their last part, since
    a folder may be named after a person or a customer.
    """
    lines = list(_frames(error.__traceback__, roots))
    if len(lines) > _MOST_FRAMES:
        half = _MOST_FRAMES // 2
        lines[half:-half] = [f"... {len(lines) - 2 * half} frames left out ..."]
    lines += [f"Caused by: {class_name(cause)}" for cause in _causes(error)]
    return ListenerError(
        exception_type=class_name(error),
        safe_stack_trace="\n".join([class_name(error), *lines]),
        frame=own_frame(error, roots=roots),
        message=message_of(error, revealed=revealed),
    )


def message_of(error: BaseException, *, revealed: bool) -> str | None:
    """Return the message of an exception if it may be shown, else None."""
    visible = revealed or isinstance(error, TextWrittenError)
    return str(error)[:_MOST_CHARACTERS].strip() or None if visible else None


def own_frame(
    error: BaseException, *, roots: Sequence[str] = (), or_any: bool = True
) -> str | None:
    """Return the innermost place in the caller's own code, as ``file:line in function``.

    Code of the SDK, of Python itself and of installed packages is not the caller's; if there is
    nothing else, return the innermost place of all, or None without ``or_any``.
    """
    frames = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    own = [each for each in frames if not _foreign(each[0].co_filename)]
    for code, line in reversed(own or (frames if or_any else [])):
        return f"{_short(code.co_filename, roots)}:{line} in {code.co_name}"
    return None


def _foreign(filename: str) -> bool:
    path = PurePath(filename)
    return filename.startswith("<frozen") or any(map(path.is_relative_to, _ELSEWHERE))


def error_place(error: BaseException, *, roots: Sequence[str] = ()) -> str:
    """Say where an exception was raised: its class, and the innermost line of the caller's own.

    Without one, the innermost line outside of the SDK.
    """
    files = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    outside = [each for each in files if not PurePath(each[0]).is_relative_to(_SDK)]
    for file, line in reversed([each for each in files if not _foreign(each[0])] or outside):
        return f"{class_name(error)} at {_short(file, roots)}:{line}"
    return class_name(error)


def failure_note(error: BaseException) -> str:
    """Describe the failure of a file: class and place, and the code of a refusal."""
    place = error_place(error, roots=sys.path)
    if isinstance(error, ClientError):
        place += f" ({error.code or error.status or 'no answer'})"
    return place


def class_name(error: BaseException) -> str:
    """Return the qualified name of an exception's class; built-in ones go without module."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _frames(traceback: TracebackType | None, roots: Sequence[str]) -> Iterator[str]:
    for frame, line in walk_tb(traceback):
        code = frame.f_code
        yield f'  File "{_short(code.co_filename, roots)}", line {line}, in {code.co_name}'


def _short(filename: str, roots: Sequence[str]) -> str:
    path = PurePath(filename)
    inside = [root for root in roots if root and path.is_relative_to(root)]
    if inside:
        return path.relative_to(max(inside, key=len)).as_posix()
    return path.name


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the causes of an exception, members of groups included, each once."""
    seen = {id(error)}
    queue = list(_direct(error))
    while queue and len(seen) <= _MOST_CAUSES:
        cause = queue.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        queue.extend(_direct(cause))


def _direct(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        yield from error.exceptions
    if error.__cause__ is not None:
        yield error.__cause__
    elif error.__context__ is not None and not error.__suppress_context__:
        yield error.__context__


HandledError = tuple[BaseException, TracebackType | None]
"""An exception and its traceback so far, which changes when it is raised again."""


def handled_errors() -> tuple[HandledError, ...]:
    """Return the exceptions that are being handled where this is called, innermost first."""
    handled: list[HandledError] = []
    error = sys.exc_info()[1]
    while error is not None and not any(error is each for each, _ in handled):
        handled.append((error, error.__traceback__))
        error = error.__context__
    return tuple(handled)


def new_error(known: tuple[HandledError, ...]) -> BaseException | None:
    """Return the exception that is being handled now, or None if it is one of ``known``."""
    error = sys.exc_info()[1]
    if error is None:
        return None
    place = error.__traceback__
    same = any(error is each and place is traceback for each, traceback in known)
    return None if same else error
