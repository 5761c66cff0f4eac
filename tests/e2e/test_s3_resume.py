"""Killed senders and readers where app data is on a real Ceph: its parts have no sha256 there."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ferryman import Gateway, Migration
from tests.e2e.test_s3 import resource
from tests.kit.digests import parts_sha256
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess
from tests.sdk.proxy import Passed, proxy
from tests.sdk.running import Running
from tests.sdk.test_resume import PART, command, done, kill_after, noise, put
from tools.ceph import Ceph

pytestmark = pytest.mark.e2e

KILLS = [3, pytest.param(50, marks=pytest.mark.soak)]


@pytest.fixture(scope="module")
def way() -> Iterator[Passed]:
    with proxy() as passed:
        yield passed


@pytest.fixture(scope="module")
def platform(
    ceph: Ceph, way: Passed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlatformProcess]:
    """Ferryman speaks to Ceph itself; apps reach Ceph through the proxy."""
    bucket: Any = resource(ceph).Bucket(f"ferryman-{uuid4().hex[:8]}")
    bucket.create()
    way.target = ceph.endpoint
    process = PlatformProcess(
        tmp_path_factory.mktemp("s3") / "data",
        object_store=f"s3://{bucket.name}?endpoint={ceph.endpoint}&public_endpoint={way.url}",
        env={**ceph.environment, "FERRYMAN_PART_BYTES": str(PART)},
    )
    try:
        process.start()
        yield process
    finally:
        process.close()


@pytest.fixture
def running(platform: PlatformProcess, way: Passed, app_folder: Path) -> Running:
    way.reset()
    migration = FunctionMigration.begin(platform, app_folder)
    return Running(
        url=platform.url,
        transfer_id=migration.transfer_id,
        migration_id="",
        server_key="",
        cloud_key="",
        server_token=migration.tokens["serverToken"],
        cloud_token=migration.tokens["cloudToken"],
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", KILLS)
def test_a_sender_killed_anywhere_is_gone_on_with(
    running: Running, way: Passed, tmp_path: Path, kills: int
) -> None:
    source, state = tmp_path / "source", tmp_path / "state"
    resumed, chance = 0, random.Random(20)  # noqa: S311 - spreads kills
    for kill in range(10 * kills):
        if kill >= kills and resumed > kills / 2:
            break
        way.parts.clear()
        data = noise(8 * PART + 17, kill)
        source.write_bytes(data)
        first = put(running, state, source)
        kill_after(way, first, chance.randrange(1, len(data)))
        receipt = done(put(running, state, source))
        assert receipt["partsSha256"] == parts_sha256(data, PART)
        assert way.again <= 1
        resumed += receipt["partsResumed"]
        target = tmp_path / "copy"
        done(command(running, state, "get", receipt["key"], "-o", str(target), "--json"))
        assert target.read_bytes() == data
    assert resumed > kills / 2, "too few kills left parts behind: the test proves nothing"


def test_a_listener_that_is_called_anew_goes_on_by_etags(running: Running, way: Passed) -> None:
    data = os.urandom(3 * PART + 5)
    with (
        Gateway(running.url, running.server_token, running.transfer_id) as gateway,
        pytest.raises(TypeError),
        gateway.create_app_data(resume_key="k") as stream,
    ):
        stream.writelines([data, None])  # type: ignore[list-item]
    way.cut.append(PART // 2)
    with (
        Gateway(running.url, running.server_token, running.transfer_id) as gateway,
        gateway.create_app_data(resume_key="k") as stream,
    ):
        stream.write(data)
    assert stream.receipt is not None
    with Migration(running.url, running.cloud_token) as client:
        assert client.get_app_data_payload(stream.receipt.key).content() == data
