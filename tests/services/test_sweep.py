"""The sweep over a real database and a real local store, its moments chosen by the test."""

import asyncio
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
from ferryman.services import file_list, sweep_passes
from ferryman.services import sweep as sweep_service
from ferryman.services import upload as upload_service
from ferryman.store import storage as storage_store
from ferryman.wire.upload import StoredPart
from tests.kit.services import Services

DAY = timedelta(days=1)


def store_of(services: Services) -> LocalStore:
    store = services.platform.objects
    assert isinstance(store, LocalStore)
    return store


async def stored(services: Services) -> list[str]:
    return [key async for key in store_of(services).files()]


async def open_in_store(services: Services) -> list[str]:
    return [each.key async for each in store_of(services).unfinished()]


async def settled(services: Services, transfer_id: str, *message_ids: str) -> None:
    await services.complete_export(transfer_id)
    if message_ids:
        await services.acknowledge(transfer_id, *message_ids)
    assert (await services.state(transfer_id)).status.final


def part_of(data: bytes) -> StoredPart:
    digest = sha256(data).hexdigest()
    return StoredPart(number=1, size=len(data), etag=digest, sha256=digest)


async def completed_object(services: Services, data: bytes = b"nobody's") -> str:
    """A file in the store that no row knows."""
    key = str(new_id())
    store = store_of(services)
    await store.begin(key)
    part = part_of(data)
    (store._files.uploads / key / f"1-{part.sha256}").write_bytes(data)
    await store.complete(key, key, [part])
    return key


async def test_files_go_when_their_lifetime_ends(services: Services) -> None:
    """And not before the last URL to them has ended."""
    transfer_id = await services.start_transfer()
    receipt = await services.upload(transfer_id)
    await services.advance(DATA_LIFE + timedelta(minutes=59))
    report = await sweep_service.sweep(services.platform)
    assert (report.deleted_files, report.checked_files) == (0, 1)
    assert await stored(services) == [receipt.key]
    await services.advance(timedelta(minutes=2))
    report = await sweep_service.sweep(services.platform)
    assert (report.deleted_files, report.deleted_bytes) == (1, receipt.size)
    assert await stored(services) == []
    again = await sweep_service.sweep(services.platform)
    assert (again.deleted_files, again.missing_files, again.findings) == (0, 0, [])
    page = await file_list.page(services.platform, transfer_id, cursor=None, size=None)
    assert page.items[0].deleted_at is not None


@pytest.fixture
def two_days_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERRYMAN_KEEP_SETTLED_DAYS", "2")


@pytest.mark.usefixtures("two_days_kept")
async def test_files_of_a_settled_transfer_are_kept_as_long_as_chosen(services: Services) -> None:
    """A transfer that still runs keeps its own."""
    over, running = await services.start_transfer(), await services.start_transfer("other")
    gone, kept = await services.upload(over), await services.upload(running)
    await settled(services, over, gone.message_id)
    await services.advance(2 * DAY)
    assert (await sweep_service.sweep(services.platform)).deleted_files == 0
    await services.advance(timedelta(hours=1, seconds=1))
    assert (await sweep_service.sweep(services.platform)).deleted_files == 1
    assert await stored(services) == [kept.key]


async def test_an_upload_is_kept_while_its_transfer_may_take_it(services: Services) -> None:
    """However long nobody comes for it; a day after the transfer settled it goes."""
    transfer_id = await services.start_transfer()
    upload_id, _ = await services.upload_part(transfer_id)
    [key] = await open_in_store(services)
    os.utime(store_of(services)._files.uploads / key, (0, 0))
    await services.advance(13 * DAY)
    report = await sweep_service.sweep(services.platform)
    assert (report.closed_uploads, report.stray_uploads) == (0, 0)
    assert await open_in_store(services) == [key]
    await services.pass_deadline(transfer_id)
    assert (await sweep_service.sweep(services.platform)).closed_uploads == 0
    await services.advance(DAY)
    assert (await sweep_service.sweep(services.platform)).closed_uploads == 1
    assert await open_in_store(services) == []
    state = await upload_service.state(services.platform, services.app, upload_id)
    assert state.state == "ABORTED"


async def test_an_upload_without_a_row_goes_when_it_is_old(services: Services) -> None:
    """The platform was killed between the store and the row, or is just there."""
    store, old, young = store_of(services), str(new_id()), str(new_id())
    for key in (old, young):
        await store.begin(key)
    os.utime(store._files.uploads / old, (0, 0))
    assert (await sweep_service.sweep(services.platform)).stray_uploads == 1
    assert await open_in_store(services) == [young]


async def test_a_file_completed_when_its_transfer_had_settled_goes(services: Services) -> None:
    """It never became app data and never can; until the upload is closed it stays."""
    transfer_id = await services.start_transfer()
    upload_id, part = await services.upload_part(transfer_id)
    [key] = await open_in_store(services)
    await store_of(services).complete(key, key, [part])
    await services.pass_deadline(transfer_id)
    with pytest.raises(PlatformError, match="transfer_settled"):
        await services.complete(upload_id, part)
    assert (await sweep_service.sweep(services.platform)).stray_files == 0
    await services.advance(DAY)
    report = await sweep_service.sweep(services.platform)
    assert (report.closed_uploads, report.stray_files) == (1, 1)
    assert await stored(services) == []


