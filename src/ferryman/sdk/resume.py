"""Going on with a file whose sender was killed: what the store holds is not sent again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ferryman.wire.upload import PartRequest, StoredPart

SOURCE_CHANGED = "source_changed"
"""The code of the error for a file that is not what it was when its sending began."""

UPLOAD_RESTARTED = "upload_restarted"
"""The code of the error for a file whose stored parts are gone: send it again from the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """The name under which a file can be gone on with, and what is known of the last try.

    ``known`` are parts that were stored, by number, with the etag that the store gave them.
    With ``same`` a part must have the bytes that it had then, since its source is a file that
    does not change; a stream may be made anew, and then what differs is sent again.
    """

    key: str
    known: Mapping[int, StoredPart] = field(default_factory=dict)
    same: bool = False


def by_number(parts: Iterable[StoredPart]) -> dict[int, list[StoredPart]]:
    """Sort parts by number; a store may hold several of one, sent with other bytes each."""
    found: dict[int, list[StoredPart]] = defaultdict(list)
    for part in parts:
        found[part.number].append(part)
    return dict(found)


def held_part(
    part: PartRequest, held: Sequence[StoredPart], known: StoredPart | None
) -> StoredPart | None:
    """Return the part of ``held`` that has the very bytes of ``part``; None where none is proven.

    A store proves by its sha256. S3 keeps none: there an etag speaks that we saw when the part
    was stored, or one that is the md5 of the bytes.
    """
    for each in held:
        if each.size == part.size and _proven(part, each, known):
            return StoredPart(
                number=part.number, etag=each.etag, size=part.size, sha256=part.sha256
            )
    return None


def _proven(part: PartRequest, held: StoredPart, known: StoredPart | None) -> bool:
    if held.sha256 is not None:
        return held.sha256 == part.sha256
    etag = held.etag.strip('"')
    if known is not None and known.etag.strip('"') == etag:
        return known.sha256 == part.sha256
    return etag != "" and etag == part.md5
