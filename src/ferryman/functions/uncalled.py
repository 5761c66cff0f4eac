"""Describe the outcome of a call whose function could not be called."""

from ferryman.domain.outcome import Outcome, failed, raised
from ferryman.errors import PlatformError
from ferryman.vocab import FailureCause

_CAUSES = {
    "handler_file_missing": FailureCause.HANDLER_MISSING,
    "handler_file_ambiguous": FailureCause.HANDLER_MISSING,
    "handler_outside_source": FailureCause.HANDLER_MISSING,
    "handler_function_missing": FailureCause.HANDLER_MISSING,
    "handler_module_missing": FailureCause.DEPENDENCY_MISSING,
    "handler_does_not_compile": FailureCause.FUNCTION_NOT_LOADED,
}
"""Why a function could not be called, by the code of the refusal."""


def uncalled(error: PlatformError | OSError) -> Outcome:
    """Return the outcome for an error that was raised before there was a host."""
    if isinstance(error, OSError):
        text = f"No process could be started: {error}"
        return failed("before", FailureCause.DELIVERY_FAILED, text, duration=0.0)
    cause = _CAUSES.get(error.code, FailureCause.DELIVERY_FAILED)
    what = raised(error.code, f"expected {error.expected}; found {error.found}")
    return failed("before", cause, str(error), duration=0.0, what=what)
