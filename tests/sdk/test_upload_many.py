"""Many small files: beside each other, in few calls, and what happens when one fails."""

import json
from collections.abc import Iterator
from hashlib import md5, sha256
from pathlib import Path

import pytest

from ferryman import Gateway, GatewayError, Migration
from ferryman.sdk.upload_many import Content
from tests.kit.digests import parts_sha256

from .badserver import BadServer, Reply, bad_server
from .running import Platform, Running

DATA = b"small"
DIGEST = md5(DATA, usedforsecurity=False).hexdigest()


def test_every_file_arrives_and_the_receipts_are_in_order(
    platform: Platform, running: Running, gateway: Gateway, migration: Migration, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (9 << 20))
    contents: list[Content] = [b"", b"one", bytearray(b"two"), memoryview(b"three"), path]
    contents += [str(number).encode() for number in range(40)]
    receipts = gateway.upload_many((str(n), each) for n, each in enumerate(contents))
    assert [receipt.label for receipt in receipts] == [str(n) for n in range(len(contents))]
    for each, receipt in zip(contents, receipts, strict=True):
        data = each.read_bytes() if isinstance(each, Path) else bytes(each)
        assert receipt.parts_sha256 == parts_sha256(data, 8 << 20)
    with migration.get_app_data_payload(receipts[1].key) as payload:
        assert payload.read() == b"one"
    assert len(platform.events(running, "uploaded:app_data")) == len(contents)


def test_no_files_are_no_error(gateway: Gateway) -> None:
    assert gateway.upload_many([]) == []


@pytest.mark.parametrize("concurrency", [0, 9])
def test_a_concurrency_that_threads_and_memory_are_not_made_for(
    gateway: Gateway, concurrency: int
) -> None:
    with pytest.raises(ValueError, match="1 to 8"):
        gateway.upload_many([("a", DATA)], concurrency=concurrency)


def test_a_file_that_fails_ends_it_and_no_more_are_begun(gateway: Gateway, tmp_path: Path) -> None:
    asked: list[int] = []

    def files() -> Iterator[tuple[str, Content]]:
        for number in range(1_000):
            asked.append(number)
            yield str(number), tmp_path / "not there" if number == 3 else DATA

    with pytest.raises(FileNotFoundError):
        gateway.upload_many(files(), concurrency=2)
    assert 4 <= len(asked) < 1_000


def test_what_the_files_raise_is_raised(platform: Platform, running: Running) -> None:
    def files() -> Iterator[tuple[str, Content]]:
        yield "first", DATA
        raise ZeroDivisionError

    with (
        Gateway(running.url, running.server_token, running.transfer_id) as gateway,
        pytest.raises(ZeroDivisionError),
    ):
        gateway.upload_many(files())
    assert platform.view(running)["files"] == 1


def answers(server: BadServer, *, held: str | None) -> list[Reply]:
    """A platform whose store has the part already; ``held`` is what it shows of it."""
    url = {"number": 1, "method": "PUT", "url": f"{server.url}/store", "headers": {}}
    view = {"uploadId": "u", "key": "k", "partSize": 8, "minPartSize": 1, "maxPartSize": 9}
    view |= {"maxParts": 1, "checksums": ["md5"], "part": url | {"expiresAt": 0}}
    parts = [] if held is None else [{"number": 1, "etag": held, "size": len(DATA)}]
    state = {"uploadId": "u", "transferId": "t", "key": "k", "label": None, "state": "OPEN"}
    receipt = {"key": "k", "label": None, "size": len(DATA), "messageId": "m"}
    receipt["sha256"] = sha256(DATA).hexdigest()
    there = [Reply(412), Reply(body=json.dumps(state | {"parts": parts}).encode())]
    again = Reply(body=json.dumps({"parts": [url | {"expiresAt": 0}]}).encode())
    rest = [Reply(body=json.dumps({"files": [{"receipt": receipt}]}).encode())]
    if held != DIGEST:
        rest = [again, *there, again, *there, again, *there, Reply()]
    return [Reply(body=json.dumps({"files": [{"upload": view}]}).encode()), *there, *rest]


def calls(server: BadServer) -> list[tuple[str, str]]:
    return [(each.method, each.path.rpartition("/")[2]) for each in server.seen]


def test_a_part_that_is_there_already_is_stored() -> None:
    with bad_server() as server, Gateway(server.url, "token", "t") as gateway:
        server.replies[:] = answers(server, held=DIGEST)
        with gateway.create_app_data() as stream:
            stream.write(DATA)
        assert stream.receipt is not None
        assert calls(server) == [
            ("POST", "batch"),
            ("PUT", "store"),
            ("GET", "u"),
            ("POST", "complete"),
        ]
        completed = json.loads(server.seen[-1].body)
        assert completed["files"][0]["parts"][0]["sha256"] == sha256(DATA).hexdigest()


@pytest.mark.parametrize("held", [None, "0" * 32])
def test_something_else_in_its_place_is_not(held: str | None) -> None:
    with bad_server() as server, Gateway(server.url, "token", "t") as gateway:
        server.replies[:] = answers(server, held=held)
        stream = gateway.create_app_data()
        stream.write(DATA)
        with pytest.raises(GatewayError) as refused:
            stream.complete()
        assert refused.value.status == 412
        assert calls(server).count(("PUT", "store")) == 4
        why = "reason=writer_failed&detail=ferryman.sdk.errors.InvalidRequestError+%28412%29"
        assert calls(server)[-1] == ("DELETE", f"u?{why}")
