"""Redelivery of messages that were given up (admin surface). Times are epoch milliseconds."""

import msgspec

from ferryman.wire.base import Wire


class RedeliveryRequest(Wire, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/v1/redeliver``: criteria combined with AND, at least one is required.

    ``cloud_app_key`` may include the environment, as ``KEY@ENVIRONMENT``. The creation time of the
    messages is at least ``since`` (``from`` on the wire) and before ``to``.
    """

    transfer_id: str | None = None
    cloud_app_key: str | None = None
    since: int | None = msgspec.field(default=None, name="from")
    to: int | None = None
    customer: str | None = None


class RedeliveryAnswer(Wire, frozen=True):
    """Response to a redelivery: ``redelivered`` messages were re-queued under their ids.

    ``left`` messages were skipped: acknowledged meanwhile, or app data of a settled transfer.
    """

    redelivered: int
    left: int
