"""Look for what a function left running, which would interfere with the next call.

Part of the program ``host.py``: standard library only, and no import of another module of ours.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

# Their threads live on, to wait for work.
POOLS = ("ThreadPoolExecutor", "asyncio_")


def running() -> str:
    """Name what still runs."""
    threads = has_threads() or has_alarm()
    kinds = [(has_children(), "a process"), (threads, "a thread or timer")]
    return ", ".join(kind for is_left, kind in kinds if is_left)


def has_children() -> bool:
    """Return whether processes of the app still run, after reaping those that ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def has_threads() -> bool:
    """Return whether the app left a thread or a timer; those of a pool only wait for work."""
    threading = sys.modules.get("threading")
    if threading is None:
        return False
    main_thread = threading.main_thread()
    return any(
        thread is not main_thread and not thread.name.startswith(POOLS)
        for thread in threading.enumerate()
    )


def has_alarm() -> bool:
    """Return whether a signal is on its way that would end the next call."""
    signal = sys.modules.get("signal")
    return signal is not None and signal.getitimer(signal.ITIMER_REAL)[0] > 0


def pool_works() -> bool:
    """Return whether a thread of a pool does anything but wait for work, as after a failure."""
    threading = sys.modules.get("threading")
    if threading is None:
        return False
    frames = sys._current_frames()  # noqa: SLF001 - the only way to see it
    return any(
        thread.name.startswith(POOLS)
        and thread.ident in frames
        and not waits_for_work(frames[thread.ident])
        for thread in threading.enumerate()
    )


def waits_for_work(frame: "FrameType") -> bool:
    """Return whether a thread of a pool is in its own loop, and has nothing to do there."""
    held = frame.f_locals
    queue = held.get("work_queue")
    return (
        frame.f_code.co_name == "_worker"
        and held.get("work_item") is None
        and queue is not None
        and bool(queue.empty())
    )
