"""A call as a sans-IO generator: it yields what to send or read, and is sent the result.

``http.HttpTransport.run`` and ``async_http.AsyncHttpTransport.run`` carry the commands out, so
retries, paging and resuming are written once for both faces. A command that gets no answer raises
``NoAnswerError`` at its ``yield``.
"""

from collections.abc import Generator
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from ferryman.sdk.errors import CertificateError, ClientError, ProxyError, TransportError
from ferryman.sdk.operation import Answer, Operation, Request, describe, refusal
from ferryman.sdk.platform_notice import tell_notice
from ferryman.sdk.refusals import foreign_answer
from ferryman.sdk.retry import RetryPolicy, retry_after

if TYPE_CHECKING:
    from ferryman.network.faults import Failure

T = TypeVar("T")


class NoAnswerError(Exception):
    """The connection failed before a whole answer was there; ``took`` is in seconds.

    ``retryable`` is False where another try cannot help, as with a certificate that is refused.
    ``failure`` says more, if the cause is known.
    """

    def __init__(
        self,
        reason: str,
        *,
        took: float = 0.0,
        retryable: bool = True,
        failure: "Failure | None" = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.took = took
        self.retryable = retryable
        self.failure = failure


class OpenedBody(Protocol):
    """An answer whose body is still to be read; the transport that opened it knows how."""

    status: int
    headers: dict[str, str]
    took: float


class Send(msgspec.Struct, frozen=True):
    """Send a request and read the whole answer; results in an ``Answer``."""

    request: Request


class Open(msgspec.Struct, frozen=True):
    """Send a request and leave the body unread; results in an ``OpenedBody``."""

    request: Request


class Read(msgspec.Struct, frozen=True):
    """Read up to ``size`` bytes; results in ``bytes``, empty at the end of the body."""

    body: Any
    size: int


class Close(msgspec.Struct, frozen=True):
    """Close an opened body, read or not."""

    body: Any


class Wait(msgspec.Struct, frozen=True):
    """Sleep for ``seconds`` before the next try; ``reason`` is why the last one failed."""

    seconds: float
    reason: str = ""


Command = Send | Open | Read | Close | Wait
Flow = Generator[Command, Any, T]


class Exchange(msgspec.Struct, frozen=True):
    """How one client speaks with the platform: how long it retries."""

    policy: RetryPolicy

    def call(self, operation: Operation[T]) -> Flow[T]:
        """Carry out an operation; raises ``ClientError`` for all but success."""
        what = describe(operation.request)
        try:
            answer = yield from self.deliver(operation.request)
        except NoAnswerError as lost:
            raise self.unanswered(operation.request, lost) from lost
        tell_notice(answer.headers)
        if answer.status != 200:
            raise refusal(answer, what)
        try:
            return operation.parse(answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            foreign = foreign_answer(answer.status, answer.headers, answer.body)
            answer_text = foreign or (
                f"something that is not Ferryman's JSON ({problem}). "
                "Check that the URL is that of the platform."
            )
            raise ClientError(answer.status, f"{what} was answered with {answer_text}") from problem

    def deliver(self, request: Request) -> Flow[Answer]:
        """Send until the answer is not worth another try; raises ``NoAnswerError`` without any."""
        answer: Answer = yield from self._persist(Send(request))
        return answer

    def open(self, request: Request) -> Flow[OpenedBody]:
        """Do as ``deliver``, leaving the body of the answer unread."""
        body: OpenedBody = yield from self._persist(Open(request))
        return body

    def _persist(self, command: Send | Open) -> Flow[Any]:
        spent = 0.0
        for tries in count(1):
            try:
                answer: Answer | OpenedBody = yield command
            except NoAnswerError as lost:
                spent += lost.took
                reason = lost.reason
                pause = self.policy.pause(None, tries=tries, spent=spent)
                if pause is None or not lost.retryable:
                    raise
            else:
                spent += answer.took
                reason = f"status {answer.status}"
                asked = retry_after(answer.headers)
                pause = self.policy.pause(
                    answer.status, tries=tries, spent=spent, retry_after=asked
                )
                if pause is None:
                    return answer
                if isinstance(command, Open):
                    yield Close(answer)
            spent += pause
            yield Wait(pause, reason)
        raise AssertionError("count() does not end")

    def unanswered(self, request: Request, lost: NoAnswerError) -> TransportError:
        """Build the error for a call that never got an answer."""
        if (failure := lost.failure) is not None:
            kind = TransportError
            if failure.concerns_proxy:
                kind = ProxyError
            elif failure.concerns_certificate:
                kind = CertificateError
            text = f"{describe(request)} got no answer: {failure}"
            return kind(None, text, code=failure.fault)
        return TransportError(
            None,
            f"{describe(request)} got no answer ({lost.reason}). "
            "Check the URL, and that the platform is running.",
        )
