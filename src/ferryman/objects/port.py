"""The interface to object stores, in which bytes go directly between app and store.

The platform signs URLs and completes files, but never carries bytes. Keys are UUIDs in canonical
form.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ferryman.errors import PlatformError
from ferryman.wire.upload import PartRequest, StoredPart

Part = StoredPart
"""A part in the store: number, size, etag, and sha256 if the store keeps one."""


READ_STEP = 1 << 20
"""Bytes of a file that are read at once, unless a caller wants fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPart:
    """How to send one part: exactly this method, URL and headers, before ``expires_at``."""

    number: int
    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An open upload; ``since`` is real time: when it was begun or (local store) last written."""

    key: str
    upload_ref: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Assembly:
    """An upload to complete, and all parts of its file."""

    key: str
    upload_ref: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class HeldPart:
    """A part of a completed file, as it was accepted; ``start`` is where its bytes begin.

    ``alone`` says that it is the whole file.
    """

    key: str
    part: Part
    start: int
    alone: bool


class HoldsMoreError(Exception):
    """The upload holds more parts than named, and the store cannot complete such an upload."""


class ObjectStore(Protocol):
    """Files by key, written in parts. Sizes are in bytes, times are aware datetimes.

    Every method may raise :class:`~ferryman.errors.OutsideError` (``store_full``,
    ``store_unavailable``, ``store_busy``, ``store_refused``): nothing is lost, and the call may be
    retried. A retry of ``store_unsuitable`` fails again.
    """

    @property
    def signed_at(self) -> str:
        """Return the URL of the host that signed URLs lead to."""

    @property
    def part_size(self) -> int:
        """Return a good size for the first parts of a stream."""

    @property
    def min_part_size(self) -> int:
        """Return the smallest size of a part that is not the last."""

    @property
    def max_part_size(self) -> int:
        """Return the largest size of a part."""

    @property
    def max_parts(self) -> int:
        """Return the largest number of parts of a file."""

    @property
    def checksums(self) -> tuple[str, ...]:
        """Return the digests that a request for the URL of a part must name."""

    @property
    def compare_etags(self) -> bool:
        """Return whether the store checks no digests, so that clients compare etags of parts."""

    async def begin(self, key: str) -> str:
        """Open an upload and return the store's reference to it; repeatable for a local store."""

    async def begin_single(self, part: PartRequest) -> str | None:
        """Return a reference for a file of just this part, if that saves the store work.

        Nothing is opened. Returns None if it saves nothing or the part is too large; call ``begin``
        then.
        """

    async def widened(self, key: str, upload_ref: str, parts: Sequence[PartRequest]) -> str:
        """Return ``upload_ref`` if it can take these parts, otherwise a reference to a new upload.

        Only a reference of ``begin_single`` can be too narrow: it takes its own part only.
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
        """Sign the URL to send one part, bound to its number, size and digests."""

    async def put_part(self, key: str, upload_ref: str, part: PartRequest, data: bytes) -> Part:
        """Store a part that the platform itself has; ``part`` has its size and digests."""

    async def copy_part(
        self, key: str, upload_ref: str, part: PartRequest, held: HeldPart
    ) -> Part | None:
        """Copy a part into an open upload, within the store, from a file that has the same bytes.

        Returns None if the bytes are gone or differ, or if the store cannot copy them: then the
        client has to send them. Repeatable.
        """

    async def list_parts(self, key: str, upload_ref: str) -> list[Part]:
        """Return the parts that an open upload holds, by number; empty if it is closed."""

    async def complete(self, key: str, upload_ref: str, parts: Sequence[Part]) -> list[Part]:
        """Assemble the file from exactly these parts; repeatable with the same parts.

        Returns them in order, with the sha256 of those for which only the store knows it. Raises
        ``Invalid`` for missing or wrong parts, ``Conflict`` (``upload_closed``) if the upload was
        aborted or completed with other parts, and ``HoldsMoreError``.
        """

    async def complete_all(
        self, files: Sequence[Assembly]
    ) -> list[list[Part] | PlatformError | HoldsMoreError]:
        """Complete several uploads; for each, return what :meth:`complete` returns or raises."""

    async def abort(self, key: str, upload_ref: str) -> None:
        """Abort the upload and free its parts; harmless if it is already closed."""

    async def read_url(
        self,
        key: str,
        *,
        expires_at: datetime,
        now: datetime,
        download_name: str | None = None,
        app: str = "",
    ) -> str:
        """Return a URL that reads this file, whole or by range, before ``expires_at``.

        A local store bounds the readers of each ``app``.
        """

    def stream(
        self, key: str, start: int = 0, end: int | None = None, *, step: int = READ_STEP
    ) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` up to ``end``, excluded, at most ``step`` at once.

        Raises ``NotFound``.
        """

    async def size(self, key: str) -> int:
        """Return the size of a completed file; raise ``NotFound``."""

    async def delete(self, key: str) -> None:
        """Remove a completed file; harmless if there is none."""

    async def is_own(self) -> bool:
        """Return whether the platform's API uses this store; a local folder may be another one."""

    def unfinished(self) -> AsyncIterator[OpenUpload]:
        """Yield every open upload, in any order."""

    def files(self) -> AsyncIterator[str]:
        """Yield the key of every completed file, in order."""
