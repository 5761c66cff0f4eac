"""The program that runs a cloud app's functions, one call at a time, away from the worker.

It runs Python itself; for JavaScript the host becomes Node.js with ``node/host.mjs``. It is
started as a file, uses the standard library alone, and becomes two processes. The *warden*
runs no line of the app's code, so nothing the app does can keep it from its work: when the host
dies, or the worker does (end of the warden's standard input), it ends every process below it and
then dies as the host died. The *host* loads the handler and answers the requests of the worker
on a socket of its own, because standard output belongs to the app.

On Linux the two are subreapers: a child that detached itself by forking twice becomes theirs, not
init's, so it is found and ended too. Elsewhere what is left in the host's process group is ended.

One JSON object a line. Request: ``call``, ``event``, ``context``, ``environment``, ``seconds``
(how long the function may take), ``identity`` (what the app is told of itself) and, the first
time for JavaScript, ``program``. Answers, each
with the ``call`` of the request: ``{"state": "called"}`` before the function runs, then
``{"state": "done", "error": null, "left": what the function left running, or nothing, "ended":
what else ended with it}``, and ``retry`` with ``after`` and ``reason`` where it asked to be called
again (JavaScript only). Where it raised, ``error`` is the traceback, and beside it are ``cause``
(see ``FailureCause``), ``class`` and ``message`` of what was raised, and ``frame``, null or the
innermost place in the app's own files. ``{"state": "unloadable"}`` with the same members comes
instead of both where the function cannot be called.
"""

import contextlib
import ctypes
import fcntl
import importlib.util
import json
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform == "linux"
ERROR_CHARACTERS = 8192
MESSAGE_CHARACTERS = 1000
LEAVES = 3
# Folders of what the app has installed, whose frames are not its own.
INSTALLED = {"site-packages", "dist-packages", "node_modules"}
BECOME_CHANNEL = 3
OWN_MEMORY = 80 << 20
HOME_PREFIX = "ferryman-host-"

Handler = Callable[[Any, Any], Any]
Failure = dict[str, object]


class HandlerMissingError(ImportError):
    """The file of the handler is there, and no such function in it."""


def main() -> None:
    """``host.py CHANNEL_FD MEMORY_BYTES python SOURCE FILE FUNCTION``; never returns.

    Or ``… become RESERVED_BYTES PROGRAM ARGUMENTS``.
    """
    channel, memory, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    home = locked_home()
    os.environ["HOME"] = os.environ["TMPDIR"] = home
    tempfile.tempdir = None
    adopt_orphans()
    warden = os.getpid()
    host = os.fork()
    if host == 0:
        live_no_longer_than(warden)
        if how == "become":
            become(sys.argv[5:], channel, memory, reserved=int(sys.argv[4]))
        source, file, function = Path(sys.argv[4]), Path(sys.argv[5]), sys.argv[6]
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        serve(channel, source, file, function)
        # Not os._exit: what the app registered with atexit may run.
        sys.exit(0)
    os.close(channel)
    code = watch(host)
    shutil.rmtree(home, ignore_errors=True)
    die_like(code)


def locked_home() -> str:
    """A folder for what the app writes, locked for as long as this process or the host lives.

    It gets its name when it is locked, so that one of that name without a lock has nobody.
    """
    draft = tempfile.mkdtemp(prefix=".ferryman-host-")
    fcntl.flock(os.open(draft, os.O_RDONLY), fcntl.LOCK_EX)
    home = str(Path(draft).with_name(HOME_PREFIX + Path(draft).name.rpartition("-")[2]))
    os.rename(draft, home)  # noqa: PTH104 - the name of a folder, not a path, is what is wanted
    return home


# The warden.


def watch(host: int) -> int:
    """Wait for the end of the host, leave no process below this one, and say how it ended."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    threading.Thread(target=end_at_end_of_input, args=(host,), daemon=True).start()
    pid, status = 0, 0
    while pid != host:
        pid, status = os.waitpid(-1, 0)
    if not LINUX:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(host, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            # Children of what dies here become ours, so this comes to an end with none left.
            for child in descendants(os.getpid()):
                with contextlib.suppress(OSError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)
    return os.waitstatus_to_exitcode(status)


def end_at_end_of_input(host: int) -> None:
    """The worker holds the other end and writes nothing: its end is the worker's wish or death."""
    while os.read(0, 4096):
        pass
    with contextlib.suppress(ProcessLookupError):
        os.kill(host, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Every process below ``pid``; Linux only, none elsewhere."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir() if LINUX else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The command may hold spaces and brackets; the parent comes after its last one.
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, ()))
    return found[1:]


def die_like(code: int) -> None:
    """End with the host's exit code, or by the signal that ended it."""
    if code < 0:
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


# Both.


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def live_no_longer_than(warden: int) -> None:
    """Make this the host: a group of its own that dies with the warden."""
    os.setpgid(0, 0)
    adopt_orphans()
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != warden:
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


# The host.


