"""What ``bench.s3`` does with the SDK besides sending one file, in a process of its own.

    python -m bench._carry many URL TRANSFER COUNT SIZE < TOKEN
    python -m bench._carry get URL TRANSFER FILE SHA256 < TOKEN

Prints the seconds: of sending COUNT files, or of reading the file of that
digest to disk.
"""

import os
import sys
import time
from pathlib import Path

from ferryman import Gateway, Migration, MigrationAPIError
from ferryman.sdk.download import Source
from ferryman.sdk.fetch import fetch_file
from ferryman.sdk.http import HttpTransport

PARALLEL = 8


def main(verb: str, url: str, transfer_id: str, *rest: str) -> None:
    token = sys.stdin.readline().strip()
    if verb == "many":
        print(many(url, token, transfer_id, *map(int, rest)))
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


def get(url: str, token: str, transfer_id: str, target: str, wanted: str) -> float:
    """The newest file that has the digest, as ``ferryman data get -o`` reads it: all is proven."""
    with Migration(url, token) as migration:
        keys = [file.key for file in migration.iter_app_data(transfer_id)]
    transport = HttpTransport(url, token, error=MigrationAPIError)
    for key in keys:
        source = Source(transport.exchange, key)
        started = time.perf_counter()
        transport.run(source.look())
        if source.sha256 == wanted:
            fetch_file(transport, source, Path(target), watch=lambda _size, _moved: None)
            return time.perf_counter() - started
    raise SystemExit("no file has the digest that was written")


if __name__ == "__main__":
    main(*sys.argv[1:])
