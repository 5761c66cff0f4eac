"""Reads URLs and throws the bytes away: the same client for both sides of ``bench.signed_get``.

    python -m bench._read COUNT < URL

Prints the seconds of COUNT parallel readers, each of the whole file.
"""

import http.client
import sys
import threading
import time
from urllib.parse import urlsplit


def main(count: str) -> None:
    url = urlsplit(sys.stdin.readline().strip())
    failed: list[str] = []

    def read() -> None:
        connection = http.client.HTTPConnection(url.hostname or "", url.port)
        connection.request("GET", f"{url.path}?{url.query}")
        answer = connection.getresponse()
        buffer, left = memoryview(bytearray(1 << 20)), int(answer.headers["Content-Length"])
        while got := answer.readinto(buffer):
            left -= got
        if answer.status != 200 or left:
            failed.append(f"{answer.status}, {left} bytes missing")

    threads = [threading.Thread(target=read) for _ in range(int(count))]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(failed[0])
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
