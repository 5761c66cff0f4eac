"""A resumed file became shorter on Ceph, which completes no upload that holds more parts."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from hashlib import md5, sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
import urllib3

from ferryman import Gateway, GatewayError
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.progress import BytesProgress
from ferryman.sdk.upload_file import UploadResult, upload_file
from tests.kit.digests import parts_sha256
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess
from tools.ceph import Ceph

pytestmark = pytest.mark.e2e

PART = 5 << 20
LONG, SHORT = os.urandom(3 * PART + 1), os.urandom(PART + 5)


@pytest.fixture(scope="module")
def bucket(ceph: Ceph) -> Any:
    made = boto3.resource(
        "s3",
        endpoint_url=ceph.endpoint,
        aws_access_key_id=ceph.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ceph.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=ceph.environment["AWS_REGION"],
    ).Bucket(f"ferryman-{uuid4().hex[:8]}")
    made.create()
    return made


@pytest.fixture(scope="module")
def platform(
    ceph: Ceph, bucket: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlatformProcess]:
    process = PlatformProcess(
        tmp_path_factory.mktemp("s3") / "data",
        object_store=f"s3://{bucket.name}?endpoint={ceph.endpoint}",
        env={**ceph.environment, "FERRYMAN_PART_BYTES": str(PART)},
    )
    with process:
        yield process


@pytest.fixture
def migration(platform: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform, app_folder)


@pytest.fixture
def gateway(migration: FunctionMigration) -> Iterator[Gateway]:
    with migration.gateway() as gateway:
        yield gateway


def die_after_three_parts(gateway: Gateway) -> None:
    with suppress(InterruptedError), gateway.create_app_data("l", resume_key="k") as file:
        file.write(LONG)
        file._upload._sender.wait()
        raise InterruptedError


def content(migration: FunctionMigration) -> bytes:
    with migration.client() as client:
        [file] = client.iter_app_data(migration.transfer_id)
        with client.get_app_data_payload(file.key) as payload:
            return payload.read()


def test_a_stream_that_became_shorter_is_told_to_start_again(
    migration: FunctionMigration, gateway: Gateway, bucket: Any
) -> None:
    die_after_three_parts(gateway)
    before = {each.id for each in bucket.multipart_uploads.all()}
    file = gateway.create_app_data("l", resume_key="k")
    file.write(SHORT)
    with pytest.raises(GatewayError) as refused:
        file.close()
    assert (refused.value.status, refused.value.code) == (409, "upload_restarted")
    assert refused.value.problem is not None
    assert "Send the whole file again" in refused.value.problem.fix
    [empty] = [each for each in bucket.multipart_uploads.all() if each.id not in before]
    assert list(empty.parts.all()) == []
    assert len(before) == len(list(bucket.multipart_uploads.all()))
    with gateway.create_app_data("l", resume_key="k") as file:
        file.write(SHORT)
    assert file.receipt is not None
    assert content(migration) == SHORT


def test_the_same_is_told_when_the_first_answer_was_lost(
    migration: FunctionMigration, gateway: Gateway
) -> None:
    die_after_three_parts(gateway)
    file = gateway.create_app_data("l", resume_key="k")
    file.write(SHORT[:PART])
    [first] = file._upload._sender.wait()
    named = {"number": 1, "etag": first.etag, "size": PART, "sha256": first.sha256}
    path = f"/server/v1/uploads/{file._upload.begin().upload_id}/complete"
    refusal = migration.server.refused(409, "POST", path, {"parts": [named]})
    assert refusal["code"] == "upload_restarted"
    with pytest.raises(GatewayError) as refused:
        file.close()
    assert refused.value.code == "upload_restarted"


def test_any_client_may_send_its_file_again(migration: FunctionMigration) -> None:
    path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
    upload = migration.server.ok("POST", path, {"label": "l"})
    first, _ = (send(migration, upload, number, SHORT[:PART]) for number in (1, 2))
    complete = f"/server/v1/uploads/{upload['uploadId']}/complete"
    refusal = migration.server.refused(409, "POST", complete, {"parts": [first]})
    assert refusal["code"] == "upload_restarted"
    there = migration.server.ok("GET", f"/server/v1/uploads/{upload['uploadId']}")
    assert (there["state"], there["parts"]) == ("OPEN", [])
    again = send(migration, upload, 1, SHORT[:PART])
    receipt = migration.server.ok("POST", complete, {"parts": [again]})
    assert receipt["size"] == PART
    assert content(migration) == SHORT[:PART]


def send(migration: FunctionMigration, upload: Any, number: int, data: bytes) -> dict[str, Any]:
    part = {
        "number": number,
        "size": len(data),
        "sha256": sha256(data).hexdigest(),
        "md5": md5(data, usedforsecurity=False).hexdigest(),
    }
    path = f"/server/v1/uploads/{upload['uploadId']}/parts"
    [url] = migration.server.ok("POST", path, {"parts": [part]})["parts"]
    answer = urllib3.request(
        url["method"], url["url"], body=data, headers=url["headers"], retries=False
    )
    assert answer.status == 200, answer.data
    return {name: part[name] for name in ("number", "size", "sha256")} | {
        "etag": answer.headers["ETag"]
    }


def test_a_file_on_disk_is_sent_again_without_a_hand(
    migration: FunctionMigration, tmp_path: Path
) -> None:
    """As when the platform's parts were smaller at the first try, hence more of them."""
    source, journals = tmp_path / "source", tmp_path / "journals"
    source.write_bytes(SHORT)
    there = 0

    def die(size: int, _sent: bool) -> None:
        raise InterruptedError

    def count(size: int, _sent: bool) -> None:
        nonlocal there
        there += size

    token = migration.tokens["serverToken"]
    transport = HttpTransport(migration.server.url, token, retry_seconds=60)

    def put(watch: BytesProgress) -> UploadResult:
        return upload_file(
            transport, migration.transfer_id, source, "l", on_progress=watch, journals=journals
        )

    try:
        with pytest.raises(InterruptedError):
            put(die)
        [journal] = journals.glob("*.jsonl")
        key = json.loads(journal.read_bytes().split(b"\n")[0])["resumeKey"]
        path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
        upload = migration.server.ok("POST", path, {"label": "l", "resumeKey": key})
        send(migration, upload, 3, b"of the first try")
        sent = put(count)
    finally:
        transport.close()
    assert (sent.receipt.parts_sha256, there) == (parts_sha256(SHORT, PART), len(SHORT))
    assert content(migration) == SHORT
    assert list(journals.glob("*.jsonl")) == []
