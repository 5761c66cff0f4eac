"""What makes a list of parts a file; the same for every store."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ferryman.errors import Invalid, LimitExceeded
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

    ``checksums`` names the digests that the store needs.

    Raises ``LimitExceeded`` (``too_many_parts``, ``part_too_large``) or ``Invalid``
    (``part_number_invalid``, ``part_size_invalid``, ``part_digest_invalid``).
    """
    if part.number < 1:
        raise Invalid(
            "part_number_invalid",
            expected=f"a part number from 1 to {max_parts}",
            found=str(part.number),
            fix="Number the parts of a file 1, 2, 3 and so on.",
        )
    if part.number > max_parts:
        raise _too_many(part.number, max_parts)
    if part.size < 0:
        raise Invalid(
            "part_size_invalid",
            expected="a size of 0 bytes or more",
            found=str(part.size),
            fix="Send the number of bytes in the part.",
        )
    if part.size > max_part_size:
        raise LimitExceeded(
            "part_too_large",
            expected=f"at most {max_part_size} bytes in one part",
            found=f"part {part.number} of {part.size} bytes",
            fix="Divide the file into smaller parts.",
        )
    if not is_sha256(part.sha256):
        raise _not_hex(part.sha256)
    if "md5" in checksums and not _MD5.fullmatch(part.md5 or ""):
        raise Invalid(
            "part_digest_invalid",
            expected="the md5 of the part as 32 lower-case hex digits, which this store checks",
            found=f"{(part.md5 or 'none')[:80]!r}",
            fix="Send hashlib.md5(part).hexdigest() as md5; checksums of the upload names it.",
        )


def is_sha256(text: str) -> bool:
    """Whether it is one as all of the platform writes it: 64 lower-case hex digits."""
    return _SHA256.fullmatch(text) is not None


def check_digests(parts: Sequence[StoredPart]) -> None:
    """Refuse a digest that no reader could ever find again; raises ``part_digest_invalid``."""
    for part in parts:
        if part.sha256 is not None and not is_sha256(part.sha256):
            raise _not_hex(part.sha256)


def check_parts(
    parts: Sequence[StoredPart],
    *,
    min_part_size: int,
    max_parts: int,
    held: Iterable[StoredPart],
) -> list[StoredPart]:
    """The parts of ``held`` that ``parts`` names, in the order of the file.

    ``held`` may have several parts of one number (the same part sent again with other bytes);
    ``parts`` may be in any order but has every number from 1 exactly once. Raises
    ``LimitExceeded`` (``too_many_parts``) or ``Invalid`` (``part_missing``, ``part_repeated``,
    ``part_too_small``, ``part_mismatch``).
    """
    if len(parts) > max_parts:
        raise _too_many(len(parts), max_parts)
    ordered = sorted(parts, key=lambda part: part.number)
    _check_numbers(ordered)
    by_number: dict[int, list[StoredPart]] = defaultdict(list)
    for part in held:
        by_number[part.number].append(part)
    chosen = [_find(part, by_number.get(part.number, [])) for part in ordered]
    for part in chosen[:-1]:
        if part.size < min_part_size:
            raise Invalid(
                "part_too_small",
                expected=f"at least {min_part_size} bytes in every part but the last",
                found=f"part {part.number} of {part.size} bytes",
                fix="Send the file again in larger parts.",
            )
    return chosen


def _check_numbers(ordered: Sequence[StoredPart]) -> None:
    if not ordered:
        raise Invalid(
            "part_missing",
            expected="at least one part",
            found="none",
            fix="An empty file is one part of size 0: send that part, then complete.",
        )
    for wanted, part in enumerate(ordered, start=1):
        if part.number > wanted:
            raise _missing(wanted, f"part {part.number} in its place")
        if part.number < wanted:
            raise Invalid(
                "part_repeated",
                expected="every part number from 1 once",
                found=f"part {part.number} where part {wanted} was due",
                fix="List each part of the file exactly once.",
            )


def _find(part: StoredPart, candidates: Sequence[StoredPart]) -> StoredPart:
    if not candidates:
        raise _missing(part.number, "no such part in the store")
    for candidate in candidates:
        if candidate.size == part.size and _same_bytes(part, candidate):
            return candidate
    stored = candidates[-1]
    raise Invalid(
        "part_mismatch",
        expected=f"part {part.number} as stored: {stored.size} bytes, {_digest(stored)}",
        found=f"{part.size} bytes, {_digest(part)}",
        fix="Send this part again, then complete with the size and digest of what was sent.",
    )


def _same_bytes(part: StoredPart, stored: StoredPart) -> bool:
    """By sha256 where both have one; S3 keeps none, there the etag (its md5) speaks."""
    if part.sha256 is not None and stored.sha256 is not None:
        return part.sha256 == stored.sha256
    return part.etag.strip('"') == stored.etag.strip('"')


def _not_hex(found: str) -> Invalid:
    return Invalid(
        "part_digest_invalid",
        expected="the sha256 of the part as 64 lower-case hex digits",
        found=f"{found[:80]!r}",
        fix="Send hashlib.sha256(part).hexdigest().",
    )


def _digest(part: StoredPart) -> str:
    return f"sha256 {part.sha256[:64]}" if part.sha256 else f"etag {part.etag[:64]!r}"


def _missing(number: int, found: str) -> Invalid:
    return Invalid(
        "part_missing",
        expected=f"part {number}",
        found=found,
        fix="Ask for the parts the store holds, send the ones that are missing and complete again.",
    )


def _too_many(found: int, max_parts: int) -> LimitExceeded:
    return LimitExceeded(
        "too_many_parts",
        expected=f"at most {max_parts} parts",
        found=str(found),
        fix="Use larger parts as the stream grows.",
    )
