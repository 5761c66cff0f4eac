"""An app's part of a migration in several transfers: split, waited for, skipped, run again."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ferryman.domain.limits import CANCEL_CLEAN_UP, RERUN_WINDOW
from ferryman.errors import Conflict, PlatformError
from ferryman.services import intake, listener, migration_list, transfer_command
from ferryman.services import transfer as transfer_service
from ferryman.vocab import AccessScope, AckStatus, TransferStatus
from ferryman.wire.listener import ClaimedTransfer, ClaimRequest, TransferDefinitionRequest
from ferryman.wire.migration import TransferBrief
from tests.kit.services import Services

Status = TransferStatus


def define(name: str, *depends_on: str, **fields: Any) -> TransferDefinitionRequest:
    return TransferDefinitionRequest(transfer_name=name, depends_on=list(depends_on), **fields)


CHAIN = (define("a"), define("b", "a"), define("c", "b"))


async def claim(
    services: Services, *definitions: TransferDefinitionRequest, agent: str = "agent", **fields: Any
) -> ClaimedTransfer | None:
    """What the agent gets; it says that it runs all it ever got."""
    rows = await services.fetch("SELECT transfer_id FROM transfer WHERE claimed_by = $1", agent)
    request = ClaimRequest(
        server_app_keys=[services.app.server_app_key],
        agent_id=agent,
        running=[str(row["transfer_id"]) for row in rows],
        transfer_definitions=list(definitions),
        **fields,
    )
    return await listener.claim(services.platform, services.app, request)


async def name_of_next(services: Services, *definitions: TransferDefinitionRequest) -> str | None:
    found = await claim(services, *definitions)
    return None if found is None else found.transfer_name


async def all_of(services: Services) -> list[TransferBrief]:
    [found] = (await migration_list.page(services.platform)).items
    return found.transfers


async def newest(services: Services, name: str) -> TransferBrief:
    return [brief for brief in await all_of(services) if brief.transfer_name == name][-1]


async def statuses(services: Services) -> dict[str | None, TransferStatus]:
    return {brief.transfer_name: brief.status for brief in await all_of(services)}


async def fail(services: Services, name: str) -> None:
    await settle(services, name, AckStatus.FAILED)


async def settle(services: Services, name: str, status: AckStatus = AckStatus.SUCCESS) -> None:
    transfer_id = (await newest(services, name)).transfer_id
    receipt = await services.upload(transfer_id)
    await services.complete_export(transfer_id)
    await services.acknowledge(transfer_id, receipt.message_id, status=status)


async def wake_after(services: Services, transfer_id: str, step: timedelta) -> None:
    """Let its timer fire then."""
    await services.advance(step)
    assert await services.fire_timer(transfer_id)


async def test_each_definition_becomes_a_transfer_that_waits_its_turn(services: Services) -> None:
    first = await services.create_transfer()
    claimed = await claim(services, *reversed(CHAIN))
    assert claimed is not None
    assert (claimed.transfer_id, claimed.transfer_name) == (first, "a")
    assert await claim(services, *CHAIN) is None
    assert [(t.transfer_name, t.depends_on, t.status) for t in await all_of(services)] == [
        ("a", [], Status.IN_PROGRESS),
        ("b", ["a"], Status.READY),
        ("c", ["b"], Status.READY),
    ]
    await settle(services, "a")
    assert await name_of_next(services) == "b", "the definitions are known by now"
    await settle(services, "b")
    assert await name_of_next(services, define("other")) == "c"
    await settle(services, "c")
    assert set((await statuses(services)).values()) == {Status.SUCCESS}
    assert await claim(services, *CHAIN) is None


async def test_independent_transfers_run_side_by_side(services: Services) -> None:
    await services.create_transfer()
    definitions = (define("a"), define("b"), define("c"), define("last", "a", "b", "c"))
    assert [await name_of_next(services, *definitions) for _ in range(4)] == ["a", "b", "c", None]
    await settle(services, "a")
    await settle(services, "b")
    assert await name_of_next(services) is None
    await settle(services, "c")
    assert await name_of_next(services) == "last"


async def test_two_agents_at_once_split_once(services: Services) -> None:
    await services.create_transfer()
    found = await asyncio.gather(
        *(claim(services, define("a"), define("b"), agent=f"agent {n}") for n in range(8))
    )
    assert len(await all_of(services)) == 2
    names = [each.transfer_name for each in found if each is not None]
    assert sorted(map(str, names)) in (["a"], ["a", "b"])


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.CANCELLED])
async def test_the_failure_of_a_blocking_transfer_skips_all_that_follow(
    services: Services, status: TransferStatus
) -> None:
    await services.create_transfer()
    assert await name_of_next(services, *CHAIN, define("free")) == "a"
    transfer_id = (await newest(services, "a")).transfer_id
    if status is Status.FAILED:
        await fail(services, "a")
    elif status is Status.TIMED_OUT:
        await services.upload(transfer_id)
        await wake_after(services, transfer_id, timedelta(minutes=16))
    else:
        await transfer_command.cancel(services.platform, transfer_id)
        assert (await statuses(services))["b"] is Status.READY, "it may clean up first"
        await wake_after(services, transfer_id, CANCEL_CLEAN_UP)
    assert await statuses(services) == {
        "a": status,
        "b": Status.SKIPPED,
        "c": Status.SKIPPED,
        "free": Status.READY,
    }
    view = await transfer_service.view(services.platform, (await newest(services, "b")).transfer_id)
    assert view.skipped_by == transfer_id
    assert view.settled_at is not None
    told = await services.fetch("SELECT count(DISTINCT transfer_id) FROM message")
    assert told[0][0] == 1, "the app never heard of those that were skipped"
    assert await name_of_next(services) == "free"


async def test_two_failures_at_once_skip_each_once(services: Services) -> None:
    """In a graph where they reach the others from different sides; nothing waits in a circle."""
    definitions = (
        define("x"),
        define("y"),
        define("c", "x"),
        define("b", "c", "y"),
        define("a", "b", "y", "x"),
    )
    for _ in range(5):
        await services.create_transfer()
        await claim(services, *definitions)
        await claim(services, *definitions)
        rows = await services.fetch(
            "SELECT transfer_id FROM transfer WHERE status = 'IN_PROGRESS' AND files = 0"
        )
        ids = [str(row["transfer_id"]) for row in rows]
        assert len(ids) == 2
        receipts = [await services.upload(each) for each in ids]
        for each in ids:
            await services.complete_export(each)
        await asyncio.gather(
            *(
                services.acknowledge(each, receipt.message_id, status=AckStatus.FAILED)
                for each, receipt in zip(ids, receipts, strict=True)
            )
        )
    [[count, ends]] = await services.fetch(
        "SELECT count(DISTINCT transfer_id), count(*) FROM timeline"
        " WHERE kind = 'transfer.changed' AND data->>'after' = 'SKIPPED'"
    )
    assert (count, ends) == (15, 15)


async def test_what_is_not_blocking_holds_nobody_up(services: Services) -> None:
    await services.create_transfer()
    definitions = (define("a", blocking=False), define("b", "a"))
    assert await name_of_next(services, *definitions) == "a"
    await fail(services, "a")
    assert await name_of_next(services) == "b"


async def test_a_re_run_brings_back_what_its_failure_had_skipped(services: Services) -> None:
    """The re-run keeps its name and the first id; those that follow are first runs."""
    original = await services.create_transfer()
    assert await name_of_next(services, *CHAIN) == "a"
    await fail(services, "a")
    for _ in range(2):
        latest = (await newest(services, "a")).transfer_id
        answer = await transfer_command.rerun(services.platform, latest)
        assert answer.original_transfer_id == original
        assert answer.transfer_name == "a"
        assert len(answer.also) == 2
        with pytest.raises(Conflict, match="rerun_running"):
            await transfer_command.rerun(services.platform, latest)
        assert (await statuses(services))["c"] is Status.READY
        claimed = await claim(services, *CHAIN)
        assert claimed is not None
        assert claimed.transfer_id == answer.transfer_id
        assert (claimed.transfer_name, claimed.original_transfer_id) == ("a", original)
        assert await claim(services) is None
        await fail(services, "a")
        assert (await statuses(services))["c"] is Status.SKIPPED
    await transfer_command.rerun(services.platform, (await newest(services, "a")).transfer_id)
    for name in "abc":
        claimed = await claim(services)
        assert claimed is not None
        assert claimed.transfer_name == name
        assert claimed.original_transfer_id == (original if name == "a" else None)
        await settle(services, name)
    [found] = (await migration_list.page(services.platform)).items
    assert [app.status for app in found.apps] == [Status.SUCCESS]
    assert len(found.transfers) == 12


async def test_re_runs_at_once_bring_back_one_of_each(services: Services) -> None:
    await services.create_transfer()
    definitions = (define("a"), define("b"), define("c", "a", "b"))
    for _ in "ab":
        await claim(services, *definitions)
    await fail(services, "a")
    await fail(services, "b")
    ids = [(await newest(services, name)).transfer_id for name in "ab"]
    answers = await asyncio.gather(
        *(transfer_command.rerun(services.platform, each) for each in ids * 3),
        return_exceptions=True,
    )
    good = [each for each in answers if not isinstance(each, BaseException)]
    assert len(good) == 2
    assert sum(len(each.also) for each in good) == 1
    assert all(each.code == "rerun_running" for each in answers if isinstance(each, Conflict))
    found = [each.transfer_name for each in await all_of(services)]
    assert sorted(map(str, found)) == ["a", "a", "b", "b", "c", "c"]


async def test_a_re_run_held_back_by_a_failed_re_run(services: Services) -> None:
    """It is refused, or skipped and brought back with the id of the first run."""
    await services.create_transfer()
    await claim(services, define("a", blocking=True), define("b", "a"))
    first = (await newest(services, "a")).transfer_id
    receipts = [await services.upload(first) for _ in "12"]
    await services.complete_export(first)
    await services.acknowledge(first, receipts[0].message_id)
    await services.acknowledge(first, receipts[1].message_id, status=AckStatus.FAILED)
    assert (await statuses(services))["a"] is Status.INCOMPLETE
    assert await name_of_next(services) == "b"
    await fail(services, "b")
    original = (await newest(services, "b")).transfer_id
    await transfer_command.rerun(services.platform, first)
    waiting = (await transfer_command.rerun(services.platform, original)).transfer_id
    assert await name_of_next(services) == "a"
    await fail(services, "a")
    assert (await services.state(waiting)).status is Status.SKIPPED
    with pytest.raises(Conflict, match="transfer_dependency_failed"):
        await transfer_command.rerun(services.platform, original)
    answer = await transfer_command.rerun(
        services.platform, (await newest(services, "a")).transfer_id
    )
    [again] = answer.also
    assert (await newest(services, "b")).original_transfer_id == original
    assert again == (await newest(services, "b")).transfer_id


async def test_the_days_for_a_re_run_count_from_the_first_attempt(services: Services) -> None:
    await services.create_transfer()
    await claim(services, define("a"))
    await fail(services, "a")
    await services.advance(RERUN_WINDOW - timedelta(hours=1))
    await transfer_command.rerun(services.platform, (await newest(services, "a")).transfer_id)
    await claim(services)
    await fail(services, "a")
    await services.advance(timedelta(hours=2))
    with pytest.raises(Conflict, match="rerun_window_over"):
        await transfer_command.rerun(services.platform, (await newest(services, "a")).transfer_id)


async def test_what_the_admin_skipped_is_not_brought_back(services: Services) -> None:
    await services.create_transfer()
    await claim(services, *CHAIN)
    await transfer_command.cancel(services.platform, (await newest(services, "b")).transfer_id)
    assert (await statuses(services))["c"] is Status.SKIPPED
    await fail(services, "a")
    answer = await transfer_command.rerun(
        services.platform, (await newest(services, "a")).transfer_id
    )
    assert answer.also == []


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


async def test_definitions_that_cannot_run_change_nothing(services: Services) -> None:
    await services.create_transfer()
    for definitions, code in BAD:
        with pytest.raises(PlatformError) as refused:
            await claim(services, *definitions)
        assert refused.value.code == code
    [only] = await all_of(services)
    assert (only.transfer_name, only.status) == (None, Status.READY)
    assert await name_of_next(services, define("a")) == "a"


async def test_what_an_agent_or_an_app_was_told_of_is_not_split(services: Services) -> None:
    """A script that calls without an agent goes on as before, and so does a re-run."""
    transfer_id = await services.create_transfer()
    receipt = await services.upload(transfer_id)
    assert await name_of_next(services, *CHAIN) is None
    assert len(await all_of(services)) == 1
    await services.complete_export(transfer_id)
    await services.acknowledge(transfer_id, receipt.message_id, status=AckStatus.FAILED)
    answer = await transfer_command.rerun(services.platform, transfer_id)
    assert answer.transfer_name is None
    again = await claim(services, *CHAIN)
    assert again is not None
    assert (again.transfer_name, again.transfer_id) == (None, answer.transfer_id)
    assert len(await all_of(services)) == 2


async def test_a_script_cannot_begin_before_its_turn(services: Services) -> None:
    await services.create_transfer()
    await claim(services, define("a"), define("b", "a"))
    later = (await newest(services, "b")).transfer_id
    with pytest.raises(Conflict, match="transfer_dependency_running"):
        await intake.begin(services.platform, services.app, later, None)
    assert (await statuses(services))["b"] is Status.READY
    await settle(services, "a")
    await settle(services, "b")


async def test_events_and_scopes_are_those_of_the_definition(services: Services) -> None:
    """A definition's own scopes hold for it; the others have those of the claim."""
    await services.create_transfer()
    narrow, wide = [AccessScope.APP_DATA_OTHER], list(AccessScope)[:4]
    definitions = (define("a", access_scopes=narrow), define("b"))
    for wanted in (narrow, wide):
        claimed = await claim(services, *definitions, access_scopes=wide)
        assert claimed is not None
        assert claimed.access_scopes == wanted
        query = "SELECT payload->>'transferName' FROM message WHERE transfer_id = $1::text::uuid"
        [[told]] = await services.fetch(query, claimed.transfer_id)
        assert told == claimed.transfer_name
    # A killed agent claims again, perhaps with a newer listener.
    request = ClaimRequest(
        server_app_keys=[services.app.server_app_key],
        agent_id="agent",
        transfer_definitions=[define("a"), define("b", access_scopes=narrow)],
    )
    again = await listener.claim(services.platform, services.app, request)
    assert again is not None
    assert (again.transfer_name, again.access_scopes) == ("a", list(AccessScope))
