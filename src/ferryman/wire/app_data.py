"""App data as seen by the cloud app."""

import msgspec

from ferryman.wire.base import Wire


class AppDataItem(Wire, frozen=True, omit_defaults=True):
    """A file. ``s3Key`` and ``key`` are the same; ``label`` is absent if the file has none."""

    s3_key: str
    key: str
    label: str | msgspec.UnsetType = msgspec.UNSET
    file_size: int | msgspec.UnsetType = msgspec.UNSET


class AppDataPage(Wire, frozen=True):
    """A page of ``GET data/{transferId}/page``; ``last_evaluated_key`` is null on the last one."""

    items: list[AppDataItem]
    last_evaluated_key: str | None


class FilePart(Wire, frozen=True):
    """A part of a file; ``sha256`` is null if its uploader gave none."""

    number: int
    size: int
    sha256: str | None


class FileParts(Wire, frozen=True):
    """Response of ``GET data/{fileKey}/parts``, ours: the digests of a file, part by part in order.

    ``url`` is a signed URL like that of ``GET data/{fileKey}``. ``size`` and ``sha256`` are those
    of the whole file; ``sha256`` is null if its sender did not name it. ``parts_sha256`` is the
    sha256 of the parts' sha256 in order, 32 bytes each; null if that of a part is unknown.
    """

    url: str
    size: int
    sha256: str | None
    parts: list[FilePart]
    parts_sha256: str | None = None


class DataUrl(Wire, frozen=True):
    """Response of ``GET data/{fileKey}``: a signed URL, valid for one hour."""

    url: str
