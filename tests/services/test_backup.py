"""Backup and restore in one process, on real databases; ``e2e/test_backup.py`` has the commands."""

import asyncio
import fcntl
import gzip
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from ferryman.cli.backup import _backed_up
from ferryman.domain.limits import DATA_LIFE
from ferryman.errors import ConfigError, OutsideError
from ferryman.server.backup import backup as backups
from ferryman.server.backup import place
from ferryman.server.backup.manifest import NAME
from ferryman.server.backup.place import Folder
from ferryman.server.restore_mark import MARK, check_restored
from ferryman.services import sweep
from ferryman.store import clock as clock_store
from ferryman.store.storage import SWEEPING
from tests.kit.backup import (
    Copies,
    beside,
    meter_after,
    rows_of,
    shape_of,
    silent,
    tables_of,
    upload_in_parts,
)

PARTS = (b"a" * (5 << 20), b"the end")

_TRIED = """
SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
AND query LIKE '%pg_try_advisory_lock%'"""


@pytest.fixture(autouse=True)
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here has to outlive a power cut; a sync is of all that the machine writes."""
    monkeypatch.setattr(place, "sync_file_system", lambda _folder: None)


async def test_what_is_restored_is_the_same(copies: Copies) -> None:
    """Every row, key, index, trigger and sequence; every byte, of files in parts as well."""
    services = copies.services
    transfer_id = await services.start_transfer()
    receipts = [await services.upload(transfer_id, body) for body in (b"harbour", b"")]
    receipts.append(await upload_in_parts(services, transfer_id, *PARTS))
    done = await copies.back_up()
    assert (done.files, done.copied_files, done.problems) == (3, 3, [])
    assert done.bytes == done.copied_bytes == 7 + sum(map(len, PARTS))
    report = await copies.restore()
    assert (report.rows, report.files, report.bytes) == (done.rows, 3, done.bytes)
    assert report.verified is not None
    assert (report.verified.files, report.verified.problems) == (3, [])
    assert rows_of(copies.target) == rows_of(copies.source)
    assert shape_of(copies.target) == shape_of(copies.source)
    assert copies.kept(receipts[2].key).read_bytes() == b"".join(PARTS)
    check_restored(copies.target.data_dir)
    modes = {path.stat().st_mode & 0o077 for path in copies.place.rglob("*")}
    assert modes == {0}


async def test_what_is_not_in_a_backup_is_said(copies: Copies) -> None:
    app_id = copies.services.app.app_id
    sites = "INSERT INTO app_site (app_id, site, has_sql) VALUES ($1, 'a', true), ($1, 'b', false)"
    await copies.services.fetch(sites, app_id)
    done = await copies.back_up(sql=False)
    assert done.left_out_databases == 1
    assert "1 SQL database of apps" in _backed_up(done)


def beneath(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_file_that_is_begun_as_its_backup_fails_is_closed_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()
    made: list[Any] = []
    create = place._create

    def held(path: Path) -> Any:
        begun.set()
        go.wait()
        made.append(create(path))
        return made[0]

    async def chunks() -> AsyncIterator[bytes]:
        yield b"harbour"

    drafts = tmp_path / "incoming"
    drafts.mkdir()
    monkeypatch.setattr(place, "_create", held)
    putting = asyncio.create_task(Folder(tmp_path).put("a", chunks()))
    await asyncio.to_thread(begun.wait)
    putting.cancel()
    await asyncio.sleep(0)  # so that it is cancelled while the file is made
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert made[0].closed
    assert beneath(drafts) == []


async def test_a_second_backup_copies_only_what_is_new(copies: Copies) -> None:
    """And leaves out what has expired since."""
    services = copies.services
    transfer_id = await services.start_transfer()
    old = await services.upload(transfer_id, b"old")
    await copies.back_up()
    await services.advance(DATA_LIFE + timedelta(hours=1))
    await sweep.sweep(services.platform)
    new = await services.upload(await services.start_transfer("other"), b"new one")
    done = await copies.back_up()
    assert (done.files, done.copied_files, done.removed_files) == (1, 1, 1)
    again = await copies.back_up()
    assert (again.files, again.copied_files, again.removed_files) == (1, 0, 0)
    assert not copies.kept(old.key).exists()
    assert copies.kept(new.key).read_bytes() == b"new one"
    assert len(list((copies.place / "database").iterdir())) == 1
    flip(copies.kept(new.key))
    assert (await copies.back_up()).copied_files == 0
    assert await copies.refused() == "backup_damaged"
    assert (await copies.back_up(read_all=True)).copied_files == 1
    await copies.restore()


async def test_a_cut_backup_is_no_backup_and_the_next_one_goes_on(copies: Copies) -> None:
    """What it has is read again: whether the bytes reached the disk is not known."""
    services = copies.services
    transfer_id = await services.start_transfer()
    first, second = [await services.upload(transfer_id, body) for body in (b"first", b"second")]
    whole = await upload_in_parts(services, transfer_id, *PARTS)
    await copies.back_up()
    (copies.place / NAME).unlink()
    copies.kept(first.key).write_bytes(b"other")
    (copies.place / "incoming" / "left-over").touch()
    assert await copies.refused() == "backup_missing"
    done = await copies.back_up()
    assert (done.files, done.copied_files) == (3, 1)
    assert {each.name for each in (copies.place / "incoming").iterdir()} == set()
    assert copies.kept(second.key).read_bytes() == b"second"
    assert copies.kept(whole.key).stat().st_size == sum(map(len, PARTS))
    report = await copies.restore()
    assert report.verified is not None
    assert report.verified.problems == []


async def test_files_that_go_during_a_backup(copies: Copies) -> None:
    """No sweep runs; what else is deleted is deleted in the copy too; what is lost is told."""
    services = copies.services
    transfer_id = await services.start_transfer()
    kept, gone, lost = [await services.upload(transfer_id, body) for body in (b"1", b"2", b"3")]
    url = str(copies.source.database_url)
    held: list[Any] = []

    def go() -> None:
        held.extend(beside(url, "SELECT pg_try_advisory_lock($1)", SWEEPING))
        beside(url, "UPDATE app_data SET deleted_at = now() WHERE key = $1", gone.key)
        for each in (gone, lost):
            shutil.rmtree(copies.stored(each.key).parent)

    done = await copies.back_up(meter_after(go))
    assert [tuple(row) for row in held] == [(False,)]
    assert (done.files, done.gone_files) == (1, 1)
    assert [each.key for each in done.problems] == [lost.key]
    report = await copies.restore()
    assert (report.files, report.gone_files, report.missing_before) == (1, 1, 1)
    assert report.verified is not None
    assert report.verified.files == 2
    assert [each.key for each in report.verified.problems] == [lost.key]
    assert copies.kept(kept.key).read_bytes() == b"1"
    # The lock is free again.
    assert (await sweep.sweep(services.platform)).missing_files == 1


async def test_a_file_that_differs_is_told(copies: Copies) -> None:
    """Of one part or of several; its bytes are kept all the same."""
    services = copies.services
    transfer_id = await services.start_transfer()
    one = await services.upload(transfer_id, b"harbour")
    many = await upload_in_parts(services, transfer_id, *PARTS)
    copies.stored(one.key).write_bytes(b"harbouR")
    copies.stored(many.key).write_bytes(b"THE END")
    done = await copies.back_up()
    assert {each.key: each.found.split()[0] for each in done.problems} == {
        one.key: "sha256",
        many.key: "partsSha256",
    }
    report = await copies.restore()
    assert report.verified is not None
    assert {each.key for each in report.verified.problems} == {one.key, many.key}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def rewrite(path: Path, **changed: object) -> None:
    """Write a manifest with other values, and the right digest."""
    text = path.read_bytes().splitlines()[0]
    document = {**msgspec.json.decode(text), **changed}
    text = msgspec.json.encode(document)
    path.write_bytes(text + b"\n" + sha256(text).hexdigest().encode() + b"\n")


async def test_a_damaged_or_newer_backup_is_refused_and_nothing_changes(copies: Copies) -> None:
    transfer_id = await copies.services.start_transfer()
    receipt = await copies.services.upload(transfer_id, b"harbour")
    await copies.back_up()
    own = copies.kept(receipt.key).relative_to(copies.place)
    [table] = copies.place.glob("database/*/transfer.copy.gz")
    [index] = copies.place.glob("database/*/files.gz")
    in_table, in_index = table.relative_to(copies.place), index.relative_to(copies.place)

    def leave_the_folder(place: Path) -> None:
        (place.parent / "evil").write_bytes(b"harbour")
        line = f"../evil 7 {sha256(b'harbour').hexdigest()}\n".encode()
        data = gzip.compress(line)
        (place / in_index).write_bytes(data)
        own = {"name": str(in_index), "size": len(data), "sha256": sha256(data).hexdigest()}
        rewrite(place / NAME, index=own)

    cases: list[tuple[str, Callable[[Path], object]]] = [
        ("backup_missing", lambda place: (place / NAME).unlink()),
        ("backup_damaged", lambda place: flip(place / NAME)),
        ("backup_damaged", lambda place: cut(place / NAME)),
        ("backup_damaged", lambda place: flip(place / in_table)),
        ("backup_damaged", lambda place: cut(place / in_table)),
        ("backup_damaged", lambda place: (place / in_table).unlink()),
        ("backup_damaged", lambda place: flip(place / in_index)),
        ("backup_damaged", lambda place: flip(place / own)),
        ("backup_damaged", lambda place: cut(place / own)),
        ("backup_damaged", lambda place: (place / own).unlink()),
        ("backup_damaged", lambda place: rewrite(place / NAME, tables=7)),
        ("backup_damaged", leave_the_folder),
        ("backup_newer", lambda place: rewrite(place / NAME, format=3, tables=7)),
        ("backup_newer", lambda place: rewrite(place / NAME, migrations=["9999_later.sql"])),
    ]
    for number, (code, damage) in enumerate(cases):
        place = copies.place.with_name(f"damaged-{number}")
        shutil.copytree(copies.place, place)
        damage(place)
        assert await copies.refused(place) == code, number
    await copies.restore()


async def test_only_empty_places_are_filled(copies: Copies) -> None:
    await copies.back_up()
    copies.target.data_dir.mkdir()
    (copies.target.data_dir / "lost+found").mkdir()
    (copies.target.data_dir / "notes").touch()
    assert await copies.refused() == "restore_folder_not_empty"
    (copies.target.data_dir / "notes").unlink()
    url = str(copies.target.database_url)
    beside(url, "CREATE TABLE mine ()")
    assert await copies.refused() == "restore_database_not_empty"
    beside(url, "DROP TABLE mine")
    await copies.restore()


async def test_only_a_place_of_its_own_takes_a_backup(copies: Copies) -> None:
    """Not beside other files, another platform's backup, a later one, or at the same time."""

    async def refused() -> str:
        with pytest.raises(ConfigError) as refusal:
            await copies.back_up()
        return refusal.value.code

    copies.place.mkdir()
    (copies.place / "holiday.jpg").touch()
    assert await refused() == "backup_place_foreign"
    (copies.place / "holiday.jpg").unlink()
    with Folder(copies.place).alone():
        assert await refused() == "backup_in_use"
        assert await copies.refused() == "backup_in_use"
    await copies.back_up()
    with Folder(copies.place).shared():
        assert await refused() == "backup_in_use"
        await copies.restore()
    rewrite(copies.place / NAME, born="another time")
    assert await refused() == "backup_place_foreign"
    rewrite(copies.place / NAME, format=3)
    assert await refused() == "backup_newer"


