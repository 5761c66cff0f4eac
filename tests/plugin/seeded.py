"""Carries the same plan on a seeded platform, says what happened, and waits to be told to end."""

import json
import sys
from pathlib import Path

import psutil

from ferryman.testing.platform import running


def main(app: Path) -> None:
    with running(seed="harbour") as platform:
        migration = platform.run_migration(
            platform.register(app), files={"flawed.txt": "a", "notes/1.txt": "b", "silent.txt": ""}
        )
        platform.advance("2m")
        migration.settle()
        told = [[entry.at, entry.kind, entry.data] for entry in migration.timeline]
        server = psutil.Process().children(recursive=True)
        pids = [process.pid for process in server]
        print(json.dumps([told, pids, str(platform.data_dir.parent)]), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
