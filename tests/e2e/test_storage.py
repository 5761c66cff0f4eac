"""Proof and end of stored files, through the command line, on the local store and on Ceph."""

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import boto3
import msgspec
import pytest

from ferryman.objects.stored_object import find_object
from ferryman.wire.manifest import TransferManifest
from tests.kit.command import Command, command
from tests.kit.digests import parts_sha256
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess

pytestmark = pytest.mark.e2e

PART = 5 << 20
DAY = 86_400
SIZES = {"empty": 0, "byte": 1, "three parts": 2 * PART + 17}


class Store(Protocol):
    """The store behind the platform's back."""

    def keys(self) -> set[str]: ...
    def write(self, key: str, data: bytes) -> None: ...
    def remove(self, key: str) -> None: ...
    def begin(self, key: str) -> None: ...
    def unfinished(self) -> list[str]: ...


class Folder:
    """The local store's files; ``write`` puts bytes over those that are there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keys(self) -> set[str]:
        return {path.name for path in self.root.glob("*/*")}

    def write(self, key: str, data: bytes) -> None:
        found = find_object(self.root / key[:2] / key)
        assert found is not None
        for path, offset, length in found.slices(0, len(data)):
            with path.open("r+b") as file:
                file.seek(offset)
                file.write(data[:length])
            data = data[length:]

    def remove(self, key: str) -> None:
        (self.root / key[:2] / key).rename(self.root.parent / key)

    def begin(self, key: str) -> None:
        (self.root.parent / "uploads" / key).mkdir()

    def unfinished(self) -> list[str]:
        return sorted(path.name for path in (self.root.parent / "uploads").iterdir())


class Bucket:
    """A bucket of S3."""

    def __init__(self, bucket: Any) -> None:
        self.bucket = bucket

    def keys(self) -> set[str]:
        return {each.key.removeprefix("files/") for each in self.bucket.objects.all()}

    def write(self, key: str, data: bytes) -> None:
        self.bucket.put_object(Key=f"files/{key}", Body=data)

    def remove(self, key: str) -> None:
        self.bucket.Object(f"files/{key}").delete()

    def begin(self, key: str) -> None:
        self.bucket.Object(f"files/{key}").initiate_multipart_upload()

    def unfinished(self) -> list[str]:
        found = (each.object_key for each in self.bucket.multipart_uploads.all())
        return sorted(key.removeprefix("files/") for key in found)


@pytest.fixture(scope="module", params=["local", "ceph"])
def platform_and_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PlatformProcess, Store]]:
    folder = tmp_path_factory.mktemp("storage") / "data"
    env, object_store = {"FERRYMAN_PART_BYTES": str(PART)}, None
    env["FERRYMAN_KEEP_UNFINISHED_SECONDS"] = "0"
    store: Store = Folder(folder / "objects" / "objects")
    if request.param == "ceph":
        ceph = request.getfixturevalue("ceph")
        bucket = boto3.resource(
            "s3",
            endpoint_url=ceph.endpoint,
            aws_access_key_id=ceph.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ceph.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=ceph.environment["AWS_REGION"],
        ).Bucket(f"ferryman-{uuid4().hex[:8]}")
        bucket.create()
        env |= ceph.environment
        object_store = f"s3://{bucket.name}/files?endpoint={ceph.endpoint}"
        store = Bucket(bucket)
    process = PlatformProcess(folder, object_store=object_store, env=env)
    try:
        process.start()
        yield process, store
    finally:
        process.close()


@pytest.fixture
def platform(platform_and_store: tuple[PlatformProcess, Store]) -> Iterator[PlatformProcess]:
    yield platform_and_store[0]
    platform_and_store[0].settle_all()


@pytest.fixture
def store(platform_and_store: tuple[PlatformProcess, Store]) -> Store:
    return platform_and_store[1]


@pytest.fixture
def ferryman(platform: PlatformProcess) -> Command:
    return command(platform.url, platform.data_dir)


class StoredFiles:
    """A transfer with files of several sizes."""

    def __init__(self, platform: PlatformProcess, folder: Path) -> None:
        self.migration = FunctionMigration.begin(platform, folder)
        self.id = self.migration.transfer_id
        self.data = {label: os.urandom(size) for label, size in SIZES.items()}
        for label, data in self.data.items():
            self.migration.send(label, data)
        path = f"/admin/v1/transfers/{self.id}/app-data"
        self.files = {each["label"]: each for each in self.migration.admin.ok("GET", path)["items"]}

    def key(self, label: str) -> str:
        return str(self.files[label]["key"])


@pytest.fixture
def stored_files(platform: PlatformProcess, app_folder: Path) -> StoredFiles:
    return StoredFiles(platform, app_folder)


def test_files_are_listed_with_all_that_proves_them(stored_files: StoredFiles) -> None:
    """Page by page, by key; with the acknowledgement of each."""
    migration = stored_files.migration
    message = stored_files.files["byte"]["messageId"]
    with migration.client() as client:
        client.message_processed(stored_files.id, message)
    path = f"/admin/v1/transfers/{stored_files.id}/app-data?pageSize=2"
    first = migration.admin.ok("GET", path)
    second = migration.admin.ok("GET", f"{path}&cursor={first['nextCursor']}")
    assert second["nextCursor"] is None
    items = first["items"] + second["items"]
    assert [each["key"] for each in items] == sorted(each["key"] for each in items)
    for each in items:
        data = stored_files.data[each["label"]]
        assert (each["size"], each["partsSha256"]) == (len(data), parts_sha256(data, PART))
        whole = sha256(data).hexdigest() if len(data) <= PART else None
        assert each["sha256"] == whole
        ends = range(PART, len(data) + PART, PART) if data else [0]
        assert [part["sha256"] for part in each["parts"]] == [
            sha256(data[max(0, end - PART) : end]).hexdigest() for end in ends
        ]
        assert each["acknowledgement"] == ("SUCCESS" if each["messageId"] == message else None)
        assert each["deletedAt"] is None
    assert (
        migration.admin.refused(400, "GET", f"{path}&cursor=nonsense")["code"] == "cursor_invalid"
    )


def test_both_sides_read_the_same_manifest(
    stored_files: StoredFiles, ferryman: Command, tmp_path: Path, platform: PlatformProcess
) -> None:
    """Byte by byte, also when the transfer has settled; another app's looks like none."""
    migration = stored_files.migration
    migration.complete_export()
    own = migration.admin.call("GET", f"/admin/v1/transfers/{stored_files.id}/manifest").body
    migration.settle()
    for caller, path in (
        (migration.admin, f"/admin/v1/transfers/{stored_files.id}/manifest"),
        (migration.server, f"/server/v1/transfers/{stored_files.id}/manifest"),
        (migration.cloud, f"/app/migration/forge/v1/data/{stored_files.id}/manifest"),
    ):
        assert caller.call("GET", path).body == own
    *lines, last = own.splitlines(keepends=True)
    assert last == f'"sha256":"{sha256(b"".join(lines)).hexdigest()}"}}\n'.encode()
    document = json.loads(own)
    names = {field.encode_name for field in msgspec.structs.fields(TransferManifest)}
    assert set(document) == names
    assert document["totals"] == {"files": 3, "bytes": sum(SIZES.values())}
    assert {each["label"]: each["partsSha256"] for each in document["files"]} == {
        label: parts_sha256(data, PART) for label, data in stored_files.data.items()
    }
    other = FunctionMigration.begin(platform, tmp_path / "other")
    for caller, path in (
        (other.server, f"/server/v1/transfers/{stored_files.id}/manifest"),
        (other.cloud, f"/app/migration/forge/v1/data/{stored_files.id}/manifest"),
    ):
        assert caller.refused(404, "GET", path)["code"] == "transfer_not_found"
    kept = tmp_path / "manifest.json"
    said = ferryman.ok("transfer", "manifest", stored_files.id, "-o", str(kept))
    assert document["sha256"] in said
    assert kept.read_bytes() == own
    empty = ferryman.json("transfer", "manifest", other.transfer_id, "-o", str(kept))
    assert json.loads(kept.read_bytes())["files"] == []
    assert empty["transferId"] == other.transfer_id


