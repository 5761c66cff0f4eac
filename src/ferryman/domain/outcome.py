"""What came of one attempt to hand a message to a cloud app."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Stage = Literal["before", "during", "after"]

ERROR_BYTES = 4096
OUTPUT_BYTES = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attempt. Make it with :func:`succeeded` or :func:`failed`, which bound the texts.

    ``stage`` says how far a failed attempt came: ``before`` the app's code was reached (nothing
    of the message was handed over), ``during`` (handed over, no whole answer came back) or
    ``after`` (the app answered, and the answer was no). ``status`` is the HTTP status of a
    remote; ``duration`` is in seconds; ``output`` is what a function printed, or what a remote
    wrote with a success. ``hung``: there was no answer in time. ``left`` names what a function
    left running when it returned, which was ended then; empty if nothing. ``retry_after`` is how
    long a remote asked to be left alone.
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
    error: str,
    *,
    duration: float,
    status: int | None = None,
    output: str = "",
    hung: bool = False,
    retry_after: timedelta | None = None,
) -> Outcome:
    """The attempt failed; ``error`` is kept to its first and last kilobytes."""
    return Outcome(
        ok=False,
        stage=stage,
        status=status,
        error=bounded(error, ERROR_BYTES),
        duration=duration,
        output=bounded(output, OUTPUT_BYTES),
        hung=hung,
        retry_after=retry_after,
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
