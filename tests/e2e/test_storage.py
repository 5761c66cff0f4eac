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

from ferryman.objects.folder import read_list
from ferryman.wire.manifest import Manifest
from tests.cli.conftest import Command, command
from tests.support import Crossing, PlatformProcess

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
        found = read_list(self.root / key[:2] / key)
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
def ground(
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
def platform(ground: tuple[PlatformProcess, Store]) -> Iterator[PlatformProcess]:
    yield ground[0]
    ground[0].settle_all()


@pytest.fixture
def store(ground: tuple[PlatformProcess, Store]) -> Store:
    return ground[1]


@pytest.fixture
def ferryman(platform: PlatformProcess) -> Command:
    return command(platform.url, platform.data_dir)


class Cargo:
    """A transfer with files of several sizes."""

    def __init__(self, platform: PlatformProcess, folder: Path) -> None:
        self.crossing = Crossing.begin(platform, folder)
        self.id = self.crossing.transfer_id
        self.data = {label: os.urandom(size) for label, size in SIZES.items()}
        for label, data in self.data.items():
            self.crossing.upload(label, data)
        path = f"/admin/v1/transfers/{self.id}/app-data"
        self.files = {each["label"]: each for each in self.crossing.admin.ok("GET", path)["items"]}

    def key(self, label: str) -> str:
        return str(self.files[label]["key"])


@pytest.fixture
def cargo(platform: PlatformProcess, app_folder: Path) -> Cargo:
    return Cargo(platform, app_folder)


def test_files_are_listed_with_all_that_proves_them(cargo: Cargo) -> None:
    """Page by page, by key; with the acknowledgement of each."""
    crossing = cargo.crossing
    message = cargo.files["byte"]["messageId"]
    with crossing.migration() as migration:
        migration.message_processed(cargo.id, message)
    path = f"/admin/v1/transfers/{cargo.id}/app-data?pageSize=2"
    first = crossing.admin.ok("GET", path)
    second = crossing.admin.ok("GET", f"{path}&cursor={first['nextCursor']}")
    assert second["nextCursor"] is None
    items = first["items"] + second["items"]
    assert [each["key"] for each in items] == sorted(each["key"] for each in items)
    for each in items:
        data = cargo.data[each["label"]]
        assert (each["size"], each["sha256"]) == (len(data), sha256(data).hexdigest())
        ends = range(PART, len(data) + PART, PART) if data else [0]
        assert [part["sha256"] for part in each["parts"]] == [
            sha256(data[max(0, end - PART) : end]).hexdigest() for end in ends
        ]
        assert each["acknowledgement"] == ("SUCCESS" if each["messageId"] == message else None)
        assert each["deletedAt"] is None
    assert crossing.admin.refused(400, "GET", f"{path}&cursor=nonsense")["code"] == "cursor_invalid"


def test_both_sides_read_the_same_manifest(
    cargo: Cargo, ferryman: Command, tmp_path: Path, platform: PlatformProcess
) -> None:
    """Byte by byte, also when the transfer has settled; another app's looks like none."""
    crossing = cargo.crossing
    crossing.complete_export()
    own = crossing.admin.call("GET", f"/admin/v1/transfers/{cargo.id}/manifest").body
    crossing.settle()
    for caller, path in (
        (crossing.admin, f"/admin/v1/transfers/{cargo.id}/manifest"),
        (crossing.server, f"/server/v1/transfers/{cargo.id}/manifest"),
        (crossing.cloud, f"/app/migration/forge/v1/data/{cargo.id}/manifest"),
    ):
        assert caller.call("GET", path).body == own
    *lines, last = own.splitlines(keepends=True)
    assert last == f'"sha256":"{sha256(b"".join(lines)).hexdigest()}"}}\n'.encode()
    document = json.loads(own)
    names = {field.encode_name for field in msgspec.structs.fields(Manifest)}
    assert set(document) == names
    assert document["totals"] == {"files": 3, "bytes": sum(SIZES.values())}
    assert {each["label"]: each["sha256"] for each in document["files"]} == {
        label: sha256(data).hexdigest() for label, data in cargo.data.items()
    }
    other = Crossing.begin(platform, tmp_path / "other")
    for caller, path in (
        (other.server, f"/server/v1/transfers/{cargo.id}/manifest"),
        (other.cloud, f"/app/migration/forge/v1/data/{cargo.id}/manifest"),
    ):
        assert caller.refused(404, "GET", path)["code"] == "transfer_not_found"
    kept = tmp_path / "manifest.json"
    said = ferryman.ok("transfer", "manifest", cargo.id, "-o", str(kept))
    assert document["sha256"] in said
    assert kept.read_bytes() == own
    empty = ferryman.json("transfer", "manifest", other.transfer_id, "-o", str(kept))
    assert json.loads(kept.read_bytes())["files"] == []
    assert empty["transferId"] == other.transfer_id


def test_what_is_whole_is_proven(cargo: Cargo, ferryman: Command, tmp_path: Path) -> None:
    """Against the rows, and against a manifest that was kept."""
    kept = tmp_path / "manifest.json"
    ferryman.ok("transfer", "manifest", cargo.id, "-o", str(kept))
    said = ferryman.ok("data", "verify", cargo.id, "--manifest", str(kept))
    assert "3 files read" in said
    assert "every byte is as it was accepted" in said
    *lines, end = map(json.loads, ferryman.ok("data", "verify", cargo.id, "--json").splitlines())
    assert end == {
        "kind": "end",
        "files": 3,
        "bytes": sum(SIZES.values()),
        "proven": 3,
        "deleted": 0,
        "differences": 0,
    }
    assert {each["outcome"] for each in lines if each["kind"] == "file"} == {"PROVEN"}


def test_differences_are_found(cargo: Cargo, ferryman: Command, store: Store) -> None:
    """A flipped byte in the middle, other bytes, and a file that is gone."""
    flipped = bytearray(cargo.data["three parts"])
    flipped[PART + 5] ^= 1
    store.write(cargo.key("three parts"), bytes(flipped))
    store.remove(cargo.key("empty"))
    done = ferryman("data", "verify", cargo.id)
    assert done.returncode == 1
    assert "2 differences" in done.stdout
    assert f"MISSING  {cargo.key('empty')}  empty" in done.stdout
    assert f"DIFFERENT  {cargo.key('three parts')}  three parts" in done.stdout
    assert "part 2: sha256" in done.stdout
    assert "part 1" not in done.stdout
    report = ferryman("data", "sweep", "--json")
    assert report.returncode == 1
    [finding] = [
        each for each in json.loads(report.stdout)["findings"] if each["transferId"] == cargo.id
    ]
    assert (finding["kind"], finding["label"]) == ("missing", "empty")


def test_a_manifest_speaks_against_altered_rows(
    cargo: Cargo, ferryman: Command, tmp_path: Path
) -> None:
    """It is compared with what was read, not with what the platform says of it."""
    kept = tmp_path / "manifest.json"
    ferryman.ok("transfer", "manifest", cargo.id, "-o", str(kept))
    document = json.loads(kept.read_bytes())
    altered = document["files"][0] | {"sha256": "0" * 64}
    lost = document["files"][1] | {"key": str(uuid4())}
    rewrite(kept, document, [altered, lost, document["files"][2]])
    done = ferryman("data", "verify", cargo.id, "--manifest", str(kept))
    assert done.returncode == 1
    assert "3 differences" in done.stdout
    assert f"DIFFERENT  {altered['key']}" in done.stdout
    assert "the manifest does not have it" in done.stdout
    assert "the platform does not know it" in done.stdout
    kept.write_bytes(kept.read_bytes().replace(b'"byte"', b'"bite"'))
    ferryman.refused("manifest_invalid", "data", "verify", cargo.id, "--manifest", str(kept))
    other = str(uuid4())
    ferryman.ok("transfer", "manifest", cargo.id, "-o", str(kept))
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
    over, running = (Crossing.begin(platform, tmp_path / name) for name in ("over", "running"))
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
    cargo: Cargo, ferryman: Command, store: Store, tmp_path: Path
) -> None:
    """By the worker's own timer; the rows and the manifest stay, and reading is refused."""
    crossing = cargo.crossing
    kept = tmp_path / "manifest.json"
    ferryman.ok("transfer", "manifest", cargo.id, "-o", str(kept))
    keys = {cargo.key(label) for label in SIZES}
    assert keys <= store.keys()
    crossing.advance(13 * DAY)
    assert not keys & store.keys()
    view = ferryman.json("data", "storage")
    assert view["lastError"] is None
    assert view["deletedFiles"] >= 3
    assert view["nextSweepAt"] > view["lastSweep"]["finishedAt"]
    assert "deleted files" in ferryman.ok("data", "storage")
    path = f"/admin/v1/transfers/{cargo.id}/app-data"
    assert all(each["deletedAt"] for each in crossing.admin.ok("GET", path)["items"])
    said = ferryman.ok("data", "verify", cargo.id)
    assert "3 deleted at the end of their life" in said
    again = tmp_path / "again.json"
    ferryman.ok("transfer", "manifest", cargo.id, "-o", str(again))
    assert json.loads(again.read_bytes())["files"] == json.loads(kept.read_bytes())["files"]
    refused = crossing.cloud.call("GET", f"/app/migration/forge/v1/data/{cargo.key('byte')}")
    assert refused.status in (409, 410)
