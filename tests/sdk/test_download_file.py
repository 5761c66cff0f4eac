"""A file is read about once, whatever the way to the store makes of ranges."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from pathlib import Path

import pytest

from ferryman.sdk.download_file import download_file
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.remote_file import ByteRange, RemoteFile

PART = 4 << 20
DATA = os.urandom(10 * PART)


@contextmanager
def cache(*, keeps: int) -> Iterator[tuple[str, list[str]]]:
    """A server of DATA that keeps the first ``keeps`` ranges and answers 200 from then on."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("range", "")
            asked.append(wanted)
            data = DATA
            if wanted and len(asked) <= keeps:
                start, end = map(int, wanted.removeprefix("bytes=").split("-"))
                data = DATA[start : end + 1]
            self.send_response(200 if data is DATA else 206)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that lets go of a connection is what is tested."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/file", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("keeps", [0, 1, 5, 100])
def test_ranges_that_are_not_kept_are_noticed(tmp_path: Path, keeps: int) -> None:
    """Else each of the ten ranges would fetch the whole file."""
    watched = []
    with cache(keeps=keeps) as (url, asked):
        transport = HttpTransport(url, None, retry_seconds=0)
        source = RemoteFile(transport.exchange, "0123456789")
        starts = accumulate([PART] * 9, initial=0)
        source.ranges = [
            ByteRange(start, start + PART, sha256(DATA[start : start + PART]).hexdigest())
            for start in starts
        ]
        source.size, source.sha256, source.url = len(DATA), sha256(DATA).hexdigest(), url
        target = tmp_path / "file"
        download_file(
            transport, source, target, on_progress=lambda size, _now: watched.append(size)
        )
        transport.close()
    assert target.read_bytes() == DATA
    assert sum(watched) == len(DATA)
    whole = asked[keeps:]
    assert len(whole) <= 3, "two threads that noticed, and one stream"
    assert source.ranged is (keeps == 100)
