"""What a page of a list costs beside 1,000 transfers and beside 100,000, over HTTP.

Two platforms run side by side, filled by SQL; calls alternate between them. Every filter matches
the same number of rows in both, or the same share of them, and more than a page. The rare ones are
the oldest rows, which is the worst case. The ratio is flat at 1. The tenth percentile is compared:
other work on the machine moves it least. Totals count up to 10,000 rows, so they are no part of it.
"""

import asyncio
import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

import asyncpg

from bench._platform import Platform, address_of, serving
from bench.report import Figure

SMALL = 1_000
LARGE = int(os.environ.get("FERRYMAN_BENCH_TRANSFERS", "100000"))
ROUNDS = int(os.environ.get("FERRYMAN_BENCH_ROUNDS", "60"))
PAGE = 20
RARE = 40
FLAT = 1 / 1.2

FILL = """
INSERT INTO customer SELECT 'customer-' || n, now() FROM generate_series(1, 20) n;
INSERT INTO customer VALUES ('small', now());
INSERT INTO app (app_id, kind, server_app_key, cloud_app_key, environment, access_scopes,
    created_at)
SELECT gen_random_uuid(), 'forge', 'org.example.server', 'org.example.cloud-' || n,
    CASE WHEN n % 2 = 0 THEN 'production' ELSE 'development' END, '{{}}', now()
FROM generate_series(1, 20) n;
INSERT INTO migration_scope (migration_scope_id, source_id, cloud_url, customer)
SELECT gen_random_uuid(), 'source-' || n, 'https://site-' || n || '.example', 'customer-' || n
FROM generate_series(1, 20) n;
INSERT INTO migration_scope (migration_scope_id, source_id, cloud_url, customer)
VALUES (gen_random_uuid(), 'source', 'https://small.example', 'small');
CREATE TEMPORARY TABLE made AS
SELECT n, gen_random_uuid() AS migration_id, gen_random_uuid() AS transfer_id,
    CASE WHEN n <= {rare} THEN 'https://small.example'
        ELSE 'https://site-' || (n % 20 + 1) || '.example' END AS site,
    'org.example.cloud-' || (n % 20 + 1) AS app,
    CASE WHEN n <= {rare} THEN 'Zebra crossing ' || n ELSE 'Wave ' || n END AS name,
    CASE WHEN n <= {rare} THEN 'FAILED' WHEN n > {count} - 200 THEN 'IN_PROGRESS'
        WHEN n % 3 = 0 THEN 'INCOMPLETE' ELSE 'SUCCESS' END AS status,
    now() - make_interval(secs => {count} - n) AS at
FROM generate_series(1, {count}) n;
INSERT INTO migration (migration_id, migration_scope_id, name, created_at, started_at)
SELECT migration_id, migration_scope_id, name, at, at
FROM made JOIN migration_scope ON cloud_url = site ORDER BY n;
INSERT INTO transfer (transfer_id, migration_id, app_id, created_at, released_at, status,
    window_seconds, started_at, last_upload_at, settled_at, files, succeeded, progress, claims,
    customer, words)
SELECT transfer_id, migration_id, app_id, at, at, status, 900,
    -- half of those in progress are stuck
    CASE WHEN status = 'IN_PROGRESS' AND n % 2 = 0 THEN at - interval '600 seconds' ELSE at END,
    CASE WHEN status = 'IN_PROGRESS' AND n % 2 = 0 THEN NULL ELSE at END,
    CASE WHEN status <> 'IN_PROGRESS' THEN at + interval '1 minute' END, 5, 5, 100, 1,
    customer, search_words(concat_ws(' ', name, app, site))
FROM made JOIN app ON cloud_app_key = app JOIN migration_scope ON cloud_url = site ORDER BY n;
CREATE TEMPORARY TABLE sent AS
SELECT n, k, gen_random_uuid() AS message_id, transfer_id, at, app_id
FROM made JOIN app ON cloud_app_key = app, generate_series(1, 3) k;
INSERT INTO message (message_id, transfer_id, app_id, event_type, payload, created_at, state,
    attempts, acknowledgement, next_attempt_at)
SELECT message_id, transfer_id, app_id,
    CASE WHEN n <= {rare} AND k = 3 THEN 'avi:ecosystem.migration:settled:transfer'
        ELSE 'avi:ecosystem.migration:uploaded:app_data' END,
    '{{"eventType": "avi:ecosystem.migration:uploaded:app_data"}}', at,
    CASE WHEN n <= {rare} THEN 'UNDELIVERED' ELSE 'DELIVERED' END, 1,
    CASE WHEN n > {rare} THEN 'SUCCESS' END, NULL
FROM sent ORDER BY n, k;
INSERT INTO attempt (message_id, number, target, started_at, duration_ms, outcome, cause, error)
SELECT message_id, 1, 'on-migration', at, 5,
    CASE WHEN n <= {rare} THEN 'FAILED' ELSE 'DELIVERED' END,
    CASE WHEN n <= {rare} THEN 'function_raised' END,
    CASE WHEN n <= {rare} THEN 'ZeroDivisionError: division by zero' END
FROM sent ORDER BY n, k;
INSERT INTO app_data (key, transfer_id, upload_id, message_id, label, size, sha256, parts,
    created_at)
SELECT message_id, transfer_id, message_id, message_id,
    CASE WHEN n <= {rare} THEN 'giraffe-' ELSE 'pages-' END || n || '-' || k, 1000,
    repeat('0', 64), '[]', at
FROM sent;
"""

