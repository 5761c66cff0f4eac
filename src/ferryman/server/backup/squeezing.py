"""Compress what one task writes while another sends it on, and the way back; both in threads."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from typing import TypeVar

from ferryman import refusals
from ferryman.server.backup.manifest import Kept
from ferryman.server.backup.place import BackupPlace

R = TypeVar("R")

_GZIP = 31
_LEVEL = 1
"""A higher level costs far more time than it saves bytes of such rows."""

_STEP = 1 << 20
_AHEAD = 4


Write = Callable[[bytes], Awaitable[None]]


async def put_squeezed(
    place: BackupPlace, name: str, produce: Callable[[Write], Awaitable[R]]
) -> tuple[R, Kept]:
    """Write a compressed file of what ``produce`` writes; return its result too."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
    squeezer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    held: list[bytes] = []
    size = 0

    async def write(chunk: bytes) -> None:
        nonlocal size
        held.append(bytes(chunk))
        size += len(chunk)
        if size >= _STEP:
            await queue.put(await asyncio.to_thread(squeezer.compress, b"".join(held)))
            held.clear()
            size = 0

    async def produced() -> R:
        result = await produce(write)
        rest = squeezer.compress(b"".join(held)) + squeezer.flush()
        await queue.put(rest)
        await queue.put(None)
        return result

    async def chunks() -> AsyncIterator[bytes]:
        while (chunk := await queue.get()) is not None:
            if chunk:
                yield chunk

    try:
        async with asyncio.TaskGroup() as group:
            producing = group.create_task(produced())
            putting = group.create_task(place.put(name, chunks()))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    written = putting.result()
    return producing.result(), Kept(name=name, size=written.size, sha256=written.sha256)


async def check(place: BackupPlace, kept: Kept) -> None:
    """Raise ``ConfigError`` (``backup_damaged``) unless a file is as it was written."""
    digest, size = sha256(), 0
    try:
        async for chunk in place.get(kept.name):
            size += len(chunk)
            await asyncio.to_thread(digest.update, chunk)
    except FileNotFoundError:
        raise refusals.backup.DAMAGED(name=kept.name, found="no such file") from None
    if size != kept.size:
        found = f"{size} bytes instead of {kept.size}"
        raise refusals.backup.DAMAGED(name=kept.name, found=found)
    if digest.hexdigest() != kept.sha256:
        raise refusals.backup.DAMAGED(name=kept.name, found="other bytes")


async def get_squeezed(place: BackupPlace, name: str) -> AsyncIterator[bytes]:
    """Yield the decompressed bytes of a file, in pieces of up to a megabyte.

    Raises ``ConfigError`` (``backup_damaged``).
    """
    loosener = zlib.decompressobj(wbits=_GZIP)
    try:
        async for chunk in place.get(name):
            rest = chunk
            # A chunk of rows that are all alike may hold a thousand times as much.
            while rest:
                if plain := await asyncio.to_thread(loosener.decompress, rest, _STEP):
                    yield plain
                rest = loosener.unconsumed_tail
        if plain := loosener.flush():
            yield plain
    except zlib.error as error:
        raise refusals.backup.DAMAGED(name=name, found="bytes that gzip did not write") from error


async def lines_of(place: BackupPlace, name: str) -> AsyncIterator[str]:
    """Yield the lines of a compressed file of ASCII text."""
    rest = b""
    async for chunk in get_squeezed(place, name):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode("ascii")
