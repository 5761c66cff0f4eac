"""Files to and from S3, against boto3's s3transfer on one server, with the same concurrency.

The server is a Ceph RGW that keeps everything in memory, so the files of each measurement are
deleted before the next. Our files are verified: the store and the reader check the sha256 of each
part; s3transfer has its default checks. Both have the file on disk at the end. CPU is that of our
processes, client and platform, beside that of an earlier build. Of two sizes, SIZE and a tenth of
it; SIZE=512M makes them smaller.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from statistics import median

import boto3

from bench._build import CURRENT, Build, build
from bench._cpu import Spent, cpu_of, spent
from bench._platform import Platform, begin_transfer, cloud_token, serving
from bench.report import Figure, MissingError
from bench.uploads import parse_size, show_size, write_source
from tools.ceph import Ceph, ceph, missing

BUCKET = "bench"
PEER = "s3transfer"
BUILD = "8223a08"
ROUNDS = 3
TARGETS = {"upload": 1.15, "download": 1.1}
CPU_TARGET = 1 / 0.6


def run() -> list[Figure]:
    """Move a file of a tenth of SIZE (default 400 MiB of 4 GiB) up and down, then one of SIZE."""
    size = parse_size(os.environ.get("SIZE", "4G"))
    earlier = build(BUILD)
    with on_ceph() as (server, platform, folder):
        store = f"s3://{BUCKET}/earlier?endpoint={server.endpoint}"
        (folder / "earlier").mkdir()
        place = folder / "earlier" / "data"
        with serving(place, object_store=store, build=earlier) as before:
            tenth = 400 << 20 if size == 4 << 30 else max(size // 10, 1 << 20)
            sides = {CURRENT: platform, earlier: before}
            return [
                figure for each in (tenth, size) for figure in large(server, sides, folder, each)
            ]


@contextmanager
def on_ceph() -> Iterator[tuple[Ceph, Platform, Path]]:
    """Start a platform on a Ceph, with a folder."""
    if reason := missing():
        raise MissingError(reason)
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        with ceph() as server:
            os.environ.update(server.environment)
            boto3.client("s3", endpoint_url=server.endpoint).create_bucket(Bucket=BUCKET)
            with serving(folder / "data", object_store=store_of(server)) as platform:
                yield server, platform, folder


def store_of(server: Ceph) -> str:
    """Return the address of the platform's store there."""
    return f"s3://{BUCKET}/ours?endpoint={server.endpoint}"


def large(server: Ceph, sides: dict[Build, Platform], folder: Path, size: int) -> list[Figure]:
    """Seconds and CPU seconds up and down, of each side in turn: the median of rounds."""
    source, target = folder / "source", folder / "target"
    write_source(source, size)
    peer: list[list[float]] = [[], []]
    ours: dict[Build, list[list[Spent]]] = {each: [[], []] for each in sides}
    for _ in range(ROUNDS):
        peer[0].append(transferred(server, "put", str(source)))
        peer[1].append(transferred(server, "get", str(target)))
        emptied(server, target)
        for each, platform in sides.items():
            for way, took in zip(
                ours[each], both_ways(each, platform, source, target), strict=True
            ):
                way.append(took)
            emptied(server, target)
    source.unlink()
    mine, before = (
        [[median(each.seconds for each in way), median(each.cpu for each in way)] for way in ways]
        for ways in ours.values()
    )
    figures = []
    for place, (verb, name) in enumerate((("upload", PEER), ("download", f"{PEER} + fsync"))):
        what = f"{verb} {show_size(size)}, S3"
        (seconds, cpu), (_, cpu_before) = mine[place], before[place]
        others = median(peer[place])
        figures.append(
            Figure(
                figure=what,
                unit="s",
                ours=seconds,
                peer=others,
                peer_name=name,
                target=TARGETS[verb],
            )
        )
        figures.append(
            Figure(
                figure=f"{what}, CPU",
                unit="s",
                ours=cpu,
                peer=cpu_before,
                peer_name=f"build {BUILD}",
                target=CPU_TARGET,
            )
        )
    return figures


def both_ways(one: Build, platform: Platform, source: Path, target: Path) -> tuple[Spent, Spent]:
    """Send a file and read it back by a build; CPU is that of its client and its platform."""
    with source.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    token, transfer_id = begin_transfer(platform)
    at = cpu_of(platform.pid)
    up = spent("_send", platform.url, transfer_id, str(source), given=token, build=one)
    up_too = cpu_of(platform.pid) - at
    # The earlier build finds its file by the digest.
    named = () if one == CURRENT else (digest,)
    read = ("get", platform.url, transfer_id, str(target), *named)
    token, at = cloud_token(platform), cpu_of(platform.pid)
    down = spent("_carry", *read, given=token, build=one)
    down_too = cpu_of(platform.pid) - at
    with target.open("rb") as file:
        if file_digest(file, "sha256").hexdigest() != digest:
            raise SystemExit("what was read is not what was sent")
    return Spent(up.seconds, up.cpu + up_too), Spent(down.seconds, down.cpu + down_too)


def transferred(server: Ceph, verb: str, *rest: str) -> float:
    """Seconds of the peer."""
    return timed("_s3transfer", verb, server.endpoint, BUCKET, *rest)


def carried(module: str, token: str, *arguments: str, build: Build = CURRENT) -> float:
    """Seconds of ours; the token is not for other users' eyes."""
    return timed(module, *arguments, given=token, build=build)


def timed(module: str, *arguments: str, given: str = "", build: Build = CURRENT) -> float:
    """Return the output of a process in the build's own folder."""
    return spent(module, *arguments, given=given, build=build).seconds


def emptied(server: Ceph, *files: Path) -> None:
    """Empty the bucket and free its memory."""
    bucket = boto3.resource("s3", endpoint_url=server.endpoint).Bucket(BUCKET)
    bucket.objects.all().delete()
    server.free()
    for file in files:
        file.unlink()
