"""Small files written to a folder and synced: the peer of ``bench.small``, in its own process.

    python -m bench._files FOLDER COUNT SIZE

Prints the seconds. Each file has its bytes on disk, and its name in a synced folder, before the
next of its thread begins, as a store promises for each file it accepts.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PARALLEL = 8


def main(folder: str, count: str, size: str) -> None:
    bodies = [os.urandom(int(size)) for _ in range(64)]
    root = Path(folder)
    root.mkdir()
    names = os.open(root, os.O_RDONLY)

    def put(number: int) -> None:
        with (root / str(number)).open("wb", buffering=0) as file:
            file.write(bodies[number % 64])
            os.fsync(file.fileno())
        os.fsync(names)

    started = time.perf_counter()
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(put, range(int(count))))
    print(time.perf_counter() - started)
    os.close(names)


if __name__ == "__main__":
    main(*sys.argv[1:])
