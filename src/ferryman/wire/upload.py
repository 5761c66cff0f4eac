"""Uploads of app data in parts (server surface). Sizes are bytes, digests are lower-case hex."""

from ferryman.wire.base import Wire
from ferryman.wire.problem import Problem


class UploadRequest(Wire, frozen=True):
    """Body of ``POST /server/v1/transfers/{transferId}/app-data``.

    A ``resume_key`` of the caller's choice makes the call repeatable: the same key of the same
    transfer gives the same upload, until that is aborted. Without one, a call that is repeated
    because its response was lost leaves an open upload behind, which blocks ``complete-export``. A
    key that starts with ``begin:`` serves only this purpose: a later claim cannot resume the file.

    ``part``, with number 1, declares that the file has only this part; the response then includes
    its URL. A store may answer 412 to the PUT if the part is there already, for example because a
    response was lost: check with ``GET /server/v1/uploads/{uploadId}``.

    With ``reuse``, a part that an earlier transfer sent is not asked for again: the response then
    has ``held``, and no URL.
    """

    label: str | None = None
    resume_key: str | None = None
    part: "PartRequest | None" = None
    reuse: bool = False


class UploadView(Wire, frozen=True):
    """An upload that was begun.

    Every part but the last has at least ``min_part_size``; ``part_size`` is a good initial size. A
    file larger than ``max_file_size`` is refused on completion, no matter what was sent.
    ``checksums`` names the digests that the store requires for each part. ``resumed`` says that the
    upload was begun before under the same resume key; ``receipt`` is set if it is already complete.
    ``part`` is the URL for the part in the request that began the upload. ``held`` is that part if
    the platform copied it from an earlier transfer: complete the file with it, and send nothing.

    If ``compare_etags`` is set, the store checks no digests: compare the ``ETag`` in the response
    to each PUT with the part's md5, and send the part again if they differ.
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
    held: "StoredPart | None" = None


class PartRequest(Wire, frozen=True):
    """A part about to be sent; ``md5`` (hex) is needed only if ``checksums`` lists it."""

    number: int
    size: int
    sha256: str
    md5: str | None = None


class PartsRequest(Wire, frozen=True):
    """Body of ``POST /server/v1/uploads/{uploadId}/parts``.

    ``first_sha256`` is the digest of the file's first part. If it is given, parts that an earlier
    transfer sent, of a file with that first part, are not asked for again.
    """

    parts: list[PartRequest]
    first_sha256: str | None = None


class PartUrl(Wire, frozen=True):
    """The request that sends one part; ``expires_at`` is in epoch milliseconds."""

    number: int
    method: str
    url: str
    headers: dict[str, str]
    expires_at: int


class PartUrls(Wire, frozen=True):
    """Signed URLs, in the order requested.

    ``held`` are parts that the platform copied from an earlier transfer; they have no URL.
    """

    parts: list[PartUrl]
    held: "list[StoredPart]" = []


class StoredPart(Wire, frozen=True):
    """A part that the store has."""

    number: int
    etag: str
    size: int
    sha256: str | None = None


class UploadState(Wire, frozen=True):
    """Response of ``GET /server/v1/uploads/{uploadId}``: the parts so far, for resuming.

    Once the upload is complete, these are the parts of the file.
    """

    upload_id: str
    transfer_id: str
    key: str
    label: str | None
    state: str
    parts: list[StoredPart]


class CompleteRequest(Wire, frozen=True):
    """Body of ``POST /server/v1/uploads/{uploadId}/complete``.

    Name the ``sha256`` of every part, and nobody has to read the file again. ``sha256`` beside
    them is that of the whole file, if you want it kept.
    """

    parts: list[StoredPart]
    sha256: str | None = None


class AppDataReceipt(Wire, frozen=True):
    """Response to ``complete``: the file can be read from now on, and its event is queued.

    ``sha256`` is the digest of the file's bytes; null for a file of several parts whose sender did
    not name it. ``parts_sha256`` is the sha256 of the parts' sha256 in order, 32 bytes each; null
    if that of a part is unknown.
    """

    key: str
    label: str | None
    size: int
    sha256: str | None
    message_id: str
    parts_sha256: str | None = None


class BeginBatch(Wire, frozen=True):
    """Body of ``POST /server/v1/transfers/{transferId}/app-data/batch``: 1 to 500 files."""

    files: list[UploadRequest]


class BegunFile(Wire, frozen=True):
    """The answer for one file of a batch: ``upload``, or the ``problem`` that refused it alone."""

    upload: UploadView | None = None
    problem: Problem | None = None


class BegunBatch(Wire, frozen=True):
    """Response to ``app-data/batch``: an answer for each file, in the order of the request."""

    files: list[BegunFile]


class CompleteFile(CompleteRequest, frozen=True, kw_only=True):
    """One upload to be completed in a batch; each may belong to another transfer of the app."""

    upload_id: str


class CompleteBatch(Wire, frozen=True):
    """Body of ``POST /server/v1/uploads/complete``: 1 to 500 uploads."""

    files: list[CompleteFile]


class CompletedFile(Wire, frozen=True):
    """The answer for one upload of a batch: ``receipt``, or the ``problem`` that refused it."""

    receipt: AppDataReceipt | None = None
    problem: Problem | None = None


class CompletedBatch(Wire, frozen=True):
    """Response to ``uploads/complete``: an answer for each upload, in the order of the request."""

    files: list[CompletedFile]
