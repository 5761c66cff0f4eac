"""A remote that costs as little as possible: ``python -m bench._receiver`` prints its port.

It answers every POST with 200 and keeps its time of arrival; ``GET /seen`` gives them as JSON,
oldest first: ``[[seconds since the epoch, messageId], …]``, and ``GET /count`` how many there are.
A POST below ``/hang`` is never answered.
"""

import asyncio
import json
import re
import time

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb'"messageId": ?"([^"]+)"')
_SEEN: list[tuple[float, bytes]] = []


class _Remote(asyncio.Protocol):
    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._rest, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self._rest) < size:
                return
            request, self._rest = self._rest[:size], self._rest[size:]
            if not request.startswith(b"POST /hang"):
                self._transport.write(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        body = b""
        if request.startswith(b"POST"):
            message_id = _ID.search(request)
            _SEEN.append((time.time(), message_id[1] if message_id else b""))
        elif request.startswith(b"GET /count"):
            body = str(len(_SEEN)).encode()
        else:
            body = json.dumps([(at, message_id.decode()) for at, message_id in _SEEN]).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Remote, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
