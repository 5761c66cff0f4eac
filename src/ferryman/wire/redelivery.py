"""Delivering again what was given up (admin surface). Times are epoch milliseconds."""

import msgspec

from ferryman.wire.base import Wire


class RedeliveryRequest(Wire, frozen=True):
    """``POST /admin/v1/redeliver``: all that fit, and at least one member has to be there.

    ``cloud_app_key`` may name its environment, as ``KEY@ENVIRONMENT``. Messages were created from
    ``since`` (``from`` on the wire) up to and without ``to``.
    """

    transfer_id: str | None = None
    cloud_app_key: str | None = None
    since: int | None = msgspec.field(default=None, name="from")
    to: int | None = None


class RedeliveryAnswer(Wire, frozen=True):
    """``redelivered`` are owed again under their ids.

    ``left`` stay given up: acknowledged meanwhile, or app data of a settled transfer.
    """

    redelivered: int
    left: int
