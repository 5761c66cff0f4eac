"""A payload is read in any order, and still no byte of it is given that is not proven."""

import hashlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ferryman import Migration, MigrationAPIError
from ferryman.sdk.payload import Payload

from .badserver import BadServer, Reply, bad_server

DATA = os.urandom(3_000_000)
PART = 1_000_000


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "first")
        archive.writestr("b.bin", DATA)
    return file.getvalue()


@contextmanager
def opened(data: bytes, *, stored: bytes | None = None) -> Iterator[tuple[Payload, BadServer]]:
    """A payload of ``data``, whose store holds ``stored``."""
    with bad_server() as server:
        parts = [
            {"number": at // PART + 1, "size": len(part), "sha256": sha256(part)}
            for at in range(0, len(data), PART)
            if (part := data[at : at + PART])
        ]
        facts = {"url": f"{server.url}/f", "size": len(data), "sha256": sha256(data)}
        body = json.dumps({**facts, "parts": parts}).encode()
        if stored is None:
            server.replies += [Reply(body=body), Reply(body=data)] * 2
        else:
            server.replies += [Reply(body=body), *[Reply(body=stored)] * 3]
        with (
            Migration(server.url, "secret") as migration,
            migration.get_app_data_payload("k") as payload,
        ):
            yield payload, server


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_zip_file_is_read() -> None:
    with opened(zipped()) as (payload, server), zipfile.ZipFile(payload) as archive:
        assert archive.read("a.txt") == b"first"
        assert archive.read("b.bin") == DATA
    assert len(server.seen) == 2, "the file was fetched once"


def test_any_order_is_that_of_a_file() -> None:
    plain = io.BytesIO(DATA)
    with opened(DATA) as (payload, server):
        assert payload.seekable()
        for file in (payload, plain):
            file.read(10)
        for offset, whence in ((0, 1), (5, 0), (-7, 2), (0, 2), (1_500_000, 0), (-100, 1), (0, 0)):
            assert payload.seek(offset, whence) == plain.seek(offset, whence)
            assert payload.tell() == plain.tell()
            assert payload.read(1000) == plain.read(1000)
            assert payload.tell() == plain.tell()
    assert len(server.seen) <= 4, "what was read before is fetched again, once"


def test_reading_on_needs_no_second_fetch() -> None:
    with opened(DATA) as (payload, server):
        assert payload.tell() == 0
        assert payload.read(1_200_000) == DATA[:1_200_000]
        assert payload.tell() == 1_200_000
        assert payload.seek(0, io.SEEK_CUR) == 1_200_000
        assert payload.read() == DATA[1_200_000:]
    assert len(server.seen) == 2


def test_a_place_before_the_beginning_is_refused() -> None:
    with opened(DATA) as (payload, _), pytest.raises(ValueError, match="within the file"):
        payload.seek(-1, io.SEEK_END) and payload.seek(-len(DATA) - 1, io.SEEK_END)


def test_nothing_unproven_is_sought() -> None:
    wrong = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with (
        opened(DATA, stored=wrong) as (payload, _),
        pytest.raises(MigrationAPIError, match="do not have the sha256"),
    ):
        payload.seek(-5, io.SEEK_END)


def test_a_tar_file_is_read_as_a_stream_or_not() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("b.bin")
        member.size = len(DATA)
        archive.addfile(member, io.BytesIO(DATA))
    for mode in ("r|gz", "r:gz"):
        with (
            opened(file.getvalue()) as (payload, _),
            tarfile.open(fileobj=payload, mode=mode) as archive,
        ):
            found = archive.next()
            assert found is not None
            content = archive.extractfile(found)
            assert content is not None
            assert content.read() == DATA
