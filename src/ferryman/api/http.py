"""Parts of HTTP that the framework leaves to us: ``Range`` (RFC 9110, section 14), disconnects."""

import re
from collections.abc import AsyncGenerator, AsyncIterator

import structlog
from litestar.types import Receive

from ferryman import refusals
from ferryman.errors import PlatformError

log = structlog.get_logger("ferryman.api")

_SINGLE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the requested bytes as (start, end), end excluded; None means the whole file.

    Several ranges, other units and malformed headers are ignored, as the RFC allows. Raises
    ``Invalid`` (``range_not_satisfiable``) if the range holds no byte of the file.
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
        raise refusals.request.RANGE_NOT_SATISFIABLE(size=size, header=header)
    return start, end


async def begun(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Return the chunks once the first one is there, so that what it raises can be answered."""
    first = await anext(chunks, None)

    async def all_of_them() -> AsyncGenerator[bytes, None]:
        if first is not None:
            yield first
        try:
            async for chunk in chunks:
                yield chunk
        except PlatformError as error:
            # The answer has begun: whoever reads it sees no more than that it breaks off.
            log.error("download.broken", code=error.code, expected=error.expected)
            raise

    return all_of_them()


async def disconnected(receive: Receive) -> None:
    """Return once the client has disconnected: sending does not fail then, so we poll for it."""
    while (await receive())["type"] != "http.disconnect":
        pass