def test_what_is_whole_is_proven(
    stored_files: StoredFiles, ferryman: Command, tmp_path: Path
) -> None:
    """Against the rows, and against a manifest that was kept."""
    kept = tmp_path / "manifest.json"
    ferryman.ok("transfer", "manifest", stored_files.id, "-o", str(kept))
    said = ferryman.ok("data", "verify", stored_files.id, "--manifest", str(kept))
    assert "3 files read" in said
    assert "every byte is as it was accepted" in said
    *lines, end = map(
        json.loads, ferryman.ok("data", "verify", stored_files.id, "--json").splitlines()
    )
    assert end == {
        "kind": "end",
        "files": 3,
        "bytes": sum(SIZES.values()),
        "proven": 3,
        "deleted": 0,
        "differences": 0,
    }
    assert {each["outcome"] for each in lines if each["kind"] == "file"} == {"PROVEN"}


def test_differences_are_found(stored_files: StoredFiles, ferryman: Command, store: Store) -> None:
    """A flipped byte in the middle, other bytes, and a file that is gone."""
    flipped = bytearray(stored_files.data["three parts"])
    flipped[PART + 5] ^= 1
    store.write(stored_files.key("three parts"), bytes(flipped))
    store.remove(stored_files.key("empty"))
    done = ferryman("data", "verify", stored_files.id)
    assert done.returncode == 1
    assert "2 differences" in done.stdout
    assert f"MISSING  {stored_files.key('empty')}  empty" in done.stdout
    assert f"DIFFERENT  {stored_files.key('three parts')}  three parts" in done.stdout
    assert "part 2: sha256" in done.stdout
    assert "part 1" not in done.stdout
    report = ferryman("data", "sweep", "--json")
    assert report.returncode == 1
    [finding] = [
        each
        for each in json.loads(report.stdout)["findings"]
        if each["transferId"] == stored_files.id
    ]
    assert (finding["kind"], finding["label"]) == ("missing", "empty")


