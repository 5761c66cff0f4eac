"""Whom a transfer is offered to, and when again; what an earlier claim may still do."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ferryman.domain.limits import CLAIM_CONFIRMATION, CLAIM_SILENCE
from ferryman.errors import Conflict
from ferryman.services import diagnosis, export, intake, listener
from ferryman.services import mapping as mapping_service
from ferryman.services import upload as upload_service
from ferryman.store.app import AppRow
from ferryman.vocab import GivenUp, TransferStatus
from ferryman.wire.listener import ListenerError
from tests.kit.services import Services

SECOND = timedelta(seconds=1)
# The silence of a claim is measured in real time, of which a busy machine takes seconds for a few
# calls: what must not be over yet is half of it away.


async def claim(services: Services, agent: str | None, running: tuple[str, ...] = ()) -> str | None:
    found = await services.claim(agent, running)
    return None if found is None else found.transfer_id


def under(services: Services, number: int) -> AppRow:
    """The server app, as it calls under its claim of that number; 0 names none."""
    return replace(services.app, claim=number)


@pytest.mark.parametrize("agent", ["agent", None])
async def test_a_claim_that_nobody_confirms_is_offered_again(
    services: Services, agent: str | None
) -> None:
    transfer_id = await services.create_transfer()
    assert await claim(services, agent) == transfer_id
    await services.age_claim(transfer_id, CLAIM_CONFIRMATION / 2)
    assert await claim(services, "another") is None
    await services.age_claim(transfer_id, CLAIM_CONFIRMATION)
    assert await claim(services, "another", (transfer_id,)) is None, "the caller says it runs it"
    assert await claim(services, "another") == transfer_id
    assert await claim(services, None) is None, "it was offered a moment ago"
    query = "SELECT count(*) FROM message WHERE event_type LIKE '%triggered%'"
    assert (await services.fetch(query))[0][0] == 1, "started once, however often claimed"


async def test_the_platform_s_clock_is_not_the_agent_s(services: Services) -> None:
    """A listener at work does not lose its transfer because somebody moves the virtual clock."""
    transfer_id = await services.start_transfer()
    await services.advance(timedelta(minutes=10))
    assert await claim(services, "another") is None
    assert (await services.state(transfer_id)).status is TransferStatus.IN_PROGRESS


@pytest.mark.parametrize("call", ["begin", "mappings", "heartbeat"])
async def test_any_call_confirms_a_claim(services: Services, call: str) -> None:
    transfer_id = await services.start_transfer()
    app = under(services, 0)
    if call == "begin":
        await intake.begin(services.platform, app, transfer_id, None)
    elif call == "mappings":
        await mapping_service.find(services.platform, app, transfer_id, "jira:issue", [])
    else:
        await listener.heartbeat(services.platform, app, transfer_id)
    await services.age_claim(transfer_id, CLAIM_SILENCE / 2)
    assert await claim(services, "another") is None
    await services.age_claim(transfer_id, CLAIM_SILENCE)
    assert await claim(services, "another") == transfer_id


async def test_a_call_of_the_cloud_app_confirms_nothing(services: Services) -> None:
    transfer_id = await services.start_transfer()
    await mapping_service.find(services.platform, services.app, transfer_id, "jira:issue", [])
    await services.age_claim(transfer_id, CLAIM_CONFIRMATION + SECOND)
    assert await claim(services, "another") == transfer_id


async def test_heartbeats_keep_a_claim(services: Services) -> None:
    transfer_id = await services.start_transfer()
    for _ in range(5):
        await listener.heartbeat(services.platform, under(services, 1), transfer_id)
        await services.age_claim(transfer_id, CLAIM_SILENCE * 3 / 4)
        assert await claim(services, "another") is None


async def test_the_same_agent_gets_it_again_at_once(services: Services) -> None:
    transfer_id = await services.start_transfer("agent")
    await listener.heartbeat(services.platform, under(services, 1), transfer_id)
    assert await claim(services, "agent", (transfer_id,)) is None
    assert await claim(services, "agent") == transfer_id


@pytest.mark.parametrize("end", ["threw", "returned", "exported"])
async def test_what_its_listener_ended_is_not_offered_again(services: Services, end: str) -> None:
    transfer_id = await services.start_transfer("agent")
    await services.upload(transfer_id)
    if end == "threw":
        error = ListenerError(exception_type="E", safe_stack_trace="at a")
        await export.record_error(services.platform, services.app, transfer_id, error)
    elif end == "returned":
        await export.record_return(services.platform, services.app, transfer_id)
    else:
        await services.complete_export(transfer_id)
    await services.age_claim(transfer_id, CLAIM_SILENCE + SECOND)
    assert await claim(services, "another") is None
    assert await claim(services, "agent") is None
    assert (await services.state(transfer_id)).status is TransferStatus.IN_PROGRESS


async def test_an_earlier_claim_is_fenced(services: Services) -> None:
    """Its calls are refused, whether they name their claim or not; nothing of it is registered."""
    transfer_id = await services.start_transfer("agent")
    old = under(services, 1)
    upload_id, part = await services.upload_part(transfer_id)
    await services.age_claim(transfer_id, CLAIM_SILENCE + SECOND)
    assert await claim(services, "another") == transfer_id
    platform = services.platform
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "begin": lambda: intake.begin(platform, old, transfer_id, None),
        "complete": lambda: services.complete(upload_id, part),
        "state": lambda: upload_service.state(platform, old, upload_id),
        "give up": lambda: upload_service.give_up(platform, old, upload_id),
        "complete export": lambda: export.complete(platform, old, transfer_id),
        "return": lambda: export.record_return(platform, old, transfer_id),
        "heartbeat": lambda: listener.heartbeat(platform, old, transfer_id),
        "mappings": lambda: mapping_service.find(platform, old, transfer_id, "jira:issue", []),
    }
    for name, call in calls.items():
        with pytest.raises(Conflict) as refused:
            await call()
        assert refused.value.code == "claim_superseded", name
    state = await services.state(transfer_id)
    assert (state.files, state.export_completed_at, state.returned_at) == (0, None, None)
    await services.complete_export(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.SUCCESS


async def test_a_new_claim_resumes_by_key_and_supersedes_the_rest(services: Services) -> None:
    transfer_id = await services.start_transfer("agent")
    platform, app = services.platform, services.app
    resumed = await intake.begin(platform, app, transfer_id, "a", resume_key="a")
    forgotten = await intake.begin(platform, app, transfer_id, "b", resume_key="b")
    plain = await intake.begin(platform, app, transfer_id, "c")
    failed = await intake.begin(platform, app, transfer_id, "d")
    await upload_service.give_up(platform, app, failed.upload_id, GivenUp.WRITER_FAILED, "E at x:1")
    assert await claim(services, "agent") == transfer_id
    again = await intake.begin(platform, app, transfer_id, "a", resume_key="a")
    assert (again.upload_id, again.resumed) == (resumed.upload_id, True)
    with pytest.raises(Conflict, match="export_incomplete") as refused:
        await services.complete_export(transfer_id)
    assert "'a' (still open as upload " in refused.value.found
    assert "1 file" in refused.value.found, "only what this claim resumed"
    await upload_service.give_up(platform, app, again.upload_id)
    await services.complete_export(transfer_id)
    rows = await services.fetch("SELECT upload_id, state, reason FROM upload")
    found = {str(row["upload_id"]): (row["state"], row["reason"]) for row in rows}
    assert found == {
        resumed.upload_id: ("ABORTED", "deliberate"),
        forgotten.upload_id: ("ABORTED", "superseded"),
        plain.upload_id: ("ABORTED", "superseded"),
        failed.upload_id: ("ABORTED", "writer_failed"),
    }
    assert (await services.state(transfer_id)).status is TransferStatus.SUCCESS


@pytest.mark.parametrize("reports", [True, False], ids=["reports", "plain"])
async def test_a_deadline_does_not_end_an_export_that_was_taken_over(
    services: Services, reports: bool
) -> None:
    """What the first client exported is a part of it, and the second one said nothing."""
    transfer_id = await services.start_transfer("agent")
    if reports:
        await listener.heartbeat(services.platform, under(services, 1), transfer_id)
    else:
        await mapping_service.find(
            services.platform, under(services, 0), transfer_id, "jira:issue", []
        )
    receipt = await services.upload(transfer_id)
    await services.acknowledge(transfer_id, receipt.message_id)
    await services.age_claim(transfer_id, CLAIM_SILENCE + SECOND)
    assert await claim(services, "another") == transfer_id
    await services.pass_deadline(transfer_id)
    assert (await services.state(transfer_id)).status is TransferStatus.TIMED_OUT


@pytest.mark.parametrize(
    ("confirmed", "silence", "cause"),
    [
        (False, CLAIM_CONFIRMATION / 2, None),
        (False, CLAIM_CONFIRMATION + SECOND, "claim_unconfirmed"),
        (True, CLAIM_SILENCE / 2, None),
        (True, CLAIM_SILENCE + SECOND, "agent_silent"),
    ],
)
async def test_silence_is_explained(
    services: Services, confirmed: bool, silence: timedelta, cause: str | None
) -> None:
    transfer_id = await services.start_transfer("agent 7")
    if confirmed:
        await listener.heartbeat(services.platform, under(services, 1), transfer_id)
    await services.age_claim(transfer_id, silence)
    found = await diagnosis.explain_transfer(services.platform, transfer_id)
    link = next(link for link in found.links if link.name == "agent")
    assert link.cause == cause
    assert "agent 7" in link.found
