"""The outcome of one attempt to deliver a message to a cloud app."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from ferryman.domain.limits import MAX_RETRY_AFTER, MIN_RETRY_AFTER
from ferryman.vocab import FailureCause

Stage = Literal["before", "during", "after"]

ERROR_BYTES = 4096
OUTPUT_BYTES = 8192
_CLASS_BYTES = 200
_MESSAGE_BYTES = 1000
_FRAME_BYTES = 500
_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception of the app's code: its class (or kind of value) and its message.

    ``frame`` is the innermost place in the app's own files, as ``file:line in function``. Create it
    with :func:`raised`, which bounds the texts.
    """

    error_class: str
    message: str
    frame: str | None


def raised(error_class: str, message: str, frame: str | None = None) -> Raised:
    """Create a :class:`Raised` with bounded texts."""
    return Raised(
        bounded(error_class, _CLASS_BYTES),
        bounded(message, _MESSAGE_BYTES),
        frame and bounded(frame, _FRAME_BYTES),
    )


def requested_delay(asked: object) -> timedelta:
    """Return the delay for a retry that a function asked for, from any value it gave as seconds."""
    if isinstance(asked, bool) or not isinstance(asked, int | float):
        return MIN_RETRY_AFTER
    if not asked > MIN_RETRY_AFTER.total_seconds():  # also if it is no number, NaN
        return MIN_RETRY_AFTER
    return timedelta(seconds=min(asked, MAX_RETRY_AFTER.total_seconds()))


def reason_of(what: Raised | None, error: str | None) -> str:
    """Return one line that says why: class, message and place, else the first line of ``error``."""
    if what is None:
        lines = (line.strip() for line in (error or "").splitlines())
        return next(filter(None, lines), "no reason was kept")[:_REASON_CHARACTERS]
    message = " ".join(what.message.split())[:_REASON_CHARACTERS]
    summary = f"{what.error_class}: {message}" if message else what.error_class
    return f"{summary} ({what.frame})" if what.frame else summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attempt. Create it with :func:`succeeded` or :func:`failed`, which bound the texts.

    ``stage`` is how far a failed attempt got: ``before`` the app's code was reached (nothing of
    the message was handed over), ``during`` (handed over, but no complete answer came back) or
    ``after`` (the app answered that it failed). ``status`` is the HTTP status of a remote;
    ``cause`` is the reason for a failure, and ``raised`` the exception of the app's code, if any.
    ``duration`` is in seconds; ``output`` is what a function printed, or a remote's body on
    success. ``hung``: there was no answer in time. ``retry_after`` is the pause that a remote or
    function asked for; ``retry_context`` is the JSON object passed to the function's next call as
    ``retryContext``, without the count. ``left`` names what a function left running when it
    returned, which was then ended; it is empty if there was nothing. ``body`` is a remote's on
    success, as far as it was read, for whoever acts on it; it is not stored.
    """

    ok: bool
    stage: Stage | None
    status: int | None
    error: str | None
    duration: float
    output: str
    hung: bool = False
    left: str = ""
    retry_after: timedelta | None = None
    retry_context: str | None = None
    cause: FailureCause | None = None
    raised: Raised | None = None
    body: str = ""

    @property
    def reason(self) -> str | None:
        """One line that says why it failed, or None if it did not."""
        return None if self.ok else reason_of(self.raised, self.error)


def succeeded(
    *,
    duration: float,
    status: int | None = None,
    output: str = "",
    left: str = "",
    body: str = "",
) -> Outcome:
    """Return the outcome of an attempt that the app accepted (not yet an acknowledgement)."""
    return Outcome(
        ok=True,
        stage=None,
        status=status,
        error=None,
        duration=duration,
        output=bounded(output, OUTPUT_BYTES),
        left=left,
        body=body,
    )


def failed(
    stage: Stage,
    cause: FailureCause,
    error: str,
    *,
    duration: float,
    status: int | None = None,
    output: str = "",
    hung: bool = False,
    retry_after: timedelta | None = None,
    retry_context: str | None = None,
    what: Raised | None = None,
) -> Outcome:
    """Return the outcome of a failed attempt; only both ends of a long ``error`` are kept.

    ``what`` is the exception of the app's code, if that is the reason.
    """
    return Outcome(
        ok=False,
        stage=stage,
        status=status,
        error=bounded(error, ERROR_BYTES),
        duration=duration,
        output=bounded(output, OUTPUT_BYTES),
        hung=hung,
        retry_after=retry_after,
        retry_context=retry_context,
        cause=cause,
        raised=what,
    )


def bounded(text: str, limit: int) -> str:
    """Return ``text`` within ``limit`` bytes of UTF-8, fit for any database, cut in the middle.

    Lone surrogates and NUL, which PostgreSQL rejects, are replaced. Both ends are kept because a
    traceback begins with the place and ends with the reason.
    """
    data = storable(text)
    return data.decode() if len(data) <= limit else cut(data, data, len(data), limit)


def storable(text: str) -> bytes:
    """Encode ``text`` as UTF-8, replacing what PostgreSQL rejects: lone surrogates and NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")


def cut(head: bytes, tail: bytes, size: int, limit: int) -> str:
    """Return the start of ``head`` and the end of ``tail`` within ``limit`` bytes of UTF-8.

    A line between them states the full length, ``size`` bytes.
    """
    gap = f"\n[... {size} bytes in all ...]\n".encode()
    after = limit // 2
    before = limit - after - len(gap)
    # "ignore" drops characters that a cut went through.
    return b"".join((head[:before].decode("utf-8", "ignore").encode(), gap, tail[-after:])).decode(
        "utf-8", "ignore"
    )
