"""Wait for a debugger of Python. Part of the program ``host.py``, for those who debug."""

import os


def wait(port: int) -> None:
    """Listen on this machine, and return when a debugger has attached and set its breakpoints.

    The debugger's server is in this process: one of its own would count as left running.
    """
    # It would print that breakpoints in frozen modules, which are none of the app's, are missed.
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    import debugpy  # noqa: T100 - somebody asked for it

    debugpy.configure(subProcess=False)
    debugpy.listen(("127.0.0.1", port), in_process_debug_adapter=True)  # noqa: T100
    debugpy.wait_for_client()  # noqa: T100
