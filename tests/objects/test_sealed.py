"""Encrypted files of the local store: what is on the disk, and what is refused to be read."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.errors import ConfigError, OutsideError
from ferryman.ids import new_id
from ferryman.objects.folder import part_path
from ferryman.objects.local import LocalStore
from ferryman.objects.sealed_file import SealedReader, SealedWriter, sealed_name
from ferryman.objects.sealing import (
    CHUNK,
    HEADER,
    NO_KEYS,
    TAG,
    ObjectKeys,
    plain_size,
    sealed_size,
)

from .serving import KEYS, LATER, NOW, SECRET, local_platform, part_request, request, run, stored
from .test_behaviour import FIRST, LAST, everything, put, upload
from .test_copied_part import copy, held, whole

NEW, OLD = b"n" * 32, b"k" * 32
OTHER = ObjectKeys((NEW,))
BOTH = ObjectKeys((NEW, OLD))
MARKER = b"harbour master " * 8
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5)
FULL = CHUNK + TAG


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sealed")


@pytest.fixture(scope="module")
def store(root: Path) -> Iterator[LocalStore]:
    with local_platform(root, KEYS) as local:
        yield local


@pytest.fixture
def path(tmp_path: Path, key: str) -> Path:
    return tmp_path / key


def seal(path: Path, data: bytes, step: int = 10_000) -> bytes:
    """Write an encrypted file, in pieces; return what is on the disk."""
    pieces: list[bytes] = []
    writer = SealedWriter(pieces.append, KEYS, path)
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
    writer.finish()
    sealed_name(path).write_bytes(b"".join(pieces))
    return b"".join(pieces)


def read(path: Path, keys: ObjectKeys = KEYS) -> bytes:
    with SealedReader(path, keys) as reader:
        return reader.read(reader.size)


def refusal(path: Path, keys: ObjectKeys = KEYS) -> str:
    with pytest.raises(OutsideError) as caught:
        read(path, keys)
    return caught.value.code


def on_disk(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1_000, CHUNK, 1 << 20])
def test_a_file_reads_back_however_it_was_written(path: Path, size: int, step: int) -> None:
    data = os.urandom(size)
    assert len(seal(path, data, step)) == sealed_size(size)
    assert read(path) == data


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 20))
def test_sizes_are_told_by_those_on_the_disk(size: int, sealed: int) -> None:
    assert plain_size(sealed_size(size)) == size
    found = plain_size(sealed)
    assert found is None or sealed_size(found) == sealed


def changed(sealed: bytes, at: int) -> bytes:
    return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]


SEALED_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "mark": lambda s: changed(s, 0),
    "salt": lambda s: changed(s, 16),
    "nonce": lambda s: changed(s, HEADER - 1),
    "first byte": lambda s: changed(s, HEADER),
    "last tag": lambda s: changed(s, len(s) - 1),
    "nothing": lambda _: b"",
    "header alone": lambda s: s[:HEADER],
    "last chunk cut": lambda s: s[:-1],
    "last chunk gone": lambda s: s[: HEADER + 2 * FULL],
    "two chunks gone": lambda s: s[: HEADER + FULL],
    "middle chunk gone": lambda s: s[: HEADER + FULL] + s[HEADER + 2 * FULL :],
    "chunks exchanged": lambda s: (
        s[:HEADER]
        + s[HEADER + FULL : HEADER + 2 * FULL]
        + s[HEADER : HEADER + FULL]
        + s[HEADER + 2 * FULL :]
    ),
    "chunk twice": lambda s: s[: HEADER + FULL] + s[HEADER:],
    "a byte more": lambda s: s + b"x",
}


@pytest.mark.parametrize("name", SEALED_CHANGES)
def test_what_was_changed_is_not_read(path: Path, name: str) -> None:
    sealed = seal(path, os.urandom(2 * CHUNK + 100))
    sealed_name(path).write_bytes(SEALED_CHANGES[name](sealed))
    assert refusal(path) == "store_damaged"


def test_a_chunk_of_another_file_is_not_read(path: Path) -> None:
    data = os.urandom(2 * CHUNK)
    one, two = seal(path, data), seal(path, data)
    assert one != two, "each file has a key of its own"
    sealed_name(path).write_bytes(one[: HEADER + FULL] + two[HEADER + FULL :])
    assert refusal(path) == "store_damaged"


def test_a_range_needs_only_its_own_chunks(path: Path) -> None:
    data = os.urandom(4 * CHUNK)
    sealed_name(path).write_bytes(changed(seal(path, data), HEADER + 2 * FULL))
    with SealedReader(path, KEYS) as reader:
        for start in (CHUNK + 7, 3 * CHUNK, 0):
            reader.seek(start)
            assert reader.read(100) == data[start : start + 100]
        reader.seek(2 * CHUNK - 1)
        with pytest.raises(OutsideError, match="store_damaged"):
            reader.read(2)


def test_a_key_that_is_missing_is_named(path: Path) -> None:
    seal(path, b"harbour")
    for keys in (NO_KEYS, OTHER):
        with pytest.raises(OutsideError, match=KEYS.kids[0]) as caught:
            read(path, keys)
        assert caught.value.code == "object_key_missing"
    assert read(path, BOTH) == b"harbour"


def test_files_and_parts_cannot_take_the_place_of_others(store: LocalStore, key: str) -> None:
    other = str(new_id())
    for each, data in ((key, b"one"), (other, b"two")):
        whole(store, each, data)
    one, two = (sealed_name(store._files.object(each)) for each in (key, other))
    one.write_bytes(two.read_bytes())
    with pytest.raises(OutsideError, match="store_damaged"):
        run(everything(store, key))
    assert run(everything(store, other)) == b"two"
    target = run(store.read_url(other, expires_at=LATER, now=NOW))
    assert request("GET", target).body == b"two"

    in_parts = str(new_id())
    parts = upload(store, in_parts, FIRST, FIRST[::-1], LAST)
    first, second = (
        sealed_name(part_path(store._files.object(in_parts), part)) for part in parts[:2]
    )
    second.write_bytes(first.read_bytes())
    with pytest.raises(OutsideError, match="store_damaged"):
        run(everything(store, in_parts))


def test_no_plain_byte_is_on_the_disk(store: LocalStore, root: Path, key: str) -> None:
    large = MARKER * (6 << 20 >> 7)
    whole(store, key, MARKER)
    single = str(new_id())
    whole(store, single, large[: 1 << 20])
    in_parts = str(new_id())
    upload(store, in_parts, large, MARKER)
    # One that stays open, and bytes that came for a part that was refused.
    opened = str(new_id())
    reference = run(store.begin(opened))
    put(store, opened, reference, 1, large)
    wrong = part_request(2, large)
    url = run(store.part_url(opened, reference, wrong, expires_at=LATER, now=NOW)).url
    answer = request("PUT", url, large[:-1] + b"?", {"Content-Length": str(len(large))})
    assert answer.status == 400
    assert MARKER[:15] not in on_disk(root)
    assert run(everything(store, in_parts)) == large + MARKER
    assert [part.size for part in run(store.list_parts(opened, reference))] == [len(large)]


def test_parts_are_shared_and_files_of_one_part_encrypted_once_more(
    store: LocalStore, key: str
) -> None:
    source = str(new_id())
    parts = upload(store, source, FIRST, LAST)
    reference = run(store.begin(key))
    assert copy(store, key, reference, part_request(1, FIRST), held(source, parts, 1)) is not None
    paths = [
        sealed_name(part_path(folder, parts[0]))
        for folder in (store._files.object(source), store._files.upload(key))
    ]
    assert paths[0].samefile(paths[1])
    one, two = str(new_id()), str(new_id())
    held_parts = whole(store, one, b"harbour")
    reference = run(store.begin_single(part_request(1, b"harbour"))) or ""
    request_ = part_request(1, b"harbour")
    assert copy(store, two, reference, request_, held(one, held_parts, 1)) is not None
    run(store.complete(two, reference, [stored(1, b"harbour")]))
    run(store.delete(one))
    assert run(everything(store, two)) == b"harbour"
    assert list(store._files.incoming.iterdir()) == []


def test_a_file_that_was_given_up_takes_no_more(store: LocalStore, key: str) -> None:
    data = os.urandom(10_000)
    wanted = part_request(1, data)
    reference = run(store.begin_single(wanted)) or ""
    put(store, key, reference, 1, data)
    run(store.abort(key, reference))
    url = run(store.part_url(key, reference, wanted, expires_at=LATER, now=NOW)).url
    answer = request("PUT", url, data, {"Content-Length": str(len(data))})
    assert answer.status == 409
    assert not sealed_name(store._files.object(key)).exists()
    run(store.delete(key))
    assert not store._files.object(key).exists()


def test_a_store_without_the_key_refuses_before_the_first_byte(tmp_path: Path, key: str) -> None:
    with local_platform(tmp_path, KEYS) as mine:
        run(mine.check_keys(note=True))
        whole(mine, key, MARKER)
        in_parts = str(new_id())
        upload(mine, in_parts, FIRST, LAST)
    for keys in (NO_KEYS, OTHER):
        with local_platform(tmp_path, keys) as other:
            with pytest.raises(ConfigError, match=KEYS.kids[0]) as caught:
                run(other.check_keys(note=True))
            assert caught.value.code == "object_key_missing"
            for each in (key, in_parts):
                answer = request("GET", run(other.read_url(each, expires_at=LATER, now=NOW)))
                assert (answer.status, b"object_key_missing" in answer.body) == (503, True)


def test_what_was_there_before_a_key_stays_readable(tmp_path: Path, key: str) -> None:
    plain, old, new = key, str(new_id()), str(new_id())
    for each, keys in ((plain, NO_KEYS), (old, KEYS), (new, BOTH)):
        with local_platform(tmp_path, keys) as written:
            whole(written, each, MARKER)
    store = LocalStore(tmp_path, SECRET, "http://x", keys=BOTH)
    for each in (plain, old, new):
        assert run(everything(store, each)) == MARKER
    assert sorted(run(_files(store))) == sorted([plain, old, new])
    for each in (plain, old, new):
        run(store.delete(each))
    assert run(_files(store)) == []


async def _files(store: LocalStore) -> list[str]:
    return [key async for key in store.files()]
