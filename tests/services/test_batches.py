"""Files begun and completed in batches: an answer for each, whatever becomes of the others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from ferryman.domain.limits import FILES_AT_ONCE
from ferryman.errors import Conflict, LimitExceeded, NotFound, PlatformError
from ferryman.objects.port import Assembly
from ferryman.objects.s3.store import S3Store
from ferryman.services import completion, intake
from ferryman.services import sweep as sweep_service
from ferryman.services.intake import Begun
from ferryman.store import upload as upload_store
from ferryman.vocab import TransferStatus
from ferryman.wire.upload import (
    AppDataReceipt,
    CompleteFile,
    PartRequest,
    PartUrl,
    UploadRequest,
    UploadView,
)
from tests.kit.services import Services
from tests.services.test_small_files import DATA, OTHER, on_s3, requested, send, stored

Send = Callable[[PartUrl | None, bytes], Awaitable[None]]

BAD = PartRequest(number=1, size=-1, sha256="a" * 64)


def named(label: str, data: bytes, key: str | None = None) -> UploadRequest:
    return UploadRequest(label=label, resume_key=key, part=requested(data))


async def begin(
    services: Services, transfer_id: str, files: Sequence[UploadRequest]
) -> list[Begun]:
    return await intake.begin_batch(services.platform, services.app, transfer_id, files)


async def complete(
    services: Services, files: Sequence[CompleteFile]
) -> list[AppDataReceipt | PlatformError]:
    return await completion.complete_batch(services.platform, services.app, files)


def opened(answers: Sequence[Begun]) -> list[UploadView]:
    assert all(isinstance(answer, UploadView) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, UploadView)]


def whole(view: UploadView, data: bytes) -> CompleteFile:
    return CompleteFile(upload_id=view.upload_id, parts=[stored(data)])


def codes(answers: Sequence[object]) -> list[str | None]:
    return [answer.code if isinstance(answer, PlatformError) else None for answer in answers]


async def counts(services: Services) -> tuple[int, int, int]:
    """Uploads, their entries in the timeline, and files."""
    [row] = await services.fetch(
        "SELECT (SELECT count(*) FROM upload),"
        " (SELECT count(*) FROM timeline WHERE kind = 'upload.begun'),"
        " (SELECT count(*) FROM app_data)"
    )
    return tuple(row)


@pytest.fixture(params=["local", "s3"])
async def either(
    services: Services, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Services, Send]]:
    """Services with each store, and how a part is sent to it."""
    if request.param == "local":
        yield services, services.put
        return
    async with on_s3(services) as s3:
        yield s3, send


async def test_a_batch_begins_and_completes_each_file(either: tuple[Services, Send]) -> None:
    services, put = either
    transfer_id = await services.start_transfer()
    contents = [f"file {number}".encode() for number in range(20)]
    files = [named(f"label {number}", data, str(number)) for number, data in enumerate(contents)]
    views = opened(await begin(services, transfer_id, files))
    assert len({view.key for view in views}) == 20
    for view, data in zip(views, contents, strict=True):
        await put(view.part, data)
    pairs = list(zip(views, contents, strict=True))
    answers = await complete(services, [whole(view, data) for view, data in pairs])
    receipts = [answer for answer in answers if isinstance(answer, AppDataReceipt)]
    assert [receipt.key for receipt in receipts] == [view.key for view in views]
    assert [receipt.label for receipt in receipts] == [file.label for file in files]
    assert len({receipt.message_id for receipt in receipts}) == 20
    for view, data in pairs:
        chunks = [chunk async for chunk in services.platform.objects.stream(view.key)]
        assert b"".join(chunks) == data
    assert await complete(services, [whole(view, data) for view, data in pairs]) == receipts
    again = opened(await begin(services, transfer_id, files))
    assert [view.receipt for view in again] == receipts
    assert (await services.state(transfer_id)).files == 20
    assert await counts(services) == (20, 20, 20)


async def test_a_bad_member_hinders_no_other(services: Services) -> None:
    transfer_id = await services.start_transfer()
    await begin(services, transfer_id, [named("taken", b"a", "k")])
    files = [
        named("good", b"good"),
        UploadRequest(label="bad part", part=BAD),
        UploadRequest(label="x" * 2_000),
        named("another label", b"a", "k"),
        UploadRequest(label="in parts"),
    ]
    answers = await begin(services, transfer_id, files)
    assert codes(answers) == [
        None,
        "part_size_invalid",
        "label_too_long",
        "resume_key_taken",
        None,
    ]
    assert (await counts(services))[:2] == (3, 3)
    good, several = answers[0], answers[4]
    assert isinstance(good, UploadView)
    assert isinstance(several, UploadView)
    assert several.part is None
    await services.put(good.part, b"good")
    unknown = "00000000-0000-4000-8000-000000000000"
    done = await complete(
        services,
        [
            whole(several, b"never sent"),
            CompleteFile(upload_id=unknown, parts=[stored(b"good")]),
            CompleteFile(upload_id="no id", parts=[stored(b"good")]),
            whole(good, b"good"),
        ],
    )
    assert codes(done) == ["part_missing", "upload_not_found", "upload_not_found", None]
    assert (await services.state(transfer_id)).files == 1


async def test_repeated_members_have_one_answer(services: Services) -> None:
    transfer_id = await services.start_transfer()
    file = named("l", b"one", "k")
    differing = [named("other label", b"one", "k"), named("l", OTHER, "k")]
    answers = await begin(services, transfer_id, [file, named("l", b"no key"), file, *differing])
    first, plain, same, label, part = answers
    assert isinstance(first, UploadView)
    assert first == same
    assert isinstance(label, Conflict)
    assert part == msgspec.structs.replace(first, resumed=True, part=None)
    assert isinstance(plain, UploadView)
    assert plain.upload_id != first.upload_id
    assert (await counts(services))[:2] == (2, 2)
    await services.put(first.part, b"one")
    one = whole(first, b"one")
    receipt, again, upper = await complete(
        services, [one, one, msgspec.structs.replace(one, upload_id=one.upload_id.upper())]
    )
    assert isinstance(receipt, AppDataReceipt)
    assert receipt == again == upper
    assert (await services.state(transfer_id)).files == 1


@pytest.mark.parametrize("size", [0, FILES_AT_ONCE + 1])
async def test_too_few_or_too_many_change_nothing(services: Services, size: int) -> None:
    transfer_id = await services.start_transfer()
    with pytest.raises(LimitExceeded, match="batch_size_invalid"):
        await begin(services, transfer_id, [UploadRequest()] * size)
    [view] = opened(await begin(services, transfer_id, [named("l", b"a")]))
    await services.put(view.part, b"a")
    with pytest.raises(LimitExceeded, match="batch_size_invalid"):
        await complete(services, [whole(view, b"a")] * size)
    assert await counts(services) == (1, 1, 0)


async def test_a_full_batch_is_one_statement_and_one_transaction(services: Services) -> None:
    transfer_id = await services.start_transfer()
    files = [UploadRequest(label=str(number)) for number in range(FILES_AT_ONCE)]
    opened(await begin(services, transfer_id, files))
    [row] = await services.fetch("SELECT count(*), count(DISTINCT xmin::text) FROM upload")
    assert tuple(row) == (FILES_AT_ONCE, 1)
    rows = await services.fetch(
        "SELECT data->>'label' FROM timeline WHERE kind = 'upload.begun' ORDER BY seq"
    )
    assert [label for (label,) in rows] == [file.label for file in files]


async def test_what_refuses_the_transfer_refuses_the_call(services: Services) -> None:
    transfer_id = await services.start_transfer()
    [done, waiting] = opened(
        await begin(services, transfer_id, [named("l", b"a", "k"), named("l", b"b")])
    )
    await services.put(done.part, b"a")
    await services.put(waiting.part, b"b")
    await complete(services, [whole(done, b"a")])
    old = Services(services.platform, replace(services.app, claim=1))
    async with services.platform.database.transaction() as tx:
        await tx.connection.execute("UPDATE transfer SET claims = 2")
    for call in (
        begin(old, transfer_id, [named("l", b"c"), UploadRequest(part=BAD)]),
        complete(old, [whole(waiting, b"b")]),
    ):
        with pytest.raises(Conflict, match="claim_superseded"):
            await call
    with pytest.raises(NotFound, match="transfer_not_found"):
        await begin(services, "00000000-0000-4000-8000-000000000000", [UploadRequest()])
    assert await counts(services) == (2, 2, 1)
    # A receipt is told whatever became of the transfer.
    answers = await complete(old, [whole(done, b"a"), whole(waiting, b"b")])
    assert codes(answers) == [None, "claim_superseded"]


async def test_a_sender_killed_before_completing_leaves_what_the_sweep_takes(
    either: tuple[Services, Send],
) -> None:
    services, put = either
    transfer_id = await services.start_transfer()
    views = opened(await begin(services, transfer_id, [named(str(n), DATA) for n in range(9)]))
    for view in views[:3]:
        await put(view.part, DATA)
    with pytest.raises(Conflict, match="export_incomplete"):
        await services.complete_export(transfer_id)
    await services.advance(timedelta(minutes=16))
    assert await services.fire_timer(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.TIMED_OUT
    assert await services.fetch("SELECT 1 FROM app_data") == []
    await services.advance(timedelta(days=14))
    await sweep_service.sweep(services.platform)
    assert [key async for key in services.platform.objects.files()] == []


async def test_a_kill_between_the_store_and_the_row_is_made_good_by_a_repeat(
    either: tuple[Services, Send],
) -> None:
    services, put = either
    transfer_id = await services.start_transfer()
    files = [named(str(n), DATA) for n in range(9)]
    views = opened(await begin(services, transfer_id, files))
    for view in views:
        await put(view.part, DATA)
    async with services.platform.database.reading() as tx:
        ids = [UUID(view.upload_id) for view in views]
        found = await upload_store.by_ids(tx, ids, services.app.app_id)
    wanted = [Assembly(str(row.key), row.store_ref, [stored(DATA)]) for row in found.values()]
    assert all(
        isinstance(parts, list) for parts in await services.platform.objects.complete_all(wanted)
    )
    report = await sweep_service.sweep(services.platform)
    assert (report.stray_files, report.unknown_files) == (0, 0)
    assert (await services.state(transfer_id)).files == 0
    assert codes(await complete(services, [whole(view, DATA) for view in views])) == [None] * 9
    assert (await services.state(transfer_id)).files == 9


async def test_two_senders_of_the_same_batch_get_the_same_uploads(services: Services) -> None:
    transfer_id = await services.start_transfer()
    files = [named(str(n), DATA, f"key {n}") for n in range(50)]
    batches = await asyncio.gather(
        begin(services, transfer_id, files),
        begin(services, transfer_id, files[::-1]),
        begin(services, transfer_id, files),
    )
    first = [view.upload_id for view in opened(batches[0])]
    assert [view.upload_id for view in opened(batches[1])] == first[::-1]
    assert [view.upload_id for view in opened(batches[2])] == first
    assert await counts(services) == (50, 50, 0)


async def test_a_store_whose_list_is_behind_is_asked_for_each(services: Services) -> None:
    async with on_s3(services) as s3:
        transfer_id = await s3.start_transfer()
        views = opened(await begin(s3, transfer_id, [named(str(n), DATA) for n in range(9)]))
        for view in views[1:]:
            await send(view.part, DATA)
        store = s3.platform.objects
        assert isinstance(store, S3Store)
        listed, asked = store._bucket.listed, list[str]()

        async def behind(start: str) -> dict[str, tuple[int, str]]:
            asked.append(start)
            known = await listed(start)
            return dict(list(known.items())[:4])

        store._bucket.listed = behind  # type: ignore[method-assign]
        answers = await complete(s3, [whole(view, DATA) for view in views])
        assert codes(answers) == ["part_missing", *[None] * 8]
        assert len(asked) == 1
