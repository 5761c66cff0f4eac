"""Trials of a cloud app by hand, on a virtual clock (admin surface)."""

from enum import StrEnum

from ferryman.wire.base import Wire


class TrialStep(StrEnum):
    """Actions of a server app: start, complete its export, or fail."""

    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"


class TrialEvent(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/trials/{transferId}/events``; ``message`` is for ``fail``."""

    step: TrialStep
    message: str | None = None
