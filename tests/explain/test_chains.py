"""What a chain says when nothing is wrong any more, and that its traces cannot be abused."""

from uuid import uuid4

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import build
from tests.explain.apps import WRONG_ID, Apps
from tests.explain.cases import exported
from tests.explain.cases_calls import ACKNOWLEDGES_FIRST
from tests.kit.remote_app import ForgeMigration

COMMAND = build(["transfer"])
STATUS = "/app/migration/forge/v1/message/{}/status"


def test_a_transfer_that_is_well_has_no_broken_link(apps: Apps) -> None:
    """Neither while it runs nor when it has ended."""
    migration = apps.forge()
    migration.begin()
    migration.confirm()
    migration.advance()
    assert apps.explain(migration)["broken"] is None
    migration.finish()
    migration.advance()
    explanation = apps.explain(migration)
    assert explanation["broken"] is None, explanation
    assert explanation["status"] == "SUCCESS"
    assert all(link["holds"] for link in explanation["links"])


def test_what_was_mended_is_history(apps: Apps) -> None:
    """A refused claim, a refused acknowledgement and failed attempts, each before a good one."""
    migration = apps.forge()
    migration.create()
    migration.start()
    body = {"serverAppKeys": ["org.example.other"], "agentId": "agent", "waitSeconds": 0}
    migration.server.refused(403, "POST", "/server/v1/listeners/claim", body)
    assert apps.explain(migration)["broken"] == "agent"
    assert migration.claim()["transferId"] == migration.transfer_id
    migration.inbox.answers += [500]
    receipt = migration.upload()
    migration.complete_export()
    migration.advance()
    assert apps.explain(migration)["broken"] == "delivery"
    migration.advance(minutes=1)
    _refuse(migration, WRONG_ID)
    assert apps.explain(migration)["broken"] == "calls"
    migration.acknowledge(receipt["messageId"])
    assert apps.explain(migration)["broken"] is None


TIMER = "import threading; threading.Timer(60, print).start()"
TASK = """\
import asyncio
    async def main():
        asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
    return main()"""


@pytest.mark.parametrize(
    ("body", "left"), [(TIMER, "a thread or timer"), (TASK, "a task of asyncio")]
)
def test_what_a_function_left_running_is_the_likely_cause(apps: Apps, body: str, left: str) -> None:
    """The function, the file and the timer are named, by the transfer and by the message."""
    migration = exported(apps.function(body))
    [message] = migration.view()["unacknowledgedMessageIds"]
    for path in (f"transfers/{migration.transfer_id}", f"messages/{message}"):
        told = migration.admin.ok("GET", f"/admin/v1/{path}/explain")
        assert told["broken"] == "acknowledgement", told
        [link] = [each for each in told["links"] if each["name"] == "acknowledgement"]
        assert link["cause"] == "returned_unacknowledged"
        for text in ("function fn returned", message, f"it left {left} running"):
            assert text in link["found"]


def test_a_function_may_wait_for_the_end_of_the_export(apps: Apps) -> None:
    """Where it listens for it: until then nothing is broken."""
    migration = apps.function("return")
    migration.begin()
    migration.upload()
    migration.advance()
    assert apps.explain(migration)["broken"] is None
    migration.complete_export()
    migration.advance()
    assert apps.explain(migration)["broken"] == "acknowledgement"


def test_a_remote_may_acknowledge_after_it_answered(apps: Apps) -> None:
    """So its message is pending until then."""
    migration = exported(apps.forge())
    [message] = migration.view()["unacknowledgedMessageIds"]
    told = migration.admin.ok("GET", f"/admin/v1/messages/{message}/explain")
    assert told["broken"] is None
    assert "pending" in told["links"][-1]["found"]


