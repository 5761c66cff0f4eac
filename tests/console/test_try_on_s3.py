"""The page to try an app, with app data in a real Ceph: no browser may send to it by itself."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
import urllib3
from playwright.sync_api import Browser, Page, expect

from tests.console.conftest import enter
from tests.console.people import Console, Mouse
from tests.console.test_try import TALKING, choose, migrate_without_script, send, without_script
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess
from tools.ceph import Ceph

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def bucket(ceph: Ceph) -> Any:
    resource: Any = boto3.resource(
        "s3",
        endpoint_url=ceph.endpoint,
        aws_access_key_id=ceph.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ceph.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=ceph.environment["AWS_REGION"],
    )
    made = resource.Bucket(f"ferryman-{uuid4().hex[:8]}")
    made.create()
    return made


@pytest.fixture(scope="module")
def running_platform(
    ceph: Ceph, bucket: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlatformProcess]:
    """A platform whose addresses of parts look like those of its own store."""
    with PlatformProcess(
        tmp_path_factory.mktemp("try-s3") / "data",
        object_store=f"s3://{bucket.name}/objects/of?endpoint={ceph.endpoint}",
        env={**ceph.environment, "FERRYMAN_PART_BYTES": str(5 << 20)},
    ) as platform:
        yield platform


@pytest.fixture
def app(platform_process: PlatformProcess, app_folder: Path) -> str:
    made = FunctionMigration.begin(platform_process, app_folder, code=TALKING, start=False)
    return f"{made.registration['cloudAppKey']}@development"


def files_of(platform: PlatformProcess, page: Page) -> dict[str, int]:
    admin = platform.caller(platform.operator_token)
    transfer_id = page.url.rpartition("/")[2]
    found = admin.ok("GET", f"/admin/v1/transfers/{transfer_id}/app-data")["items"]
    return {each["label"]: each["size"] for each in found}


def test_chosen_files_go_through_the_platform(
    page: Page, platform_process: PlatformProcess, bucket: Any, app: str, tmp_path: Path
) -> None:
    """Of any size; the fixture ``page`` allows no request elsewhere."""
    contents = {"large.bin": b"x" * (11 << 20), "small.txt": b"mind the tide", "empty.txt": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    enter(page, platform_process)
    page.goto(f"{platform_process.url}/console/try")
    expect(page.locator("#drop")).to_contain_text("The bytes go through the platform")
    page.locator("#drop").get_by_label("App").select_option(app)
    choose(page, Mouse(page), "Files", [tmp_path / name for name in contents])
    page.get_by_role("button", name="Migrate").click()
    expect(page.locator("#head")).to_contain_text("success", timeout=120_000)
    assert files_of(platform_process, page) == {k: len(v) for k, v in contents.items()}
    stored = {sha256(each.get()["Body"].read()).digest() for each in bucket.objects.all()}
    assert {sha256(each).digest() for each in contents.values()} <= stored


def test_small_files_and_events_go_without_script(
    browser: Browser, platform_process: PlatformProcess, app: str, tmp_path: Path
) -> None:
    file = tmp_path / "plain.txt"
    file.write_text("without script")
    with without_script(browser, platform_process) as page:
        send(page, Mouse(page), app, "uploaded:app_data", "boards", "three")
        send(page, Mouse(page), app, "completed:export_phase")
        migrate_without_script(page, app, file)
        page.locator("#head").wait_for()
        assert files_of(platform_process, page) == {"plain.txt": 14}


@pytest.mark.parametrize("number", ["", "x", "0", "9" * 5000])
def test_a_malformed_part_is_refused(console: Console, number: str) -> None:
    fields = {"csrf": console.csrf(), "transfer": "x", "upload": "y", "number": number}
    cookie = "; ".join(f"{name}={value}" for name, value in console.cookies.items())
    reply = urllib3.request(
        "POST",
        f"{console.url}/try/part",
        fields={**fields, "bytes": ("part", b"x")},
        headers={"Cookie": cookie},
    )
    assert 400 <= reply.status < 500, reply.data
