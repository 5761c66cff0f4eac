"""The sweep over a real database and a real local store, its moments chosen by the test."""

import os
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from ferryman.domain.limits import DATA_LIFE
from ferryman.errors import Conflict, PlatformError
from ferryman.ids import new_id
from ferryman.objects.local import LocalStore
from ferryman.services import proof, sweep, upload
from ferryman.store import storage
from ferryman.store.queue import SWEEP
from ferryman.wire.upload import StoredPart
from tests.services.conftest import Play
from tests.services.stage import Stage

DAY = timedelta(days=1)


def store_of(stage: Stage) -> LocalStore:
    store = stage.platform.objects
    assert isinstance(store, LocalStore)
    return store


async def stored(stage: Stage) -> list[str]:
    return [key async for key in store_of(stage).files()]


async def open_in_store(stage: Stage) -> list[str]:
    return [each.key async for each in store_of(stage).unfinished()]


async def settled(stage: Stage, transfer_id: str, *message_ids: str) -> None:
    await stage.complete_export(transfer_id)
    if message_ids:
        await stage.acknowledge(transfer_id, *message_ids)
    assert (await stage.state(transfer_id)).status.final


def part_of(data: bytes) -> StoredPart:
    digest = sha256(data).hexdigest()
    return StoredPart(number=1, size=len(data), etag=digest, sha256=digest)


async def completed_object(stage: Stage, data: bytes = b"nobody's") -> str:
    """A file in the store that no row knows."""
    key = str(new_id())
    store = store_of(stage)
    await store.begin(key)
    part = part_of(data)
    (store._uploads / key / f"1-{part.sha256}").write_bytes(data)
    await store.complete(key, key, [part])
    return key


def test_files_go_when_their_lifetime_ends(play: Play[None]) -> None:
    """And not before the last URL to them has ended."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        receipt = await stage.upload(transfer_id)
        await stage.pass_time(DATA_LIFE + timedelta(minutes=59))
        report = await sweep.sweep(stage.platform)
        assert (report.deleted_files, report.checked_files) == (0, 1)
        assert await stored(stage) == [receipt.key]
        await stage.pass_time(timedelta(minutes=2))
        report = await sweep.sweep(stage.platform)
        assert (report.deleted_files, report.deleted_bytes) == (1, receipt.size)
        assert await stored(stage) == []
        again = await sweep.sweep(stage.platform)
        assert (again.deleted_files, again.missing_files, again.findings) == (0, 0, [])
        page = await proof.page(stage.platform, transfer_id, cursor=None, size=None)
        assert page.items[0].deleted_at is not None

    play(scene)


def test_files_of_a_settled_transfer_are_kept_as_long_as_chosen(
    play: Play[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transfer that still runs keeps its own."""
    monkeypatch.setenv("FERRYMAN_KEEP_SETTLED_DAYS", "2")

    async def scene(stage: Stage) -> None:
        over, running = await stage.begin(), await stage.begin("other")
        gone, kept = await stage.upload(over), await stage.upload(running)
        await settled(stage, over, gone.message_id)
        await stage.pass_time(2 * DAY)
        assert (await sweep.sweep(stage.platform)).deleted_files == 0
        await stage.pass_time(timedelta(hours=1, seconds=1))
        assert (await sweep.sweep(stage.platform)).deleted_files == 1
        assert await stored(stage) == [kept.key]

    play(scene)


def test_an_upload_is_kept_while_its_transfer_may_take_it(play: Play[None]) -> None:
    """However long nobody comes for it; a day after the transfer settled it goes."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        upload_id, _ = await stage.send(transfer_id)
        [key] = await open_in_store(stage)
        os.utime(store_of(stage)._uploads / key, (0, 0))
        await stage.pass_time(13 * DAY)
        report = await sweep.sweep(stage.platform)
        assert (report.closed_uploads, report.stray_uploads) == (0, 0)
        assert await open_in_store(stage) == [key]
        await stage.time_out(transfer_id)
        assert (await sweep.sweep(stage.platform)).closed_uploads == 0
        await stage.pass_time(DAY)
        assert (await sweep.sweep(stage.platform)).closed_uploads == 1
        assert await open_in_store(stage) == []
        state = await upload.state(stage.platform, stage.app, upload_id)
        assert state.state == "ABORTED"

    play(scene)


def test_an_upload_without_a_row_goes_when_it_is_old(play: Play[None]) -> None:
    """The platform was killed between the store and the row, or is just there."""

    async def scene(stage: Stage) -> None:
        store, old, young = store_of(stage), str(new_id()), str(new_id())
        for key in (old, young):
            await store.begin(key)
        os.utime(store._uploads / old, (0, 0))
        assert (await sweep.sweep(stage.platform)).stray_uploads == 1
        assert await open_in_store(stage) == [young]

    play(scene)


def test_a_file_completed_when_its_transfer_had_settled_goes(play: Play[None]) -> None:
    """It never became app data and never can; until the upload is closed it stays."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        upload_id, part = await stage.send(transfer_id)
        [key] = await open_in_store(stage)
        await store_of(stage).complete(key, key, [part])
        await stage.time_out(transfer_id)
        with pytest.raises(PlatformError, match="transfer_settled"):
            await stage.complete(upload_id, part)
        assert (await sweep.sweep(stage.platform)).stray_files == 0
        await stage.pass_time(DAY)
        report = await sweep.sweep(stage.platform)
        assert (report.closed_uploads, report.stray_files) == (1, 1)
        assert await stored(stage) == []

    play(scene)