async def test_a_completion_that_was_cut_off_keeps_its_object(services: Services) -> None:
    """The transfer still runs, so the same call may come again, days later."""
    transfer_id = await services.start_transfer()
    upload_id, part = await services.upload_part(transfer_id)
    [key] = await open_in_store(services)
    await store_of(services).complete(key, key, [part])
    assert (await sweep_service.sweep(services.platform)).stray_files == 0
    assert (await services.complete(upload_id, part)).key == key


async def test_what_no_row_knows_is_reported_and_removed_only_on_demand(services: Services) -> None:
    """The database may be the wrong one, or older than the store."""
    mine = await services.upload(await services.start_transfer())
    strange = await completed_object(services)
    await services.advance(30 * DAY)
    report = await sweep_service.sweep(services.platform)
    assert report.unknown_files == 1
    assert [(each.kind, each.key) for each in report.findings] == [("unknown", strange)]
    assert await stored(services) == [strange]
    assert mine.key not in await stored(services)
    report = await sweep_service.sweep(services.platform, remove_unknown=True)
    assert report.removed_unknown == 1
    assert await stored(services) == []


async def test_a_missing_file_is_found(services: Services) -> None:
    """Wherever it lies in the order of the keys."""
    transfer_id = await services.start_transfer()
    keys = sorted([(await services.upload(transfer_id, b"%d" % n)).key for n in range(5)])
    for lost in (keys[0], keys[2], keys[4]):
        await store_of(services).delete(lost)
    report = await sweep_service.sweep(services.platform)
    assert report.missing_files == 3
    assert [each.key for each in report.findings] == [keys[0], keys[2], keys[4]]
    assert {each.transfer_id for each in report.findings} == {transfer_id}


async def test_batches_of_any_size_find_the_same(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files in a batch: each list ends within the other's stretch."""
    monkeypatch.setattr(sweep_passes, "_BATCH", 2)
    transfer_id = await services.start_transfer()
    keys = sorted([(await services.upload(transfer_id, b"%d" % n)).key for n in range(9)])
    lost = [keys[0], keys[3], keys[4], keys[5], keys[8]]
    for key in lost:
        await store_of(services).delete(key)
    strange = await completed_object(services)
    report = await sweep_service.sweep(services.platform)
    found = {kind: [] for kind in ("missing", "unknown")}  # type: dict[str, list[str]]
    for each in report.findings:
        found[each.kind].append(each.key)
    assert found == {"missing": lost, "unknown": [strange]}
    await services.advance(13 * DAY)
    assert (await sweep_service.sweep(services.platform)).deleted_files == 9
    assert await stored(services) == [strange]


async def test_a_sweep_killed_between_row_and_object_is_taken_up(services: Services) -> None:
    """The rows say deleted, the objects are still there: the store's own list shows them."""
    transfer_id = await services.start_transfer()
    receipt = await services.upload(transfer_id)
    sent, _ = await services.upload_part(await services.start_transfer("other"))
    async with services.platform.database.transaction() as tx:
        await tx.connection.execute("UPDATE app_data SET deleted_at = $1", tx.now)
        await tx.connection.execute(
            "UPDATE upload SET state = 'ABORTED' WHERE upload_id = $1", UUID(sent)
        )
    report = await sweep_service.sweep(services.platform)
    assert (report.stray_files, report.stray_uploads) == (1, 1)
    assert await stored(services) == await open_in_store(services) == []
    assert receipt.key


async def test_two_sweeps_at_once_are_one(services: Services) -> None:
    """The second is told so."""
    async with storage_store.alone(services.platform.database, storage_store.SWEEPING) as mine:
        assert mine
        with pytest.raises(Conflict, match="sweep_running"):
            await sweep_service.sweep(services.platform)
    await sweep_service.sweep(services.platform)


async def test_there_is_one_timer(services: Services) -> None:
    """Whichever worker fires it first sets the next one; the others do nothing."""
    pause = timedelta(seconds=services.platform.settings.sweep_seconds)
    await sweep_service.keep_timer(services.platform)
    first = (await sweep_service.view(services.platform)).next_sweep_at
    await sweep_service.keep_timer(services.platform)
    assert (await sweep_service.view(services.platform)).next_sweep_at == first
    assert not await sweep_service.on_timer(services.platform)
    await services.advance(pause)
    fired = await asyncio.gather(*(sweep_service.on_timer(services.platform) for _ in range(4)))
    assert sum(fired) == 1
    view = await sweep_service.view(services.platform)
    assert view.last_sweep is not None
    assert first is not None
    assert view.next_sweep_at is not None
    assert view.next_sweep_at - first >= pause.total_seconds() * 1000


async def test_a_store_that_is_down_is_tried_again_soon(services: Services, tmp_path: Path) -> None:
    """The reason is kept for the operator, and the job does not hang."""
    await sweep_service.keep_timer(services.platform)
    await services.advance(timedelta(seconds=services.platform.settings.sweep_seconds))
    folder = store_of(services)._files.objects
    folder.rename(folder.with_name("away"))
    assert await sweep_service.on_timer(services.platform)
    view = await sweep_service.view(services.platform)
    assert "store_unavailable" in (view.last_error or "")
    folder.with_name("away").rename(folder)
    await sweep_service.sweep(services.platform)
    assert (await sweep_service.view(services.platform)).last_error is None
