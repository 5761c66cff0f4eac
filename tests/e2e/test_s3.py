"""A platform that keeps app data in S3: a real Ceph, real processes, bytes by signed URLs."""

import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
import urllib3

from tests.kit import forked
from tests.kit.app_objects import ObjectApp
from tests.kit.digests import parts_sha256
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess
from tools.ceph import Ceph

pytestmark = pytest.mark.e2e

PART = 5 << 20
SIZES = {"empty": 0, "byte": 1, "part": PART, "parts": 2 * PART + 17}


@pytest.fixture(scope="module")
def bucket(ceph: Ceph) -> Any:
    made = resource(ceph).Bucket(f"ferryman-{uuid4().hex[:8]}")
    made.create()
    return made


def resource(ceph: Ceph) -> Any:
    return boto3.resource(
        "s3",
        endpoint_url=ceph.endpoint,
        aws_access_key_id=ceph.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ceph.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=ceph.environment["AWS_REGION"],
    )


@pytest.fixture(scope="module")
def platform(
    ceph: Ceph, bucket: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlatformProcess]:
    process = PlatformProcess(
        tmp_path_factory.mktemp("s3") / "data",
        object_store=f"s3://{bucket.name}/app-data?endpoint={ceph.endpoint}",
        env={**ceph.environment, "FERRYMAN_PART_BYTES": str(PART)},
    )
    try:
        process.start()
        yield process
    finally:
        process.close()


def test_files_go_by_the_store_and_come_back_as_they_were(
    platform: PlatformProcess, bucket: Any, app_folder: Path
) -> None:
    migration = FunctionMigration.begin(platform, app_folder)
    sent = {label: os.urandom(size) for label, size in SIZES.items()}
    for label, data in sent.items():
        migration.send(label, data)
    stored = {each.key.removeprefix("app-data/"): each.size for each in bucket.objects.all()}
    with migration.client() as client:
        files = {file.label: file.key for file in client.iter_app_data(migration.transfer_id)}
        # Other tests of this module leave files of their own in the bucket.
        assert {files[label]: size for label, size in SIZES.items()}.items() <= stored.items()
        for label, data in sent.items():
            url = client.get_app_data_url(files[label])
            assert url.startswith(f"{resource_of(bucket)}/{bucket.name}/app-data/{files[label]}?")
            with client.get_app_data_payload(files[label]) as payload:
                assert sha256(payload.read()).digest() == sha256(data).digest()
            path = f"/app/migration/forge/v1/data/{files[label]}/payload"
            through = migration.cloud.call("GET", path)
            assert through.body == data
            assert through.headers["content-length"] == str(len(data))


def resource_of(bucket: Any) -> str:
    return str(bucket.meta.client.meta.endpoint_url)


def test_a_url_opens_one_file_for_one_method(platform: PlatformProcess, app_folder: Path) -> None:
    migration = FunctionMigration.begin(platform, app_folder)
    migration.send("one", b"one")
    migration.send("two", b"two")
    with migration.client() as client:
        one, two = (file.key for file in client.iter_app_data(migration.transfer_id))
        url = client.get_app_data_url(one)
    http = urllib3.PoolManager(retries=False)
    assert http.request("GET", url).status == 200
    for method, other in (("GET", url.replace(one, two)), ("PUT", url), ("DELETE", url)):
        assert http.request(method, other).status == 403
    assert http.request("GET", url).status == 200
    http.clear()


def test_completing_is_repeatable_when_the_row_was_never_written(
    platform: PlatformProcess, bucket: Any, app_folder: Path
) -> None:
    """As if the platform had been killed between the store's completion and its own."""
    migration = FunctionMigration.begin(platform, app_folder)
    path = f"/server/v1/transfers/{migration.transfer_id}/app-data"
    upload = migration.server.ok("POST", path, {"label": "killed"})
    parts = [sent_part(migration, upload, 1, b"a" * PART), sent_part(migration, upload, 2, b"end")]
    [open_upload] = [
        each for each in bucket.multipart_uploads.all() if each.object_key.endswith(upload["key"])
    ]
    open_upload.complete(
        MultipartUpload={"Parts": [{"PartNumber": p["number"], "ETag": p["etag"]} for p in parts]}
    )
    complete = f"/server/v1/uploads/{upload['uploadId']}/complete"
    wrong = [parts[0], parts[1] | {"etag": parts[0]["etag"]}]
    assert migration.server.refused(409, "POST", complete, {"parts": wrong})["code"] == (
        "upload_closed"
    )
    receipt = migration.server.ok("POST", complete, {"parts": parts})
    assert receipt["sha256"] is None
    assert receipt["partsSha256"] == parts_sha256(b"a" * PART + b"end", PART)
    assert migration.server.ok("POST", complete, {"parts": parts}) == receipt
    assert migration.message_of("killed") == receipt["messageId"]


