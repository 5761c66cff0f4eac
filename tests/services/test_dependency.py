"""An app's part of a migration in several transfers: split, waited for, skipped, run again."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ferryman.domain.limits import CANCEL_CLEAN_UP, RERUN_WINDOW
from ferryman.errors import Conflict, PlatformError
from ferryman.services import listener, migration, transfer, upload
from ferryman.vocab import AccessScope, AckStatus, TransferStatus
from ferryman.wire.listener import ClaimedTransfer, ClaimRequest, TransferDefinitionRequest
from ferryman.wire.migration import TransferBrief

from .conftest import Play
from .stage import Stage

Status = TransferStatus


def define(name: str, *depends_on: str, **fields: Any) -> TransferDefinitionRequest:
    return TransferDefinitionRequest(transfer_name=name, depends_on=list(depends_on), **fields)


CHAIN = (define("a"), define("b", "a"), define("c", "b"))


async def claim(
    stage: Stage, *definitions: TransferDefinitionRequest, agent: str = "agent", **fields: Any
) -> ClaimedTransfer | None:
    """What the agent gets; it says that it runs all it ever got."""
    rows = await stage.fetch("SELECT transfer_id FROM transfer WHERE claimed_by = $1", agent)
    request = ClaimRequest(
        server_app_keys=[stage.app.server_app_key],
        agent_id=agent,
        running=[str(row["transfer_id"]) for row in rows],
        transfer_definitions=list(definitions),
        **fields,
    )
    return await listener.claim(stage.platform, stage.app, request)


async def name_of_next(stage: Stage, *definitions: TransferDefinitionRequest) -> str | None:
    found = await claim(stage, *definitions)
    return None if found is None else found.transfer_name


async def all_of(stage: Stage) -> list[TransferBrief]:
    [found] = (await migration.page(stage.platform, None, None)).items
    return found.transfers


async def newest(stage: Stage, name: str) -> TransferBrief:
    return [brief for brief in await all_of(stage) if brief.transfer_name == name][-1]


async def statuses(stage: Stage) -> dict[str | None, TransferStatus]:
    return {brief.transfer_name: brief.status for brief in await all_of(stage)}


async def fail(stage: Stage, name: str) -> None:
    await settle(stage, name, AckStatus.FAILED)


async def settle(stage: Stage, name: str, status: AckStatus = AckStatus.SUCCESS) -> None:
    transfer_id = (await newest(stage, name)).transfer_id
    receipt = await stage.upload(transfer_id)
    await stage.complete_export(transfer_id)
    await stage.acknowledge(transfer_id, receipt.message_id, status=status)


async def wake_after(stage: Stage, transfer_id: str, step: timedelta) -> None:
    """Let its timer fire then."""
    await stage.pass_time(step)
    [job] = await stage.wake_jobs(transfer_id, due=True)
    await transfer.wake(stage.platform, UUID(transfer_id), job)


def test_each_definition_becomes_a_transfer_that_waits_its_turn(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        first = await stage.release()
        claimed = await claim(stage, *reversed(CHAIN))
        assert claimed is not None
        assert (claimed.transfer_id, claimed.transfer_name) == (first, "a")
        assert await claim(stage, *CHAIN) is None
        assert [(t.transfer_name, t.depends_on, t.status) for t in await all_of(stage)] == [
            ("a", [], Status.IN_PROGRESS),
            ("b", ["a"], Status.READY),
            ("c", ["b"], Status.READY),
        ]
        await settle(stage, "a")
        assert await name_of_next(stage) == "b", "the definitions are known by now"
        await settle(stage, "b")
        assert await name_of_next(stage, define("other")) == "c"
        await settle(stage, "c")
        assert set((await statuses(stage)).values()) == {Status.SUCCESS}
        assert await claim(stage, *CHAIN) is None

    play(scene)


def test_independent_transfers_run_side_by_side(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.release()
        definitions = (define("a"), define("b"), define("c"), define("last", "a", "b", "c"))
        assert [await name_of_next(stage, *definitions) for _ in range(4)] == ["a", "b", "c", None]
        await settle(stage, "a")
        await settle(stage, "b")
        assert await name_of_next(stage) is None
        await settle(stage, "c")
        assert await name_of_next(stage) == "last"

    play(scene)


def test_two_agents_at_once_split_once(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.release()
        found = await asyncio.gather(
            *(claim(stage, define("a"), define("b"), agent=f"agent {n}") for n in range(8))
        )
        assert len(await all_of(stage)) == 2
        names = [each.transfer_name for each in found if each is not None]
        assert sorted(map(str, names)) in (["a"], ["a", "b"])

    play(scene)


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.CANCELLED])
def test_the_failure_of_a_blocking_transfer_skips_all_that_follow(
    play: Play[None], status: TransferStatus
) -> None:
    async def scene(stage: Stage) -> None:
        await stage.release()
        assert await name_of_next(stage, *CHAIN, define("free")) == "a"
        transfer_id = (await newest(stage, "a")).transfer_id
        if status is Status.FAILED:
            await fail(stage, "a")
        elif status is Status.TIMED_OUT:
            await stage.upload(transfer_id)
            await wake_after(stage, transfer_id, timedelta(minutes=16))
        else:
            await transfer.cancel(stage.platform, transfer_id)
            assert (await statuses(stage))["b"] is Status.READY, "it may clean up first"
            await wake_after(stage, transfer_id, CANCEL_CLEAN_UP)
        assert await statuses(stage) == {
            "a": status,
            "b": Status.SKIPPED,
            "c": Status.SKIPPED,
            "free": Status.READY,
        }
        view = await transfer.view(stage.platform, (await newest(stage, "b")).transfer_id)
        assert view.skipped_by == transfer_id
        assert view.settled_at is not None
        told = await stage.fetch("SELECT count(DISTINCT transfer_id) FROM message")
        assert told[0][0] == 1, "the app never heard of those that were skipped"
        assert await name_of_next(stage) == "free"

    play(scene)


def test_two_failures_at_once_skip_each_once(play: Play[None]) -> None:
    """In a graph where they reach the others from different sides; nothing waits in a circle."""

    async def scene(stage: Stage) -> None:
        definitions = (
            define("x"),
            define("y"),
            define("c", "x"),
            define("b", "c", "y"),
            define("a", "b", "y", "x"),
        )
        for _ in range(5):
            await stage.release()
            await claim(stage, *definitions)
            await claim(stage, *definitions)
            rows = await stage.fetch(
                "SELECT transfer_id FROM transfer WHERE status = 'IN_PROGRESS' AND files = 0"
            )
            ids = [str(row["transfer_id"]) for row in rows]
            assert len(ids) == 2
            receipts = [await stage.upload(each) for each in ids]
            for each in ids:
                await stage.complete_export(each)
            await asyncio.gather(
                *(
                    stage.acknowledge(each, receipt.message_id, status=AckStatus.FAILED)
                    for each, receipt in zip(ids, receipts, strict=True)
                )
            )
        [[count, ends]] = await stage.fetch(
            "SELECT count(DISTINCT transfer_id), count(*) FROM timeline"
            " WHERE kind = 'transfer.changed' AND data->>'after' = 'SKIPPED'"
        )
        assert (count, ends) == (15, 15)

    play(scene)


def test_what_is_not_blocking_holds_nobody_up(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.release()
        definitions = (define("a", blocking=False), define("b", "a"))
        assert await name_of_next(stage, *definitions) == "a"
        await fail(stage, "a")
        assert await name_of_next(stage) == "b"

    play(scene)


def test_a_re_run_brings_back_what_its_failure_had_skipped(play: Play[None]) -> None:
    """The re-run keeps its name and the first id; those that follow are first runs."""

    async def scene(stage: Stage) -> None:
        original = await stage.release()
        assert await name_of_next(stage, *CHAIN) == "a"
        await fail(stage, "a")
        for _ in range(2):
            latest = (await newest(stage, "a")).transfer_id
            answer = await transfer.rerun(stage.platform, latest)
            assert answer.original_transfer_id == original
            assert answer.transfer_name == "a"
            assert len(answer.also) == 2
            with pytest.raises(Conflict, match="rerun_running"):
                await transfer.rerun(stage.platform, latest)
            assert (await statuses(stage))["c"] is Status.READY
            claimed = await claim(stage, *CHAIN)
            assert claimed is not None
            assert claimed.transfer_id == answer.transfer_id
            assert (claimed.transfer_name, claimed.original_transfer_id) == ("a", original)
            assert await claim(stage) is None
            await fail(stage, "a")
            assert (await statuses(stage))["c"] is Status.SKIPPED
        await transfer.rerun(stage.platform, (await newest(stage, "a")).transfer_id)
        for name in "abc":
            claimed = await claim(stage)
            assert claimed is not None
            assert claimed.transfer_name == name
            assert claimed.original_transfer_id == (original if name == "a" else None)
            await settle(stage, name)
        [found] = (await migration.page(stage.platform, None, None)).items
        assert [app.status for app in found.apps] == [Status.SUCCESS]
        assert len(found.transfers) == 12

    play(scene)


def test_re_runs_at_once_bring_back_one_of_each(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.release()
        definitions = (define("a"), define("b"), define("c", "a", "b"))
        for _ in "ab":
            await claim(stage, *definitions)
        await fail(stage, "a")
        await fail(stage, "b")
        ids = [(await newest(stage, name)).transfer_id for name in "ab"]
        answers = await asyncio.gather(
            *(transfer.rerun(stage.platform, each) for each in ids * 3), return_exceptions=True
        )
        good = [each for each in answers if not isinstance(each, BaseException)]
        assert len(good) == 2
        assert sum(len(each.also) for each in good) == 1
        assert all(each.code == "rerun_running" for each in answers if isinstance(each, Conflict))
        found = [each.transfer_name for each in await all_of(stage)]
        assert sorted(map(str, found)) == ["a", "a", "b", "b", "c", "c"]

    play(scene)


def test_a_re_run_held_back_by_a_failed_re_run(play: Play[None]) -> None:
    """It is refused, or skipped and brought back with the id of the first run."""

    async def scene(stage: Stage) -> None:
        await stage.release()
        await claim(stage, define("a", blocking=True), define("b", "a"))
        first = (await newest(stage, "a")).transfer_id
        receipts = [await stage.upload(first) for _ in "12"]
        await stage.complete_export(first)
        await stage.acknowledge(first, receipts[0].message_id)
        await stage.acknowledge(first, receipts[1].message_id, status=AckStatus.FAILED)
        assert (await statuses(stage))["a"] is Status.INCOMPLETE
        assert await name_of_next(stage) == "b"
        await fail(stage, "b")
        original = (await newest(stage, "b")).transfer_id
        await transfer.rerun(stage.platform, first)
        waiting = (await transfer.rerun(stage.platform, original)).transfer_id
        assert await name_of_next(stage) == "a"
        await fail(stage, "a")
        assert (await stage.state(waiting)).status is Status.SKIPPED
        with pytest.raises(Conflict, match="transfer_dependency_failed"):
            await transfer.rerun(stage.platform, original)
        answer = await transfer.rerun(stage.platform, (await newest(stage, "a")).transfer_id)
        [again] = answer.also
        assert (await newest(stage, "b")).original_transfer_id == original
        assert again == (await newest(stage, "b")).transfer_id

    play(scene)


def test_the_days_for_a_re_run_count_from_the_first_attempt(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.release()
        await claim(stage, define("a"))
        await fail(stage, "a")
        await stage.pass_time(RERUN_WINDOW - timedelta(hours=1))
        await transfer.rerun(stage.platform, (await newest(stage, "a")).transfer_id)
        await claim(stage)
        await fail(stage, "a")
        await stage.pass_time(timedelta(hours=2))
        with pytest.raises(Conflict, match="rerun_window_over"):
            await transfer.rerun(stage.platform, (await newest(stage, "a")).transfer_id)

    play(scene)


def test_what_the_admin_skipped_is_not_brought_back(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.release()
        await claim(stage, *CHAIN)
        await transfer.cancel(stage.platform, (await newest(stage, "b")).transfer_id)
        assert (await statuses(stage))["c"] is Status.SKIPPED
        await fail(stage, "a")
        answer = await transfer.rerun(stage.platform, (await newest(stage, "a")).transfer_id)
        assert answer.also == []

    play(scene)


BAD: list[tuple[list[TransferDefinitionRequest], str]] = [
    ([define("a", "b"), define("b", "a")], "transfer_definition_cycle"),
    ([define("a", "nobody")], "transfer_dependency_unknown"),
    ([define("a"), define("a")], "transfer_name_repeated"),
    ([define("")], "transfer_name_invalid"),
    ([define("a\0")], "transfer_name_invalid"),
    ([define("a" * 1025)], "transfer_name_too_long"),
    ([define(str(n)) for n in range(101)], "too_many_transfer_definitions"),
    ([define("a", access_scopes=["EVERYTHING"])], "access_scope_unknown"),
]


def test_definitions_that_cannot_run_change_nothing(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.release()
        for definitions, code in BAD:
            with pytest.raises(PlatformError) as refused:
                await claim(stage, *definitions)
            assert refused.value.code == code
        [only] = await all_of(stage)
        assert (only.transfer_name, only.status) == (None, Status.READY)
        assert await name_of_next(stage, define("a")) == "a"

    play(scene)


def test_what_an_agent_or_an_app_was_told_of_is_not_split(play: Play[None]) -> None:
    """A script that calls without an agent goes on as before, and so does a re-run."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.release()
        receipt = await stage.upload(transfer_id)
        assert await name_of_next(stage, *CHAIN) is None
        assert len(await all_of(stage)) == 1
        await stage.complete_export(transfer_id)
        await stage.acknowledge(transfer_id, receipt.message_id, status=AckStatus.FAILED)
        answer = await transfer.rerun(stage.platform, transfer_id)
        assert answer.transfer_name is None
        again = await claim(stage, *CHAIN)
        assert again is not None
        assert (again.transfer_name, again.transfer_id) == (None, answer.transfer_id)
        assert len(await all_of(stage)) == 2

    play(scene)


