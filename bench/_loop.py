"""A listener's ordinary loop: small files one after the other, by the SDK of any build.

    python -P bench/_loop.py loop URL TRANSFER COUNT SIZE < TOKEN
    python -P bench/_loop.py paced URL TRANSFER COUNT SIZE < TOKEN

``loop`` prints the seconds of all files. ``paced`` sends ten a second and prints the 99th
percentile, in milliseconds, of the time from the last byte of a file to its receipt.
"""

import os
import sys
import time
from statistics import quantiles

from ferryman import Gateway

INTERVAL = 0.1


def main(verb: str, url: str, transfer_id: str, count: str, size: str) -> None:
    """Run one of both."""
    with Gateway(url, sys.stdin.readline().strip(), transfer_id) as gateway:
        print({"loop": loop, "paced": paced}[verb](gateway, int(count), os.urandom(int(size))))


def loop(gateway: Gateway, count: int, body: bytes) -> float:
    """Seconds until all are registered."""
    started = time.perf_counter()
    receipts = []
    for number in range(count):
        with gateway.create_app_data(str(number)) as data:
            data.write(body)
        receipts.append(data)
    if not all(data.receipt for data in receipts):
        raise SystemExit("a file has no receipt")
    return time.perf_counter() - started


def paced(gateway: Gateway, count: int, body: bytes) -> float:
    """Milliseconds from the last byte to the receipt."""
    taken = []
    started = time.perf_counter()
    for number in range(count):
        time.sleep(max(0.0, started + number * INTERVAL - time.perf_counter()))
        with gateway.create_app_data(str(number)) as data:
            data.write(body)
            written = time.perf_counter()
        if not data.receipt:
            raise SystemExit("a file has no receipt")
        taken.append((time.perf_counter() - written) * 1000)
    return quantiles(taken, n=100)[98]


if __name__ == "__main__":
    main(*sys.argv[1:])
