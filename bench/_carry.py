"""What ``bench.s3`` does with the SDK besides sending one file, in a process of its own.

    python -m bench._carry many URL TRANSFER COUNT SIZE < TOKEN
    python -m bench._carry get URL TRANSFER FILE SHA256 < TOKEN

Prints the seconds: of sending COUNT files, or of reading the first file and proving its digest.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from ferryman import Gateway, Migration

PARALLEL = 8
CHUNK = 1 << 20


def main(verb: str, url: str, transfer_id: str, *rest: str) -> None:
    token = sys.stdin.readline().strip()
    if verb == "many":
        print(many(url, token, transfer_id, *map(int, rest)))
    else:
        print(get(url, token, transfer_id, *rest))


def many(url: str, token: str, transfer_id: str, count: int, size: int) -> float:
    """Files at the same time, as an exporter with a thread for each would."""
    bodies = [os.urandom(size) for _ in range(64)]
    with Gateway(url, token, transfer_id) as gateway, ThreadPoolExecutor(PARALLEL) as pool:

        def put(number: int) -> None:
            with gateway.create_app_data(str(number)) as data:
                data.write(bodies[number % 64])

        started = time.perf_counter()
        list(pool.map(put, range(count)))
        return time.perf_counter() - started


def get(url: str, token: str, transfer_id: str, target: str, wanted: str) -> float:
    """All of a file into another, hashed on the way."""
    with Migration(url, token) as migration:
        [file] = migration.iter_app_data(transfer_id)
        started = time.perf_counter()
        digest = sha256()
        with (
            migration.get_app_data_payload(file.key) as payload,
            Path(target).open("wb", buffering=0) as out,
        ):
            for chunk in payload.iter_bytes(CHUNK):
                digest.update(chunk)
                out.write(chunk)
        seconds = time.perf_counter() - started
    if digest.hexdigest() != wanted:
        raise SystemExit("what was read is not what was written")
    return seconds


if __name__ == "__main__":
    main(*sys.argv[1:])
