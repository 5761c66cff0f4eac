"""Verify a transfer of small files on S3, against one GET after the other.

Both read every byte from the same Ceph and hash it; ours compares it with the database, too.
At COUNT files (default 5,000) and a tenth of them; ROUNDS=1 is shorter.
"""

import os
import time
from collections.abc import Iterable
from hashlib import sha256
from statistics import median

import boto3

from bench._bootstrap import interval
from bench._platform import Platform, begin_transfer
from bench.report import Figure
from bench.s3 import BUCKET, carried, emptied, on_ceph
from bench.small import SMALL
from ferryman.client.admin import AdminClient
from ferryman.client.http import lines
from tools.ceph import Ceph

ROUNDS = int(os.environ.get("ROUNDS", "3"))


def run() -> list[Figure]:
    """Return the seconds of both, in interleaved rounds."""
    count = int(os.environ.get("COUNT", "5000"))
    with on_ceph() as (server, platform, _):
        return [compared(server, platform, each) for each in (count // 10, count)]


def compared(server: Ceph, platform: Platform, count: int) -> Figure:
    """Send so many files, and read them again both ways."""
    token, transfer_id = begin_transfer(platform)
    carried("_carry", token, "many", platform.url, transfer_id, str(count), str(SMALL))
    ours, peer = [], []
    for _ in range(ROUNDS):
        ours.append(verified(platform, transfer_id, count))
        peer.append(read(server, count))
    emptied(server)
    return Figure(
        figure=f"verify {count:,} files of 20 kB, S3",
        unit="s",
        ours=median(ours),
        peer=median(peer),
        peer_name="a loop of GETs (boto3)",
        interval=interval(ours, peer),
    )


def verified(platform: Platform, transfer_id: str, count: int) -> float:
    """Return the seconds until the platform says that all files are proven."""
    token = (platform.data_dir / "operator-token").read_text().strip()
    started = time.perf_counter()
    with AdminClient(platform.url, token).transfers.verify(transfer_id) as chunks:
        *_, end = lines(chunks)
    took = time.perf_counter() - started
    if f'"proven":{count}'.encode() not in end:
        raise SystemExit(f"not all files are proven: {end!r}")
    return took


def read(server: Ceph, count: int) -> float:
    """Return the seconds of getting and hashing each object of the bucket."""
    client = boto3.client("s3", endpoint_url=server.endpoint)
    started = time.perf_counter()
    found = sum(1 for body in _bodies(client) if sha256(body).digest())
    took = time.perf_counter() - started
    if found < count:
        raise SystemExit(f"{found} objects of {count} files")
    return took


def _bodies(client: "boto3.client") -> Iterable[bytes]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for each in page["Contents"]:
            yield client.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()
