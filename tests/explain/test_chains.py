"""What a chain says when nothing is wrong any more, and that its traces cannot be abused."""

from uuid import uuid4

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import app as command
from tests.contract.ground import Forge
from tests.explain.calling import ACKNOWLEDGES_FIRST
from tests.explain.lab import WRONG_ID, Lab
from tests.explain.situations import exported

STATUS = "/app/migration/forge/v1/message/{}/status"


def test_a_transfer_that_is_well_has_no_broken_link(lab: Lab) -> None:
    """Neither while it runs nor when it has ended."""
    ground = lab.forge()
    ground.begin()
    ground.advance()
    assert lab.explain(ground)["broken"] is None
    ground.finish()
    ground.advance()
    explanation = lab.explain(ground)
    assert explanation["broken"] is None, explanation
    assert explanation["status"] == "SUCCESS"
    assert all(link["holds"] for link in explanation["links"])


def test_what_was_mended_is_history(lab: Lab) -> None:
    """A refused claim, a refused acknowledgement and failed attempts, each before a good one."""
    ground = lab.forge()
    ground.create()
    ground.start()
    body = {"serverAppKeys": ["org.example.other"], "agentId": "agent", "waitSeconds": 0}
    ground.server.refused(403, "POST", "/server/v1/listeners/claim", body)
    assert lab.explain(ground)["broken"] == "agent"
    assert ground.claim()["transferId"] == ground.transfer_id
    ground.inbox.answers += [500]
    receipt = ground.upload()
    ground.complete_export()
    ground.advance()
    assert lab.explain(ground)["broken"] == "delivery"
    ground.advance(minutes=1)
    _refuse(ground, WRONG_ID)
    assert lab.explain(ground)["broken"] == "calls"
    ground.acknowledge(receipt["messageId"])
    assert lab.explain(ground)["broken"] is None


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
def test_what_a_function_left_running_is_the_likely_cause(lab: Lab, body: str, left: str) -> None:
    """The function, the file and the timer are named, by the transfer and by the message."""
    ground = exported(lab.function(body))
    [message] = ground.view()["unacknowledgedMessageIds"]
    for path in (f"transfers/{ground.transfer_id}", f"messages/{message}"):
        told = ground.admin.ok("GET", f"/admin/v1/{path}/explain")
        assert told["broken"] == "acknowledgement", told
        [link] = [each for each in told["links"] if each["name"] == "acknowledgement"]
        assert link["cause"] == "returned_unacknowledged"
        for text in ("function fn returned", message, f"it left {left} running"):
            assert text in link["found"]


def test_a_function_may_wait_for_the_end_of_the_export(lab: Lab) -> None:
    """Where it listens for it: until then nothing is broken."""
    ground = lab.function("return")
    ground.begin()
    ground.upload()
    ground.advance()
    assert lab.explain(ground)["broken"] is None
    ground.complete_export()
    ground.advance()
    assert lab.explain(ground)["broken"] == "acknowledgement"


def test_a_remote_may_acknowledge_after_it_answered(lab: Lab) -> None:
    """So its message is pending until then."""
    ground = exported(lab.forge())
    [message] = ground.view()["unacknowledgedMessageIds"]
    told = ground.admin.ok("GET", f"/admin/v1/messages/{message}/explain")
    assert told["broken"] is None
    assert "pending" in told["links"][-1]["found"]