LISTS = {
    "transfers": "transfers?",
    "transfers, oldest first": "transfers?sort=oldest",
    "transfers by deadline": "transfers?sort=deadline",
    "transfers by end": "transfers?sort=settled",
    "transfers in a common status": "transfers?status=SUCCESS",
    "transfers in a rare status": "transfers?status=FAILED",
    "transfers of an app": "transfers?cloudAppKey=org.example.cloud-3",
    "transfers of an environment": "transfers?environment=production",
    "transfers of a large customer": "transfers?customer=customer-3",
    "transfers of a small customer": "transfers?customer=small",
    "transfers of a site": "transfers?site=small.example",
    "transfers with a common word": "transfers?text=wave",
    "transfers with a rare word": "transfers?text=zebra",
    "transfers with a rare cause": "transfers?cause=function_raised",
    "stuck transfers": "transfers?stuck=true",
    "stuck transfers by deadline": "transfers?stuck=true&sort=deadline",
    "migrations": "migrations?",
    "migrations in a common status": "migrations?status=SUCCESS",
    "migrations in a rare status": "migrations?status=FAILED",
    "migrations of an app": "migrations?cloudAppKey=org.example.cloud-3",
    "migrations of an environment": "migrations?environment=production",
    "migrations of a small customer": "migrations?customer=small",
    "migrations of a site": "migrations?site=small.example",
    "migrations with a common word": "migrations?text=wave",
    "migrations with a rare word": "migrations?text=zebra",
    "stuck migrations": "migrations?stuck=true",
    "messages": "messages?sort=newest",
    "messages in a rare state": "messages?state=UNDELIVERED&sort=newest",
    "messages of a rare event": "messages?eventType=avi:ecosystem.migration:settled:transfer"
    "&sort=newest",
    "messages without acknowledgement": "messages?acknowledgement=NONE&sort=newest",
    "messages of an app": "messages?cloudAppKey=org.example.cloud-3&sort=newest",
    "messages of a small customer": "messages?customer=small&sort=newest",
    "messages with a rare cause": "messages?cause=function_raised&sort=newest",
    "messages with a rare label": "messages?text=giraffe&sort=newest",
    "messages with a rare error": "messages?text=division&sort=newest",
    "stuck messages": "messages?stuck=true&sort=newest",
    "attempts with a rare cause": "attempts?cause=function_raised",
    "a search for a rare word": "search?q=zebra",
    "a search for a common word": "search?q=wave",
}


def run() -> list[Figure]:
    """Fill both platforms, then time each list on both in turn."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-", dir=os.environ.get("DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with ExitStack() as stack:
            platforms = []
            for count in (SMALL, LARGE):
                own = folder / str(count)
                own.mkdir()
                # A frozen clock keeps live what was filled as live.
                platform = stack.enter_context(serving(own / "data", "--clock", "virtual"))
                platform.call("POST", "/admin/v1/clock/freeze")
                asyncio.run(fill(address_of(platform), count))
                platforms.append(platform)
            return [figure(what, path, platforms) for what, path in LISTS.items()]


async def fill(address: str, count: int) -> None:
    """Write so many transfers, with three messages each, as they would be after their end."""
    connection = await asyncpg.connect(address)
    try:
        await connection.execute("SET statement_timeout = 0")
        # Without foreign keys and triggers; the rows are as those would have left them.
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(FILL.format(count=count, rare=RARE))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


def figure(what: str, path: str, platforms: Sequence[Platform]) -> Figure:
    """The tenth percentile of one list on both, its calls taken in turn."""
    taken: tuple[list[float], list[float]] = ([], [])
    sizes = set()
    for number in range(ROUNDS + 5):
        for platform, times in zip(platforms, taken, strict=True):
            began = time.perf_counter()
            paged = "" if path.startswith("search") else f"&pageSize={PAGE}"
            found = read(platform, f"/admin/v1/{path}{paged}")
            if number >= 5:
                times.append(time.perf_counter() - began)
            sizes.add(found)
    assert sizes == {PAGE}, (what, sizes)
    small, large = (quantiles(times, n=10)[0] * 1000 for times in taken)
    return Figure(
        figure=f"p10 of a page of {what}",
        unit="ms",
        ours=large,
        peer=small,
        peer_name=f"{SMALL} transfers",
        target=FLAT,
    )


def read(platform: Platform, path: str) -> int:
    """Read a page; return how many items it has."""
    token = (platform.data_dir / "operator-token").read_text().strip()
    request = urllib.request.Request(  # noqa: S310 - loopback only
        platform.url + path, headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        return len(json.load(answer)["items"])
