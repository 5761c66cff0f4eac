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
from ferryman.services import clock, maintenance, mapping_load, recording, transfer
from ferryman.vocab import FailureCause

from .conftest import Play
from .stage import Stage

URL = "/objects/3f3a47f2?expires=1&signature=5e5e5e5e5e5e"


async def recorded(stage: Stage, transfer_id: str) -> list[Any]:
    return [json.loads(line) async for line in await _lines(stage, transfer_id)]


async def _lines(stage: Stage, transfer_id: str) -> AsyncIterator[bytes]:
    return await recording.lines(stage.platform, transfer_id)


async def load(stage: Stage, transfer_id: str, **pairs: str) -> None:
    """Write users and issues for the migration of a transfer."""

    async def rows() -> AsyncIterator[Rows]:
        keys, values = list(pairs), list(pairs.values())
        for namespace in ("identity:user", "jira:issue"):
            yield Rows([namespace] * len(keys), list(keys), list(values))

    query = "SELECT migration_id FROM transfer WHERE transfer_id = $1"
    [row] = await stage.fetch(query, UUID(transfer_id))
    await mapping_load.load(stage.platform, str(row["migration_id"]), rows())


async def end(stage: Stage, transfer_id: str) -> None:
    await stage.complete_export(transfer_id)
    assert (await stage.state(transfer_id)).settled_at is not None


async def mappings(stage: Stage, transfer_id: str) -> tuple[dict[str, str], int]:
    """What is recorded, the same in both namespaces; how many it is not sure of."""
    lines = await recorded(stage, transfer_id)
    found: dict[str, dict[str, str]] = {"identity:user": {}, "jira:issue": {}}
    for line in lines:
        if line["line"] == "mapping":
            found[line["namespace"]][line["serverKey"]] = line["cloudKey"]
    assert found["identity:user"] == found["jira:issue"]
    return found["jira:issue"], lines[0]["unsureMappings"]


def test_mappings_are_those_of_the_transfers_time(play: Play[None]) -> None:
    """Whatever later migrations of the same scope write, and however late it is recorded."""

    async def scene(stage: Stage) -> None:
        first = await stage.begin()
        await load(stage, first, ann="1", bob="2")
        await stage.pass_time(timedelta(minutes=1))
        await end(stage, first)
        # Of one written after the beginning nobody knows what its app saw.
        assert await mappings(stage, first) == ({"ann": "1", "bob": "2"}, 4)
        await stage.pass_time(timedelta(minutes=1))
        second = await stage.release()
        await load(stage, second, ann="9", eve="3")
        await stage.claim("agent")
        await end(stage, second)
        assert await mappings(stage, first) == ({"ann": "1", "bob": "2"}, 4)
        assert await mappings(stage, second) == ({"ann": "9", "bob": "2", "eve": "3"}, 0)
        await stage.pass_time(timedelta(days=15))
        await maintenance.run(stage.platform)
        assert await mappings(stage, second) == ({"ann": "9", "bob": "2", "eve": "3"}, 0)
        await load(stage, second, ann="99")
        assert await mappings(stage, first) == ({"ann": "1", "bob": "2"}, 4)
        # What it wrote over was its own, and is not kept.
        found, unsure = await mappings(stage, second)
        assert (sorted(found), unsure) == (["ann", "bob", "eve"], 2)

    play(scene)


def test_at_one_instant_the_later_migration_comes_later(play: Play[None]) -> None:
    """Where time stands still, the order of migrations is all there is; so it is not sure."""

    async def scene(stage: Stage) -> None:
        await clock.freeze(stage.platform)
        first = await stage.release()
        await load(stage, first, ann="1")
        await stage.claim("agent")
        await end(stage, first)
        second = await stage.release()
        await load(stage, second, ann="2")
        assert (await mappings(stage, first)) == ({"ann": "1"}, 2)

    play(scene)


def test_no_signed_url_and_no_variable_is_recorded(
    play: Play[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no text, with a host or without; what was sent stays as it was, to the byte."""
    monkeypatch.setenv("FORGE_USER_VAR_API_KEY", "a-key-of-the-vendor")
    monkeypatch.setenv("FORGE_USER_VAR_SITE", "https://harbour.example")

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        await stage.upload(transfer_id)
        error = f"Max retries exceeded with url: {URL}; key a-key-of-the-vendor"
        await stage.worker().work(
            failed("during", FailureCause.DELIVERY_FAILED, error, duration=0.1)
        )
        await transfer.cancel(stage.platform, transfer_id)
        await stage.pass_time(timedelta(hours=2))
        for job in await stage.wake_jobs(transfer_id, due=True):
            await transfer.wake(stage.platform, UUID(transfer_id), job)
        lines = await recorded(stage, transfer_id)
        whole = json.dumps(lines)
        assert "signature" not in whole
        assert "a-key-of-the-vendor" not in whole
        said = "Max retries exceeded with url: /objects/3f3a47f2?[secret] key [secret]"
        messages = [line for line in lines if line["line"] == "message"]
        assert said in [message["reason"] for message in messages]
        assert lines[0]["transfer"]["migrationDetails"]["cloudUrl"] == "https://harbour.example"

    play(scene)


def test_a_call_is_kept_before_its_answer_is_whole_to_its_client(play: Play[None]) -> None:
    """A client that has as many bytes as were announced goes on at once; another goes earlier."""

    async def scene(stage: Stage) -> None:
        transfer_id = await stage.begin()
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/app/migration/forge/v1/data/x/all",
            "query_string": b"",
            "path_params": {"transfer_id": transfer_id},
            "state": {auth._CALLER: stage.app},
        }
        kept: list[list[int]] = []

        async def sizes() -> list[int]:
            rows = await stage.fetch("SELECT answer_size FROM app_call ORDER BY call_id")
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

        await CallLog(answered, stage.platform)(scope, receive, send)
        assert kept == [[], [], [6], [6]]
        with pytest.raises(ConnectionResetError):
            await CallLog(broken, stage.platform)(scope, receive, send)
        assert await sizes() == [6, 3]

    play(scene)
