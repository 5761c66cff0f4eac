"""The list of calls that were refused to a transfer's app."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from ferryman.services.keyset import encode_values
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, all_of

FORGE = "/app/migration/forge/v1"


def test_refused_calls_are_listed_with_what_to_do(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform_process, app_folder)
    listed = f"/admin/v1/transfers/{migration.transfer_id}/refused-calls"
    assert migration.admin.ok("GET", listed) == {"items": [], "nextCursor": None}
    for _ in range(2):
        path = f"{FORGE}/message/{migration.transfer_id}/status"
        migration.cloud.refused(400, "POST", path, {"status": "SUCCESS", "messageIds": []})
    migration.cloud.refused(404, "GET", f"{FORGE}/data/none")
    rows = all_of(migration.admin, f"{listed}?")
    assert [(each["times"], each["named"]) for each in rows] == [(1, False), (2, True)]
    assert all(each["fix"] and each["found"] for each in rows)
    assert [each["lastAt"] for each in rows] == sorted((r["lastAt"] for r in rows), reverse=True)

    # A cursor is no secret, so that it may hold what no page ended with.
    transfer = UUID(migration.transfer_id)
    made = encode_values((datetime.now(UTC), "\0", "", True), "refused calls", transfer)
    for bad in ("cursor=nonsense", "pageSize=0", f"cursor={made}"):
        migration.admin.refused(400, "GET", f"{listed}?{bad}")
    migration.admin.refused(404, "GET", "/admin/v1/transfers/x/refused-calls")