def test_a_manifest_speaks_against_altered_rows(
    stored_files: StoredFiles, ferryman: Command, tmp_path: Path
) -> None:
    """It is compared with what was read, not with what the platform says of it."""
    kept = tmp_path / "manifest.json"
    ferryman.ok("transfer", "manifest", stored_files.id, "-o", str(kept))
    document = json.loads(kept.read_bytes())
    altered = document["files"][0] | {"partsSha256": "0" * 64}
    lost = document["files"][1] | {"key": str(uuid4())}
    rewrite(kept, document, [altered, lost, document["files"][2]])
    done = ferryman("data", "verify", stored_files.id, "--manifest", str(kept))
    assert done.returncode == 1
    assert "3 differences" in done.stdout
    assert f"DIFFERENT  {altered['key']}" in done.stdout
    assert "the manifest does not have it" in done.stdout
    assert "the platform does not know it" in done.stdout
    kept.write_bytes(kept.read_bytes().replace(b'"byte"', b'"bite"'))
    ferryman.refused("manifest_invalid", "data", "verify", stored_files.id, "--manifest", str(kept))
    other = str(uuid4())
    ferryman.ok("transfer", "manifest", stored_files.id, "-o", str(kept))
    ferryman.refused("manifest_of_another", "data", "verify", other, "--manifest", str(kept))
    ferryman.refused("transfer_not_found", "data", "verify", other)


def rewrite(path: Path, document: Any, files: list[Any]) -> None:
    """Another manifest, sound in itself."""
    head = json.dumps(
        {name: document[name] for name in ("version", "transfer", "migration", "app")}
    )
    text = head[:-1] + ',"files":' + json.dumps(files)
    text += ',"totals":' + json.dumps(document["totals"]) + ",\n"
    digest = sha256(text.encode()).hexdigest()
    path.write_text(text + f'"sha256":"{digest}"}}\n')


def test_uploads_that_nobody_can_finish_are_given_up(
    platform: PlatformProcess, store: Store, ferryman: Command, tmp_path: Path
) -> None:
    """One of a settled transfer, and one without a row; one that may be resumed is kept."""
    over, running = (
        FunctionMigration.begin(platform, tmp_path / name) for name in ("over", "running")
    )
    path = "/server/v1/transfers/{}/app-data"
    gone = over.server.ok("POST", path.format(over.transfer_id))["key"]
    kept = running.server.ok("POST", path.format(running.transfer_id))["key"]
    strange = str(uuid4())
    store.begin(strange)
    assert store.unfinished() == sorted([gone, kept, strange])
    over.settle()
    ferryman("data", "sweep")
    assert store.unfinished() == [kept]


def test_thirteen_days_later_nothing_is_left(
    stored_files: StoredFiles, ferryman: Command, store: Store, tmp_path: Path
) -> None:
    """By the worker's own timer; the rows and the manifest stay, and reading is refused."""
    migration = stored_files.migration
    kept = tmp_path / "manifest.json"
    ferryman.ok("transfer", "manifest", stored_files.id, "-o", str(kept))
    keys = {stored_files.key(label) for label in SIZES}
    assert keys <= store.keys()
    migration.advance(13 * DAY)
    assert not keys & store.keys()
    view = ferryman.json("data", "storage")
    assert view["lastError"] is None
    assert view["deletedFiles"] >= 3
    assert view["nextSweepAt"] > view["lastSweep"]["finishedAt"]
    assert "deleted files" in ferryman.ok("data", "storage")
    path = f"/admin/v1/transfers/{stored_files.id}/app-data"
    assert all(each["deletedAt"] for each in migration.admin.ok("GET", path)["items"])
    said = ferryman.ok("data", "verify", stored_files.id)
    assert "3 expired and were deleted" in said
    again = tmp_path / "again.json"
    ferryman.ok("transfer", "manifest", stored_files.id, "-o", str(again))
    assert json.loads(again.read_bytes())["files"] == json.loads(kept.read_bytes())["files"]
    refused = migration.cloud.call(
        "GET", f"/app/migration/forge/v1/data/{stored_files.key('byte')}"
    )
    assert refused.status in (409, 410)
