"""Run a cloud app's functions, one call at a time, outside the worker.

Python runs in this process; for JavaScript the host becomes Node.js with ``node/host.cjs``. The
program is started by ``enter.py``, uses little of the standard library and two files beside it, and
becomes two processes. The *supervisor* (``supervisor.py``) ends every process below it when the
host dies, or the worker does (end of the supervisor's standard input), and then dies as the host
died. The *host* loads the handler and answers the worker's requests on a socket, because standard
output belongs to the app.

On Linux both are subreapers: a child that detached itself by forking twice becomes theirs, not
init's, so it is found and ended too. Elsewhere the host's process group is ended.

A request to Node.js is one line of JSON; one to Python is marshalled, after its length in eight
bytes, as a parser of JSON is slow to import. Its members: ``call``, ``event``, ``context``,
``environment``, ``seconds`` (timeout), ``identity`` (what the app knows of itself) and, at first,
``told`` and ``debug`` (a debugger's port, or None), and ``program`` for JavaScript. Before the
function runs, the call's number is written into the mark, for where no answer comes. Answers are
lines of JSON, each with the ``call`` of the request: where that was ``told``, ``{"state":
"called"}`` before the function runs; then ``{"state": "done", "error": null, "left": what the
function left running, "ended": what else ended with it}``, and ``retry`` with ``after`` and
``reason`` if it asked for another call (JavaScript). If it raised, ``error`` is the traceback, with
``cause`` (a ``FailureCause``), ``class`` and ``message`` of the exception, ``frame``, null or the
innermost place in the app's files, and ``clean``: this process is as after a return. If it cannot
be called, ``unloadable`` replaces both states.
"""

import gc
import marshal
import os
import resource
import sys

HERE = os.path.dirname(__file__)
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from ferryman.functions import enter, host_channel, host_errors, host_left, supervisor

    Handler = Callable[[Any, Any], Any]
else:
    enter = sys.modules["__main__"]
    # Loaded as files, not as ``ferryman.…``, because the app may bring its own ``ferryman``.
    supervisor = enter.load_file("_ferryman_host_supervisor", f"{HERE}/supervisor.py")
    host_errors = enter.load_file("_ferryman_host_errors", f"{HERE}/host_errors.py")
    host_channel = enter.load_file("_ferryman_host_channel", f"{HERE}/host_channel.py")
    host_left = enter.load_file("_ferryman_host_left", f"{HERE}/host_left.py")

BECOME_CHANNEL, BECOME_MARK = 3, 4
MARK_BYTES = 8
OWN_MEMORY = 80 << 20
LOADING_THRESHOLD = 20_000


def main() -> None:
    """Run ``host.py CHANNEL_FD MARK_FD MEMORY_BYTES python SOURCE FILE FUNCTION``; never returns.

    Or ``… become RESERVED_BYTES PROGRAM ARGUMENTS``.
    """
    homes = enter.load_file("_ferryman_host_home", f"{HERE}/host_home.py")
    home = homes.locked_home(enter.HOME_PREFIX)
    os.environ["HOME"] = os.environ["TMPDIR"] = home
    code = run_host()
    homes.remove(home)
    supervisor.exit_like(code)


