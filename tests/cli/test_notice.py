"""``ferryman notice``: list notices, and manage the sinks that receive them."""

import json
from uuid import uuid4

from tests.kit.command import Command
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import wait_until
from tests.kit.receiver import receiving


def test_a_sink_from_its_first_day_to_its_last(
    ferryman: Command, migration: FunctionMigration
) -> None:
    name, app = f"ops-{uuid4()}", migration.registration["cloudAppKey"]
    with receiving() as inbox:
        added = ferryman(
            *("notice", "sink", "add", name, "-", "--app", app, "--kind", "settled"),
            stdin=f"{inbox.url}/lion\n",
        )
        assert added.returncode == 0, added.stderr
        assert "whsec_" in added.stdout
        assert "not shown again" in added.stderr
        assert "told" in ferryman.ok("notice", "sink", "test", name)
        migration.complete_export()
        migration.settle()
        wait_until(lambda: len(inbox.received) == 2)
        assert [each.headers["webhook-id"] for each in inbox.received]
        trial, settled = (json.loads(each.body) for each in inbox.received)
        assert (trial["type"], settled["type"]) == ("test", "settled.began")
        assert settled["data"]["transferId"] == migration.transfer_id
        assert "settled as SUCCESS" in settled["data"]["found"]
        listed = ferryman.ok("notice", "sink", "list", "--all")
        assert name in listed
        assert "lion" not in listed
        inbox.answer = lambda _received: 500
        failed = ferryman("notice", "sink", "test", name)
        assert failed.returncode == 1
        assert "The sink answered 500" in failed.stdout
    about = ("notice", "list", "--kind", "settled", "--app", app)
    told = ferryman.json(*about)["items"]
    assert [each["transferId"] for each in told] == [migration.transfer_id]
    assert "settled as SUCCESS" in ferryman.ok(*about)
    assert ferryman.json(*about, "--open")["items"] == []
    assert name in ferryman.ok("notice", "sink", "remove", name)
    ferryman.refused("notice_sink_not_found", "notice", "sink", "remove", name)