def sent_part(
    migration: FunctionMigration, upload: Any, number: int, data: bytes
) -> dict[str, Any]:
    """A part as any client sends it, by nothing but what the platform answered."""
    request = {"number": number, "size": len(data), "sha256": sha256(data).hexdigest()}
    path = f"/server/v1/uploads/{upload['uploadId']}/parts"
    assert upload["checksums"] == ["sha256"]
    missing = request | {"sha256": ""}
    refusal = migration.server.refused(400, "POST", path, {"parts": [missing]})
    assert refusal["code"] == "part_digest_invalid"
    [url] = migration.server.ok("POST", path, {"parts": [request]})["parts"]
    answer = urllib3.request(
        url["method"], url["url"], body=data, headers=url["headers"], retries=False
    )
    assert answer.status == 200, answer.data
    etag = answer.headers["ETag"]
    return {"number": number, "size": len(data), "sha256": request["sha256"], "etag": etag}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bucket": "nobody-has-this"}, "bucket_missing"),
        ({"endpoint": "http://127.0.0.1:9"}, "store_unavailable"),
        ({"AWS_SECRET_ACCESS_KEY": "hidden-and-wrong"}, "store_refused"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "store_refused"),
        ({"style": "sideways"}, "object_store_invalid"),
    ],
)
def test_a_platform_that_cannot_use_its_store_does_not_start(
    ceph: Ceph, bucket: Any, tmp_path: Path, postgres: str, change: dict[str, str], code: str
) -> None:
    place = {"bucket": bucket.name, "endpoint": ceph.endpoint, "style": "path"} | change
    store = f"s3://{place['bucket']}?endpoint={place['endpoint']}&style={place['style']}"
    keys = {name: change.get(name, value) for name, value in ceph.environment.items()}
    command = [sys.executable, "-m", "ferryman", "serve", "--port", "0", "--database-url", postgres]
    done = forked.run(
        [*command, "--data-dir", str(tmp_path), "--object-store", store],
        env={**os.environ, **keys},
        text=True,
        timeout=240,
    )
    assert done.returncode == 2
    # A slow start says before what it waits for.
    assert any(line.startswith(f"{code}: expected ") for line in done.stderr.splitlines())
    assert "hidden-and-wrong" not in done.stderr + done.stdout


def test_objects_of_apps_are_in_the_bucket(
    platform: PlatformProcess, bucket: Any, tmp_path: Path
) -> None:
    app = ObjectApp.begin(platform, tmp_path / "app")

    def stored() -> set[str]:
        return {each.key for each in bucket.objects.all()}

    def unfinished() -> set[str]:
        listed = bucket.meta.client.list_multipart_uploads(Bucket=bucket.name)
        return {each["UploadId"] for each in listed.get("Uploads", ())}

    before, open_before, data = stored(), unfinished(), os.urandom(2 * PART + 17)
    app.put("picture", data)
    assert app.get("picture") == data
    url = app.ok("download-url", {"key": "picture"})["url"]
    assert app.fetch(url, Range=f"bytes={PART - 1}-{PART}").data == data[PART - 1 : PART + 1]
    [first] = stored() - before
    assert app.send(app.upload_url("picture", data), bytes(len(data))).status == 400
    assert stored() - before == {first}
    app.put("picture", b"")
    assert app.get("picture") == b""
    assert first not in stored()
    app.ok("delete", {"key": "picture"})
    assert stored() == before
    assert unfinished() == open_before