def run_host(
    *,
    report: "int | None" = None,
    started: "Callable[[], object] | None" = None,
    told: "Callable[[], object] | None" = None,
) -> int:
    """Run the host that the arguments describe, end what it left, and return its exit code.

    The first process of a sandbox gives ``report``, a descriptor that the app must not have, and
    ``started``, called once the host runs: a thread begun earlier might hold a file open while the
    host is forked, and the host, and so the app, would inherit it. ``told`` is for the supervisor.
    """
    channel, mark, memory = (int(word) for word in sys.argv[1:4])
    how, *words = sys.argv[4:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    supervisor.adopt_orphans()
    parent = os.getpid()
    host = os.fork()
    if host == 0:
        supervisor.die_with(parent)
        if report is not None:
            os.close(report)
            supervisor.allow_own_files()
        if how == "become":
            become(words[1:], channel, mark, memory, reserved=int(words[0]))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        serve(channel, mark, *words)
        exit_process()
    if started is not None:
        started()
    os.close(channel)
    os.close(mark)
    return supervisor.watch(host, told)


def exit_process() -> "NoReturn":
    """End this process as the interpreter does, but without taking every module apart."""
    import atexit

    threading = sys.modules.get("threading")
    try:
        if threading is not None:
            threading._shutdown()  # noqa: SLF001 - as the interpreter does
        atexit._run_exitfuncs()  # noqa: SLF001 - the same
        flush()
    finally:
        os._exit(0)


def become(command: list[str], channel: int, mark: int, memory: int, reserved: int) -> "NoReturn":
    """Replace this process by another program, with the channel and the mark at 3 and 4."""
    if memory and supervisor.LINUX:
        # V8 reserves far more address space than it uses, so only writable memory is limited;
        # memory V8 itself needs is not charged to the app.
        limit = memory + reserved + OWN_MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    # Both are moved first, since either may have the number of the other.
    channel, mark = [host_channel.out_of_the_way(each) for each in (channel, mark)]
    os.dup2(channel, BECOME_CHANNEL)
    os.dup2(mark, BECOME_MARK)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    os.execve(command[0], command, environment)  # noqa: S606 - the worker says which


def serve(channel: int, mark: int, source: str, file: str, function: str) -> None:
    """Answer requests until the worker closes the channel or the handler cannot be loaded."""
    moved, mark = (host_channel.out_of_the_way(each) for each in (channel, mark))
    handler: Handler | None = None
    while (data := host_channel.read(moved)) is not None:
        request = marshal.loads(data)  # noqa: S302 - the worker's
        call = request["call"]
        host_channel.set_variables(request["environment"])
        if handler is None:
            try:
                handler = load(source, file, function, request["debug"])
            except BaseException as error:  # noqa: BLE001 - whatever the app raises is its answer
                failed = host_errors.failure(error, source, host_errors.LOAD_CAUSES)
                host_channel.send(moved, {"call": call, "state": "unloadable", **failed})
                return
        os.pwrite(mark, call.to_bytes(MARK_BYTES), 0)
        if "told" in request:
            host_channel.send(moved, {"call": call, "state": "called"})
        ended: list[str] = []
        thrown = run(handler, request["event"], request["context"], ended)
        failed, last = host_errors.result(thrown, source), ", ".join(ended)
        if thrown is not None and failed["clean"]:
            host_errors.let_go(thrown)
            failed["clean"] = not host_left.pool_works()
        thrown = None
        host_channel.send_end(moved, call, host_left.running(), last, failed)


def load(source: str, file: str, function: str, debug_port: "int | None") -> "Handler":
    """Import the handler's file, with the source first on the path."""
    import site

    # Modules stay: to look through them as often as usual takes a tenth of importing them.
    usual = gc.get_threshold()
    gc.set_threshold(LOADING_THRESHOLD)
    # Only now: the supervisor, and Node.js, need no installed packages.
    site.main()
    if debug_port:
        enter.load_file("_ferryman_host_debug", f"{HERE}/host_debug.py").wait(debug_port)
    # The SDK of this installation, in case it is not on the path.
    sys.path.append(os.path.dirname(os.path.dirname(HERE)))
    sys.path[:0] = [source, f"{source}/src"]
    # A file must not replace a loaded module of the same name.
    stem = os.path.splitext(os.path.basename(file))[0]
    name = stem if stem not in sys.modules else f"ferryman_handler_{stem}"
    module = enter.load_file(name, file)
    if gc.get_threshold()[0] == LOADING_THRESHOLD:  # the app left it alone
        gc.set_threshold(*usual)
    handler: Handler | None = getattr(module, function, None)
    if not callable(handler):
        module_file = os.path.basename(file)
        raise host_errors.HandlerMissingError(f"{module_file} defines no function {function}")
    return handler


def run(
    handler: "Handler", event: object, context: object, ended: "list[str]"
) -> BaseException | None:
    """Call the handler and return what it raised, or None; its result is ignored.

    Tasks that are cancelled because the handler returned are added to ``ended``.
    """
    try:
        result = handler(event, context)
        if hasattr(result, "__await__"):
            # Imported only here, to keep the start of other hosts fast.
            import asyncio

            asyncio.run(_wait_for(result, ended))
    except BaseException as error:  # noqa: BLE001 - SystemExit too: the event was not processed
        return error
    finally:
        flush()
    return None


def flush() -> None:
    """Write out what the function printed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S110 - the app may have closed or replaced it
            pass


async def _wait_for(result: "Any", ended: list[str]) -> None:
    import asyncio

    await result
    if asyncio.all_tasks() - {asyncio.current_task()}:
        ended.append("a task of asyncio")
