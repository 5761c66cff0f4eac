"""Check lists of parts, with the same rules for every store."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ferryman import refusals
from ferryman.wire.upload import PartRequest, StoredPart

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)


def check_request(
    part: PartRequest,
    *,
    max_part_size: int,
    max_parts: int,
    checksums: Sequence[str] = ("sha256",),
) -> None:
    """Refuse a part that could never be stored, before anything is signed.

    ``checksums`` names the digests that the store requires.

    Raises ``LimitExceeded`` (``too_many_parts``, ``part_too_large``) or ``Invalid``
    (``part_number_invalid``, ``part_size_invalid``, ``part_digest_invalid``).
    """
    if part.number < 1:
        raise refusals.upload.PART_NUMBER_INVALID(limit=max_parts, number=part.number)
    if part.number > max_parts:
        raise refusals.upload.TOO_MANY_PARTS(limit=max_parts, count=part.number)
    if part.size < 0:
        raise refusals.upload.PART_SIZE_INVALID(size=part.size)
    if part.size > max_part_size:
        raise refusals.upload.PART_TOO_LARGE(
            limit=max_part_size, number=part.number, size=part.size
        )
    if not is_sha256(part.sha256):
        raise refusals.upload.PART_SHA256_INVALID(digest=part.sha256)
    if "md5" in checksums and not _MD5.fullmatch(part.md5 or ""):
        raise refusals.upload.PART_MD5_INVALID(digest=part.md5 or "none")


def is_sha256(text: str) -> bool:
    """Return whether ``text`` is a sha256 in canonical form: 64 lower-case hex digits."""
    return _SHA256.fullmatch(text) is not None


def check_digests(parts: Sequence[StoredPart]) -> None:
    """Refuse malformed digests, which no reader could match; raise ``part_digest_invalid``."""
    for part in parts:
        if part.sha256 is not None and not is_sha256(part.sha256):
            raise refusals.upload.PART_SHA256_INVALID(digest=part.sha256)


def check_parts(
    parts: Sequence[StoredPart],
    *,
    min_part_size: int,
    max_parts: int,
    held: Iterable[StoredPart],
) -> list[StoredPart]:
    """Return the parts of ``held`` that ``parts`` names, in the order of the file.

    ``held`` may have several parts with the same number (a part sent again with other bytes);
    ``parts`` may be in any order but has every number from 1 exactly once. Raises ``LimitExceeded``
    (``too_many_parts``) or ``Invalid`` (``part_missing``, ``part_repeated``, ``part_too_small``,
    ``part_mismatch``).
    """
    if len(parts) > max_parts:
        raise refusals.upload.TOO_MANY_PARTS(limit=max_parts, count=len(parts))
    ordered = sorted(parts, key=lambda part: part.number)
    _check_numbers(ordered)
    by_number: dict[int, list[StoredPart]] = defaultdict(list)
    for part in held:
        by_number[part.number].append(part)
    chosen = [_find(part, by_number.get(part.number, [])) for part in ordered]
    for part in chosen[:-1]:
        if part.size < min_part_size:
            raise refusals.upload.PART_TOO_SMALL(
                least=min_part_size, number=part.number, size=part.size
            )
    return chosen


def _check_numbers(ordered: Sequence[StoredPart]) -> None:
    if not ordered:
        raise refusals.upload.PARTS_MISSING()
    for number, part in enumerate(ordered, start=1):
        if part.number > number:
            raise refusals.upload.PART_MISSING(
                number=number, found=f"part {part.number} in its place"
            )
        if part.number < number:
            raise refusals.upload.PART_REPEATED(number=part.number, expected=number)


def _find(part: StoredPart, candidates: Sequence[StoredPart]) -> StoredPart:
    if not candidates:
        raise refusals.upload.PART_MISSING(number=part.number, found="no such part in the store")
    for candidate in candidates:
        if candidate.size == part.size and _same_bytes(part, candidate):
            return candidate
    stored = candidates[-1]
    raise refusals.upload.PART_MISMATCH(
        number=part.number,
        stored=f"{stored.size} bytes, {_digest(stored)}",
        found=f"{part.size} bytes, {_digest(part)}",
    )


def _same_bytes(part: StoredPart, stored: StoredPart) -> bool:
    """Compare by sha256 if both have one; S3 keeps none, so there compare etags (md5)."""
    if part.sha256 is not None and stored.sha256 is not None:
        return part.sha256 == stored.sha256
    return part.etag.strip('"') == stored.etag.strip('"')


def _digest(part: StoredPart) -> str:
    return f"sha256 {part.sha256[:64]}" if part.sha256 else f"etag {part.etag[:64]!r}"