def test_a_script_cannot_begin_before_its_turn(play: Play[None]) -> None:
    async def scene(stage: Stage) -> None:
        await stage.release()
        await claim(stage, define("a"), define("b", "a"))
        later = (await newest(stage, "b")).transfer_id
        with pytest.raises(Conflict, match="transfer_dependency_running"):
            await upload.begin(stage.platform, stage.app, later, None)
        assert (await statuses(stage))["b"] is Status.READY
        await settle(stage, "a")
        await settle(stage, "b")

    play(scene)


def test_events_and_scopes_are_those_of_the_definition(play: Play[None]) -> None:
    """A definition's own scopes hold for it; the others have those of the claim."""

    async def scene(stage: Stage) -> None:
        await stage.release()
        narrow, wide = [AccessScope.APP_DATA_OTHER], list(AccessScope)[:4]
        definitions = (define("a", access_scopes=narrow), define("b"))
        for wanted in (narrow, wide):
            claimed = await claim(stage, *definitions, access_scopes=wide)
            assert claimed is not None
            assert claimed.access_scopes == wanted
            query = (
                "SELECT payload->>'transferName' FROM message WHERE transfer_id = $1::text::uuid"
            )
            [[told]] = await stage.fetch(query, claimed.transfer_id)
            assert told == claimed.transfer_name
        # A killed agent claims again, perhaps with a newer listener.
        request = ClaimRequest(
            server_app_keys=[stage.app.server_app_key],
            agent_id="agent",
            transfer_definitions=[define("a"), define("b", access_scopes=narrow)],
        )
        again = await listener.claim(stage.platform, stage.app, request)
        assert again is not None
        assert (again.transfer_name, again.access_scopes) == ("a", list(AccessScope))

    play(scene)
