"""What the platform asks of an object store; bytes go straight between app and store.

The platform signs and completes, it never carries. Keys are UUIDs in their canonical spelling.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ferryman.wire.upload import PartRequest, StoredPart

Part = StoredPart
"""A part that the store holds: number, size, etag, and sha256 where the store keeps one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPart:
    """How to send one part: exactly this method, URL and headers, before ``expires_at``."""

    number: int
    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An open upload; ``since`` is real time: when it was begun, or (local) last written."""

    key: str
    upload_ref: str
    since: datetime


class HoldsMoreError(Exception):
    """The upload holds parts beyond those named, and the store completes no such upload."""


class ObjectStore(Protocol):
    """Files by key, written in parts. Sizes are bytes, moments aware datetimes.

    Every method may raise :class:`~ferryman.errors.OutsideError` (``store_full``,
    ``store_unavailable``, ``store_busy``, ``store_refused``): nothing is lost then and the call
    may be repeated. A repeated call meets ``store_unsuitable`` again.
    """

    @property
    def part_size(self) -> int:
        """A good size for the first parts of a stream."""

    @property
    def min_part_size(self) -> int:
        """Every part but the last has at least this size."""

    @property
    def max_part_size(self) -> int:
        """No part is larger."""

    @property
    def max_parts(self) -> int:
        """No file has more parts."""

    @property
    def checksums(self) -> tuple[str, ...]:
        """The digests of each part that a request for its URL has to name."""

    @property
    def compare_etags(self) -> bool:
        """Whether the store checks no digest, so that clients compare the etag of each part."""

    async def begin(self, key: str) -> str:
        """Open an upload and return the store's reference to it; repeatable for a local store."""

    async def begin_single(self, part: PartRequest) -> str | None:
        """A reference for a file that is to be this one part, where that spares the store work.

        Nothing is opened. None where it spares nothing, or the part is too large: then ``begin``.
        """

    async def widened(self, key: str, upload_ref: str, parts: Sequence[PartRequest]) -> str:
        """``upload_ref`` if these parts can go under it, else the reference of a new upload.

        Only a reference of ``begin_single`` is ever too narrow: for any part but its own.
        """

    async def part_url(
        self,
        key: str,
        upload_ref: str,
        part: PartRequest,
        *,
        expires_at: datetime,
        now: datetime,
    ) -> SignedPart:
        """Sign the sending of one part, bound to its number, size and digests."""

    async def list_parts(self, key: str, upload_ref: str) -> list[Part]:
        """Parts that an open upload holds, by number; empty when it is closed."""

    async def complete(self, key: str, upload_ref: str, parts: Sequence[Part]) -> list[Part]:
        """Make the file of exactly these parts; repeating it with the same parts is harmless.

        Returns them in order, with the sha256 of those for which only the store knows it.
        Raises ``Invalid`` for missing or wrong parts, ``Conflict`` (``upload_closed``) when the
        upload was aborted or completed with other parts, and ``HoldsMoreError``.
        """

    async def abort(self, key: str, upload_ref: str) -> None:
        """Give the upload up and free its parts; harmless when it is closed already."""

    async def read_url(
        self, key: str, *, expires_at: datetime, now: datetime, download_name: str | None = None
    ) -> str:
        """A URL that reads this one file, whole or by range, before ``expires_at``."""

    def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to and without ``end``; raises ``NotFound``."""

    async def size(self, key: str) -> int:
        """Size of a completed file; raises ``NotFound``."""

    async def delete(self, key: str) -> None:
        """Remove a completed file; harmless when there is none."""

    async def is_own(self) -> bool:
        """Whether this is what the platform's API stores into: a folder is not, elsewhere."""

    def unfinished(self) -> AsyncIterator[Unfinished]:
        """Every open upload, in any order."""

    def files(self) -> AsyncIterator[str]:
        """The key of every completed file, in the order of the keys."""
