"""What may be told of an exception: where it happened, never what it said.

Messages, values and source lines can hold the customer's data, and go nowhere.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from traceback import walk_tb
from types import TracebackType

from ferryman.wire.listener import ListenerError

_MOST_FRAMES = 60
_MOST_CAUSES = 20
_SDK = PurePath(__file__).parent


def describe_error(error: BaseException, *, roots: Sequence[str] = ()) -> ListenerError:
    """Describe an exception by the names of its class, its causes and its frames.

    File names are shortened to what follows the longest of ``roots`` (such as ``sys.path``), or
    to their last part, since a folder may be named after a person or a customer.
    """
    lines = list(_frames(error.__traceback__, roots))
    if len(lines) > _MOST_FRAMES:
        half = _MOST_FRAMES // 2
        lines[half:-half] = [f"... {len(lines) - 2 * half} frames left out ..."]
    lines += [f"Caused by: {class_name(cause)}" for cause in _causes(error)]
    return ListenerError(
        exception_type=class_name(error), safe_stack_trace="\n".join([class_name(error), *lines])
    )


def error_place(error: BaseException, *, roots: Sequence[str] = ()) -> str:
    """Say where an exception was raised: its class, and the innermost line outside of the SDK."""
    found = [
        f"{_short(frame.f_code.co_filename, roots)}:{line}"
        for frame, line in walk_tb(error.__traceback__)
        if not PurePath(frame.f_code.co_filename).is_relative_to(_SDK)
    ]
    return f"{class_name(error)} at {found[-1]}" if found else class_name(error)


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
    """Yield what an exception came from, members of groups included, each once."""
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
