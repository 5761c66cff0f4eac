"""The trial of an agent's network: a part to the object store and back, with nothing kept."""

from ferryman.wire.base import Wire
from ferryman.wire.upload import PartRequest, PartUrl, StoredPart


class CheckRequest(Wire, frozen=True):
    """Body of ``POST /server/v1/checks``: the part that will be sent, with number 1."""

    part: PartRequest


class CheckBegun(Wire, frozen=True):
    """The app that the token belongs to, real time, and where the part goes.

    ``now`` is in epoch milliseconds, by the clock of the platform's machine.
    """

    check_id: str
    server_app_key: str
    now: int
    upload_ref: str
    part: PartUrl


class CheckComplete(Wire, frozen=True):
    """Body of ``POST /server/v1/checks/{checkId}/complete``: the part as the store took it."""

    upload_ref: str
    part: StoredPart


class CheckUrl(Wire, frozen=True):
    """A signed URL that reads the part back."""

    url: str
