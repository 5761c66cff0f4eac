"""The console in a real browser, on a platform with many transfers and one long timeline.

First contentful paint of its main pages, a filter of a list, the time from an event's commit until
it is painted, and the memory of a page after an hour of events, one a second, which come faster
here. Each against its bound. ``lists`` compares what lists and filters cost beside 1,000 and
100,000 transfers, and ``watched`` counts deliveries with fifty consoles open.

FERRYMAN_BENCH_TRANSFERS, FERRYMAN_BENCH_ENTRIES and FERRYMAN_BENCH_EVENTS make it smaller.
"""

import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import quantiles
from typing import Any

import asyncpg

from bench._chromium import (
    await_text,
    chromium,
    filtered,
    first_paint,
    renderer_memory,
    seen_at,
    sign_in,
)
from bench._platform import Platform, address_of, serving
from bench.lists import fill
from bench.report import Figure

TRANSFERS = int(os.environ.get("FERRYMAN_BENCH_TRANSFERS", "10000"))
ENTRIES = int(os.environ.get("FERRYMAN_BENCH_ENTRIES", "100000"))
EVENTS = int(os.environ.get("FERRYMAN_BENCH_EVENTS", "3600"))
ROUNDS = int(os.environ.get("FERRYMAN_BENCH_ROUNDS", "10"))
_A_SECOND = 40
_SIX = {
    "upload.begun": '{"key": "k%s", "label": "pages-%s"}',
    "app_data.uploaded": '{"key": "k%s", "label": "pages-%s", "size": 1000}',
    "message.created": '{"messageId": "m%s", "label": "pages-%s", '
    '"eventType": "avi:ecosystem.migration:uploaded:app_data"}',
    "attempt.delivered": '{"messageId": "m%s", "number": 1, "durationMs": 5, "x": "%s"}',
    "message.acknowledged": '{"messageId": "m%s", "status": "SUCCESS", "x": "%s"}',
}

_WRITE = """
INSERT INTO timeline (transfer_id, at, kind, data)
SELECT $1, now() - make_interval(secs => ($2 - n) * 0.01), kind, format(data, n, n)::jsonb
FROM generate_series(1, $2 / 5) n,
    unnest($3::text[], $4::text[]) WITH ORDINALITY AS each (kind, data, place)
ORDER BY n, place
"""
_ADD = """
INSERT INTO timeline (transfer_id, at, kind, data)
VALUES ($1, now(), 'log.added', jsonb_build_object('message', $2::text))
"""
_LONG = """
SELECT transfer_id FROM transfer WHERE status = 'IN_PROGRESS' ORDER BY created_at DESC LIMIT 1
"""


def run() -> list[Figure]:
    """Measure one platform with one browser."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with serving(folder / "data", "--clock", "virtual") as platform:
            # A frozen clock keeps live what was filled as live.
            platform.call("POST", "/admin/v1/clock/freeze")
            asyncio.run(fill(address_of(platform), TRANSFERS))
            with _Timeline(address_of(platform)) as timeline:
                timeline.lengthen()
                return _measure(platform, timeline)


class _Timeline:
    """The long timeline, written through a loop of its own in another thread."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.transfer_id: Any = None

    def __enter__(self) -> "_Timeline":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._connection: Any = self._do(lambda: asyncpg.connect(self._address))
        self.transfer_id = self._do(lambda: self._connection.fetchval(_LONG))
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._connection.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, begin: Callable[[], Awaitable[Any]]) -> Any:
        async def work() -> Any:
            return await begin()

        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    def lengthen(self) -> None:
        """Write what thousands of small files leave in the timeline."""
        kinds, data = list(_SIX), list(_SIX.values())
        self._do(
            lambda: self._connection.execute(
                _WRITE, self.transfer_id, ENTRIES, kinds, data, timeout=600
            )
        )
        self._do(lambda: self._connection.execute("VACUUM ANALYZE timeline", timeout=600))

    def add(self, text: str) -> float:
        """Write a line of the app's log; return when it was committed."""
        self._do(lambda: self._connection.execute(_ADD, self.transfer_id, text))
        return time.time()


def _measure(platform: Platform, timeline: _Timeline) -> list[Figure]:
    console = f"{platform.url}/console/"
    long = f"transfers/{timeline.transfer_id}"
    pages = {"Overview": "", "Migrations": "migrations", "Messages": "messages", "Transfer": long}
    filters = {
        "Migrations by status": ("migrations", "status", ("FAILED", "SUCCESS")),
        "Messages by state": ("messages", "state", ("any", "PENDING")),
        "the timeline by kind": (long, "kind", ("attempt", "log")),
    }
    figures = []
    with chromium() as browser, browser.new_context() as context:
        page = context.new_page()
        sign_in(page, platform)
        for name, path in pages.items():
            paints = [first_paint(page, console + path) for _ in range(ROUNDS)]
            figures.append(_within(f"first contentful paint, {name}", "ms", paints, 1000))
        for name, (path, field, values) in filters.items():
            page.goto(console + path)
            taken = [filtered(page, field, values[number % 2]) for number in range(ROUNDS)]
            figures.append(_within(f"filter of {name}", "ms", taken, 300))
        page.goto(console + long)
        lags = []
        for number in range(2 * ROUNDS):
            await_text(page, f"written {number}.")
            committed = timeline.add(f"written {number}.")
            lags.append((seen_at(page) - committed) * 1000)
        figures.append(_within("event on screen after its commit", "ms", lags, 1000))
        for number in range(EVENTS):
            timeline.add(f"an hour {number}.")
            time.sleep(1 / _A_SECOND)
        await_text(page, f"an hour {EVENTS - 1}.")
        seen_at(page)
        memory = renderer_memory(browser, page)
    return [*figures, _within(f"memory of a page after {EVENTS} events", "MiB", [memory], 250)]


def _within(what: str, unit: str, taken: list[float], bound: float) -> Figure:
    """The 90th percentile of several against a bound."""
    # The least says what it takes when nothing else runs.
    print(f"{what}: {min(taken):.0f} to {max(taken):.0f} {unit}", file=sys.stderr)
    slow = quantiles(taken, n=10)[8] if len(taken) > 1 else taken[0]
    return Figure(
        figure=what if len(taken) == 1 else f"{what}, p90",
        unit=unit,
        ours=slow,
        peer=bound,
        peer_name="bound",
        target=1.0,
    )
