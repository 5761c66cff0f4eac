"""Copy parts that earlier transfers sent, instead of asking for them again (ADR 0102).

Only files of the same app in the same migration scope, and so of one customer, are considered, one
transfer at a time: not even the time of an answer may depend on what others hold. The caller has to
name the size and the sha256 of the bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ferryman.domain.limits import DATA_LIFE
from ferryman.in_parallel import in_parallel
from ferryman.objects.port import HeldPart
from ferryman.services.platform import Platform
from ferryman.store import held_part as held_part_store
from ferryman.store import upload as upload_store
from ferryman.store.transfer import StoredTransfer
from ferryman.store.upload import UploadRow
from ferryman.wire.upload import PartRequest, StoredPart


@dataclass(frozen=True, slots=True)
class WantedPart:
    """A part of an open upload; ``first_sha256`` is the digest of the first part of its file."""

    upload: UploadRow
    part: PartRequest
    first_sha256: str


async def copy_held(
    platform: Platform, stored: StoredTransfer, wanted: Sequence[WantedPart]
) -> dict[tuple[UUID, int], StoredPart]:
    """Copy what earlier transfers hold into open uploads of one transfer.

    Returns the parts that the uploads have now, by upload and number. Send each part that is not
    among them, whatever the reason.
    """
    wanted = [each for each in wanted if each.part.size]
    if not wanted or not platform.settings.reuse_files:
        return {}
    held = await _held(platform, stored, wanted)

    async def copy(place: int) -> StoredPart | None:
        upload, part = wanted[place].upload, wanted[place].part
        key, reference = str(upload.key), upload.store_ref
        return await platform.objects.copy_part(key, reference, part, held[place])

    copies = await in_parallel(copy, held)
    copied = {
        (wanted[place].upload.upload_id, part.number): part
        for place, part in zip(held, copies, strict=True)
        if part is not None
    }
    platform.metrics.count("ferryman_reused_parts_total", by=len(copied))
    platform.metrics.count(
        "ferryman_reused_bytes_total", by=sum(part.size for part in copied.values())
    )
    if copied:
        await _remove_given_up(platform, stored, [each.upload for each in wanted])
    return copied


async def _held(
    platform: Platform, stored: StoredTransfer, wanted: Sequence[WantedPart]
) -> dict[int, HeldPart]:
    """Return where the bytes of wanted parts are, by their places."""
    async with platform.database.reading() as tx:
        earlier = await platform.earlier_transfer_cache.of(
            stored.transfer_id,
            lambda: held_part_store.earlier_transfers(tx, stored, tx.now - DATA_LIFE),
        )
    if not earlier:
        return {}
    async with platform.database.transaction() as tx:
        found = await held_part_store.find(
            tx, earlier, [(each.first_sha256, each.part) for each in wanted]
        )
    return {
        place: HeldPart(str(each.key), each.part, each.start, each.alone)
        for place, each in found.items()
    }


async def _remove_given_up(
    platform: Platform, stored: StoredTransfer, uploads: Sequence[UploadRow]
) -> None:
    """Remove parts copied for an upload that has been given up since."""
    ids = {upload.upload_id for upload in uploads}
    async with platform.database.reading() as tx:
        now = await upload_store.by_ids(tx, list(ids), stored.app_id)
    for upload in uploads:
        if upload.upload_id not in now or now[upload.upload_id].state == "ABORTED":
            await platform.objects.abort(str(upload.key), upload.store_ref)
