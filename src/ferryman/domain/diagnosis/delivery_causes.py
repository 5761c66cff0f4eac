"""Texts for each :class:`FailureCause`, and for messages that are held back."""

from collections.abc import Mapping
from types import MappingProxyType

DELIVERY_CAUSES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # delivery
        "name_not_resolved": (
            "{target}: its name could not be resolved",
            "Correct the host name in {where}, or fix the DNS of the platform's machine.",
        ),
        "connection_refused": (
            "{target}: no connection could be made",
            "Check that the app listens at the address in {where} and that no firewall blocks it.",
        ),
        "tls_failed": (
            "{target}: no secure connection could be made",
            "Fix the certificate, or write http:// in {where} if the app speaks no TLS.",
        ),
        "connection_broke": (
            "{target}: the connection ended before the response was complete",
            "Check the app's log: it closed the connection or crashed on this event.",
        ),
        "address_refused": (
            "{target}: the platform must not connect to that address",
            "Use a public address in {where}, or start the platform with "
            "FERRYMAN_PRIVATE_ADDRESSES=allow.",
        ),
        "address_unusable": (
            "{target}: not a usable address: {error}",
            "Correct the address in {where}.",
        ),
        "not_answered_in_time": (
            "{target}: no response within the time limit",
            "Respond first and work afterwards: store the event, return, then process it.",
        ),
        "redirected": (
            "{target}: answered {status}, a redirect, which the platform does not follow",
            "Put the final address into {where}.",
        ),
        "answered_not_200": (
            "{target}: answered {status}, and only 200 counts",
            "Answer webhooks with exactly 200.",
        ),
        "credentials_refused": (
            "{target}: answered {status}, so the app did not accept the platform's token",
            "Check how the app verifies the token: its audience, keys and shared secret must be "
            "those of this platform.",
        ),
        "path_unknown": (
            "{target}: answered {status}: there is nothing at that path",
            "Correct the path in {where}; mind a base path such as /wiki.",
        ),
        "app_failed": (
            "{target}: answered {status}",
            "Check the app's log: it failed on this event.",
        ),
        "handler_missing": (
            "{target}: the handler's file or function no longer exists",
            "Restore it in the app's source folder, or register the app again with its current "
            "manifest.",
        ),
        "dependency_missing": (
            "{target}: {error}",
            "Install the missing module beside the platform's workers, or put it into the app's "
            "source folder.",
        ),
        "function_not_loaded": (
            "{target}: the file of the handler cannot be loaded: {error}",
            "Fix this error; it came before the handler was called.",
        ),
        "function_raised": (
            "{target}: raised {error}",
            "Fix the handler; for the whole traceback: `ferryman message show {message}`.",
        ),
        "function_timed_out": (
            "{target}: did not finish within the time limit",
            "Do less in one call: store the event, and process it elsewhere.",
        ),
        "function_exited": (
            "{target}: its process ended: {error}",
            "The handler must return, not exit.",
        ),
        "function_out_of_memory": (
            "{target}: ran out of memory: {error}",
            "Read and write in pieces instead of keeping a whole file in memory; the limit is "
            "FERRYMAN_FUNCTION_MEMORY_BYTES. SIGKILL means that the machine itself ran out.",
        ),
        "retry_requested": (
            "{target}: {error}",
            "Nothing to fix: it is called again as it requested, at most five times in all. Then "
            "check why it asks, and run `ferryman message redeliver {message}`.",
        ),
        "no_free_place": (
            "{target}: no slot to run the function became free in time",
            "Run more workers, or raise FERRYMAN_FUNCTION_CONCURRENCY; the call is retried.",
        ),
        "worker_died": (
            "{target}: the worker died before the outcome was known",
            "Nothing to fix: the delivery is retried.",
        ),
        "delivery_failed": ("{target}: {error}", "Fix the cause of this error."),
        "circuit_breaker_open": (
            "{target} kept failing, so nothing is sent there until {at}; last error: {error}",
            "Fix the app there; the platform retries by itself.",
        ),
        "not_tried": (
            "{event} was given up before it was tried: {reason}",
            "Make sure that `ferryman worker` runs; then re-run or redeliver.",
        ),
        "undelivered": (
            "given up: {reason}",
            "Fix the cause, then `ferryman message redeliver {message}`.",
        ),
    }
)
