"""What came of one attempt to hand a message to a cloud app."""

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
    """What the app's code raised or threw: its class (or kind of value) and its message.

    ``frame`` is the innermost place in the app's own files, ``file:line in function``. Make it
    with :func:`raised`, which bounds the texts.
    """

    error_class: str
    message: str
    frame: str | None


def raised(error_class: str, message: str, frame: str | None = None) -> Raised:
    """The same with each text within its bounds."""
    return Raised(
        bounded(error_class, _CLASS_BYTES),
        bounded(message, _MESSAGE_BYTES),
        frame and bounded(frame, _FRAME_BYTES),
    )


def requested_delay(asked: object) -> timedelta:
    """In how long a function that asked for a retry gets it, whatever it wrote there as seconds."""
    if isinstance(asked, bool) or not isinstance(asked, int | float):
        return MIN_RETRY_AFTER
    seconds = min(max(asked, MIN_RETRY_AFTER.total_seconds()), MAX_RETRY_AFTER.total_seconds())
    return timedelta(seconds=seconds)


def reason_of(what: Raised | None, error: str | None) -> str:
    """One line that says why: class, message and place, else the first line of ``error``."""
    if what is None:
        lines = (line.strip() for line in (error or "").splitlines())
        return next(filter(None, lines), "no reason was kept")[:_REASON_CHARACTERS]
    message = " ".join(what.message.split())[:_REASON_CHARACTERS]
    said = f"{what.error_class}: {message}" if message else what.error_class
    return f"{said} ({what.frame})" if what.frame else said


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attempt. Make it with :func:`succeeded` or :func:`failed`, which bound the texts.

    ``stage`` says how far a failed attempt came: ``before`` the app's code was reached (nothing
    of the message was handed over), ``during`` (handed over, no whole answer came back) or
    ``after`` (the app answered, and the answer was no). ``status`` is the HTTP status of a
    remote; ``cause`` is why it failed and ``raised`` what the app's code raised, if it did;
    ``duration`` is in seconds; ``output`` is what a function printed, or what a remote wrote with
    a success. ``hung``: there was no answer in time. ``retry_after`` is how long a remote asked to
    be left alone, or in how long a function asked to be called again. ``left`` names what a
    function left running when it returned, which was ended then; empty if nothing.
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
    cause: FailureCause | None = None
    raised: Raised | None = None

    @property
    def reason(self) -> str | None:
        """One line that says why it failed; None if it did not."""
        return None if self.ok else reason_of(self.raised, self.error)


def succeeded(
    *, duration: float, status: int | None = None, output: str = "", left: str = ""
) -> Outcome:
    """The app took the message (which is not yet an acknowledgement)."""
    return Outcome(
        ok=True,
        stage=None,
        status=status,
        error=None,
        duration=duration,
        output=bounded(output, OUTPUT_BYTES),
        left=left,
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
    what: Raised | None = None,
) -> Outcome:
    """The attempt failed; ``error`` is kept to its first and last kilobytes.

    ``what`` is what the app's code raised, if that is why.
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
        cause=cause,
        raised=what,
    )


def bounded(text: str, limit: int) -> str:
    """``text`` within ``limit`` bytes of UTF-8, its middle left out, and fit for any database.

    Lone surrogates and NUL, which PostgreSQL refuses, are replaced. Both ends are kept because
    a traceback begins with the place and ends with the reason.
    """
    data = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode("utf-8")
    gap = f"\n[... {len(data)} bytes in all ...]\n".encode()
    tail = limit // 2
    head = limit - tail - len(gap)
    # "ignore" drops the halves of characters that the cuts went through.
    return b"".join((data[:head].decode("utf-8", "ignore").encode(), gap, data[-tail:])).decode(
        "utf-8", "ignore"
    )
