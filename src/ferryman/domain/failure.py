"""A failed attempt as a broken link, in the words of the cause that was kept with it."""

from ferryman.domain.cause import broken
from ferryman.domain.outcome import Raised, reason_of
from ferryman.vocab import FailureCause
from ferryman.wire.transfer import AttemptView, Link

_IN_MANIFEST = "the manifest's remotes[].baseUrl or the endpoint's route"
_IN_WEBHOOKS = "the descriptor's baseUrl or the registered webhooks"
_KNOWN = frozenset(FailureCause)


def link_of(name: str, attempt: AttemptView, *, connect: bool, message: str) -> Link:
    """A failed attempt as a broken link.

    One without a cause, or with one of a newer release, has ``delivery_failed``.
    """
    known = attempt.cause in _KNOWN
    return broken(
        name,
        str(attempt.cause) if known else FailureCause.DELIVERY_FAILED,
        target=attempt.target or "the app",
        where=_IN_WEBHOOKS if connect else _IN_MANIFEST,
        status=attempt.status,
        error=why(attempt),
        message=message,
    )


def why(attempt: AttemptView) -> str:
    """One line that says why the attempt failed."""
    return reason_of(_raised(attempt), attempt.error)


def _raised(attempt: AttemptView) -> Raised | None:
    if attempt.error_class is None:
        return None
    return Raised(attempt.error_class, attempt.error_message or "", attempt.error_frame)
