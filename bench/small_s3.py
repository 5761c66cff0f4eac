"""Many small files to S3, against boto3's s3transfer on the same Ceph with the same concurrency.

Ours are registered, hashed and announced, too. COUNT=1000 makes them fewer.
"""

import os

from bench._platform import begin_transfer
from bench.report import Figure
from bench.s3 import PEER, carried, emptied, on_ceph, transferred
from bench.small import SMALL


def run() -> list[Figure]:
    """A tenth of COUNT files of 20 kB (default 1,000 of 10,000), then COUNT: the cost of each."""
    count = int(os.environ.get("COUNT", "10000"))
    tenth = max(count // 10, 1)
    figures: list[Figure] = []
    each: list[float] = []
    with on_ceph() as (server, platform, _):
        for number in (tenth, count):
            peer = transferred(server, "many", str(number), str(SMALL))
            emptied(server)
            token, transfer_id = begin_transfer(platform)
            told = ("many", platform.url, transfer_id, str(number), str(SMALL))
            ours = carried("_carry", token, *told)
            emptied(server)
            each.append(ours / number * 1000)
            name = f"{number:,} files of 20 kB, S3"
            figures.append(Figure(figure=name, unit="s", ours=ours, peer=peer, peer_name=PEER))
    growth = Figure(
        figure=f"cost of a file, {count:,} of them",
        unit="ms",
        ours=each[1],
        peer=each[0],
        peer_name=f"ours with {tenth:,}",
    )
    return [*figures, growth]
