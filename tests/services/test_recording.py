"""What a recording takes from the database: mappings of the transfer's own time, no secret."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ferryman.api import auth
from ferryman.api.call_log import CallLog
from ferryman.domain.mapping import Rows
from ferryman.domain.outcome import failed
from ferryman.services import clock, maintenance, mapping_load, transfer_command
from ferryman.services import recording as recording_service
from ferryman.vocab import FailureCause
from tests.kit.services import Services

URL = "/objects/3f3a47f2?expires=1&signature=5e5e5e5e5e5e"


async def recorded(services: Services, transfer_id: str) -> list[Any]:
    return [json.loads(line) async for line in await _lines(services, transfer_id)]


async def _lines(services: Services, transfer_id: str) -> AsyncIterator[bytes]:
    return await recording_service.lines(services.platform, transfer_id)


async def load(services: Services, transfer_id: str, **pairs: str) -> None:
    """Write users and issues for the migration of a transfer."""

    async def rows() -> AsyncIterator[Rows]:
        keys, values = list(pairs), list(pairs.values())
        for namespace in ("identity:user", "jira:issue"):
            yield Rows([namespace] * len(keys), list(keys), list(values))

    query = "SELECT migration_id FROM transfer WHERE transfer_id = $1"
    [row] = await services.fetch(query, UUID(transfer_id))
    await mapping_load.load(services.platform, str(row["migration_id"]), rows())


async def end(services: Services, transfer_id: str) -> None:
    await services.complete_export(transfer_id)
    assert (await services.state(transfer_id)).settled_at is not None


async def mappings(services: Services, transfer_id: str) -> tuple[dict[str, str], int]:
    """What is recorded, the same in both namespaces; how many it is not sure of."""
    lines = await recorded(services, transfer_id)
    found: dict[str, dict[str, str]] = {"identity:user": {}, "jira:issue": {}}
    for line in lines:
        if line["line"] == "mapping":
            found[line["namespace"]][line["serverKey"]] = line["cloudKey"]
    assert found["identity:user"] == found["jira:issue"]
    return found["jira:issue"], lines[0]["unsureMappings"]


async def test_mappings_are_those_of_the_transfers_time(services: Services) -> None:
    """Whatever later migrations of the same scope write, and however late it is recorded."""
    first = await services.start_transfer()
    await load(services, first, ann="1", bob="2")
    await services.advance(timedelta(minutes=1))
    await end(services, first)
    # Of one written after the beginning nobody knows what its app saw.
    assert await mappings(services, first) == ({"ann": "1", "bob": "2"}, 4)
    await services.advance(timedelta(minutes=1))
    second = await services.create_transfer()
    await load(services, second, ann="9", eve="3")
    await services.claim("agent")
    await end(services, second)
    assert await mappings(services, first) == ({"ann": "1", "bob": "2"}, 4)
    assert await mappings(services, second) == ({"ann": "9", "bob": "2", "eve": "3"}, 0)
    await services.advance(timedelta(days=15))
    await maintenance.run(services.platform)
    assert await mappings(services, second) == ({"ann": "9", "bob": "2", "eve": "3"}, 0)
    await load(services, second, ann="99")
    assert await mappings(services, first) == ({"ann": "1", "bob": "2"}, 4)
    # What it wrote over was its own, and is not kept.
    found, unsure = await mappings(services, second)
    assert (sorted(found), unsure) == (["ann", "bob", "eve"], 2)


async def test_at_one_instant_the_later_migration_comes_later(services: Services) -> None:
    """Where time is frozen, the order of migrations is all there is; so it is not sure."""
    await clock.freeze(services.platform)
    first = await services.create_transfer()
    await load(services, first, ann="1")
    await services.claim("agent")
    await end(services, first)
    second = await services.create_transfer()
    await load(services, second, ann="2")
    assert (await mappings(services, first)) == ({"ann": "1"}, 2)


async def test_no_signed_url_and_no_variable_is_recorded(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no text, with a host or without; what was sent stays as it was, to the byte."""
    monkeypatch.setenv("FORGE_USER_VAR_API_KEY", "a-key-of-the-vendor")
    monkeypatch.setenv("FORGE_USER_VAR_SITE", "https://harbour.example")
    transfer_id = await services.start_transfer()
    await services.upload(transfer_id)
    error = f"Max retries exceeded with url: {URL}; key a-key-of-the-vendor"
    await services.worker().deliver_all(
        failed("during", FailureCause.DELIVERY_FAILED, error, duration=0.1)
    )
    await transfer_command.cancel(services.platform, transfer_id)
    await services.advance(timedelta(hours=2))
    assert await services.fire_timer(transfer_id)
    lines = await recorded(services, transfer_id)
    whole = json.dumps(lines)
    assert "signature" not in whole
    assert "a-key-of-the-vendor" not in whole
    said = "Max retries exceeded with url: /objects/3f3a47f2?[secret] key [secret]"
    messages = [line for line in lines if line["line"] == "message"]
    assert said in [message["reason"] for message in messages]
    assert lines[0]["transfer"]["migrationDetails"]["cloudUrl"] == "https://harbour.example"


async def test_a_call_is_kept_before_its_answer_is_whole_to_its_client(services: Services) -> None:
    """A client that has as many bytes as were announced goes on at once; another goes earlier."""
    transfer_id = await services.start_transfer()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/app/migration/forge/v1/data/x/all",
        "query_string": b"",
        "path_params": {"transfer_id": transfer_id},
        "state": {auth._CALLER: services.app},
    }
    kept: list[list[int]] = []

    async def sizes() -> list[int]:
        rows = await services.fetch("SELECT answer_size FROM app_call ORDER BY call_id")
        return [row["answer_size"] for row in rows]

    async def answered(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"Content-Length", b"6")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in (b"abc", b"def", b""):
            body = {"type": "http.response.body", "body": piece, "more_body": bool(piece)}
            await send(body)

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        raise ConnectionResetError

    async def send(message: Any) -> None:
        kept.append(await sizes())

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    await CallLog(answered, services.platform)(scope, receive, send)
    assert kept == [[], [], [6], [6]]
    with pytest.raises(ConnectionResetError):
        await CallLog(broken, services.platform)(scope, receive, send)
    assert await sizes() == [6, 3]
