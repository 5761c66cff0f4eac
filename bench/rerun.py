"""A second run after one file in a hundred changed: what it sends, against the first run.

Counted are all bytes that come to the platform, calls included, by a proxy in front of it. COUNT
(2,000) files of 50 kB, as records and attachments are, beside one of LARGE (256M) in parts.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench._cpu import cpu_of
from bench._platform import free_port
from bench.report import Figure
from bench.uploads import parse_size
from ferryman import Gateway
from tests.sdk.cutting import cutting_proxy
from tests.sdk.running import serving

SIZE = 50_000
_CHANGED = 100
_PIECE = 1 << 20


def run() -> list[Figure]:
    """Two runs of one app in one scope: bytes, and processor seconds of the platform."""
    count, large = int(os.environ.get("COUNT", "2000")), parse_size(os.environ.get("LARGE", "256M"))
    bodies = [os.urandom(SIZE) for _ in range(count)]
    piece = os.urandom(_PIECE)
    with _counted() as (send, again):
        first = send(bodies, piece, large)
        for number in range(0, count, _CHANGED):
            bodies[number] = os.urandom(SIZE)
        second = again(bodies, piece, large)
    told = f"{count:,} files of 50 kB and one of {large >> 20} MiB"
    return [
        Figure(
            figure=f"bytes sent by a second run after 1 % changed, {told}",
            unit="bytes",
            ours=second[0],
            peer=first[0],
            peer_name="the first run",
            target=50,
        ),
        Figure(
            figure=f"processor time of the platform for a second run, {told}",
            unit="s",
            ours=second[1],
            peer=first[1],
            peer_name="the first run",
        ),
        Figure(
            figure=f"time of a second run, {told}",
            unit="s",
            ours=second[2],
            peer=first[2],
            peer_name="the first run",
        ),
    ]


Spent = tuple[int, float, float]
"""Bytes, processor seconds and seconds."""

Send = Callable[[list[bytes], bytes, int], Spent]


@contextmanager
def _counted() -> Iterator[tuple[Send, Send]]:
    """Start a platform; return what sends a first run, and what sends a further one."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name,
        cutting_proxy(f"http://127.0.0.1:{port}") as way,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        with serving(folder / "data", port, public_url=way.url) as platform:
            running = platform.transfer()

            def send(transfer_id: str, bodies: list[bytes], piece: bytes, large: int) -> Spent:
                came, cpu = sum(way.came), cpu_of(platform.process.pid)
                began = time.perf_counter()
                with Gateway(way.url, running.server_token, transfer_id) as gateway:
                    gateway.upload_many((str(n), body) for n, body in enumerate(bodies))
                    with gateway.create_app_data("large") as data:
                        for number in range(large // _PIECE):
                            data.write(number.to_bytes(8, "big") + piece[8:])
                    gateway.complete_export()
                seconds = time.perf_counter() - began
                return sum(way.came) - came, cpu_of(platform.process.pid) - cpu, seconds

            yield (
                lambda *what: send(running.transfer_id, *what),
                lambda *what: send(platform.start_again(running), *what),
            )
