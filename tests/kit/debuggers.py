"""Debuggers as editors have them: of Node.js by its inspector's protocol, of Python by DAP."""

import itertools
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.kit.platform import wait_until

_SECONDS = 120
"""For whatever comes next, on a busy machine."""

_LISTEN = "0A"

Message = dict[str, Any]


class NodeDebugger:
    """A client of Node's inspector; what it was not asked for is kept until it is."""

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse[Any]") -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._kept: list[Message] = []

    @classmethod
    @asynccontextmanager
    async def attached(cls, port: int) -> AsyncIterator[Self]:
        """Attach to the process that waits at ``port`` of this machine."""
        wait_until(lambda: _listens(port))
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                [target] = await answer.json()
            url = target["webSocketDebuggerUrl"]
            limit = aiohttp.ClientWSTimeout(ws_receive=_SECONDS)
            async with session.ws_connect(url, timeout=limit) as connection:
                yield cls(connection)

    async def call(self, method: str, **parameters: object) -> Message:
        """Return the result of a call."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        answer = await self._until(lambda each: each.get("id") == number)
        assert "error" not in answer, answer
        result: Message = answer["result"]
        return result

    async def event(self, method: str) -> Message:
        """Wait for an event; return its parameters."""
        found = await self._until(lambda each: each.get("method") == method)
        parameters: Message = found["params"]
        return parameters

    async def _until(self, wanted: Callable[[Message], bool]) -> Message:
        for each in self._kept:
            if wanted(each):
                self._kept.remove(each)
                return each
        while not wanted(each := await self._socket.receive_json()):
            self._kept.append(each)
        return each


class PythonDebugger:
    """A client of the Debug Adapter Protocol, attached and with its breakpoints set."""

    def __init__(self, port: int, file: str, line: int) -> None:
        wait_until(lambda: _listens(port))
        self._socket = socket.create_connection(("127.0.0.1", port), _SECONDS)
        self._stream = self._socket.makefile("rb")
        self._numbers = itertools.count(1)
        self.request("initialize", adapterID="test", pathFormat="path")
        self._send("attach", {"justMyCode": True})
        self._until("event", "initialized")
        self.request("setBreakpoints", source={"path": file}, breakpoints=[{"line": line}])
        self.request("configurationDone")

    def request(self, command: str, **arguments: object) -> Message:
        """Return the body of the answer to a request."""
        self._send(command, arguments)
        answer = self._until("command", command)
        assert answer["success"], answer
        body: Message = answer.get("body") or {}
        return body

    def stopped(self) -> int:
        """Wait until it stops; return the id of the thread."""
        thread: int = self._until("event", "stopped")["body"]["threadId"]
        return thread

    def close(self) -> None:
        """Let go of what is debugged, which runs on."""
        with suppress(OSError):
            self.request("disconnect")
        self._stream.close()
        self._socket.close()

    def drop(self) -> None:
        """Close the connection without a word, as the end of an editor that is killed does."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._stream.close()
        self._socket.close()

    def _send(self, command: str, arguments: object) -> None:
        number = next(self._numbers)
        message = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def _until(self, member: str, value: str) -> Message:
        while True:
            length = 0
            while line := self._stream.readline().strip():
                name, _, text = line.partition(b":")
                length = int(text) if name.lower() == b"content-length" else length
            found: Message = json.loads(self._stream.read(length))
            if found.get(member) == value:
                return found


def _listens(port: int) -> bool:
    """Whether somebody listens; a connection would be the debugger that is waited for."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == _LISTEN for row in rows)
