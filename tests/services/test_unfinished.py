"""Success is proof: a transfer does not end well without a file that was begun (ADR 0038)."""

from datetime import timedelta

import pytest

from ferryman.errors import Conflict
from ferryman.services import export as export_service
from ferryman.services import intake, transfer_command
from ferryman.services import transfer as transfer_service
from ferryman.services import upload as upload_service
from ferryman.vocab import GivenUp, TransferStatus
from ferryman.wire.listener import ListenerError
from tests.kit.services import Services


async def begin(services: Services, transfer_id: str, label: str | None) -> str:
    view = await intake.begin(services.platform, services.app, transfer_id, label)
    return view.upload_id


async def fail(services: Services, upload_id: str, detail: str | None = None) -> None:
    await upload_service.give_up(
        services.platform, services.app, upload_id, GivenUp.WRITER_FAILED, detail
    )


async def export(services: Services, transfer_id: str, *, abandon: bool = False) -> None:
    await export_service.complete(services.platform, services.app, transfer_id, abandon=abandon)


async def kinds(services: Services, transfer_id: str) -> list[tuple[str, str]]:
    rows = await services.fetch(
        "SELECT data->>'reason' AS reason, coalesce(data->>'detail', '') AS detail FROM timeline"
        " WHERE kind = 'upload.aborted' AND transfer_id = $1::uuid ORDER BY seq",
        transfer_id,
    )
    return [(row["reason"], row["detail"]) for row in rows]


async def test_completing_the_export_names_what_is_unfinished(services: Services) -> None:
    transfer_id = await services.start_transfer()
    users = await begin(services, transfer_id, "users")
    await fail(services, await begin(services, transfer_id, "pages"), "ValueError at export.py:12")
    nameless = await begin(services, transfer_id, None)
    with pytest.raises(Conflict) as refused:
        await export(services, transfer_id)
    assert refused.value.code == "export_incomplete"
    assert refused.value.found == (
        f"3 files unfinished: 'users' (still open as upload {users}), "
        "'pages' (writer failed with ValueError at export.py:12), "
        f"upload {nameless} (still open)"
    )
    state = await services.state(transfer_id)
    assert (state.status, state.export_completed_at) == (TransferStatus.IN_PROGRESS, None)


async def test_many_unfinished_files_are_counted_and_some_are_named(services: Services) -> None:
    transfer_id = await services.start_transfer()
    for number in range(14):
        await begin(services, transfer_id, f"n{number}" + "x" * 200)
    with pytest.raises(Conflict) as refused:
        await export(services, transfer_id)
    assert "14 files unfinished" in refused.value.found
    assert refused.value.found.endswith(" and 4 more")
    assert len(refused.value.found) < 1_500


async def test_doing_without_them_is_said_on_purpose(services: Services) -> None:
    transfer_id = await services.start_transfer()
    await begin(services, transfer_id, "users")
    await fail(services, await begin(services, transfer_id, "pages"))
    await export(services, transfer_id, abandon=True)
    assert (await services.state(transfer_id)).status is TransferStatus.SUCCESS
    assert sorted(await kinds(services, transfer_id)) == [
        ("deliberate", ""),
        ("deliberate", ""),
        ("writer_failed", ""),
    ]


async def test_a_failed_file_may_be_done_without_later(services: Services) -> None:
    transfer_id = await services.start_transfer()
    upload_id = await begin(services, transfer_id, "pages")
    await fail(services, upload_id, "ValueError at export.py:12")
    await upload_service.give_up(services.platform, services.app, upload_id, GivenUp.SUPERSEDED)
    with pytest.raises(Conflict, match="export_incomplete"):
        await export(services, transfer_id)
    await upload_service.give_up(services.platform, services.app, upload_id)
    await export(services, transfer_id)
    assert [reason for reason, _ in await kinds(services, transfer_id)] == [
        "writer_failed",
        "deliberate",
    ]


async def test_a_later_file_of_the_label_takes_the_place_of_a_failed_one(
    services: Services,
) -> None:
    """Each of one: two failures need two later files. Without a label nothing is known of it."""
    transfer_id = await services.start_transfer()
    early = await services.upload_part(transfer_id)
    for label in ("label", "label", "other", None):
        await services.advance(timedelta(seconds=1))
        await fail(services, await begin(services, transfer_id, label))
    await services.advance(timedelta(seconds=1))

    async def unfinished() -> str:
        with pytest.raises(Conflict) as refused:
            await export(services, transfer_id)
        return refused.value.found.partition(":")[0]

    await services.complete(*early)
    assert await unfinished() == "4 files unfinished", "begun before the failures"
    await services.upload(transfer_id)
    assert await unfinished() == "3 files unfinished"
    await services.upload(transfer_id)
    await services.upload(transfer_id)
    assert await unfinished() == "2 files unfinished"


@pytest.mark.parametrize("reason", [None, GivenUp.WRITER_FAILED])
async def test_the_deadline_does_not_end_it_well_either(
    services: Services, reason: GivenUp | None
) -> None:
    transfer_id = await services.start_transfer()
    receipt = await services.upload(transfer_id)
    await services.acknowledge(transfer_id, receipt.message_id)
    missing = await begin(services, transfer_id, "missing")
    if reason is not None:
        await upload_service.give_up(services.platform, services.app, missing, reason)
    await export_service.record_return(services.platform, services.app, transfer_id)
    await services.pass_deadline(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.TIMED_OUT
    again = await transfer_command.rerun(services.platform, transfer_id)
    claimed = await services.claim("agent")
    assert claimed is not None
    assert claimed.transfer_id == again.transfer_id


async def test_a_file_that_failed_after_the_export_blocks_its_end(services: Services) -> None:
    transfer_id = await services.start_transfer()
    receipt = await services.upload(transfer_id)
    await export(services, transfer_id)
    late = await begin(services, transfer_id, "late")
    await fail(services, late)
    await services.acknowledge(transfer_id, receipt.message_id)
    assert (await services.state(transfer_id)).status is TransferStatus.IN_PROGRESS
    await upload_service.give_up(services.platform, services.app, late)
    assert (await services.state(transfer_id)).status is TransferStatus.SUCCESS


async def test_a_listener_that_threw_has_failed_whatever_it_left(services: Services) -> None:
    transfer_id = await services.start_transfer()
    await begin(services, transfer_id, "half")
    error = ListenerError(exception_type="E", safe_stack_trace="at a")
    await export_service.record_error(services.platform, services.app, transfer_id, error)
    await services.pass_deadline(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.FAILED


async def test_what_was_begun_after_the_export_can_be_done_without(services: Services) -> None:
    transfer_id = await services.start_transfer()
    receipt = await services.upload(transfer_id)
    await export(services, transfer_id)
    await begin(services, transfer_id, "late")
    await services.acknowledge(transfer_id, receipt.message_id)
    await export(services, transfer_id)
    view = await transfer_service.view(services.platform, transfer_id)
    assert (view.status, view.unfinished_files) == (TransferStatus.IN_PROGRESS, 1)
    await export(services, transfer_id, abandon=True)
    assert (await services.state(transfer_id)).status is TransferStatus.SUCCESS
