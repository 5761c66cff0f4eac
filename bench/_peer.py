"""Minimal handlers with the same answers as ours: the peer of the request benchmark.

    python -m bench._peer PORT < DATABASE-URL

Litestar on granian in one process, as ours, with a pool of as many connections. They ask the
same PostgreSQL server for each thing by a query of its own, and check nothing: no rules, no time,
no signed URL.
"""

import asyncio
import sys
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, Request, get, post
from litestar.params import JSONBody

SCHEMA = """
CREATE TABLE app (digest bytea PRIMARY KEY, app_id int NOT NULL);
CREATE TABLE transfer (transfer_id uuid PRIMARY KEY, app_id int NOT NULL, succeeded int NOT NULL);
CREATE TABLE file (key uuid PRIMARY KEY, transfer_id uuid NOT NULL);
CREATE TABLE message (message_id uuid PRIMARY KEY, transfer_id uuid NOT NULL, state text);
CREATE TABLE line (position bigserial PRIMARY KEY, transfer_id uuid NOT NULL, text text);
"""
POOL = 10


class Answer(msgspec.Struct):
    """What reading a file begins with."""

    url: str


class Status(msgspec.Struct, rename="camel"):
    """What an app says of messages."""

    status: str
    message_ids: list[UUID]


async def app_of(connection: Any, request: Request[Any, Any, Any]) -> int:
    """Whose token this is."""
    token = request.headers["authorization"].removeprefix("Bearer ")
    found: int = await connection.fetchval(
        "SELECT app_id FROM app WHERE digest = $1", sha256(token.encode()).digest()
    )
    return found


@get("/data/{key:uuid}")
async def data_url(request: Request[Any, Any, Any], key: UUID) -> Answer:
    """Three queries: whose token, which file, of which transfer."""
    async with request.app.state.pool.acquire() as connection:
        app_id = await app_of(connection, request)
        file = await connection.fetchrow("SELECT * FROM file WHERE key = $1", key)
        transfer = await connection.fetchrow(
            "SELECT * FROM transfer WHERE transfer_id = $1", file["transfer_id"]
        )
        assert transfer["app_id"] == app_id
    return Answer(url=f"http://127.0.0.1/objects/{key}")


@post("/message/{transfer_id:uuid}/status", status_code=200)
async def message_status(
    request: Request[Any, Any, Any], transfer_id: UUID, data: JSONBody[Status]
) -> None:
    """Seven queries, six of them in one transaction."""
    async with request.app.state.pool.acquire() as connection:
        app_id = await app_of(connection, request)
        async with connection.transaction():
            transfer = await connection.fetchrow(
                "SELECT * FROM transfer WHERE transfer_id = $1 FOR UPDATE", transfer_id
            )
            assert transfer["app_id"] == app_id
            await connection.fetch(
                "SELECT * FROM message WHERE message_id = ANY($1) FOR UPDATE", data.message_ids
            )
            await connection.execute(
                "UPDATE message SET state = $2 WHERE message_id = ANY($1)",
                data.message_ids,
                data.status,
            )
            await connection.execute(
                "INSERT INTO line (transfer_id, text) VALUES ($1, $2)", transfer_id, data.status
            )
            await connection.execute(
                "UPDATE transfer SET succeeded = succeeded + $2 WHERE transfer_id = $1",
                transfer_id,
                len(data.message_ids),
            )
            await connection.fetch("SELECT 1 FROM message WHERE state = 'NONE' LIMIT 1")


async def main(url: str, port: int) -> None:
    """Serve until killed."""
    pool = await asyncpg.create_pool(url, min_size=1, max_size=POOL)
    app = Litestar([data_url, message_status], openapi_config=None)
    app.state.pool = pool
    server = Server(
        app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False
    )
    await server.serve()


if __name__ == "__main__":
    asyncio.run(main(sys.stdin.readline().strip(), int(sys.argv[1])))
