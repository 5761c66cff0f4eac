"""Find full ids from parts of them."""

import re
from uuid import UUID

from ferryman import refusals
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services.platform import Platform
from ferryman.store import finding as finding_store
from ferryman.vocab import IdKind
from ferryman.wire.transfer import FoundIds

_SIZE = 20
_DIGITS = 32
_PART = re.compile("[0-9a-f][0-9a-f-]{0,35}")


async def find(
    platform: Platform,
    kind: IdKind,
    by: Actor = PLATFORM,
    *,
    prefix: str | None,
    suffix: str | None,
) -> FoundIds:
    """Return up to 20 matching ids; without a ``prefix``, only the newest.

    Raises :class:`Invalid` (``id_part_invalid``) if a part cannot occur in an id.
    """
    low = (prefix or "").lower(), (suffix or "").lower()
    for part in filter(None, low):
        _check(part)
    async with platform.database.transaction() as tx:
        if not low[0]:
            newest = await finding_store.newest(tx, kind, by.reach)
            return FoundIds(items=[] if newest is None else [newest], more=False)
        first, last = _range(low[0])
        ids = await finding_store.between(
            tx, kind, first, last, suffix=low[1], size=_SIZE + 1, reach=by.reach
        )
    return FoundIds(items=ids[:_SIZE], more=len(ids) > _SIZE)


def _range(prefix: str) -> tuple[UUID, UUID]:
    """Return the smallest and the largest id with a prefix."""
    digits = prefix.replace("-", "")[:_DIGITS]
    return UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f"))


def _check(part: str) -> None:
    if not _PART.fullmatch(part) or len(part.replace("-", "")) > _DIGITS:
        raise refusals.request.ID_PART_INVALID(part=part[:64])
