"""boto3's own way to and from S3, in a process of its own: the peer of ``bench.s3``.

    python -m bench._s3transfer put|get ENDPOINT BUCKET FILE
    python -m bench._s3transfer many ENDPOINT BUCKET COUNT SIZE

Prints the seconds, to the disk for ``get``; the keys come by the usual variables.
"""

import io
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig

PART = 8 << 20
PARALLEL = 8


def main(verb: str, endpoint: str, bucket: str, *rest: str) -> None:
    client: Any = boto3.client("s3", endpoint_url=endpoint)
    config = TransferConfig(multipart_chunksize=PART, max_concurrency=PARALLEL)
    started = time.perf_counter()
    if verb == "put":
        client.upload_file(rest[0], bucket, "peer", Config=config)
    elif verb == "get":
        client.download_file(bucket, "peer", rest[0], Config=config)
        with Path(rest[0]).open("rb+") as file:
            os.fsync(file.fileno())  # ours is on the disk, too
    else:
        bodies = [os.urandom(int(rest[1])) for _ in range(64)]
        started = time.perf_counter()

        def put(number: int) -> None:
            client.upload_fileobj(io.BytesIO(bodies[number % 64]), bucket, f"peer-{number}")

        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(put, range(int(rest[0]))))
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
