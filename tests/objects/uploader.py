# ruff: noqa: S311 - the bytes have to be the same in every process
"""Processes that upload file after file until they are killed, and say which ones they completed.

    python uploader.py ROOT

Forks for each line of standard input, which is a seed. The fork prints its process id, then the
number of each file whose completion returned; after its end a line says so.
"""

import asyncio
import os
import random
import sys
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from uuid import UUID

from ferryman.objects.local import LocalStore
from ferryman.objects.signed_url import Grant, UrlOperation
from ferryman.wire.upload import StoredPart

MIN_PART = 20_000
KILLED = "killed"


def key_of(seed: int, file: int) -> str:
    """The same file has the same key in every process."""
    return str(UUID(int=random.Random(f"{seed}/{file}").getrandbits(128)))


def parts_of(seed: int, file: int) -> list[bytes]:
    """The bytes of a file; a run of three sizes."""
    source = random.Random(f"{seed}/{file}/bytes")
    return [source.randbytes(size) for size in (MIN_PART, 3 * MIN_PART, 5_000)]


def open_store(root: Path) -> LocalStore:
    """A store with small parts, so that a kill often falls between two steps."""
    store = LocalStore(root, b"secret", "http://127.0.0.1:1")
    store.min_part_size = MIN_PART
    return store


def stored(number: int, data: bytes) -> StoredPart:
    """What a sender knows of its part."""
    digest = sha256(data).hexdigest()
    return StoredPart(number=number, size=len(data), sha256=digest, etag=digest)


async def send(store: LocalStore, key: str, part: StoredPart, data: bytes) -> None:
    """One part, in the pieces that a network would make of it."""
    grant = Grant(
        operation=UrlOperation.PART,
        key=key,
        expires_at=datetime(2100, 1, 1, tzinfo=UTC),
        number=part.number,
        size=part.size,
        sha256=part.sha256 or "",
    )
    with store.receive(grant) as incoming:
        for start in range(0, len(data), 4096):
            incoming.write(data[start : start + 4096])
        await incoming.keep()


async def upload(store: LocalStore, key: str, chunks: list[bytes]) -> None:
    """Whatever of the file is there already is not sent again."""
    parts = [stored(number, data) for number, data in enumerate(chunks, start=1)]
    await store.begin(key)
    held = await store.list_parts(key, key)
    for part, data in zip(parts, chunks, strict=True):
        if part not in held:
            await send(store, key, part, data)
    await store.complete(key, key, parts)


def say(word: object) -> None:
    """Write a line by one call: ``print`` makes two if unbuffered, and a kill parts them."""
    os.write(sys.stdout.fileno(), f"{word}\n".encode())


async def run(root: Path, seed: int) -> None:
    store = open_store(root)
    say(os.getpid())
    for file in count():
        await upload(store, key_of(seed, file), parts_of(seed, file))
        say(file)


def main(root: Path) -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(run(root, int(line)))
        os.waitpid(pid, 0)
        say(KILLED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
