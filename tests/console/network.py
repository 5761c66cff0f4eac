"""A network before a platform that breaks in the middle of what a stream says."""

import asyncio

from tests.kit.platform import PlatformProcess
from tests.kit.tcp_server import TcpServer

_STREAM = b"/console/stream "


class BreakingNetwork(TcpServer):
    """Carries all bytes; ``breaks`` more times, the next bytes of a stream are cut in half.

    ``streams`` is how many streams were begun.
    """

    def __init__(self, platform: PlatformProcess) -> None:
        self._port = platform.port
        self.streams = self.breaks = 0
        super().__init__(self._carry)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above, up = await asyncio.open_connection("127.0.0.1", self._port)
        self.own(up)
        connection = _Connection(self, writer, up)
        asking = asyncio.create_task(connection.ask(reader))
        try:
            await connection.answer(above)
        finally:
            asking.cancel()
            await self.done(up)


class _Connection:
    def __init__(
        self, network: BreakingNetwork, down: asyncio.StreamWriter, up: asyncio.StreamWriter
    ) -> None:
        self._network, self._down, self._up = network, down, up
        self._streams = False

    async def ask(self, reader: asyncio.StreamReader) -> None:
        while asked := await reader.read(1 << 16):
            # One request at a time: browsers send no other before the answer.
            self._streams = _STREAM in asked
            self._network.streams += self._streams
            self._up.write(asked)
            await self._up.drain()
        self._up.close()

    async def answer(self, above: asyncio.StreamReader) -> None:
        while told := await above.read(1 << 16):
            if self._streams and self._network.breaks and b"event:" in told:
                self._network.breaks -= 1
                self._down.write(told[: len(told) // 2])
                await self._down.drain()
                self._down.transport.close()
                return
            self._down.write(told)
            await self._down.drain()
