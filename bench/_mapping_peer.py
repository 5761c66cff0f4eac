"""The smallest handlers that look mappings up: the peer of the mapping benchmark.

    python -m bench._mapping_peer PORT < DATABASE-URL

A bare ASGI application on granian in one process, as ours, with a pool of as many connections, the
statement that reads no more than it must, and the same JSON. It checks nothing: no token, no
transfer, no scope, no lifetime, no form of a request.
"""

import asyncio
import sys
from typing import Any

import msgspec
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from ferryman.store.database import open_pool

POOL = 10
PAGE = 1_200

_FIND = """
SELECT array_agg(server_key), array_agg(cloud_key) FROM mapping
WHERE namespace_id = $1 AND server_key = ANY($2)"""
_PAGE = """
SELECT array_agg(server_key), array_agg(cloud_key) FROM (
    SELECT server_key, cloud_key FROM mapping
    WHERE namespace_id = $1 AND server_key > $2 ORDER BY server_key LIMIT $3
) AS page"""


class Handlers:
    """``POST /find/NAMESPACE`` with a list of keys, ``GET /page/NAMESPACE/AFTER``."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        _, what, number, *after = scope["path"].split("/")
        if what == "find":
            body, more = b"", True
            while more:
                message = await receive()
                body += message["body"]
                more = message["more_body"]
            answer: object = await self._find(int(number), msgspec.json.decode(body))
        else:
            answer = await self._page(int(number), after[0])
        data = msgspec.json.encode(answer)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data, "more_body": False})

    async def _find(self, namespace_id: int, keys: list[str]) -> dict[str, str]:
        async with self._pool.acquire() as connection:
            found, values = await connection.fetchrow(_FIND, namespace_id, keys)
        return dict(zip(found, values, strict=True))

    async def _page(self, namespace_id: int, after: str) -> dict[str, object]:
        async with self._pool.acquire() as connection:
            keys, values = await connection.fetchrow(_PAGE, namespace_id, after, PAGE + 1)
        more = len(keys) > PAGE
        last = keys[PAGE - 1] if more else None
        meta = {"pageSize": PAGE, "hasNext": more, "lastEntity": last}
        return {"meta": meta, "items": dict(zip(keys[:PAGE], values, strict=False))}


async def main(url: str, port: int) -> None:
    """Serve until killed."""
    pool = await open_pool(url, size=POOL)
    server = Server(
        Handlers(pool),
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        log_enabled=False,
        websockets=False,
    )
    await server.serve()


if __name__ == "__main__":
    given = sys.stdin.readline().strip()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(given, int(sys.argv[1])))
