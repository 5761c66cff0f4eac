"""Wait for a debugger of Python. Part of the program ``host.py``, for those who debug."""

import contextlib
import importlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def wait(port: int) -> None:
    """Listen on this machine, and return when a debugger has attached and set its breakpoints.

    The debugger's server is in this process: one of its own would count as left running.
    """
    # It would print that breakpoints in frozen modules, which are none of the app's, are missed.
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    import socket

    import debugpy  # noqa: T100 - somebody asked for it

    try:
        # The server would not say so, and wait for ever.
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise RuntimeError(f"port {port} is taken: no debugger can attach") from None
    debugpy.configure(subProcess=False)  # which loads the server, too
    # Another version than the one that is tested may lack what it uses.
    with contextlib.suppress(ImportError, AttributeError):
        resume_when_gone()
    debugpy.listen(("127.0.0.1", port), in_process_debug_adapter=True)  # noqa: T100
    debugpy.wait_for_client()  # noqa: T100


def resume_when_gone() -> None:
    """Let the function run on when the debugger's connection ends, also without a word.

    The server in this process leaves it stopped, and says so to no debugger that comes later.
    """
    reader = importlib.import_module("_pydevd_bundle.pydevd_comm").ReaderThread
    api = importlib.import_module("_pydevd_bundle.pydevd_api").PyDevdAPI
    read = reader._on_run  # noqa: SLF001 - there is no public way

    def read_and_resume(thread: "Any") -> None:
        read(thread)
        api().request_disconnect(thread.py_db, resume_threads=True)

    reader._on_run = read_and_resume  # noqa: SLF001 - see above
