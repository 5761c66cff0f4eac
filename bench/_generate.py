"""Generate and send a stream of unknown length, for ``bench.stream``.

    python -m bench._generate URL TRANSFER SIZE < TOKEN

Prints the seconds.
"""

import os
import sys
import time

from ferryman import Gateway

CHUNK = 1 << 20


def main(url: str, transfer_id: str, size: str) -> None:
    block = bytearray(os.urandom(CHUNK))
    with Gateway(url, sys.stdin.readline().strip(), transfer_id) as gateway:
        started = time.perf_counter()
        with gateway.create_app_data("stream") as data:
            for number in range(int(size) // CHUNK):
                block[:8] = number.to_bytes(8, "big")
                data.write(block)
        print(time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
