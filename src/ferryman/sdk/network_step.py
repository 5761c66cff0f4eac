"""One step of a trial of the network, and what makes it fail."""

from dataclasses import dataclass

from ferryman.network.faults import Failure
from ferryman.sdk.errors import ClientError
from ferryman.sdk.exchange import NoAnswerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: ``ok``, ``failed`` or ``skipped``, and what was found, in words without secrets.

    ``expected``, ``fix`` and ``code`` are set if it failed; ``seconds`` is how long it took, and
    ``bytes_per_second`` the rate of a step that carries bytes.
    """

    step: str
    status: str
    found: str
    expected: str = ""
    fix: str = ""
    code: str = ""
    seconds: float = 0.0
    bytes_per_second: float | None = None


class StepFailed(Exception):
    """A step did not succeed: why, in noun phrases without secrets, and what to do."""

    def __init__(self, found: str, expected: str, fix: str, code: str) -> None:
        super().__init__(found)
        self.found: str = found
        self.expected: str = expected
        self.fix: str = fix
        self.code: str = code


def failed_by(failure: Failure) -> StepFailed:
    """Convert a failed connection into a failed step."""
    return StepFailed(failure.found, failure.expected, failure.fix, str(failure.fault))


def refused_by(error: ClientError) -> StepFailed:
    """Convert a failed call into a failed step, whichever server refused it."""
    if (problem := error.problem) is not None:
        found = f"{problem.found} (status {error.status})"
        return StepFailed(found, problem.expected, problem.fix, problem.code)
    lost = error.__cause__
    if isinstance(lost, NoAnswerError) and lost.failure is not None:
        return failed_by(lost.failure)
    return StepFailed(
        error.message, "Ferryman, and its object store, to answer", "", error.code or ""
    )
