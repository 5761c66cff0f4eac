"""Encrypted files that were cut or changed on the disk are never served as if they were whole."""

import errno
import http.client
import os
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from unittest import mock

import pytest

from ferryman.api import http as api_http
from ferryman.errors import NotFound, OutsideError
from ferryman.objects import incoming, local_files
from ferryman.objects.key_marks import marked_keys
from ferryman.objects.local import LocalStore
from ferryman.objects.seal_all import SealRun
from ferryman.objects.sealed_file import open_piece, sealed_name
from ferryman.objects.sealing import CHUNK, HEADER, TAG, ObjectKeys
from ferryman.objects.signed_url import part_grant

from .serving import KEYS, LATER, local_platform, part_request, request, run, stored
from .test_behaviour import put, read_url
from .test_copied_part import whole
from .test_seal_all import NEW, Cut, KilledError, Stored

FULL = CHUNK + TAG
DATA = os.urandom(3 * CHUNK)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStore]:
    with local_platform(tmp_path_factory.mktemp("sealed"), KEYS) as local:
        yield local


def on_disk(store: LocalStore, key: str) -> Path:
    return sealed_name(store._files.object(key))


@pytest.mark.parametrize("left", [HEADER + TAG, HEADER + FULL, HEADER + 2 * FULL])
@pytest.mark.parametrize(
    ("method", "headers"), [("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=0-9"})]
)
def test_a_file_that_was_cut_is_refused_and_not_taken_for_a_shorter_one(
    store: LocalStore, key: str, left: int, method: str, headers: dict[str, str]
) -> None:
    """Each of these lengths is that of a shorter file, the first of an empty one."""
    whole(store, key, DATA)
    os.truncate(on_disk(store, key), left)
    answer = request(method, read_url(store, key), headers=headers)
    assert answer.status == 503
    assert method == "HEAD" or b"store_damaged" in answer.body


def test_damage_after_the_first_bytes_breaks_the_connection(store: LocalStore, key: str) -> None:
    whole(store, key, DATA)
    with on_disk(store, key).open("r+b") as file:
        file.seek(HEADER + FULL)
        file.write(bytes([file.read(1)[0] ^ 1]))
    with (
        mock.patch.object(api_http, "log") as log,
        pytest.raises((http.client.IncompleteRead, ConnectionError)) as broken,
    ):
        request("GET", read_url(store, key))
    [told] = log.error.mock_calls
    assert (told.args, told.kwargs["code"]) == (("download.broken",), "store_damaged")
    if isinstance(broken.value, http.client.IncompleteRead):
        assert DATA[:CHUNK].startswith(broken.value.partial)
    for header, start in (("bytes=0-99", 0), (f"bytes={2 * CHUNK}-{2 * CHUNK + 99}", 2 * CHUNK)):
        answer = request("GET", read_url(store, key), headers={"Range": header})
        assert (answer.status, answer.body) == (206, DATA[start : start + 100])
    answer = request("GET", read_url(store, key), headers={"Range": f"bytes={CHUNK}-"})
    assert (answer.status, b"store_damaged" in answer.body) == (503, True)


def test_a_file_that_was_cut_before_it_was_completed_is_sent_again(
    store: LocalStore, key: str
) -> None:
    reference = run(store.begin_single(part_request(1, DATA))) or ""
    put(store, key, reference, 1, DATA)
    os.truncate(on_disk(store, key), HEADER + 3)
    assert run(store.list_parts(key, reference)) == []
    put(store, key, reference, 1, DATA)
    assert run(store.complete(key, reference, [stored(1, DATA)])) == [stored(1, DATA)]


def test_a_file_that_is_deleted_as_it_is_opened_is_not_found(store: LocalStore, key: str) -> None:
    whole(store, key, DATA)

    def delete_first(*given: object) -> object:
        on_disk(store, key).unlink()
        return open_piece(*given)  # type: ignore[arg-type]

    with (
        mock.patch.object(local_files, "open_piece", delete_first),
        pytest.raises(NotFound, match="object_not_found"),
    ):
        run(store.find(key))


