"""An upload as its sender sees it: where its parts go and within which limits."""

from ferryman.services.platform import Platform
from ferryman.store.upload import UploadRow
from ferryman.wire.upload import AppDataReceipt, UploadView


def upload_view(
    platform: Platform,
    upload: UploadRow,
    *,
    resumed: bool = False,
    receipt: AppDataReceipt | None = None,
) -> UploadView:
    """Return the answer for an upload that was begun, or was ``resumed`` by its resume key."""
    store = platform.objects
    return UploadView(
        upload_id=str(upload.upload_id),
        key=str(upload.key),
        part_size=store.part_size,
        min_part_size=store.min_part_size,
        max_part_size=store.max_part_size,
        max_parts=store.max_parts,
        max_file_size=platform.settings.max_file_bytes,
        checksums=list(store.checksums),
        compare_etags=store.compare_etags,
        resumed=resumed,
        receipt=receipt,
    )
