"""What goes wrong in practice: where the chain breaks, why, and what the fix names."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.contract.ground import Connect, Forge, Ground
from tests.explain.lab import Lab, Situation
from tests.support import Caller


@dataclass(frozen=True)
class Broken:
    """The first broken link that is expected, its cause, and words of its fix."""

    name: str
    link: str
    cause: str
    fix: str
    bring_about: Situation


SITUATIONS: list[Broken] = []


def breaks(link: str, cause: str, fix: str) -> Callable[[Situation], Situation]:
    """A situation of the list."""

    def add(bring_about: Situation) -> Situation:
        SITUATIONS.append(Broken(bring_about.__name__, link, cause, fix, bring_about))
        return bring_about

    return add


def waiting(lab: Lab, **options: object) -> Forge:
    """A started migration that nobody has claimed."""
    ground = lab.forge(**options)
    ground.create()
    ground.start()
    return ground


def begun(ground: Forge) -> Forge:
    ground.begin()
    ground.advance()
    return ground


def exported(ground: Forge, **plan: object) -> Forge:
    """One file, delivered, not acknowledged."""
    ground.begin(**plan)
    ground.upload()
    ground.complete_export()
    ground.advance()
    return ground


def connected(lab: Lab) -> Connect:
    """A Connect app that got the event of its one file."""
    ground = lab.connect()
    ground.get_webhook()
    ground.begin()
    ground.upload()
    ground.complete_export()
    ground.advance()
    return ground


def webhook(lab: Lab, status: int) -> Ground:
    ground = lab.connect()
    ground.get_webhook()
    ground.inbox.answers += [status]
    ground.begin()
    ground.advance()
    return ground


def divided(lab: Lab) -> Forge:
    """The second of two transfers, which depends on the first; that one is under way."""
    ground = lab.forge()
    ground.create()
    ground.start()
    definitions = [{"transferName": "goods"}, {"transferName": "orders", "dependsOn": ["goods"]}]
    assert ground.claim(transferDefinitions=definitions)["transferName"] == "goods"
    path = f"/admin/v1/migrations/{ground.migration['migrationId']}"
    ground.migration = ground.admin.ok("GET", path)
    ground.transfer_id = ground.migration["transfers"][1]["transferId"]
    return ground


def claim(ground: Ground, caller: Caller, status: int, **fields: object) -> None:
    body = {
        "serverAppKeys": [ground.registration["serverAppKey"]],
        "agentId": "agent",
        "waitSeconds": 0,
        **fields,
    }
    reply = caller.call("POST", "/server/v1/listeners/claim", body)
    assert reply.status == status, reply.body


def acknowledge(ground: Ground, caller: Caller, message_id: str) -> str:
    """The code of an acknowledgement that is refused."""
    path = f"/app/migration/forge/v1/message/{ground.transfer_id}/status"
    reply = caller.call("POST", path, {"status": "SUCCESS", "messageIds": [message_id]})
    assert reply.status >= 400
    return str(reply.json["code"])
