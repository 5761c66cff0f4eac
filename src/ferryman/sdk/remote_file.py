"""A stored file as a reader sees it: its size, the digests of its parts, and a signed URL."""

from dataclasses import dataclass

from ferryman.digests import parts_digest
from ferryman.sdk.errors import ClientError
from ferryman.sdk.exchange import Exchange, Flow
from ferryman.sdk.operations.cloud import FORGE, data_url, file_parts
from ferryman.wire.app_data import FileParts


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from ``start`` up to, not including, ``end``, and their ``sha256``."""

    start: int
    end: int
    sha256: str


class RangesIgnoredError(Exception):
    """A request for a range was answered with the whole file.

    A cache on the way that fetches whole files does so.
    """


class RemoteFile:
    """Describes one stored file and holds a signed URL of it; readers may share it.

    ``ranged`` is True until a range was answered with the whole file.
    """

    def __init__(self, exchange: Exchange, key: str, base: str = FORGE) -> None:
        self.exchange: Exchange = exchange
        self.key: str = key
        self.size: int = 0
        self.sha256: str | None = None
        self.parts_sha256: str | None = None
        self.ranges: list[ByteRange] = []
        self.url: str = ""
        self.ranged: bool = True
        self._base = base

    def fetch_facts(self) -> Flow[None]:
        """Ask for size, digests and URL; raises ``ClientError``."""
        facts = yield from self.exchange.call(file_parts(self._base, self.key))
        self.size, self.url = facts.size, facts.url
        self.sha256, self.parts_sha256 = facts.sha256, facts.parts_sha256
        self.ranges = byte_ranges(facts)
        made = sum(part.size for part in facts.parts) if facts.parts else self.size
        named = facts.parts_sha256 is not None
        digest = parts_digest(part.sha256 for part in facts.parts) if named else None
        if made != self.size or not self.ranges or self.parts_sha256 != digest:
            raise ClientError(
                None,
                f"The parts of {self.key} make {made} bytes with the digest {digest} over theirs; "
                f"the file has {self.size} and {self.parts_sha256}. Report it to whoever runs the "
                "platform.",
            )

    def renew(self, refused: str) -> Flow[None]:
        """Replace the URL ``refused``, unless another reader has done so."""
        if self.url == refused:
            self.url = (yield from self.exchange.call(data_url(self._base, self.key))).url


def byte_ranges(facts: FileParts) -> list[ByteRange]:
    """Return the ranges that can be verified alone: the parts, or all if a digest is unknown.

    Nothing can be verified if the digest of the whole is unknown, too.
    """
    whole = [] if facts.sha256 is None else [ByteRange(0, facts.size, facts.sha256)]
    ranges: list[ByteRange] = []
    start = 0
    for part in facts.parts:
        if part.sha256 is None:
            return whole
        ranges.append(ByteRange(start, start + part.size, part.sha256))
        start += part.size
    return ranges or whole