async def test_no_place_holds_what_the_platform_holds(copies: Copies) -> None:
    """Files that a backup does not list are removed from it."""
    inside = copies.source.model_copy(update={"data_dir": copies.place / "objects"})
    in_s3 = copies.source.model_copy(update={"object_store": "s3://harbour/ours/objects"})
    for settings, address in ((inside, str(copies.place)), (in_s3, "s3://harbour/ours")):
        with pytest.raises(ConfigError) as refused:
            await backups.backup(settings, address, silent)
        assert refused.value.code == "backup_place_foreign"


async def test_a_backup_removes_nothing_while_another_runs(copies: Copies) -> None:
    """A place in a bucket has no lock, so that of the database is for all of a backup."""
    written = copies.place / "database" / "of-another" / "app.copy.gz"
    written.parent.mkdir(parents=True)
    written.touch()
    other = await asyncpg.connect(copies.source.database_url)
    try:
        await other.execute(f"SELECT pg_advisory_lock({SWEEPING})")
        backing_up = asyncio.create_task(copies.back_up())
        # Its session keeps the text of the last statement.
        while not backing_up.done() and not await other.fetch(_TRIED):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert written.exists()
    finally:
        await other.close()
    await backing_up
    assert not written.exists()


async def test_a_cut_restore_goes_on_and_nothing_starts_until_then(copies: Copies) -> None:
    """Cut before the tables are loaded, and after; another backup is no way to go on."""
    transfer_id = await copies.services.start_transfer()
    receipt = await copies.services.upload(transfer_id, b"harbour")
    await copies.back_up()
    url = str(copies.target.database_url)

    def break_off() -> None:
        raise OutsideError("cut", expected="", found="", fix="")

    with pytest.raises(OutsideError):
        await copies.restore(meter=meter_after(break_off))
    with pytest.raises(ConfigError, match="restore_unfinished"):
        check_restored(copies.target.data_dir)
    assert tables_of(copies.target) == []
    await copies.services.upload(transfer_id, b"more")
    other = copies.place.with_name("other")
    shutil.copytree(copies.place, other)
    (copies.place / NAME).rename(copies.place / "aside")
    (copies.place / "aside").unlink()
    await copies.back_up()
    assert await copies.refused() == "restore_folder_not_empty"
    await copies.restore(other)
    # As if it were killed just before its end.
    mark = copies.target.data_dir / MARK
    mark.write_text("of another restore")
    assert await copies.refused() == "restore_folder_not_empty"
    with mark.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert await copies.refused() == "data_dir_in_use"
    assert beside(url, "SELECT key FROM app_data")[0]["key"].hex == receipt.key.replace("-", "")


async def test_deadlines_go_on_where_they_stood(copies: Copies) -> None:
    """A restore gives running transfers the time that passed since its backup."""
    services = copies.services
    transfer_id = await services.start_transfer()
    await services.upload(transfer_id)
    due = await services.timer_due(transfer_id)
    assert due is not None
    platform = services.platform
    async with platform.database.transaction() as tx:
        await clock_store.hold(tx, tx.now)
    await services.advance(timedelta(days=2))
    async with platform.database.transaction() as tx:
        await clock_store.hold(tx, tx.now)  # the first one counts
        passed = await clock_store.end_hold(tx)
    assert passed >= timedelta(days=2)
    assert await services.timer_due(transfer_id) == due + passed
    assert not await services.fire_timer(transfer_id)
    async with platform.database.transaction() as tx:
        assert await clock_store.end_hold(tx) == timedelta(0)
    await services.advance(timedelta(hours=1))
    assert await services.fire_timer(transfer_id)
