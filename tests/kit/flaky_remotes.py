"""Remotes of cloud apps that misbehave, record what comes, and acknowledge it.

Bad is what networks and apps are: connections that are taken and dropped, answers that come
twice, late or out of order, errors for what was taken; acknowledgements that come before the
answer, out of order and more than once.
"""

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.kit.tcp_server import TcpServer

Acknowledge = Callable[[str, str, list[str]], bool]
"""Transfer, status, messages; whether the platform took it."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"

_DROPPED, _UNANSWERED, _FAILED, _TWICE, _LATE, _FAST = range(6)
_SHARES = (3, 4, 4, 4, 10, 75)


@dataclass
class FlakyRemotes:
    """A path is ``/app/STATUS``: how that app acknowledges; ``NONE`` refuses all and never does,
    ``MIXED`` says that every other message failed.

    ``received`` holds a wall time, in milliseconds, for each time that a message came whole;
    ``acknowledged`` the time at which the platform had answered that it took the first one.
    """

    chance: random.Random
    acknowledge: Acknowledge
    acknowledgers: int = 3
    received: dict[str, list[float]] = field(default_factory=dict)
    acknowledged: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    url: str = ""

    def open(self) -> None:
        self._due: list[tuple[float, str, str, str]] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._listening = TcpServer(self._serve)
        self.url = self._listening.url
        self._threads = [
            threading.Thread(target=self._acknowledge_due, daemon=True)
            for _ in range(self.acknowledgers)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._closed.set()
        self._listening.close()
        for thread in self._threads:
            thread.join(60)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await self._take(reader, writer):
            pass

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        [bad] = self.chance.choices(range(6), _SHARES)
        if bad == _DROPPED:
            self.counts["dropped"] += 1
            return False
        status = head.split(" ", 2)[1].rpartition("/")[2].upper()
        length = int(head.partition("content-length:")[2].split("\r\n", 1)[0])
        event: dict[str, Any] = json.loads(await reader.readexactly(length))
        self.received.setdefault(event["messageId"], []).append(time.time() * 1000)
        if status == "NONE":
            writer.write(ERROR)
            return True
        if status == "MIXED":
            status = "FAILED" if int(event["messageId"][-1], 16) % 2 else "SUCCESS"
        self._plan(event["transferId"], status, event["messageId"])
        if bad == _UNANSWERED:
            self.counts["unanswered"] += 1
            return False
        if bad == _LATE:
            self.counts["late"] += 1
            await asyncio.sleep(self.chance.uniform(0.05, 0.5))
        self.counts["failed"] += bad == _FAILED
        self.counts["twice"] += bad == _TWICE
        writer.write(ERROR if bad == _FAILED else OK * (2 if bad == _TWICE else 1))
        await writer.drain()
        return True

    def _plan(self, transfer_id: str, status: str, message_id: str) -> None:
        """Sometimes at once, mostly later, one in ten twice and the second time otherwise."""
        due = time.monotonic() + self.chance.choice([0, 0.2, 0.5, 1.0])
        with self._lock:
            self._due.append((due, transfer_id, status, message_id))
            if self.chance.random() < 0.1:
                self._due.append((due + 0.5, transfer_id, "AGAIN", message_id))

    def _acknowledge_due(self) -> None:
        while not self._closed.wait(0.02):
            for (transfer_id, status), message_ids in self._take_due().items():
                again = status == "AGAIN"
                said = "FAILED" if again else status
                try:
                    taken = self.acknowledge(transfer_id, said, message_ids)
                except Exception as exc:  # noqa: BLE001 - told to the test
                    self.problems.append(repr(exc))
                    continue
                now = time.time() * 1000
                self.counts["acknowledged again"] += again * len(message_ids)
                if taken and not again:
                    for message_id in message_ids:
                        self.acknowledged.setdefault(message_id, now)

    def _take_due(self) -> dict[tuple[str, str], list[str]]:
        now = time.monotonic()
        found: dict[tuple[str, str], list[str]] = {}
        with self._lock:
            rest = []
            for each in self._due:
                due, transfer_id, status, message_id = each
                # Contradicted is only what was taken: the first word counts.
                early = status == "AGAIN" and message_id not in self.acknowledged
                if due > now or early:
                    rest.append(each)
                else:
                    found.setdefault((transfer_id, status), []).append(message_id)
            self.chance.shuffle(rest)
            self._due = rest
        return {key: list(dict.fromkeys(ids)) for key, ids in found.items()}
