"""Files that are there already are encrypted while others read, send and delete them."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from unittest import mock

import pytest

from ferryman.errors import ConfigError, OutsideError
from ferryman.ids import new_id
from ferryman.objects.folder import part_path
from ferryman.objects.key_marks import marked_keys
from ferryman.objects.local import LocalStore
from ferryman.objects.seal_all import SealRun
from ferryman.objects.sealed_file import sealed_name
from ferryman.objects.sealing import NO_KEYS, ObjectKeys
from ferryman.objects.signed_url import Grant, part_grant
from ferryman.wire.upload import StoredPart

from .serving import KEYS, LATER, SECRET, part_request, run, stored
from .test_behaviour import everything
from .test_copied_part import copy, held

MARKER = b"harbour master " * 8
LARGE = MARKER * 1_100  # more than two chunks
NEW = ObjectKeys((b"n" * 32, *KEYS.keys))


async def send(store: LocalStore, grant: Grant, data: bytes) -> None:
    """Send a part as over HTTP."""
    with store.receive(grant) as part:
        await part.take(data)
        await part.keep()


class Stored:
    """A store with files of every kind, and what they hold."""

    def __init__(self, root: Path, keys: ObjectKeys = NO_KEYS) -> None:
        self.root = root
        self.store = self.with_keys(keys)
        self.whole, self.parts, self.linked, self.opened = (str(new_id()) for _ in range(4))
        request = part_request(1, MARKER)
        reference = run(self.store.begin_single(request)) or ""
        run(send(self.store, part_grant(self.whole, request, LATER, alone=True), MARKER))
        run(self.store.complete(self.whole, reference, [stored(1, MARKER)]))
        chunks = (LARGE, LARGE[::-1], MARKER)
        parts = [self.put(self.parts, number, data) for number, data in enumerate(chunks, 1)]
        run(self.store.complete(self.parts, self.parts, parts))
        run(self.store.begin(self.linked))
        copies = []
        for number, data in enumerate(chunks, 1):
            source = held(self.parts, parts, number)
            taken = copy(self.store, self.linked, self.linked, part_request(number, data), source)
            assert taken is not None
            copies.append(taken)
        run(self.store.complete(self.linked, self.linked, copies))
        self.put(self.opened, 1, LARGE)
        self.first = parts[0]
        self.contents = {
            self.whole: MARKER,
            self.parts: b"".join(chunks),
            self.linked: b"".join(chunks),
        }

    def with_keys(self, keys: ObjectKeys) -> LocalStore:
        store = LocalStore(self.root, SECRET, "http://x", keys=keys)
        store.min_part_size = len(MARKER)
        return store

    def put(self, key: str, number: int, data: bytes) -> StoredPart:
        run(self.store.begin(key))
        return run(self.store.put_part(key, key, part_request(number, data), data))

    def check(self, keys: ObjectKeys) -> None:
        """Every byte is as it was, by one reader that has these keys."""
        store = self.with_keys(keys)
        for key, data in self.contents.items():
            assert run(everything(store, key)) == data
        assert run(store.list_parts(self.opened, self.opened)) == [stored(1, LARGE)]

    def plain(self) -> bool:
        """Whether a plain byte is on the disk."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return any(MARKER[:15] in path.read_bytes() for path in files)

    def seal(self, keys: ObjectKeys = KEYS, tell: Callable[[int], None] = lambda _: None) -> int:
        report = SealRun(self.root, keys).run(tell)
        assert (report.left_files, report.problems) == (0, [])
        assert not (self.root / "sealing").exists()
        assert list((self.root / "incoming").iterdir()) == []
        return report.sealed_files


def test_every_file_is_encrypted_once_and_what_was_shared_stays_so(tmp_path: Path) -> None:
    there = Stored(tmp_path)
    counted = SealRun(tmp_path, KEYS).count()
    assert (counted.files, counted.plain_files, counted.older_files) == (8, 8, 0)
    assert counted.left_bytes == sum(map(len, there.contents.values())) + len(LARGE)
    there.check(NO_KEYS)
    done: list[int] = []
    assert there.seal(tell=done.append) == 8
    assert sum(done) == counted.left_bytes
    assert not there.plain()
    there.check(KEYS)
    one, two = (
        sealed_name(part_path(there.store._files.object(key), there.first))
        for key in (there.parts, there.linked)
    )
    assert one.samefile(two)
    assert there.seal() == 0


def test_a_new_key_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    there = Stored(tmp_path, KEYS)
    run(there.store.check_keys(note=True))
    assert SealRun(tmp_path, NEW).count().older_files == 8
    there.check(NEW)
    assert there.seal(NEW) == 8
    assert marked_keys(tmp_path / "keys") == [NEW.kids[0]]
    only = ObjectKeys(NEW.keys[:1])
    run(there.with_keys(only).check_keys())
    there.check(only)