def test_parts_are_listed_while_they_are_encrypted(tmp_path: Path, key: str) -> None:
    """A part has one name and then another, and a listing may come upon neither."""
    store = LocalStore(tmp_path, b"s" * 32, "http://x")
    run(store.begin(key))
    bodies = [os.urandom(10) for _ in range(60)]
    parts = [
        run(store.put_part(key, key, part_request(number, body), body))
        for number, body in enumerate(bodies, 1)
    ]
    sealing = threading.Thread(target=SealRun(tmp_path, KEYS).run, args=(lambda _: None,))
    sealing.start()
    listings = [run(store.list_parts(key, key))]
    while sealing.is_alive():
        listings.append(run(store.list_parts(key, key)))
    assert [each for each in listings if each != parts] == []


def test_what_a_run_that_was_killed_kept_of_deleted_files_goes_with_a_sweep(
    tmp_path: Path,
) -> None:
    there = Stored(tmp_path)
    kept = tmp_path / "sealing"
    # Until it is killed as the first part that several files share is in its place.
    for after in count():
        with (
            mock.patch.object(os, "unlink", Cut(os.unlink, after)),
            pytest.raises(KilledError),
        ):
            there.seal()
        if any(kept.glob("*/*")):
            break
    store = there.with_keys(KEYS)
    run(_swept(store))
    assert any(kept.glob("*/*")), "a run that goes on needs it"
    for key in there.contents:
        run(store.delete(key))
    run(_swept(store))
    assert not any(kept.glob("*/*"))


def test_a_file_of_someone_else_is_no_key(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, b"s" * 32, "http://x", keys=KEYS)
    run(store.check_keys(note=True))
    (tmp_path / "keys" / ".DS_Store").touch()
    assert run(store.check_keys())
    assert marked_keys(tmp_path / "keys") == KEYS.kids


def test_a_disk_without_room_for_the_first_bytes_keeps_nothing(tmp_path: Path, key: str) -> None:
    store = LocalStore(tmp_path, b"s" * 32, "http://x", keys=KEYS)
    data = os.urandom(300_000)
    grant = part_grant(key, part_request(1, data), LATER, alone=True)
    full = OSError(errno.ENOSPC, "no room")
    with (
        mock.patch.object(incoming, "write_all", side_effect=full),
        pytest.raises(OutsideError, match="store_full"),
        store.receive(grant),
    ):
        pass
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_key_that_another_process_begins_to_use_is_not_forgotten(tmp_path: Path) -> None:
    there = Stored(tmp_path, KEYS)
    run(there.store.check_keys(note=True))
    next_keys = ObjectKeys((b"o" * 32, *NEW.keys))

    def start(_: int) -> None:
        run(there.with_keys(next_keys).check_keys(note=True))

    there.seal(NEW, tell=start)
    assert marked_keys(tmp_path / "keys") == sorted([NEW.kids[0], next_keys.kids[0]])


def test_an_upload_that_is_completed_meanwhile_is_counted_once(tmp_path: Path, key: str) -> None:
    store = LocalStore(tmp_path, b"s" * 32, "http://x")
    run(store.begin(key))
    part = run(store.put_part(key, key, part_request(1, DATA), DATA))
    real, calls = os.fsync, count()

    def complete_first(descriptor: int) -> None:
        if any((tmp_path / "incoming").iterdir()) and next(calls) == 0:
            run(store.complete(key, key, [part]))
        real(descriptor)

    with mock.patch.object(os, "fsync", complete_first):
        report = SealRun(tmp_path, KEYS).run(lambda _: None)
    assert (report.sealed_files, report.files, report.left_files) == (1, 1, 0)


async def _swept(store: LocalStore) -> list[str]:
    return [key async for key in store.files()]
