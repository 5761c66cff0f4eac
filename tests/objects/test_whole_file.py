"""Files of one part in the local store: one file under its final name, with the same proofs."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.errors import Conflict, Invalid, NotFound
from ferryman.ids import new_ids
from ferryman.objects.local import LocalStore
from ferryman.objects.port import Assembly
from ferryman.wire.upload import PartRequest, StoredPart

from .serving import LATER, NOW, Answer, local_platform, part_request, request, stored

DATA, OTHER = os.urandom(20_000), os.urandom(20_000)
LARGE = os.urandom(1 << 20)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def store(root: Path) -> Iterator[LocalStore]:
    with local_platform(root) as local:
        yield local


def begin(store: LocalStore, data: bytes) -> str:
    reference = asyncio.run(store.begin_single(part_request(1, data)))
    assert reference is not None
    return reference


def url(store: LocalStore, key: str, ref: str, part: PartRequest) -> str:
    return asyncio.run(store.part_url(key, ref, part, expires_at=LATER, now=NOW)).url


def put(target: str, data: bytes) -> Answer:
    return request("PUT", target, data, {"Content-Length": str(len(data))})


def send(store: LocalStore, key: str, ref: str, data: bytes) -> None:
    answer = put(url(store, key, ref, part_request(1, data)), data)
    assert (answer.status, answer.headers["etag"]) == (200, f'"{stored(1, data).sha256}"')


def complete(store: LocalStore, key: str, ref: str, data: bytes) -> list[StoredPart]:
    return asyncio.run(store.complete(key, ref, [stored(1, data)]))


def content(store: LocalStore, key: str) -> bytes:
    target = asyncio.run(store.read_url(key, expires_at=LATER, now=NOW))
    answer = request("GET", target)
    assert answer.status == 200
    assert answer.headers["content-length"] == str(len(answer.body))
    return answer.body


@pytest.mark.parametrize("data", [b"", DATA, LARGE])
def test_it_is_one_file_from_its_arrival_on(
    store: LocalStore, root: Path, key: str, data: bytes
) -> None:
    ref = begin(store, data)
    assert not list(root.rglob(f"*{key}*")), "nothing is there before its bytes are"
    assert asyncio.run(store.list_parts(key, ref)) == []
    with pytest.raises(Invalid, match="part_missing"):
        complete(store, key, ref, data)
    send(store, key, ref, data)
    send(store, key, ref, data)  # sent again, as after a lost answer
    assert asyncio.run(store.list_parts(key, ref)) == [stored(1, data)]
    assert complete(store, key, ref, data) == complete(store, key, ref, data)
    assert (root / "objects" / key[:2] / key).read_bytes() == data
    assert list((root / "incoming").iterdir()) == []
    assert content(store, key) == data
    assert asyncio.run(store.size(key)) == len(data)
    asyncio.run(store.delete(key))
    asyncio.run(store.delete(key))
    with pytest.raises(NotFound):
        asyncio.run(store.size(key))


def test_no_other_bytes_are_taken(store: LocalStore, root: Path, key: str) -> None:
    ref = begin(store, DATA)
    target = url(store, key, ref, part_request(1, DATA))
    assert put(target, OTHER).status == 400
    assert put(target, DATA[:-1]).status == 400
    assert put(target, DATA[:-1] + bytes([DATA[-1] ^ 1])).status == 400
    for part in (part_request(1, OTHER), part_request(2, DATA)):
        with pytest.raises(Conflict, match="upload_closed"):
            url(store, key, ref, part)
    assert not list(root.rglob(f"*{key}*"))
    send(store, key, ref, DATA)
    for wrong in (stored(1, OTHER), stored(1, DATA[:-1])):
        with pytest.raises(Invalid, match="part_mismatch"):
            asyncio.run(store.complete(key, ref, [wrong]))
    with pytest.raises(Invalid, match="part_missing"):
        asyncio.run(store.complete(key, ref, [stored(1, DATA), stored(2, OTHER)]))


def test_a_file_widened_to_parts_replaces_what_was_sent(store: LocalStore, key: str) -> None:
    ref = begin(store, DATA)
    late = url(store, key, ref, part_request(1, DATA))
    send(store, key, ref, DATA)
    assert asyncio.run(store.widened(key, ref, [part_request(1, DATA)])) == ref
    wide = asyncio.run(store.widened(key, ref, [part_request(1, OTHER)]))
    assert wide != ref
    assert put(url(store, key, wide, part_request(1, OTHER)), OTHER).status == 200
    complete(store, key, wide, OTHER)
    assert content(store, key) == OTHER
    # Its URL is still valid, and whoever completes by the reference that was replaced gets nothing.
    assert put(late, DATA).status == 409
    with pytest.raises(Invalid, match="part_missing"):
        complete(store, key, ref, DATA)
    assert complete(store, key, wide, OTHER) == [stored(1, OTHER)]
    assert content(store, key) == OTHER


def test_aborting_removes_what_was_sent(store: LocalStore, root: Path, key: str) -> None:
    small = DATA[:100]
    ref = begin(store, small)
    send(store, key, ref, small)
    asyncio.run(store.abort(key, ref))
    assert not list(root.rglob(f"*{key}*"))


def test_nothing_arrives_after_a_file_was_given_up(store: LocalStore, root: Path, key: str) -> None:
    """Otherwise an app could keep bytes that no quota counts."""
    ref = begin(store, DATA)
    late = url(store, key, ref, part_request(1, DATA))
    send(store, key, ref, DATA)
    for _ in range(2):
        asyncio.run(store.abort(key, ref))
        assert put(late, DATA).status == 409
    assert key in asyncio.run(files_of(store))
    asyncio.run(store.delete(key))  # as a sweep does
    assert not list(root.rglob(f"*{key}*"))


async def files_of(store: LocalStore) -> list[str]:
    return [key async for key in store.files()]


def test_a_batch_has_an_answer_for_each_and_lies_in_one_folder(
    store: LocalStore, root: Path
) -> None:
    keys = [str(key) for key in new_ids(4)]
    assert len({key[:13] for key in keys}) == 1
    ref = begin(store, DATA)
    for key in (keys[0], keys[2]):
        send(store, key, ref, DATA)
    asyncio.run(store.begin(keys[3]))
    files = [Assembly(key, ref, [stored(1, DATA)]) for key in keys[:3]]
    files[2] = Assembly(keys[2], ref, [stored(1, OTHER)])
    answers = asyncio.run(store.complete_all([*files, Assembly(keys[3], keys[3], [])]))
    assert answers[0] == [stored(1, DATA)]
    codes = [getattr(answer, "code", None) for answer in answers]
    assert codes == [None, "part_missing", "part_mismatch", "part_missing"]


def test_files_of_both_layouts_are_listed_in_order(tmp_path: Path) -> None:
    with local_platform(tmp_path) as store:
        keys = sorted(str(key) for key in new_ids(4))
        for key in keys[::2]:
            ref = begin(store, DATA)
            send(store, key, ref, DATA)
        for key in keys[1::2]:
            asyncio.run(store.begin(key))
            assert put(url(store, key, key, part_request(1, DATA)), DATA).status == 200
            complete(store, key, key, DATA)

        async def listed() -> list[str]:
            return [key async for key in store.files()]

        assert asyncio.run(listed()) == keys
        assert [content(store, key) for key in keys] == [DATA] * 4


@pytest.mark.parametrize(("data", "at_once"), [(DATA, True), (LARGE, False)])
def test_a_range_and_a_head_are_the_same_of_a_file_read_at_once(
    store: LocalStore, key: str, data: bytes, at_once: bool
) -> None:
    send(store, key, begin(store, data), data)
    target = asyncio.run(store.read_url(key, expires_at=LATER, now=NOW))
    part = request("GET", target, headers={"Range": "bytes=7-1006"})
    assert (part.status, part.body) == (206, data[7:1007])
    assert part.headers["content-range"] == f"bytes 7-1006/{len(data)}"
    head = request("HEAD", target)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(data))
    found = asyncio.run(store.find(key, len(DATA)))
    assert found.content == (data if at_once else None)
