"""A failed attempt as a broken link, worded by the cause stored with it."""

from ferryman.domain.diagnosis.link import Link, broken_link
from ferryman.domain.diagnosis.record import AttemptRecord
from ferryman.domain.outcome import Raised, reason_of
from ferryman.vocab import FailureCause

_IN_MANIFEST = "the manifest's remotes[].baseUrl or the endpoint's route"
_IN_WEBHOOKS = "the descriptor's baseUrl or the registered webhooks"
_KNOWN = frozenset(FailureCause)


def link_of(name: str, attempt: AttemptRecord, *, connect: bool, message: str) -> Link:
    """Return a failed attempt as a broken link.

    An attempt without a cause, or with one of a newer release, gets ``delivery_failed``.
    """
    known = attempt.cause in _KNOWN
    return broken_link(
        name,
        str(attempt.cause) if known else FailureCause.DELIVERY_FAILED,
        target=attempt.target or "the app",
        where=_IN_WEBHOOKS if connect else _IN_MANIFEST,
        status=attempt.status,
        error=why(attempt),
        message=message,
    )


def why(attempt: AttemptRecord) -> str:
    """Return one line that says why the attempt failed."""
    return reason_of(_raised(attempt), attempt.error)


def _raised(attempt: AttemptRecord) -> Raised | None:
    if attempt.error_class is None:
        return None
    return Raised(attempt.error_class, attempt.error_message or "", attempt.error_frame)
