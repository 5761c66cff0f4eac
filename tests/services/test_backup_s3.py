"""Backups in S3, and restores of them into another store than the platform had."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from ferryman.errors import ConfigError
from ferryman.objects.s3.address import parse_address
from ferryman.objects.s3.client import s3_bucket
from ferryman.server.backup import backup as backups
from ferryman.server.backup import restore as restores
from ferryman.server.backup import s3_place
from tests.kit.backup import Copies, copies_of, rows_of, silent, tables_of, upload_in_parts
from tests.kit.services import Services
from tests.objects.s3_servers import keys_of, moto_server

PARTS = (b"a" * (5 << 20), b"the end")


@dataclass(frozen=True)
class Bucket:
    """A bucket with a prefix for backups and one for files."""

    copies: Copies
    name: str
    endpoint: str

    def address(self, prefix: str) -> str:
        return f"s3://{self.name}/{prefix}?endpoint={self.endpoint}"

    async def names(self, prefix: str) -> list[str]:
        async with s3_place.s3_place(self.address(prefix)) as place:
            return [name async for name, _ in place.files("")]


@pytest.fixture
async def bucket(
    services: Services, database: str, empty_database: str, tmp_path: Path
) -> AsyncIterator[Bucket]:
    copies = copies_of(services, database, empty_database, tmp_path / "copies")
    with moto_server() as server, keys_of(server):
        bucket = Bucket(copies, f"harbour-{uuid4().hex[:8]}", server.endpoint)
        async with s3_bucket(parse_address(bucket.address("files"))) as opened:
            await opened.client.create_bucket(Bucket=bucket.name)
        yield bucket


async def test_a_backup_in_s3_is_restored_into_s3(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the local store; the second backup copies nothing, a damaged one leaves nothing."""
    monkeypatch.setattr(s3_place, "_PART", 5 << 20)
    copies, address = bucket.copies, bucket.address("backups")
    transfer_id = await copies.services.start_transfer()
    small = await copies.services.upload(transfer_id, b"harbour")
    large = await upload_in_parts(copies.services, transfer_id, *PARTS)
    done = await backups.backup(copies.source, address, silent)
    assert (done.place, done.files, done.copied_files) == (f"s3://{bucket.name}/backups", 2, 2)
    with monkeypatch.context() as listed:
        # A million objects are listed by a thousand calls, and asked for by a million.
        listed.delattr(s3_place.S3Place, "size")
        again = await backups.backup(copies.source, address, silent)
    assert (again.files, again.copied_files, again.problems) == (2, 0, [])

    target = copies.target.model_copy(update={"object_store": bucket.address("files")})
    held = f"objects/{small.key[:2]}/{small.key}"
    async with s3_place.s3_place(address) as place:
        kept = b"".join([chunk async for chunk in place.get(held)])
        await place.put(held, _one(b"harbouR"))
        with pytest.raises(ConfigError, match="backup_damaged"):
            await restores.restore(target, address, silent)
        assert await bucket.names("files") == []
        assert tables_of(target) == []
        assert not target.data_dir.exists()
        await place.put(held, _one(kept))
    report = await restores.restore(target, address, silent, verified=True)
    assert report.verified is not None
    assert (report.verified.files, report.verified.problems) == (2, [])
    assert await bucket.names("files") == sorted([small.key, large.key])
    assert rows_of(target) == rows_of(copies.source)
    elsewhere = target.model_copy(update={"data_dir": target.data_dir / "new"})
    with pytest.raises(ConfigError, match="restore_store_not_empty"):
        await restores.restore(elsewhere, address, silent)


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data
