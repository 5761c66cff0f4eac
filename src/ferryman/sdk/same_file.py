"""Compare data written again under a resume key with the file registered for that key."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

from ferryman.digests import PartsHasher
from ferryman.sdk.remote_upload import check_same
from ferryman.wire.upload import AppDataReceipt, StoredPart


class _Hasher(Protocol):
    def update(self, data: bytes | bytearray | memoryview, /) -> None: ...

    def hexdigest(self) -> str: ...


class SameFile:
    """Tells whether bytes equal those of a registered file; ``parts`` asks for its parts.

    The digest of the whole may be unknown; that of the parts depends on their sizes.
    """

    def __init__(self, receipt: AppDataReceipt, parts: Callable[[], Sequence[StoredPart]]) -> None:
        self._receipt = receipt
        self._parts = parts
        self._hasher: _Hasher | None = None

    def update(self, data: bytearray | memoryview) -> None:
        """Add the next bytes."""
        if not len(data):
            return
        if self._hasher is None:
            plain = self._receipt.sha256 is not None
            sizes = (part.size for part in ([] if plain else self._parts()))
            self._hasher = hashlib.sha256() if plain else PartsHasher(sizes)
        self._hasher.update(data)

    def check(self) -> None:
        """Raise ``GatewayError`` (``source_changed``) for other bytes; none at all are fine."""
        if self._hasher is not None:
            of_parts = self._receipt.sha256 is None
            check_same(self._receipt, self._hasher.hexdigest(), 1, of_parts=of_parts)
