"""Uploading app data in parts (server surface). Sizes are bytes, digests lower-case hex."""

from ferryman.wire.base import Wire


class UploadRequest(Wire, frozen=True):
    """``POST /server/v1/transfers/{transferId}/app-data``.

    With a ``resume_key`` of the caller's choice the call is repeatable: the same key of the same
    transfer gives the same upload, until that is aborted. Without one, a call that is made again
    because its answer was lost leaves an open upload behind, which refuses ``complete-export``. A
    key that begins with ``begin:`` serves only that: a later claim cannot resume the file.

    ``part``, number 1, says that the file is to be this one part; the answer then tells where it
    goes. A store may answer 412 to its PUT when the part is there already, as it is when an
    answer was lost: ``GET /server/v1/uploads/{uploadId}`` shows it.
    """

    label: str | None = None
    resume_key: str | None = None
    part: "PartRequest | None" = None


class UploadView(Wire, frozen=True):
    """A begun upload.

    Every part but the last is at least ``min_part_size``; ``part_size`` is a good first size.
    A file of more than ``max_file_size`` is refused at its completion, whatever was sent of it.
    ``checksums`` names the digests that the store wants for each part. ``resumed`` tells that
    the upload was begun before, under the same resume key, and ``receipt`` is there when it is
    complete already. ``part`` tells where the part goes that a new upload was begun with.

    With ``compare_etags`` the store checks no digest: whoever sends a part compares the ``ETag``
    that answers its PUT with the md5 of the part, and sends it again when they differ.
    """

    upload_id: str
    key: str
    part_size: int
    min_part_size: int
    max_part_size: int
    max_parts: int
    checksums: list[str]
    max_file_size: int | None = None
    resumed: bool = False
    receipt: "AppDataReceipt | None" = None
    part: "PartUrl | None" = None
    compare_etags: bool = False


class PartRequest(Wire, frozen=True):
    """One part about to be sent; ``md5`` (hex) only where ``checksums`` asks for it."""

    number: int
    size: int
    sha256: str
    md5: str | None = None


class PartsRequest(Wire, frozen=True):
    """``POST /server/v1/uploads/{uploadId}/parts``."""

    parts: list[PartRequest]


class PartUrl(Wire, frozen=True):
    """Where and how to send one part; ``expires_at`` in epoch milliseconds."""

    number: int
    method: str
    url: str
    headers: dict[str, str]
    expires_at: int


class PartUrls(Wire, frozen=True):
    """Signed URLs in the order asked for."""

    parts: list[PartUrl]


class StoredPart(Wire, frozen=True):
    """A part that the store holds."""

    number: int
    etag: str
    size: int
    sha256: str | None = None


class UploadState(Wire, frozen=True):
    """``GET /server/v1/uploads/{uploadId}``: what is there already, for resuming."""

    upload_id: str
    transfer_id: str
    key: str
    label: str | None
    state: str
    parts: list[StoredPart]


class CompleteRequest(Wire, frozen=True):
    """``POST /server/v1/uploads/{uploadId}/complete``.

    ``sha256`` of the whole file saves the platform one reading of it; without it the platform
    computes it.
    """

    parts: list[StoredPart]
    sha256: str | None = None


class AppDataReceipt(Wire, frozen=True):
    """Answer to ``complete``: from now on the file can be read and its event is owed."""

    key: str
    label: str | None
    size: int
    sha256: str
    message_id: str