def test_a_message_tells_that_its_handler_failed_late(lab: Lab) -> None:
    """Both it and its transfer, which succeeded; one that was acknowledged as FAILED does not."""
    ground = exported(lab.function(ACKNOWLEDGES_FIRST))
    explanation = lab.explain(ground)
    assert (explanation["status"], explanation["broken"]) == ("SUCCESS", "handler")
    [link] = [each for each in explanation["links"] if each["name"] == "handler"]
    assert "1 attempt failed after its message was acknowledged" in link["found"]
    assert "ValueError: the space is full" in link["found"]
    messages = ground.admin.ok("GET", f"/admin/v1/transfers/{ground.transfer_id}/messages")["items"]
    [file] = [each for each in messages if each["acknowledgement"]]
    assert file["attempts"][0]["afterAcknowledgement"]
    told = ground.admin.ok("GET", f"/admin/v1/messages/{file['messageId']}/explain")
    assert told["broken"] == "handler"
    (lab.folder / "index.py").unlink()
    refuses = ACKNOWLEDGES_FIRST.replace("message_processed", "message_failed")
    ground = exported(lab.function(refuses))
    assert lab.explain(ground)["broken"] == "acknowledgement"
    assert "handler" not in {each["name"] for each in lab.explain(ground)["links"]}


def test_a_stranger_is_told_nothing_and_leaves_nothing(lab: Lab) -> None:
    """Of unknown tokens and of unknown transfers there is no trace."""
    ground = lab.forge()
    ground.begin()
    ground.upload()
    ground.advance()
    stranger = lab.platform.caller("fm_cloud_nobody")
    body = {"status": "SUCCESS", "messageIds": [WRONG_ID]}
    stranger.refused(401, "POST", STATUS.format(ground.transfer_id), body)
    assert lab.explain(ground)["broken"] is None
    assert (
        ground.cloud.call("GET", f"/admin/v1/transfers/{ground.transfer_id}/explain").status == 401
    )
    admin = ground.admin
    assert admin.call("GET", f"/admin/v1/transfers/{uuid4()}/explain").status == 404
    assert admin.call("GET", "/admin/v1/transfers/nonsense/explain").status == 404


def test_many_refusals_are_one_trace(lab: Lab) -> None:
    """However many transfers an app guesses at, and however often; no secret is in it."""
    ground = lab.forge()
    ground.begin()
    ground.upload()
    ground.complete_export()
    ground.advance()
    for _ in range(40):
        reply = ground.cloud.call("POST", STATUS.format(uuid4()), {"status": "SUCCESS"})
        assert reply.status in (400, 404, 429)
    _refuse(ground, WRONG_ID)
    explanation = lab.explain(ground)
    assert len(explanation["links"]) < 20
    assert explanation["broken"] == "calls"
    [told] = [link["found"] for link in explanation["links"] if link["name"] == "calls"]
    assert "at least" in told
    for name in ("serverToken", "cloudToken"):
        assert ground.tokens[name] not in str(explanation)


def test_the_message_names_its_cause_too(lab: Lab) -> None:
    """The cause and the fix of its last attempt."""
    ground = lab.forge()
    ground.begin()
    ground.advance()
    ground.inbox.answers += [302]
    message = ground.upload()["messageId"]
    ground.advance()
    told = ground.admin.ok("GET", f"/admin/v1/messages/{message}/explain")
    assert told["broken"] == "attempt 1"
    [link] = [each for each in told["links"] if each["name"] == "attempt 1"]
    assert link["cause"] == "redirected"
    assert "remotes[].baseUrl" in link["fix"]


def test_the_command_says_it_on_a_terminal(lab: Lab) -> None:
    """The chain, the fix at the first broken link, and its name at the end."""
    ground = lab.forge()
    ground.create()
    ground.start()
    options = ["--url", lab.platform.url, "--token", lab.platform.operator_token]
    result = CliRunner().invoke(command, ["transfer", "explain", ground.transfer_id, *options])
    assert result.exit_code == 0, result.output
    assert "broken at: agent" in result.output
    assert "ferryman agent run" in result.output
    asked = ["transfer", "explain", ground.transfer_id, "--json", *options]
    assert '"cause":"agent_never_asked"' in CliRunner().invoke(command, asked).output


def _refuse(ground: Forge, message_id: str) -> None:
    body = {"status": "SUCCESS", "messageIds": [message_id]}
    ground.cloud.refused(404, "POST", STATUS.format(ground.transfer_id), body)
