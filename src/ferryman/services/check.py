"""Let an agent try its network: one part to the object store and back, which is then deleted.

Nothing of it is in the database. A check that was cut off leaves one object of at most 8 MiB, and
an app has no more than a few keys for them, which are used again.
"""

from uuid import UUID, uuid5

from ferryman import refusals
from ferryman.clock import epoch_ms, wall_now
from ferryman.domain.limits import CHECK_BYTES, SIGNED_URL_LIFE
from ferryman.services.open_upload import check_parts, part_url_view
from ferryman.services.platform import Platform, parse_id
from ferryman.store.app import AppRow
from ferryman.wire.check import CheckBegun, CheckComplete, CheckRequest, CheckUrl

_SLOTS = 16


async def begin(platform: Platform, app: AppRow, request: CheckRequest) -> CheckBegun:
    """Sign the URL for one part under a key of the app's own."""
    part = request.part
    if part.number != 1 or part.size > CHECK_BYTES:
        raise refusals.upload.CHECK_PART_INVALID(
            limit=CHECK_BYTES, number=part.number, size=part.size
        )
    check_parts(platform, [part])
    # Which of its keys, the bytes say, which are random: two checks at once rarely meet.
    key, store = str(_key(app, int(part.sha256[0], _SLOTS))), platform.objects
    await store.delete(key)  # of a check that was cut off
    reference = await store.begin(key)
    async with platform.database.reading() as tx:
        now = tx.now
    signed = await store.part_url(key, reference, part, expires_at=now + SIGNED_URL_LIFE, now=now)
    return CheckBegun(
        check_id=key,
        server_app_key=app.server_app_key,
        now=epoch_ms(wall_now()),
        upload_ref=reference,
        part=part_url_view(signed),
    )


async def complete(
    platform: Platform, app: AppRow, check_id: str, request: CheckComplete
) -> CheckUrl:
    """Assemble the part, and sign the URL to read it."""
    key = _own(app, check_id)
    if request.part.size > CHECK_BYTES:
        raise refusals.upload.CHECK_PART_INVALID(
            limit=CHECK_BYTES, number=request.part.number, size=request.part.size
        )
    await platform.objects.complete(key, request.upload_ref, [request.part])
    async with platform.database.reading() as tx:
        now = tx.now
    url = await platform.objects.read_url(key, expires_at=now + SIGNED_URL_LIFE, now=now)
    return CheckUrl(url=url)


async def remove(platform: Platform, app: AppRow, check_id: str, upload_ref: str) -> None:
    """Delete what a check stored; does nothing if it is gone."""
    key = _own(app, check_id)
    await platform.objects.abort(key, upload_ref)
    await platform.objects.delete(key)


def _key(app: AppRow, slot: int) -> UUID:
    return uuid5(app.app_id, f"check-{slot}")


def _own(app: AppRow, check_id: str) -> str:
    """Return the key; one that is not the app's looks like one that does not exist."""
    parsed_id = parse_id(refusals.upload.CHECK_NOT_FOUND, check_id)
    if parsed_id not in {_key(app, slot) for slot in range(_SLOTS)}:
        raise refusals.upload.CHECK_NOT_FOUND(id=check_id)
    return str(parsed_id)