def become(command: list[str], channel: int, memory: int, reserved: int) -> NoReturn:
    """Be another program, which finds the channel at descriptor 3."""
    if memory and LINUX:
        # V8 reserves far more addresses than it uses, so only what can be written to is
        # limited; what it has of that from the start, and then for itself, is no matter of the
        # app's.
        limit = memory + reserved + OWN_MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    if channel != BECOME_CHANNEL:
        os.dup2(channel, BECOME_CHANNEL)
        os.close(channel)
    os.set_inheritable(BECOME_CHANNEL, True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    os.execve(command[0], command, environment)  # noqa: S606 - the worker says which


def serve(channel: int, source: Path, file: Path, function: str) -> None:
    """Answer requests until the worker closes the channel or the handler cannot be loaded."""
    # Out of the way of programs that use the low descriptors as they please.
    moved = fcntl.fcntl(channel, fcntl.F_DUPFD_CLOEXEC, 200)
    os.close(channel)
    connection = socket.socket(fileno=moved)
    handler: Handler | None = None
    for line in connection.makefile("rb"):
        request = json.loads(line)

        def answer(call: object = request["call"], **members: object) -> None:
            connection.sendall(json.dumps({"call": call, **members}).encode() + b"\n")

        os.environ.update(request["environment"])
        if handler is None:
            try:
                handler = load(source, file, function)
            except BaseException as error:  # noqa: BLE001 - whatever the app raises is its answer
                answer(state="unloadable", **failure(error, source, LOAD_CAUSES))
                return
        answer(state="called")
        ended: list[str] = []
        thrown = run(handler, request["event"], request["context"], ended)
        failed = {"error": None} if thrown is None else failure(thrown, source, RUN_CAUSES)
        answer(state="done", left=left_running(), ended=", ".join(ended), **failed)


def load(source: Path, file: Path, function: str) -> Handler:
    """Import the handler's file, with the source in front of everything else on the path."""
    # The SDK of this very installation, should it not be on the path by itself.
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    sys.path[:0] = [str(source), str(source / "src")]
    # A file named like a module that is loaded already must not take its place.
    name = file.stem if file.stem not in sys.modules else f"ferryman_handler_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    handler: Handler | None = getattr(module, function, None)
    if not callable(handler):
        raise HandlerMissingError(f"{file.name} defines no function {function}")
    return handler


def run(handler: Handler, event: object, context: object, ended: list[str]) -> BaseException | None:
    """Call the handler; None, or what it raised. Its result means nothing and is dropped.

    What is cancelled because the handler returned is added to ``ended``.
    """
    try:
        result = handler(event, context)
        if hasattr(result, "__await__"):
            # Only here: the import would cost every start of a host that does without.
            import asyncio

            asyncio.run(_wait_for(result, ended))
    except BaseException as error:  # noqa: BLE001 - SystemExit too: the event was not processed
        return error
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
    return None


async def _wait_for(result: Any, ended: list[str]) -> None:
    import asyncio

    await result
    if asyncio.all_tasks() - {asyncio.current_task()}:
        ended.append("a task of asyncio")


# By the first class that fits.
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
    error: BaseException, source: Path, causes: tuple[tuple[type[BaseException], str], ...]
) -> Failure:
    """What was raised, as the answer to a request has it."""
    return {
        "error": describe(error),
        "cause": next(cause for kind, cause in causes if isinstance(error, kind)),
        "class": class_of(error),
        "message": message_of(error)[:MESSAGE_CHARACTERS],
        "frame": frame_of(error, source),
    }


def class_of(error: BaseException) -> str:
    """The class of what was raised, as a traceback names it."""
    kind = type(error)
    hidden = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if hidden else f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """What it says, and what the first few exceptions of a group say."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a message too large to print, or a __str__ that raises
        return ""
    if isinstance(error, BaseExceptionGroup):
        first = error.exceptions[:LEAVES]
        text += ": " + "; ".join(f"{class_of(each)}: {message_of(each)}" for each in first)
    return text


def frame_of(error: BaseException, source: Path) -> str | None:
    """The innermost place in the app's own files; of a group's first exception."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        file = own_file(error.filename, source)
        if file is not None:
            return f"{file}:{error.lineno}"
    found, frames = None, error.__traceback__
    while frames is not None:
        code = frames.tb_frame.f_code
        file = own_file(code.co_filename, source)
        if file is not None:
            found = f"{file}:{frames.tb_lineno} in {code.co_name}"
        frames = frames.tb_next
    return found


def own_file(name: str, source: Path) -> str | None:
    """The file from the source folder on, if the app's authors wrote it."""
    prefix = f"{source}/"
    if not name.startswith(prefix):
        return None
    file = name.removeprefix(prefix)
    return None if INSTALLED.intersection(file.split("/")) else file


def describe(error: BaseException) -> str:
    """The traceback from the app's first frame on, its middle cut out if it is long."""
    try:
        text = "".join(traceback.format_exception(type(error), error, _app_frames(error)))
    except Exception:  # noqa: BLE001 - a message too large to print, or a __str__ that raises
        text = type(error).__name__
    if isinstance(error, SystemExit):
        text += "The function called exit instead of returning.\n"
    half = ERROR_CHARACTERS // 2
    return text if len(text) <= ERROR_CHARACTERS else f"{text[:half]}\n[...]\n{text[-half:]}"


def _app_frames(error: BaseException) -> TracebackType | None:
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        name = frames.tb_frame.f_code.co_filename
        if not (name == __file__ or name.startswith("<frozen") or "/asyncio/" in name):
            break
        frames = frames.tb_next
    return frames


def left_running() -> str:
    """What would go on in the middle of the next call."""
    found = [(has_children, "a process"), (has_threads, "a thread or timer")]
    return ", ".join(what for is_left, what in found if is_left())


def has_children() -> bool:
    """Whether processes are left that the app started, after gathering those that ended."""
    with contextlib.suppress(ChildProcessError):
        pid = 1
        while pid:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        return True
    return False


def has_threads() -> bool:
    """Whether the app left a thread or a timer, which would go on in the middle of the next call.

    Those of a pool do not count: they wait for work.
    """
    pools = ("ThreadPoolExecutor", "asyncio_")
    main_thread = threading.main_thread()
    return any(
        thread is not main_thread and not thread.name.startswith(pools)
        for thread in threading.enumerate()
    )


if __name__ == "__main__":
    main()
