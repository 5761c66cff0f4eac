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


class DataUrl(Wire, frozen=True):
    """``GET data/{fileKey}``: a signed URL, good for one hour."""

    url: str
