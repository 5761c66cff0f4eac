"""Acting as a server app reaches the transfer that is named, and nothing beside it."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, problem

DATA = b"harbour"
PART = {"number": 1, "size": len(DATA), "sha256": sha256(DATA).hexdigest()}


@pytest.fixture
def platform_process(tmp_path: Path) -> Iterator[PlatformProcess]:
    """A platform of its own, as others have one customer."""
    with PlatformProcess(tmp_path / "data") as platform:
        yield platform


def test_a_file_of_another_customer_is_not_found(
    platform_process: PlatformProcess, app_folder: Path
) -> None:
    """Of the same app, by a transfer of one's own; what is refused is neither done nor audited."""
    own = FunctionMigration.begin(platform_process, app_folder, start=False)
    foreign, admin = own.another(), own.admin
    for name, migration in (("reef", own), ("quay", foreign)):
        admin.ok("POST", "/admin/v1/customers", {"customer": name})
        migration.create(customer=name)
        migration.start()
    made = {"name": "ada-of-reef", "role": "operator", "customers": ["reef"]}
    ada = platform_process.caller(admin.ok("POST", "/admin/v1/tokens", made)["token"])

    def begin(migration: FunctionMigration) -> str:
        base = f"/admin/v1/trials/{migration.transfer_id}"
        admin.ok("POST", f"{base}/events", {"step": "start"})
        upload: str = admin.ok("POST", f"{base}/files", {"part": PART})["uploadId"]
        return upload

    def audited() -> int:
        rows: list[Any] = admin.ok("GET", "/admin/v1/audit?actor=ada-of-reef")["items"]
        return len(rows)

    files = f"/admin/v1/trials/{own.transfer_id}/files"
    parts = {"parts": [PART]}
    theirs = begin(foreign)
    for upload in (theirs, own.transfer_id):
        stored = {"parts": [{**PART, "etag": PART["sha256"]}]}
        for name, body in (("parts", parts), ("complete", stored)):
            reply = ada.call("POST", f"{files}/{upload}/{name}", body)
            assert reply.status == 404, (name, reply.body)
            assert problem(reply)["code"] == "upload_not_found"
    assert audited() == 0
    assert ada.ok("POST", f"{files}/{begin(own)}/parts", parts)["parts"][0]["url"]
    assert audited() == 1