def test_a_message_tells_that_its_handler_failed_late(apps: Apps) -> None:
    """Both it and its transfer, which succeeded; one that was acknowledged as FAILED does not."""
    migration = exported(apps.function(ACKNOWLEDGES_FIRST))
    explanation = apps.explain(migration)
    assert (explanation["status"], explanation["broken"]) == ("SUCCESS", "handler")
    [link] = [each for each in explanation["links"] if each["name"] == "handler"]
    assert "1 attempt failed after its message was acknowledged" in link["found"]
    assert "ValueError: the space is full" in link["found"]
    messages = migration.admin.ok("GET", f"/admin/v1/transfers/{migration.transfer_id}/messages")[
        "items"
    ]
    [file] = [each for each in messages if each["acknowledgement"]]
    assert file["attempts"][0]["afterAcknowledgement"]
    told = migration.admin.ok("GET", f"/admin/v1/messages/{file['messageId']}/explain")
    assert told["broken"] == "handler"
    (apps.folder / "index.py").unlink()
    refuses = ACKNOWLEDGES_FIRST.replace("message_processed", "message_failed")
    migration = exported(apps.function(refuses))
    assert apps.explain(migration)["broken"] == "acknowledgement"
    assert "handler" not in {each["name"] for each in apps.explain(migration)["links"]}


def test_a_stranger_is_told_nothing_and_leaves_nothing(apps: Apps) -> None:
    """Of unknown tokens and of unknown transfers there is no trace."""
    migration = apps.forge()
    migration.begin()
    migration.upload()
    migration.advance()
    stranger = apps.platform.caller("fm_cloud_nobody")
    body = {"status": "SUCCESS", "messageIds": [WRONG_ID]}
    stranger.refused(401, "POST", STATUS.format(migration.transfer_id), body)
    assert apps.explain(migration)["broken"] is None
    assert (
        migration.cloud.call("GET", f"/admin/v1/transfers/{migration.transfer_id}/explain").status
        == 401
    )
    admin = migration.admin
    assert admin.call("GET", f"/admin/v1/transfers/{uuid4()}/explain").status == 404
    assert admin.call("GET", "/admin/v1/transfers/nonsense/explain").status == 404


def test_many_refusals_are_one_trace(apps: Apps) -> None:
    """However many transfers an app guesses at, and however often; no secret is in it."""
    migration = apps.forge()
    migration.begin()
    migration.upload()
    migration.complete_export()
    migration.advance()
    for _ in range(40):
        reply = migration.cloud.call("POST", STATUS.format(uuid4()), {"status": "SUCCESS"})
        assert reply.status in (400, 404, 429)
    _refuse(migration, WRONG_ID)
    explanation = apps.explain(migration)
    assert len(explanation["links"]) < 20
    assert explanation["broken"] == "calls"
    [told] = [link["found"] for link in explanation["links"] if link["name"] == "calls"]
    assert "at least" in told
    for name in ("serverToken", "cloudToken"):
        assert migration.tokens[name] not in str(explanation)


def test_the_message_names_its_cause_too(apps: Apps) -> None:
    """The cause and the fix of its last attempt."""
    migration = apps.forge()
    migration.begin()
    migration.confirm()
    migration.advance()
    migration.inbox.answers += [302]
    message = migration.upload()["messageId"]
    migration.advance()
    told = migration.admin.ok("GET", f"/admin/v1/messages/{message}/explain")
    assert told["broken"] == "attempt 1"
    [link] = [each for each in told["links"] if each["name"] == "attempt 1"]
    assert link["cause"] == "redirected"
    assert "remotes[].baseUrl" in link["fix"]


def test_the_command_says_it_on_a_terminal(apps: Apps) -> None:
    """The chain, the fix at the first broken link, and its name at the end."""
    migration = apps.forge()
    migration.create()
    migration.start()
    options = ["--url", apps.platform.url, "--token", apps.platform.operator_token]
    result = CliRunner().invoke(COMMAND, ["transfer", "explain", migration.transfer_id, *options])
    assert result.exit_code == 0, result.output
    assert "broken at: agent" in result.output
    assert "ferryman agent run" in result.output
    asked = ["transfer", "explain", migration.transfer_id, "--json", *options]
    assert '"cause":"agent_never_asked"' in CliRunner().invoke(COMMAND, asked).output


def _refuse(migration: ForgeMigration, message_id: str) -> None:
    body = {"status": "SUCCESS", "messageIds": [message_id]}
    migration.cloud.refused(404, "POST", STATUS.format(migration.transfer_id), body)
