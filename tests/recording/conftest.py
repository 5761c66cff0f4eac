"""A transfer on one platform, recorded, and its app in a folder of its own."""

import json
import shutil
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.kit.command import Command, command
from tests.kit.function_app import FunctionMigration
from tests.kit.manifests import function_manifest
from tests.kit.platform import PlatformProcess

HANDLER = """\
import hashlib, json, pathlib
from ferryman import Migration

HERE = pathlib.Path(__file__).parent

def run(event, context):
    seen = {"event": json.dumps(event), "context": context}
    transfer_id = event["transferId"]
    with Migration() as migration:
        if "uploaded" in event["eventType"]:
            with migration.get_app_data_payload(event["key"]) as payload:
                content = payload.read()
            seen["sha256"] = hashlib.sha256(content).hexdigest()
            seen["ann"] = migration.get_mapping_by_id(transfer_id, "identity:user", ["ann"]).result
        with (HERE / "seen.jsonl").open("a") as book:
            book.write(json.dumps(seen) + "\\n")
        if "uploaded" not in event["eventType"]:
            return
        print("my token is", migration_token())
        if event.get("label") == "shaky" and not (HERE / "tried").exists():
            (HERE / "tried").touch()
            url = "/objects/x?expires=1&signature=" + "5e" * 20
            raise ValueError(f"the first time fails at {content!r}: retries exceeded with {url}")
        migration.add_log(transfer_id, "took " + str(event.get("label")))
        migration.message_processed(transfer_id, event["messageId"])

def migration_token():
    import os
    return os.environ["FERRYMAN_TOKEN"]
"""
_REPLAY_SECONDS = 300
BINARY = bytes(range(256)) * 40_000
FILES = {
    "notes": b'{"title": "Ebb and flood"}\n' * 50,
    "binary": BINARY,
    "shaky": b"row 4711",
    None: b"x",
}
SLOW = b"what took long"


@dataclass
class Recorded:
    """A settled transfer on the shared platform, and the folder of its app."""

    ferryman: Command
    migration: FunctionMigration
    folder: Path
    file: Path

    def seen(self, folder: Path | None = None) -> list[Any]:
        """What the handler in a folder was given, in no order."""
        lines = ((folder or self.folder) / "seen.jsonl").read_text().splitlines()
        return sorted(lines)

    def app(self, folder: Path, code: str = HANDLER) -> Path:
        """The same app elsewhere, with other code."""
        folder.mkdir()
        shutil.copy(self.folder / "manifest.yml", folder)
        (folder / "index.py").write_text(code)
        return folder


@pytest.fixture(scope="module")
def recorded(
    running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> Recorded:
    """Five files, one of which takes 20 minutes, and mappings; one attempt fails; all recorded."""
    folder = tmp_path_factory.mktemp("recorded")
    code = folder / "app"
    migration = FunctionMigration.begin(running_platform, code, code=HANDLER, claim=False)
    (code / "manifest.yml").write_text(json.dumps(function_manifest()))
    rows = '{"namespace": "identity:user", "serverKey": "ann", "cloudKey": "712020:ann"}\n'
    path = f"/admin/v1/migrations/{migration.migration_id}/mappings"
    migration.admin.call("PUT", path, raw=rows.encode())
    migration.advance(60)
    migration.claim(serverAppVersion="7.1")
    upload = {"label": "slow", "resumeKey": "slow"}
    path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
    begun = migration.server.ok("POST", path, upload)
    part = {"number": 1, "size": len(SLOW), "sha256": sha256(SLOW).hexdigest()}
    for _ in range(2):
        migration.server.ok(
            "POST", f"/server/v1/uploads/{begun['uploadId']}/parts", {"parts": [part]}
        )
        migration.advance(600)
    with migration.gateway() as gateway:
        with gateway.create_app_data("slow", resume_key="slow") as data:
            data.write(SLOW)
            data.complete()
        for label, content in FILES.items():
            migration.advance(60)
            with gateway.create_app_data(label) as data:
                data.write(content)
                data.complete()
        migration.advance(120)
        gateway.complete_export()
    migration.advance(120)
    assert migration.status == "SUCCESS", migration.timeline()
    # A replay starts a platform of its own.
    ferryman = replace(
        command(running_platform.url, running_platform.data_dir), seconds=_REPLAY_SECONDS
    )
    file = folder / "run.ferry"
    said = ferryman.json("record", migration.transfer_id, "-o", str(file))
    assert (said["status"], said["files"], said["redacted"]) == ("SUCCESS", 5, [])
    return Recorded(ferryman, migration, code, file)
