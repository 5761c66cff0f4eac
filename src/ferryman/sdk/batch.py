"""Send one call for many files; each has its own answer, and a refusal concerns only its file."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Protocol, TypeVar

from ferryman.sdk.errors import ClientError
from ferryman.sdk.exchange import Exchange, Flow, Wait
from ferryman.sdk.operation import Operation
from ferryman.sdk.retry import RETRYABLE
from ferryman.wire.problem import Problem

MOST_FILES = 500
"""The most files that the platform takes in one call."""


class Answered(Protocol):
    """The answer for one file of a call for many."""

    @property
    def problem(self) -> Problem | None:
        """The refusal, if this file was refused."""


Q = TypeVar("Q")
A = TypeVar("A", bound=Answered)


def batch_flow(
    exchange: Exchange, items: Sequence[Q], call: Callable[[list[Q]], Operation[list[A]]]
) -> Flow[list[A]]:
    """Ask for all items in one call; repeat the call for those refused only for the moment.

    Returns the answers in the order of ``items``. Raises ``ClientError`` when the call is refused
    as a whole.
    """
    answers: dict[int, A] = {}
    left = list(range(len(items)))
    spent = 0.0
    for tries in count(1):
        received = yield from exchange.call(call([items[number] for number in left]))
        if len(received) != len(left):
            raise ClientError(200, f"Asked about {len(left)} files, got {len(received)} answers.")
        answers |= zip(left, received, strict=True)
        left = [number for number in left if _for_the_moment(answers[number].problem)]
        pause = exchange.policy.pause(None, tries=tries, spent=spent) if left else None
        if pause is None:
            break
        spent += pause
        yield Wait(pause)
    return [answers[number] for number in range(len(items))]


def _for_the_moment(problem: Problem | None) -> bool:
    return problem is not None and problem.status in RETRYABLE
