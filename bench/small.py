"""Many small files to the local store, against writing and syncing them from as many threads.

Ours are registered, hashed and announced, too. COUNT=1000 makes them fewer; ``bench.small_s3`` has
the same against S3.
"""

import os
import shutil
import tempfile
from pathlib import Path

from bench._platform import begin_transfer, serving
from bench.report import Figure
from bench.s3 import carried, timed

SMALL = 20_000


def run() -> list[Figure]:
    """COUNT files of 20 kB, then a tenth of them, whose cost each must be the same."""
    count = int(os.environ.get("COUNT", "10000"))
    figures: list[Figure] = []
    each: list[float] = []
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database runs as a user of its own under root
        with serving(folder / "data") as platform:
            for number in (count, max(count // 10, 1)):
                peer = timed("_files", str(folder / "peer"), str(number), str(SMALL))
                shutil.rmtree(folder / "peer")
                token, transfer_id = begin_transfer(platform)
                told = ("many", platform.url, transfer_id, str(number), str(SMALL))
                ours = carried("_carry", token, *told)
                each.append(ours / number * 1000)
                figures.append(
                    Figure(
                        figure=f"{number:,} files of 20 kB, local",
                        unit="s",
                        ours=ours,
                        peer=peer,
                        peer_name="write + fsync",
                    )
                )
    growth = Figure(
        figure=f"cost of a local file, {count:,} of them",
        unit="ms",
        ours=each[0],
        peer=each[1],
        peer_name=f"ours with {max(count // 10, 1):,}",
    )
    return [*figures, growth]
