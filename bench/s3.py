"""To and from S3, against boto3's s3transfer on the same server with the same concurrency.

The server is a Ceph RGW of our own that keeps everything in memory, so what was measured is
deleted before the next. Ours is proven: md5 and sha256 of each part, sha256 of the file, and the
store checks the md5; s3transfer has the checks that are its defaults. Both have what they read on
the disk at the end. Of two sizes, SIZE and a tenth of it; SIZE=512M makes them smaller.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from statistics import median

import boto3

from bench._platform import Platform, begin_transfer, cloud_token, serving
from bench.report import Figure, MissingError
from bench.uploads import parse_size, show_size, write_source
from tools.ceph import Ceph, ceph, missing

BUCKET = "bench"
PEER = "s3transfer"
ROUNDS = 3


def run() -> list[Figure]:
    """A file of a tenth of SIZE (default 400 MiB of 4 GiB) up and down, then one of SIZE."""
    size = parse_size(os.environ.get("SIZE", "4G"))
    with on_ceph() as (server, platform, folder):
        tenth = 400 << 20 if size == 4 << 30 else max(size // 10, 1 << 20)
        return [
            figure for each in (tenth, size) for figure in large(server, platform, folder, each)
        ]


@contextmanager
def on_ceph() -> Iterator[tuple[Ceph, Platform, Path]]:
    """A platform on a Ceph, and a folder."""
    if reason := missing():
        raise MissingError(reason)
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        with ceph() as server:
            os.environ.update(server.environment)
            boto3.client("s3", endpoint_url=server.endpoint).create_bucket(Bucket=BUCKET)
            store = f"s3://{BUCKET}/ours?endpoint={server.endpoint}"
            with serving(folder / "data", object_store=store) as platform:
                yield server, platform, folder


def large(server: Ceph, platform: Platform, folder: Path, size: int) -> list[Figure]:
    """Seconds up and down, of each side in turn: the median of rounds."""
    source, target = folder / "source", folder / "target"
    write_source(source, size)
    with source.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    peer: list[list[float]] = [[], []]
    ours: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        peer[0].append(transferred(server, "put", str(source)))
        peer[1].append(transferred(server, "get", str(target)))
        emptied(server, target)
        token, transfer_id = begin_transfer(platform)
        ours[0].append(carried("_send", token, platform.url, transfer_id, str(source)))
        read = ("get", platform.url, transfer_id, str(target), digest)
        ours[1].append(carried("_carry", cloud_token(platform), *read))
        emptied(server, target)
    source.unlink()
    return [
        Figure(
            figure=f"{verb} {show_size(size)}, S3",
            unit="s",
            ours=median(mine),
            peer=median(its),
            peer_name=name,
        )
        for verb, name, mine, its in zip(
            ("upload", "download"), (PEER, f"{PEER} + fsync"), ours, peer, strict=True
        )
    ]


def transferred(server: Ceph, verb: str, *rest: str) -> float:
    """Seconds of the peer."""
    return timed("_s3transfer", verb, server.endpoint, BUCKET, *rest)


def carried(module: str, token: str, *arguments: str) -> float:
    """Seconds of ours; the token is not for other users' eyes."""
    return timed(module, *arguments, given=token)


def timed(module: str, *arguments: str, given: str = "") -> float:
    """What a process of this folder prints."""
    os.sync()
    command = [sys.executable, "-m", f"bench.{module}", *arguments]
    done = subprocess.run(
        command, input=given + "\n", stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def emptied(server: Ceph, *files: Path) -> None:
    """The bucket, and the memory it had."""
    bucket = boto3.resource("s3", endpoint_url=server.endpoint).Bucket(BUCKET)
    bucket.objects.all().delete()
    server.free()
    for file in files:
        file.unlink()
