"""Use the SDK for ``bench.s3`` in a separate process, other than to send one file.

    python -m bench._carry many URL TRANSFER COUNT SIZE < TOKEN
    python -m bench._carry one URL TRANSFER SIZE < TOKEN
    python -m bench._carry get URL TRANSFER FILE < TOKEN

Prints the seconds: of sending COUNT files, one file in a stream, or of reading the only file to
disk.
"""

import os
import sys
import time
from pathlib import Path

from ferryman import Gateway, Migration
from ferryman.sdk.download_file import download_file
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.remote_file import RemoteFile

PARALLEL = 8


def main(verb: str, url: str, transfer_id: str, *rest: str) -> None:
    token = sys.stdin.readline().strip()
    if verb == "many":
        print(many(url, token, transfer_id, *map(int, rest)))
    elif verb == "one":
        print(one(url, token, transfer_id, *map(int, rest)))
    else:
        print(get(url, token, transfer_id, *rest))


def many(url: str, token: str, transfer_id: str, count: int, size: int) -> float:
    """Files beside each other, as an exporter of many would."""
    bodies = [os.urandom(size) for _ in range(64)]
    with Gateway(url, token, transfer_id) as gateway:
        files = ((str(number), bodies[number % 64]) for number in range(count))
        started = time.perf_counter()
        gateway.upload_many(files, concurrency=PARALLEL)
        return time.perf_counter() - started


def one(url: str, token: str, transfer_id: str, size: int) -> float:
    """Write a stream in pieces of 1 MiB."""
    piece = os.urandom(1 << 20)
    with Gateway(url, token, transfer_id) as gateway:
        started = time.perf_counter()
        with gateway.create_app_data("one") as data:
            for _ in range(size >> 20):
                data.write(piece)
        return time.perf_counter() - started


def get(url: str, token: str, transfer_id: str, target: str) -> float:
    """Read the only file as ``ferryman data get -o`` does, verifying every part."""
    with Migration(url, token) as migration:
        [key] = [file.key for file in migration.iter_app_data(transfer_id)]
    transport = HttpTransport(url, token)
    source = RemoteFile(transport.exchange, key)
    started = time.perf_counter()
    transport.run(source.fetch_facts())
    download_file(transport, source, Path(target), on_progress=lambda _size, _moved: None)
    return time.perf_counter() - started


if __name__ == "__main__":
    main(*sys.argv[1:])
