"""Compressed files of a backup: their pieces, and what gzip did not write."""

from pathlib import Path

import pytest

from ferryman.errors import ConfigError
from ferryman.server.backup.place import Folder
from ferryman.server.backup.squeezing import Write, get_squeezed, put_squeezed

MEGABYTE = 1 << 20


async def test_rows_that_are_all_alike_come_in_pieces(tmp_path: Path) -> None:
    """They are held as they are compressed, a thousandth of their size."""
    place = Folder(tmp_path)

    async def produce(write: Write) -> None:
        for _ in range(20):
            await write(b"a" * MEGABYTE)

    with place.alone():
        _, kept = await put_squeezed(place, "database/1/t.gz", produce)
    assert kept.size < MEGABYTE // 4
    pieces = [len(piece) async for piece in get_squeezed(place, kept.name)]
    assert (sum(pieces), max(pieces)) == (20 * MEGABYTE, MEGABYTE)


async def test_bytes_that_gzip_did_not_write_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"none")
    with pytest.raises(ConfigError, match="backup_damaged"):
        async for _ in get_squeezed(Folder(tmp_path), "a.gz"):
            pass
