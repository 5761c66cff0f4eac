"""A store that checks no digest, as moto does not, and bytes that change on their way to it."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from ferryman import Gateway, GatewayError
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess
from tests.objects.s3_servers import S3Server, moto_server
from tests.sdk.proxy import Passed, proxy

pytestmark = pytest.mark.e2e

PART = 5 << 20
DATA = {"small": os.urandom(1000), "large": os.urandom(2 * PART + 17)}


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="module")
def way(moto: S3Server) -> Iterator[Passed]:
    """What lies between an app and the store."""
    with proxy() as passed:
        passed.target = moto.endpoint
        yield passed


@pytest.fixture(scope="module")
def platform(
    moto: S3Server, way: Passed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlatformProcess]:
    bucket, keys = f"ferryman-{uuid4().hex[:8]}", moto.environment
    boto3.client(
        "s3",
        endpoint_url=moto.endpoint,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name=keys["AWS_REGION"],
    ).create_bucket(Bucket=bucket)
    place = f"endpoint={moto.endpoint}&public_endpoint={way.url}&unverified=allow"
    with PlatformProcess(
        tmp_path_factory.mktemp("s3") / "data",
        object_store=f"s3://{bucket}?{place}",
        env={**keys, "FERRYMAN_PART_BYTES": str(PART)},
    ) as process:
        yield process


@pytest.fixture
def migration(platform: PlatformProcess, way: Passed, app_folder: Path) -> FunctionMigration:
    way.reset()
    return FunctionMigration.begin(platform, app_folder)


def flipped(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


def send(gateway: Gateway, name: str) -> None:
    with gateway.create_app_data(name) as file:
        file.write(DATA[name])
        file.complete()


@pytest.mark.parametrize("name", DATA)
def test_a_part_that_changed_is_sent_again(
    migration: FunctionMigration, way: Passed, name: str
) -> None:
    way.spoil_puts.append(flipped)
    with migration.gateway() as gateway:
        send(gateway, name)
    assert way.again == 1, "the store took the wrong bytes"
    with migration.client() as client:
        [stored] = client.iter_app_data(migration.transfer_id)
        with client.get_app_data_payload(stored.key) as payload:
            assert payload.read() == DATA[name]


@pytest.mark.parametrize("name", DATA)
def test_a_part_that_changes_each_time_is_an_error(
    migration: FunctionMigration, way: Passed, name: str
) -> None:
    way.spoil_puts += [flipped] * 100
    with migration.gateway() as gateway, pytest.raises(GatewayError) as changed:
        send(gateway, name)
    assert (changed.value.status, changed.value.code) == (200, "part_altered")
    assert "changed on the way" in str(changed.value)
    with migration.client() as client:
        assert list(client.iter_app_data(migration.transfer_id)) == []