def test_a_completion_that_was_cut_off_keeps_its_object(play: Play[None]) -> None:
    """The transfer still runs, so the same call may come again, days later."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        upload_id, part = await stage.send(transfer_id)
        [key] = await open_in_store(stage)
        await store_of(stage).complete(key, key, [part])
        assert (await sweep.sweep(stage.platform)).stray_files == 0
        assert (await stage.complete(upload_id, part)).key == key

    play(scene)


def test_what_no_row_knows_is_reported_and_removed_only_on_demand(play: Play[None]) -> None:
    """The database may be the wrong one, or older than the store."""

    async def scene(stage: Stage) -> None:
        mine = await stage.upload(await stage.begin())
        strange = await completed_object(stage)
        await stage.pass_time(30 * DAY)
        report = await sweep.sweep(stage.platform)
        assert report.unknown_files == 1
        assert [(each.kind, each.key) for each in report.findings] == [("unknown", strange)]
        assert await stored(stage) == [strange]
        assert mine.key not in await stored(stage)
        report = await sweep.sweep(stage.platform, remove_unknown=True)
        assert report.removed_unknown == 1
        assert await stored(stage) == []

    play(scene)


def test_a_missing_file_is_found(play: Play[None]) -> None:
    """Wherever it lies in the order of the keys."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        keys = sorted([(await stage.upload(transfer_id, b"%d" % n)).key for n in range(5)])
        for lost in (keys[0], keys[2], keys[4]):
            await store_of(stage).delete(lost)
        report = await sweep.sweep(stage.platform)
        assert report.missing_files == 3
        assert [each.key for each in report.findings] == [keys[0], keys[2], keys[4]]
        assert {each.transfer_id for each in report.findings} == {transfer_id}

    play(scene)


def test_batches_of_any_size_find_the_same(
    play: Play[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files in a batch: each list ends within the other's stretch."""
    monkeypatch.setattr(sweep, "_BATCH", 2)

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        keys = sorted([(await stage.upload(transfer_id, b"%d" % n)).key for n in range(9)])
        lost = [keys[0], keys[3], keys[4], keys[5], keys[8]]
        for key in lost:
            await store_of(stage).delete(key)
        strange = await completed_object(stage)
        report = await sweep.sweep(stage.platform)
        found = {kind: [] for kind in ("missing", "unknown")}  # type: dict[str, list[str]]
        for each in report.findings:
            found[each.kind].append(each.key)
        assert found == {"missing": lost, "unknown": [strange]}
        await stage.pass_time(13 * DAY)
        assert (await sweep.sweep(stage.platform)).deleted_files == 9
        assert await stored(stage) == [strange]

    play(scene)


def test_a_sweep_killed_between_row_and_object_is_taken_up(play: Play[None]) -> None:
    """The rows say deleted, the objects are still there: the store's own list shows them."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        receipt = await stage.upload(transfer_id)
        sent, _ = await stage.send(await stage.begin("other"))
        async with stage.platform.database.transaction() as tx:
            await tx.connection.execute("UPDATE app_data SET deleted_at = $1", tx.now)
            await tx.connection.execute(
                "UPDATE upload SET state = 'ABORTED' WHERE upload_id = $1", UUID(sent)
            )
        report = await sweep.sweep(stage.platform)
        assert (report.stray_files, report.stray_uploads) == (1, 1)
        assert await stored(stage) == await open_in_store(stage) == []
        assert receipt.key

    play(scene)


def test_two_sweeps_at_once_are_one(play: Play[None]) -> None:
    """The second is told so."""

    async def scene(stage: Stage) -> None:
        async with storage.alone(stage.platform.database, storage.SWEEPING) as mine:
            assert mine
            with pytest.raises(Conflict, match="sweep_running"):
                await sweep.sweep(stage.platform)
        await sweep.sweep(stage.platform)

    play(scene)


def test_there_is_one_timer(play: Play[None]) -> None:
    """Set by whichever worker comes first; the job that is not it any more does nothing."""

    async def scene(stage: Stage) -> None:
        query = "SELECT id FROM pgqueuer WHERE entrypoint = $1"
        await sweep.keep_timer(stage.platform)
        await sweep.keep_timer(stage.platform)
        [job] = await stage.fetch(query, SWEEP)
        await sweep.wake(stage.platform, job["id"])
        rows = await stage.fetch(query, SWEEP)
        [following] = [row["id"] for row in rows if row["id"] != job["id"]]
        await sweep.wake(stage.platform, job["id"])
        assert following in [row["id"] for row in await stage.fetch(query, SWEEP)]
        assert len(await stage.fetch(query, SWEEP)) <= 2
        view = await sweep.view(stage.platform)
        assert view.last_sweep is not None
        assert view.next_sweep_at is not None

    play(scene)


def test_a_store_that_is_down_is_tried_again_soon(play: Play[None], tmp_path: Path) -> None:
    """The reason is kept for the operator, and the job does not hang."""

    async def scene(stage: Stage) -> None:
        await sweep.keep_timer(stage.platform)
        [job] = await stage.fetch("SELECT id FROM pgqueuer WHERE entrypoint = $1", SWEEP)
        folder = store_of(stage)._objects
        folder.rename(folder.with_name("away"))
        await sweep.wake(stage.platform, job["id"])
        view = await sweep.view(stage.platform)
        assert "store_unavailable" in (view.last_error or "")
        folder.with_name("away").rename(folder)
        await sweep.sweep(stage.platform)
        assert (await sweep.view(stage.platform)).last_error is None

    play(scene)
