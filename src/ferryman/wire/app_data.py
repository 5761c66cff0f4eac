"""App data as the cloud side sees it."""

import msgspec

from ferryman.wire.base import Wire


class AppDataItem(Wire, frozen=True, omit_defaults=True):
    """One file. ``s3Key`` and ``key`` are the same; ``label`` is absent when none was given."""

    s3_key: str
    key: str
    label: str | msgspec.UnsetType = msgspec.UNSET
    file_size: int | msgspec.UnsetType = msgspec.UNSET


class AppDataPage(Wire, frozen=True):
    """``GET data/{transferId}/page``; ``last_evaluated_key`` is null on the last page."""

    items: list[AppDataItem]
    last_evaluated_key: str | None


class FilePart(Wire, frozen=True):
    """A stretch of a file; ``sha256`` is null where its uploader named none."""

    number: int
    size: int
    sha256: str | None


class FileParts(Wire, frozen=True):
    """``GET data/{fileKey}/parts``, ours: what proves a file, part by part in its order.

    ``url`` is a signed URL as ``GET data/{fileKey}`` gives it; ``size`` and ``sha256`` are those
    of the whole file.
    """

    url: str
    size: int
    sha256: str
    parts: list[FilePart]


class DataUrl(Wire, frozen=True):
    """``GET data/{fileKey}``: a signed URL, good for one hour."""

    url: str
