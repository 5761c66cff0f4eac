"""The one form of ``Range`` that object URLs answer (RFC 9110, section 14)."""

import re

from ferryman.errors import Invalid

_SINGLE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes asked for as (start, end), end not included; None means the whole file.

    Several ranges, other units and malformed headers are ignored, as the RFC allows. Raises
    ``Invalid`` (``range_not_satisfiable``) when the range holds no byte of the file.
    """
    match = _SINGLE.fullmatch(header.strip()) if header else None
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Invalid(
            "range_not_satisfiable",
            expected=f"a range within the {size} bytes of the file",
            found=f"{header!r}",
            fix="Read the size from Content-Range and ask for bytes that exist.",
        )
    return start, end
