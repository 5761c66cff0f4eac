"""Many small files to S3, against boto3's s3transfer, an earlier build and a bare loop of PUTs.

All go to the same Ceph with the same concurrency. Ours are also registered, hashed and announced.
COUNT=1000 makes them fewer, ROUNDS=1 shorter.
"""

import os
from collections import defaultdict

from bench._build import build
from bench._platform import serving
from bench.report import Figure
from bench.s3 import PEER, emptied, on_ceph, store_of, transferred
from bench.small import BEFORE, ROUNDS, SMALL, Rounds, compared, growth_of, many, plain


def run() -> list[Figure]:
    """COUNT files of 20 kB in interleaved rounds; then the cost of each of 1,000 and 100,000."""
    count = int(os.environ.get("COUNT", "10000"))
    before = build(BEFORE)
    spent: Rounds = defaultdict(list)
    with on_ceph() as (server, platform, folder):
        (folder / "old").mkdir(mode=0o755)
        store = store_of(server).replace("/ours", "/before")
        with serving(folder / "old" / "data", build=before, object_store=store) as old:
            for _ in range(ROUNDS):
                spent["peer"].append(transferred(server, "many", str(count), str(SMALL)))
                emptied(server)
                spent["before"].append(many(old, count, build=before))
                emptied(server)
                spent["ours"].append(many(platform, count))
                emptied(server)
                spent["files"].append(plain(platform, "files", count))
                emptied(server)
                spent["puts"].append(plain(platform, "puts", count))
                emptied(server)
        growth = growth_of(platform)
        emptied(server)
    told = f"{count:,} files of 20 kB, S3"
    return [
        compared(told, spent, "ours", "peer", PEER, target=1.2),
        compared(told, spent, "ours", "before", f"build {BEFORE}"),
        compared(told, spent, "ours", "puts", "a bare loop of the PUTs", target=0.9),
        compared(f"{told}, plain calls", spent, "files", "puts", "a bare loop of the PUTs"),
        growth,
    ]
