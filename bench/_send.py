"""The server app's side of the upload benchmark, in a process of its own.

    python -m bench._send URL TRANSFER FILE < TOKEN

Reads the file as a stream of unknown length, and prints the seconds from the first byte to the
answer that the file is complete.
"""

import sys
import time
from pathlib import Path

from ferryman import Gateway

CHUNK = 1 << 20


def main(url: str, transfer_id: str, path: str) -> None:
    with Gateway(url, sys.stdin.readline().strip(), transfer_id) as gateway:
        started = time.perf_counter()
        # Unbuffered: an exporter makes its bytes, it does not copy them once more.
        with (
            Path(path).open("rb", buffering=0) as source,
            gateway.create_app_data("benchmark") as data,
        ):
            while chunk := source.read(CHUNK):
                data.write(chunk)
        print(time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
