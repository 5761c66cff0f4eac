"""The long poll of an agent that is gone takes nothing for it."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

AGENTS = 20
TRANSFERS = 5


def test_a_killed_agent_is_given_nothing(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Started again under another name it would never get what its poll took."""
    bystander = FunctionMigration.begin(platform_process, app_folder)
    migration = FunctionMigration.begin(platform_process, app_folder)
    plan = {
        "name": "Later",
        "cloudUrl": "https://harbour.example",
        "sourceId": "source-later",
        "apps": [migration.registration["cloudAppKey"]],
    }
    later = migration.admin.ok("POST", "/admin/v1/migrations", plan)
    transfer_id = later["transfers"][0]["transferId"]
    body = json.dumps(
        {
            "serverAppKeys": [migration.registration["serverAppKey"]],
            "agentId": "killed",
            "waitSeconds": 30,
            "running": [migration.transfer_id],
        }
    )
    head = (
        "POST /server/v1/listeners/claim HTTP/1.1",
        "Host: ferryman.example",
        f"Authorization: Bearer {migration.tokens['serverToken']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    with socket.create_connection(("127.0.0.1", platform_process.port)) as agent:
        agent.sendall("\r\n".join((*head, "", body)).encode())
        # Its poll is under way: two turns of another one take longer than its first.
        assert bystander.claim(waitSeconds=0.3, running=[bystander.transfer_id]) is None
    migration.admin.ok("POST", f"/admin/v1/migrations/{later['migrationId']}/start")
    # For as long as the abandoned poll would need to look again, nobody else asks.
    assert bystander.claim(waitSeconds=0.6, running=[bystander.transfer_id]) is None
    another = migration.claim(agentId="another", running=[migration.transfer_id])
    assert another["transferId"] == transfer_id
    migration.admin.ok("POST", f"/admin/v1/transfers/{transfer_id}/cancel")


def test_a_claim_that_nobody_made_is_refused(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """As of another transfer: it would not be fenced by the next claims of this one."""
    migration = FunctionMigration.begin(platform_process, app_folder)
    claim = migration.claim()["claims"]
    for call in ("heartbeat", "app-data"):
        path = f"/server/v1/transfers/{migration.transfer_id}/{call}"
        headers = {"Ferryman-Claim": str(claim + 1)}
        reply = migration.server.call("POST", path, {}, headers=headers)
        assert (reply.status, reply.json["code"]) == (400, "claim_invalid")
        assert f"at most {claim}" in reply.json["expected"]


def test_all_transfers_find_an_agent_of_a_crowd(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Most of them do not look when they come, and are refused all the same."""
    migration = FunctionMigration.begin(platform_process, app_folder)
    plan = {
        "cloudUrl": "https://harbour.example",
        "apps": [migration.registration["cloudAppKey"]],
    }
    given: set[str] = set()
    started: set[str] = set()

    def wait(number: int) -> None:
        while len(given) < TRANSFERS:
            transfer = migration.claim(
                agentId=f"agent-{number}", waitSeconds=5, running=[migration.transfer_id, *given]
            )
            if transfer is not None:
                given.add(transfer["transferId"])

    with ThreadPoolExecutor(AGENTS) as pool:
        agents = [pool.submit(wait, number) for number in range(AGENTS)]
        for number in range(TRANSFERS):
            name = f"crowd-{number}"
            made = migration.admin.ok(
                "POST", "/admin/v1/migrations", {**plan, "name": name, "sourceId": name}
            )
            migration.admin.ok("POST", f"/admin/v1/migrations/{made['migrationId']}/start")
            started.add(made["transfers"][0]["transferId"])
        wrong = {"serverAppKeys": ["another"], "waitSeconds": 30}
        migration.server.refused(403, "POST", "/server/v1/listeners/claim", wrong)
        for agent in agents:
            agent.result()
    assert given == started
    for transfer_id in started:
        migration.admin.ok("POST", f"/admin/v1/transfers/{transfer_id}/cancel")