def test_a_key_that_files_need_cannot_be_left_out(tmp_path: Path) -> None:
    there = Stored(tmp_path, KEYS)
    run(there.store.check_keys(note=True))
    with pytest.raises(ConfigError, match=KEYS.kids[0]):
        there.seal(ObjectKeys(NEW.keys[:1]))
    there.check(KEYS)


class KilledError(Exception):
    """Stands for a kill at an instant."""


class Cut:
    """A call of the system that works so many times, and then stands for a kill."""

    def __init__(self, real: Callable[..., object], times: int) -> None:
        self._real, self._left = real, times

    def __call__(self, *given: object, **more: object) -> object:
        self._left -= 1
        if self._left < 0:
            raise KilledError
        return self._real(*given, **more)


@pytest.mark.parametrize("call", ["fsync", "rename", "link", "unlink"])
def test_a_run_that_was_cut_is_gone_on_with(tmp_path: Path, call: str) -> None:
    """Each run is cut one call of the system later than the one before."""
    there, real, after = Stored(tmp_path), getattr(os, call), 0
    for after in range(40):
        cut = Cut(real, after)

        with mock.patch.object(os, call, cut):
            try:
                there.seal()
            except KilledError:
                there.check(KEYS)
                continue
        break
    assert after > 2
    assert not there.plain()
    there.check(KEYS)


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_files_that_are_deleted_meanwhile_stay_deleted(tmp_path: Path, call: str) -> None:
    """Deleted while one is on its way to the disk, before or after it has its new name."""
    for instant in count():
        root = tmp_path / str(instant)
        there, real, calls = Stored(root), getattr(os, call), count()

        def delete_first(
            *given: object,
            there: Stored = there,
            real: Callable[..., object] = real,
            calls: Iterator[int] = calls,
            instant: int = instant,
        ) -> object:
            if next(calls) == instant:
                for key in there.contents:
                    run(there.store.delete(key))
            return real(*given)

        with mock.patch.object(os, call, delete_first):
            report = SealRun(root, KEYS).run(lambda _: None)
        assert (report.left_files, report.problems) == (0, [])
        if next(calls) <= instant:
            assert instant > 7
            break
        assert [path for path in (root / "objects").rglob("*") if path.is_file()] == []


def test_a_part_that_comes_meanwhile_is_the_one_that_counts(tmp_path: Path) -> None:
    there = Stored(tmp_path)

    def send(_: int) -> None:
        there.put(there.opened, 1, LARGE[::-1])

    SealRun(tmp_path, KEYS).run(send)
    assert run(there.with_keys(KEYS).list_parts(there.opened, there.opened)) == [
        stored(1, LARGE[::-1])
    ]


def test_a_part_that_was_damaged_before_is_left_and_told(tmp_path: Path) -> None:
    there = Stored(tmp_path)
    path = part_path(there.store._files.upload(there.opened), there.first)
    path.write_bytes(LARGE[:-1] + b"?")
    report = SealRun(tmp_path, KEYS).run(lambda _: None)
    assert (report.sealed_files, report.plain_files) == (7, 1)
    assert len(report.problems) == 1
    assert path.exists()


def test_two_runs_at_once_and_a_full_disk_are_refused(tmp_path: Path) -> None:
    there = Stored(tmp_path)

    def again(_: int) -> None:
        with pytest.raises(ConfigError, match="seal_running"):
            SealRun(tmp_path, KEYS).run(lambda _: None)

    there.seal(tell=again)
    more = Stored(tmp_path)
    usage = mock.Mock(free=10, total=1 << 40)
    with (
        mock.patch("shutil.disk_usage", return_value=usage),
        pytest.raises(OutsideError, match="store_full"),
    ):
        SealRun(tmp_path, KEYS, reserve=5).run(lambda _: None)
    more.check(KEYS)
    with (
        mock.patch("os.geteuid", return_value=tmp_path.stat().st_uid + 1),
        pytest.raises(ConfigError, match="object_folder_not_own"),
    ):
        more.seal()


def test_parts_that_came_before_the_key_are_completed_with_those_after(tmp_path: Path) -> None:
    there = Stored(tmp_path)
    store = there.with_keys(KEYS)
    data = MARKER * 3
    run(send(store, part_grant(there.opened, part_request(2, data), LATER), data))
    run(store.complete(there.opened, there.opened, [stored(1, LARGE), stored(2, data)]))
    assert run(everything(store, there.opened)) == LARGE + data
    run(store.delete(there.opened))
    assert not store._files.object(there.opened).exists()
