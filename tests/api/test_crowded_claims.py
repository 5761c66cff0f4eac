"""The claims of a crowd are answered before the framework, and only those."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from ferryman.api.claim_poll import ClaimPoll
from ferryman.api.crowded_claims import CrowdedClaims
from ferryman.api.throttle import AppThrottle
from ferryman.domain.rate import Rate
from ferryman.ids import new_token, token_digest
from ferryman.services import app_removal
from ferryman.store import app as app_store
from ferryman.vocab import Audience
from ferryman.wire.listener import ClaimRequest
from tests.kit.services import Services

PATH = "/server/v1/listeners/claim"
PATIENCE = 120


@dataclass
class Front:
    """What stands before the framework, which notes the bodies that reach it."""

    services: Services
    poll: ClaimPoll
    token: str
    application: Any = None
    passed: list[bytes] = field(default_factory=list)

    async def rest(self, _scope: Any, receive: Any, _send: Any) -> None:
        self.passed.append((await receive())["body"])

    async def call(self, body: bytes, path: str = PATH, **headers: str) -> Any:
        """Return the body of the answer, None if the framework has to answer."""
        sent: list[Any] = []
        body_sent = False

        async def receive() -> Any:
            nonlocal body_sent
            if body_sent:
                await asyncio.Event().wait()
            body_sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        given = {"authorization": f"Bearer {self.token}", **headers}
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "state": {},
        }
        async with asyncio.timeout(PATIENCE):
            await self.application(scope, receive, send)
        if not sent:
            return None
        assert sent[0]["status"] == 200
        return json.loads(sent[1]["body"])

    def asks(self, **fields: Any) -> bytes:
        keys = [self.services.app.server_app_key]
        return json.dumps({"serverAppKeys": keys, "agentId": "a", **fields}).encode()


@pytest.fixture
async def front(services: Services) -> AsyncIterator[Front]:
    """A poll in which a crowd of agents waits."""
    token = new_token("server")
    app = services.app
    async with services.platform.database.transaction() as tx:
        await app_store.add_token(tx, app.app_id, Audience.SERVER, token_digest(token))
    closing = asyncio.Event()
    front = Front(services, ClaimPoll(services.platform, closing), token)
    throttle = AppThrottle(Rate(per_second=100, burst=100), lambda: 0.0)
    front.application = CrowdedClaims(front.rest, services.platform, throttle, front.poll)
    async with AsyncExitStack() as stack:
        for number in range(20):
            request = ClaimRequest(server_app_keys=[app.server_app_key], agent_id=str(number))
            await stack.enter_async_context(front.poll.wait(app.app_id, request))
        yield front
    closing.set()


async def test_whoever_joins_a_crowd_waits_here(front: Front) -> None:
    assert await front.call(front.asks(waitSeconds=1)) == {"transfer": None}
    assert not front.passed


async def test_and_is_given_the_transfer(front: Front) -> None:
    transfers = [await front.services.create_transfer() for _ in range(21)]
    answer = await front.call(front.asks(waitSeconds=30))
    assert answer["transfer"]["transferId"] in transfers
    assert not front.passed


@pytest.mark.parametrize(
    "body", [b"", b"[", b'{"serverAppKeys": 1}', b'{"serverAppKeys": ["another"]}', b'{"a": 1}']
)
async def test_what_is_refused_goes_on_with_its_body(front: Front, body: bytes) -> None:
    assert await front.call(body) is None
    assert front.passed == [body]


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer another"},
        {"content-type": "application/json; charset=utf-8"},
        {"ferryman-claim": "1"},
    ],
)
async def test_another_form_goes_on(front: Front, headers: dict[str, str]) -> None:
    assert await front.call(front.asks(waitSeconds=1), **headers) is None
    assert len(front.passed) == 1


async def test_an_app_that_was_suspended_meanwhile_gets_nothing(front: Front) -> None:
    """Its token was checked a moment before."""
    assert await front.call(front.asks(waitSeconds=1)) == {"transfer": None}
    await front.services.create_transfer()
    await app_removal.suspend(front.services.platform, front.services.app.cloud_app_key)
    assert await front.call(front.asks(waitSeconds=0)) is None
    assert len(front.passed) == 1
