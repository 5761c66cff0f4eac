"""Look-ups and pages of mappings, by the API and by the smallest handlers, in turns of rounds."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any
from urllib.parse import quote
from uuid import UUID

from bench._bootstrap import interval
from bench._cpu import cpu_of
from bench._exchange import Exchange, request
from bench._platform import free_port
from bench.report import Figure
from ferryman.services.platform import encode_cursor

NAMESPACE = "jira:issue"
FIRST = 10_000
KEYS = 100
PAGE = 1_200
TARGET = 0.5

_ROUNDS = 10
_CALLS = 100
"""Calls of each side in a round: enough for CPU seconds, which come in hundredths."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process of the smallest handlers."""

    pid: int
    port: int


@contextmanager
def handlers(url: str) -> Iterator[Peer]:
    """Start the smallest handlers over a database."""
    port = free_port()
    command = [sys.executable, "-m", "bench._mapping_peer", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(url + "\n")
            process.stdin.flush()
            _await_listening(port)
            yield Peer(process.pid, port)
        finally:
            process.terminate()


def _await_listening(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            with Exchange(port):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


class Api:
    """Requests to the server surface of a platform; ``pids`` are what works for it."""

    def __init__(self, begun: dict[str, Any], pids: tuple[int, ...]) -> None:
        self.port, self.pids = int(begun["port"]), pids
        self._begun = begun
        self._base = f"/server/v1/transfers/{begun['transferId']}/mappings"

    def find(self, keys: Sequence[str]) -> bytes:
        """Return the request that looks keys up."""
        path = f"{self._base}/find?namespace={quote(NAMESPACE, safe='')}"
        return request("POST", path, self._begun["serverToken"], json.dumps(keys).encode())

    def page(self, after: str) -> bytes:
        """Return the request for the page after a key."""
        query = ("mappings", UUID(self._begun["transferId"]), NAMESPACE)
        path = f"{self._base}/page?namespace={quote(NAMESPACE, safe='')}"
        path += f"&lastEntity={encode_cursor(after, *query)}" if after else ""
        return request("GET", path, self._begun["serverToken"])


class Bare:
    """The same requests to the smallest handlers."""

    def __init__(self, peer: Peer, number: int, pids: tuple[int, ...]) -> None:
        self.port, self.pids = peer.port, pids
        self._number = number

    def find(self, keys: Sequence[str]) -> bytes:
        """Return the request that looks keys up."""
        return request("POST", f"/find/{self._number}", body=json.dumps(keys).encode())

    def page(self, after: str) -> bytes:
        """Return the request for the page after a key."""
        return request("GET", f"/page/{self._number}/{after}")


@dataclass(frozen=True, slots=True)
class Sides:
    """Ours, and the peer; ``late`` is the key that the last page follows."""

    ours: Api
    peer: Bare
    late: str


@dataclass(frozen=True, slots=True)
class _Round:
    """Milliseconds of each call of a round, and CPU milliseconds of a call."""

    times: list[float]
    cpu: float


def read_figures(sides: Sides, rows: int, of: str) -> tuple[list[Figure], dict[str, float]]:
    """Measure look-ups, and pages at both ends; also return our p50 of each."""
    chance = random.Random(7)
    asked = [
        [str(n) for n in chance.sample(range(FIRST, FIRST + rows), KEYS)]
        for _ in range(_ROUNDS * _CALLS)
    ]
    figures, medians = [], {}
    for what, method, given, expected in (
        (f"mapping find {KEYS} keys", "find", asked, KEYS),
        (f"mapping page {PAGE} at the start", "page", [""] * len(asked), PAGE),
        (f"mapping page {PAGE} at the end", "page", [sides.late] * len(asked), PAGE),
    ):
        ours, peer = _measured(sides, method, given, expected)
        figures += _figures(what, of, ours, peer)
        medians[what] = median(each for one in ours for each in one.times)
    return figures, medians


def _measured(
    sides: Sides, method: str, given: Sequence[Any], expected: int
) -> tuple[list[_Round], list[_Round]]:
    rounds: tuple[list[_Round], list[_Round]] = [], []
    with Exchange(sides.ours.port) as ours, Exchange(sides.peer.port) as peer:
        both: tuple[tuple[Exchange, Api | Bare], ...] = (ours, sides.ours), (peer, sides.peer)
        for exchange, side in both:  # opens connections, prepares statements
            for each in given[:10]:
                _check(exchange.ask(getattr(side, method)(each)), expected)
        for first in range(0, len(given), _CALLS):
            for (exchange, side), kept in zip(both, rounds, strict=True):
                sent = [getattr(side, method)(each) for each in given[first : first + _CALLS]]
                kept.append(_round(exchange, sent, side.pids, expected))
    return rounds


def _round(
    exchange: Exchange, requests: list[bytes], pids: tuple[int, ...], expected: int
) -> _Round:
    before = sum(map(cpu_of, pids))
    times, answer = [], b""
    for sent in requests:
        started = time.perf_counter()
        answer = exchange.ask(sent)
        times.append(1000 * (time.perf_counter() - started))
    cpu = sum(map(cpu_of, pids)) - before
    _check(answer, expected)
    return _Round(times, 1000 * cpu / len(requests))


def _check(answer: bytes, expected: int) -> None:
    found = json.loads(answer)
    items = found.get("items", found)
    if len(items) != expected:
        raise SystemExit(f"expected {expected} mappings; found {len(items)}")


def _figures(what: str, of: str, ours: list[_Round], peer: list[_Round]) -> list[Figure]:
    found = []
    for percent in (50, 99):
        mine, its = (
            [quantiles(each.times, n=100)[percent - 1] for each in side] for side in (ours, peer)
        )
        found.append(
            _figure(f"{what}{of}, p{percent}", mine, its, TARGET if percent == 50 else None)
        )
    mine, its = ([each.cpu for each in side] for side in (ours, peer))
    return [*found, _figure(f"{what}{of}, CPU", mine, its, None)]


def _figure(what: str, ours: list[float], peer: list[float], target: float | None) -> Figure:
    return Figure(
        figure=what,
        unit="ms",
        ours=median(ours),
        peer=median(peer),
        peer_name="the smallest handler",
        interval=interval(ours, peer),
        target=target,
    )
