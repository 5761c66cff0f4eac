"""The schema comes to be once, whoever asks how often."""

import asyncio
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

from ferryman.errors import ConfigError
from ferryman.store import history as history_store
from ferryman.store.schema_migration import migrate

MIGRATIONS = list(history_store.MIGRATIONS)

CATALOGUE = """
SELECT table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""


RELEASED = {
    "0001_initial.sql": "dc32210528e3a3d95e1247c94b1b7ba254619015103a118cccd34b5320711a92",
    "0002_parts_digest.sql": "9a1ff22c147d785e63761cc17d9f1f6db215f16f814626d1555e68d1df0e11cc",
    "0003_trust.sql": "2ffadde75b0d9b14f19751e3b8a3c289b95d6658c592495dffad340193a4cf40",
    "0004_views.sql": "b2b25111cfca5deaf7f00f766e416cf1d8b6e4be44e5b92121dcc1c96e4350ae",
    "0005_quota.sql": "94f4415bb1a04ad2378233df30cdeb7543b9efba2dfa735de838e06d49644ebf",
    "0006_lists.sql": "b44ed6a978775bc3200df7601a2c9473edd2a1af2a2aa42d982121f8bbfd6371",
    "0007_sign_in.sql": "4c2f47af3aaf6ffb817d94983d233bc95846826d720fc15b5621dd147b214b05",
    "0008_saved_views.sql": "90a50c6427c810ab15d922fa5ad1330b82062166e9eca5ca90dc56ed108d90fc",
    "0009_flat_lists.sql": "8c63a1c5c15deb11d0b6f7f53c3ee08c9ecb8ed5eadba24670db8185e25827e5",
    "0010_reads.sql": "477f4ddc3f90b1bd22b64a0c8ecedff14c4a444f57e693c617f036e5c48370ad",
    "0011_selected_users.sql": "3d95c719da45f412a0c0971f647c10abc08e2deb990615b7be4b9e62de36749a",
    "0012_claims.sql": "d5038585aee3bcd7016ac2430ec69fc621640b8ce95c734d7f8bfec7d70596dc",
    "0013_links_and_names.sql": "b831ad5b456a6402184fb820aa805679460923bb3a4a896d2b654c66d1bcaa09",
    "0014_state.sql": "a723d9bd31b7d1f93d76a2c5eeb077e85d63088bdd59df4907d9b9f95ff96301",
    "0015_entities.sql": "4c8eb73e1e67237c2f19e78b29476d09093227c6a9693d68d3a26993128e6e04",
    "0016_queue.sql": "cdd7535deb87977268f22fca0ee546d1cc83ff2e47a1e2760a791bc8fa2348fe",
    "0017_app_sql.sql": "20660a018177f53f3b5166a5331e5b2e34652ec5c3d9c9c103b887f4383455ea",
    "0019_held_clock.sql": "b4e0c390010315702991da1a64cc0d679dd3437c21146b7ad2e231799f937f12",
    "0020_notices.sql": "721231db97434530768c7731e778c1747ba931fe83d2ddb16593af369b0b39fb",
    "0021_start_at.sql": "9a27fc9f4c29dab26fa38d802e53b348f4482077cad073ac84bd2ea1d489ff22",
    "0022_queue_keys.sql": "25c8006bb9b0f4693b65c9d7a2eeebefa7f6ad9e5d14731372f8df480d033e2f",
    "0023_pause.sql": "8ab60814f47603cfe91f004638a35816f0da498a52c9c667af21cb9da26c73c0",
    "0024_reuse.sql": "e0e6858ff2d2080fab07d437421b5eaf10cd506690e57d3e9e766f23402e189b",
    "0026_counts.sql": "9cf33395e732b4b00acd403b8f4e6395c369308b4fa79c25b6bfb524c4aaf783",
    "0027_app_objects.sql": "d27454bfb250b8ecf4b70a73da13a8092eaac30c4bd86a633d0dc497878b1208",
}
"""The digests of migrations that databases of a version have: 0.1.0."""


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_migration_stays_as_it_is(name: str) -> None:
    """A change of the schema is a new migration, or databases of that version lack it."""
    text = history_store.MIGRATIONS[name].read_bytes()
    assert sha256(text).hexdigest() == RELEASED[name], "add a migration instead"


async def test_migrating_again_is_a_no_op(empty_database: str) -> None:
    connection: Any = await asyncpg.connect(empty_database)
    try:
        assert await migrate(connection) == MIGRATIONS
        before = await connection.fetch(CATALOGUE)
        assert {"transfer", "message", "sweep"} <= {row["table_name"] for row in before}
        await connection.execute("UPDATE clock SET time_offset = '1 hour'")
        assert await migrate(connection) == []
        assert await connection.fetch(CATALOGUE) == before
        offset = await connection.fetchval("SELECT time_offset FROM clock")
        assert offset.total_seconds() == 3600
    finally:
        await connection.close()


async def test_processes_that_start_together_migrate_once(empty_database: str) -> None:
    async def one() -> list[str]:
        connection: Any = await asyncpg.connect(empty_database)
        try:
            return await migrate(connection)
        finally:
            await connection.close()

    applied = await asyncio.gather(*(one() for _ in range(4)))
    assert sorted(name for names in applied for name in names) == MIGRATIONS


@pytest.mark.parametrize(
    ("names", "code", "said"),
    [
        (["0099_future"], "schema_newer", "0099_future"),
        (["0002_later.sql", "0003_last.sql"], "schema_newer", "0002_later.sql, 0003_last.sql"),
        (["0002_connect.sql", "0021_failure_cause.sql"], "schema_unreleased", "--data-dir"),
    ],
)
@pytest.mark.parametrize("missing", [False, True], ids=["complete", "incomplete"])
async def test_a_schema_of_another_build_is_refused(
    empty_database: str, names: list[str], code: str, said: str, missing: bool
) -> None:
    """And left as it is, even where something that this build knows is missing too."""
    connection: Any = await asyncpg.connect(empty_database)
    try:
        await migrate(connection)
        await connection.executemany(
            "INSERT INTO schema_history (name) VALUES ($1)", [(name,) for name in names]
        )
        if missing:
            await connection.execute("DROP TABLE breaker CASCADE")
            await connection.execute("DELETE FROM schema_history WHERE name = $1", MIGRATIONS[0])
        before = await connection.fetch(CATALOGUE)
        with pytest.raises(ConfigError) as refused:
            await migrate(connection)
        assert refused.value.code == code
        assert said in str(refused.value)
        assert await connection.fetch(CATALOGUE) == before
    finally:
        await connection.close()
