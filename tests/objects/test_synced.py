"""What the local store has synced to disk when it answers, so that a power cut loses none of it."""

import os
from pathlib import Path

import pytest

from ferryman.objects.sealing import NO_KEYS, ObjectKeys

from .serving import KEYS, LATER, NOW, local_platform, part_request, request, run, stored

DATA = os.urandom(100_000)


class Synced:
    """Files and folders that were synced, each with the size that it had then."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._sync = os.fsync

    def note(self, descriptor: int) -> None:
        """Sync, and note it once it is done."""
        self._sync(descriptor)
        found = os.fstat(descriptor)
        self._sizes[found.st_ino] = found.st_size

    def folder(self, path: Path) -> bool:
        return path.stat().st_ino in self._sizes

    def whole(self, path: Path) -> bool:
        """Whether all that a file holds was there when it was synced."""
        found = path.stat()
        return self._sizes.get(found.st_ino) == found.st_size


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    synced = Synced()
    monkeypatch.setattr(os, "fsync", synced.note)
    return synced


@pytest.mark.parametrize("keys", [NO_KEYS, KEYS], ids=["plain", "sealed"])
def test_a_part_is_on_disk_before_it_is_answered_and_its_name_before_the_file_is_complete(
    tmp_path: Path, key: str, keys: ObjectKeys, synced: Synced
) -> None:
    with local_platform(tmp_path, keys) as store:
        run(store.begin(key))
        signed = run(store.part_url(key, key, part_request(1, DATA), expires_at=LATER, now=NOW))
        answer = request("PUT", signed.url, DATA, {"Content-Length": str(len(DATA))})
        assert answer.status == 200, answer.body
        [part] = [each for each in (tmp_path / "uploads" / key).iterdir() if each.stat().st_size]
        assert synced.whole(part)
        run(store.complete(key, key, [stored(1, DATA)]))
    [folder] = [each for each in (tmp_path / "objects").rglob(key) if each.is_dir()]
    assert all(synced.whole(each) for each in folder.iterdir())
    assert synced.folder(folder)
    assert synced.folder(folder.parent)


def test_a_whole_file_of_one_part_is_on_disk_before_it_is_complete(
    tmp_path: Path, key: str, synced: Synced
) -> None:
    with local_platform(tmp_path) as store:
        reference = run(store.begin_single(part_request(1, DATA)))
        assert reference is not None
        signed = run(
            store.part_url(key, reference, part_request(1, DATA), expires_at=LATER, now=NOW)
        )
        answer = request("PUT", signed.url, DATA, {"Content-Length": str(len(DATA))})
        assert answer.status == 200, answer.body
        [file] = (tmp_path / "objects").rglob(key)
        assert synced.whole(file)
        run(store.complete(key, reference, [stored(1, DATA)]))
        assert synced.folder(file.parent)
