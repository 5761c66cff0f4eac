"""What a handler in JavaScript is told of the app that it is part of."""

import json
from uuid import UUID

import pytest

from tests.explain.apps import Apps
from tests.explain.cases import begun
from tests.kit.manifests import function_manifest

APP_ID = "0d3c7a58-5d0b-4a37-9a51-6b5f0a2f4f11"
CODE = """\
export const run = () => console.log(JSON.stringify(globalThis.__forge_runtime__.appContext));
"""


@pytest.mark.parametrize("written", [APP_ID, f"ari:cloud:ecosystem::app/{APP_ID}"])
@pytest.mark.usefixtures("javascript")
def test_the_ids_are_bare_and_of_the_right_kind(apps: Apps, written: str) -> None:
    """`@forge/api` makes ARIs of them by a prefix, so an ARI would be wrapped twice."""
    (apps.folder / "src").mkdir()
    (apps.folder / "src" / "index.js").write_text(CODE)
    manifest = {**function_manifest(), "app": {"id": written}}
    migration = begun(apps.forge(manifest=manifest, source=str(apps.folder), environment="staging"))
    path = f"/admin/v1/transfers/{migration.transfer_id}/messages"
    [attempt] = migration.admin.ok("GET", path)["items"][0]["attempts"]
    told = json.loads(attempt["output"])
    assert told["appId"] == APP_ID
    assert (told["environmentId"], told["environmentType"]) == ("staging", "STAGING")
    assert str(UUID(told["installationId"])) == told["installationId"]
