"""Success is proof: a transfer does not end well without a file that was begun (ADR 0038)."""

from datetime import timedelta

import pytest

from ferryman.errors import Conflict
from ferryman.services import export as exports
from ferryman.services import transfer, upload
from ferryman.vocab import GivenUp, TransferStatus
from ferryman.wire.listener import ListenerError

from .conftest import Play
from .stage import Stage


async def begin(stage: Stage, transfer_id: str, label: str | None) -> str:
    view = await upload.begin(stage.platform, stage.app, transfer_id, label)
    return view.upload_id


async def fail(stage: Stage, upload_id: str, detail: str | None = None) -> None:
    await upload.give_up(stage.platform, stage.app, upload_id, GivenUp.WRITER_FAILED, detail)


async def export(stage: Stage, transfer_id: str, *, abandon: bool = False) -> None:
    await exports.complete(stage.platform, stage.app, transfer_id, abandon=abandon)


async def kinds(stage: Stage, transfer_id: str) -> list[tuple[str, str]]:
    rows = await stage.fetch(
        "SELECT data->>'reason' AS reason, coalesce(data->>'detail', '') AS detail FROM timeline"
        " WHERE kind = 'upload.aborted' AND transfer_id = $1::uuid ORDER BY seq",
        transfer_id,
    )
    return [(row["reason"], row["detail"]) for row in rows]


def test_completing_the_export_names_what_is_unfinished(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        users = await begin(stage, transfer_id, "users")
        await fail(stage, await begin(stage, transfer_id, "pages"), "ValueError at export.py:12")
        nameless = await begin(stage, transfer_id, None)
        with pytest.raises(Conflict) as refused:
            await export(stage, transfer_id)
        assert refused.value.code == "export_incomplete"
        assert refused.value.found == (
            f"3 files unfinished: 'users' (still open as upload {users}), "
            "'pages' (writer failed with ValueError at export.py:12), "
            f"upload {nameless} (still open)"
        )
        state = await stage.state(transfer_id)
        assert (state.status, state.export_completed_at) == (TransferStatus.IN_PROGRESS, None)

    play(scene)


def test_many_unfinished_files_are_counted_and_some_are_named(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        for number in range(14):
            await begin(stage, transfer_id, f"n{number}" + "x" * 200)
        with pytest.raises(Conflict) as refused:
            await export(stage, transfer_id)
        assert "14 files unfinished" in refused.value.found
        assert refused.value.found.endswith(" and 4 more")
        assert len(refused.value.found) < 1_500

    play(scene)


def test_doing_without_them_is_said_on_purpose(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        await begin(stage, transfer_id, "users")
        await fail(stage, await begin(stage, transfer_id, "pages"))
        await export(stage, transfer_id, abandon=True)
        assert (await stage.state(transfer_id)).status is TransferStatus.SUCCESS
        assert sorted(await kinds(stage, transfer_id)) == [
            ("deliberate", ""),
            ("deliberate", ""),
            ("writer_failed", ""),
        ]

    play(scene)


def test_a_failed_file_may_be_done_without_later(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        upload_id = await begin(stage, transfer_id, "pages")
        await fail(stage, upload_id, "ValueError at export.py:12")
        await upload.give_up(stage.platform, stage.app, upload_id, GivenUp.SUPERSEDED)
        with pytest.raises(Conflict, match="export_incomplete"):
            await export(stage, transfer_id)
        await upload.give_up(stage.platform, stage.app, upload_id)
        await export(stage, transfer_id)
        assert [reason for reason, _ in await kinds(stage, transfer_id)] == [
            "writer_failed",
            "deliberate",
        ]

    play(scene)


def test_a_later_file_of_the_label_takes_the_place_of_a_failed_one(play: Play[None]) -> None:
    """Each of one: two failures need two later files. Without a label nothing is known of it."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        early = await stage.send(transfer_id)
        for label in ("label", "label", "other", None):
            await stage.pass_time(timedelta(seconds=1))
            await fail(stage, await begin(stage, transfer_id, label))
        await stage.pass_time(timedelta(seconds=1))

        async def unfinished() -> str:
            with pytest.raises(Conflict) as refused:
                await export(stage, transfer_id)
            return refused.value.found.partition(":")[0]

        await stage.complete(*early)
        assert await unfinished() == "4 files unfinished", "begun before the failures"
        await stage.upload(transfer_id)
        assert await unfinished() == "3 files unfinished"
        await stage.upload(transfer_id)
        await stage.upload(transfer_id)
        assert await unfinished() == "2 files unfinished"

    play(scene)


@pytest.mark.parametrize("reason", [None, GivenUp.WRITER_FAILED])
def test_the_deadline_does_not_end_it_well_either(play: Play[None], reason: GivenUp | None) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        receipt = await stage.upload(transfer_id)
        await stage.acknowledge(transfer_id, receipt.message_id)
        missing = await begin(stage, transfer_id, "missing")
        if reason is not None:
            await upload.give_up(stage.platform, stage.app, missing, reason)
        await exports.record_return(stage.platform, stage.app, transfer_id)
        await stage.time_out(transfer_id)
        assert (await stage.state(transfer_id)).status is TransferStatus.TIMED_OUT
        again = await transfer.rerun(stage.platform, transfer_id)
        claimed = await stage.claim("agent")
        assert claimed is not None
        assert claimed.transfer_id == again.transfer_id

    play(scene)


def test_a_file_that_failed_after_the_export_blocks_its_end(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        receipt = await stage.upload(transfer_id)
        await export(stage, transfer_id)
        late = await begin(stage, transfer_id, "late")
        await fail(stage, late)
        await stage.acknowledge(transfer_id, receipt.message_id)
        assert (await stage.state(transfer_id)).status is TransferStatus.IN_PROGRESS
        await upload.give_up(stage.platform, stage.app, late)
        assert (await stage.state(transfer_id)).status is TransferStatus.SUCCESS

    play(scene)


def test_a_listener_that_threw_has_failed_whatever_it_left(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        await begin(stage, transfer_id, "half")
        error = ListenerError(exception_type="E", safe_stack_trace="at a")
        await exports.record_error(stage.platform, stage.app, transfer_id, error)
        await stage.time_out(transfer_id)
        assert (await stage.state(transfer_id)).status is TransferStatus.FAILED

    play(scene)


def test_what_was_begun_after_the_export_can_be_done_without(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        receipt = await stage.upload(transfer_id)
        await export(stage, transfer_id)
        await begin(stage, transfer_id, "late")
        await stage.acknowledge(transfer_id, receipt.message_id)
        await export(stage, transfer_id)
        view = await transfer.view(stage.platform, transfer_id)
        assert (view.status, view.unfinished_files) == (TransferStatus.IN_PROGRESS, 1)
        await export(stage, transfer_id, abandon=True)
        assert (await stage.state(transfer_id)).status is TransferStatus.SUCCESS

    play(scene)
