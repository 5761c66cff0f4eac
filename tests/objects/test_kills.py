"""Killing the process that writes, at any instant, loses nothing and needs no hand."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

from ferryman.errors import Conflict
from ferryman.objects.local import LocalStore

from . import uploader

KILLS = 40
MOST_KILLS = 400
"""Where a busy machine kills most forks before they begin an upload."""


def test_a_kill_at_any_instant_loses_no_completed_file_and_no_accepted_part(tmp_path: Path) -> None:
    interrupted = 0
    pauses = random.Random(1)  # noqa: S311 - spreads kills
    command = [sys.executable, uploader.__file__, str(tmp_path)]
    ends = subprocess.PIPE
    with subprocess.Popen(command, stdin=ends, stdout=ends, text=True, bufsize=1) as process:
        for seed in range(MOST_KILLS):
            if seed >= KILLS and interrupted > KILLS / 4:
                break
            # Ever later, until even a slow machine has begun an upload by then.
            latest = 0.06 * max(1, seed / KILLS)
            completed = run_and_kill(process, seed, pauses.uniform(0, latest))
            interrupted += asyncio.run(recover(tmp_path, seed, completed))
    assert interrupted > KILLS / 4, "too few kills fell into an upload: the test proves nothing"


def run_and_kill(process: "subprocess.Popen[str]", seed: int, after: float) -> list[int]:
    """Return the files that a fork called complete before it died, ``after`` seconds old."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{seed}\n")
    fork = int(process.stdout.readline())
    time.sleep(after)
    os.kill(fork, signal.SIGKILL)
    return [int(line) for line in iter(process.stdout.readline, f"{uploader.KILLED}\n")]


async def recover(root: Path, seed: int, completed: list[int]) -> bool:
    """Check what is there and finish the file that was cut short; whether it was under way."""
    store = uploader.open_store(root)
    assert list((root / "incoming").iterdir()) == []
    for file in completed:
        await check_file(store, seed, file)
    cut_short = len(completed)
    key, chunks = uploader.key_of(seed, cut_short), uploader.parts_of(seed, cut_short)
    under_way = (root / "uploads" / key).is_dir()
    for path in (root / "uploads" / key).glob("*-*"):
        assert path.name.partition("-")[2] == sha256(path.read_bytes()).hexdigest()
    for _ in range(2):
        try:
            await uploader.upload(store, key, chunks)
        except Conflict:  # completed already, by the killed process or in the first round
            parts = [uploader.stored(number, data) for number, data in enumerate(chunks, start=1)]
            await store.complete(key, key, parts)
        await check_file(store, seed, cut_short)
    assert list((root / "uploads").iterdir()) == []
    return under_way


async def check_file(store: LocalStore, seed: int, file: int) -> None:
    found = b"".join([chunk async for chunk in store.stream(uploader.key_of(seed, file))])
    assert found == b"".join(uploader.parts_of(seed, file))
