"""More time for transfers."""

from ferryman.wire.base import Wire


class Extension(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/transfers/{transferId}/extend``, and of a migration's.

    Nothing ends before ``until``, platform time in epoch milliseconds.
    """

    until: int
