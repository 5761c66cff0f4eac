"""A listener in Java whose files go to a real S3 store, by the URLs that the platform signs."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from tests.java.conftest import StartAgent
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess
from tools.ceph import Ceph


@pytest.fixture
def platform(ceph: Ceph, tmp_path: Path) -> Iterator[PlatformProcess]:
    keys, bucket = ceph.environment, f"ferryman-{uuid4().hex[:8]}"
    boto3.resource(
        "s3",
        endpoint_url=ceph.endpoint,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name=keys["AWS_REGION"],
    ).Bucket(bucket).create()
    store = f"s3://{bucket}/data?endpoint={ceph.endpoint}"
    with PlatformProcess(tmp_path / "platform", object_store=store, env=keys) as running:
        yield running


def test_files_of_one_part_and_of_several_reach_the_store(
    platform: PlatformProcess, app_folder: Path, start: StartAgent
) -> None:
    migration = FunctionMigration.begin(platform, app_folder, claim=False)
    migration.load(*(("jira:issue", str(n), f"c{n}") for n in range(12)))
    with start(migration, "Exporter", "--once") as agent:
        agent.ends()
        assert "part.refused" not in agent.log
    check(migration)
    again = replace(migration)
    again.create(**{name: migration.plan[name] for name in ("sourceId", "cloudUrl")})
    again.start()
    with start(again, "Exporter", "--once") as agent:
        agent.ends()
        assert agent.log.count("part.reused") == 3, "the parts of the large file"
    check(again)


def check(migration: FunctionMigration) -> None:
    """Read the three files as the cloud app does."""
    files = [each["data"] for each in migration.timeline("app_data.uploaded")]
    assert sorted(each["size"] for each in files) == [0, 7, 20 * 1_000_003]
    with migration.client() as client:
        for each in files:
            data = client.get_app_data_payload(each["key"]).content()
            assert len(data) == each["size"]
            assert each["sha256"] in {None, sha256(data).hexdigest()}
