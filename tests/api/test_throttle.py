"""The rate limit: what an app gets that calls too often, and what it costs the others."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ferryman.api.throttle import AppThrottle
from ferryman.domain.rate import Rate
from ferryman.errors import RateLimited
from tests.kit.connect_client import connect_migration
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, problem

FORGE = "/app/migration/forge/v1"
BURST = 12


def test_full_buckets_are_forgotten() -> None:
    now = 0.0
    throttle = AppThrottle(Rate(per_second=1, burst=2), lambda: now)
    for number in range(5000):
        throttle.admit(UUID(int=number))
        now += 0.01
    assert len(throttle) < 2100
    throttle.admit(UUID(int=4999))
    with pytest.raises(RateLimited) as caught:
        throttle.admit(UUID(int=4999))
    assert caught.value.retry_after == 1


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformProcess]:
    """A platform that lets an app call 12 times at once and once a second."""
    folder = tmp_path_factory.mktemp("strict")
    env = {"FERRYMAN_RATE_PER_SECOND": "1", "FERRYMAN_RATE_BURST": str(BURST)}
    with PlatformProcess(folder / "data", env=env) as platform:
        yield platform
        shutil.rmtree(folder)


def first_refusal(call: Any) -> Any:
    """What the call answers when it has been made too often; how often it was let in."""
    for count in range(10 * BURST):
        reply = call()
        if reply.status != 200:
            return reply, count
    raise AssertionError("nothing was refused")


def test_each_app_has_its_own_limit_on_each_surface(
    strict: PlatformProcess, tmp_path: Path
) -> None:
    migration = FunctionMigration.begin(strict, tmp_path / "app", claim=False)
    other, connect = connect_migration(strict, tmp_path / "other", claim=False)
    path = f"{FORGE}/container/{migration.transfer_id}/page?containerType=Site"
    own = f"/server/v1/transfers/{other.transfer_id}/containers/page?containerType=Site"
    calls: list[Any] = [
        lambda: migration.cloud.call("GET", path),
        lambda: connect.call("GET", "/webhook"),
        lambda: FunctionMigration.begin(strict, tmp_path / "third", claim=False).server.call(
            "GET", own
        ),
    ]
    for call in calls[:2]:
        reply, count = first_refusal(call)
        assert count >= BURST
        assert reply.status == 429
        assert problem(reply)["code"] == "rate_limited"
        assert int(reply.headers["retry-after"]) >= 1
    # The bucket is the app's, so that its server side is refused too; others are let in.
    # It fills while a busy machine takes its time, so several may be let in; a full one has more.
    first_refusal(calls[0])
    assert 429 in [migration.server.call("GET", own).status for _ in range(BURST)]
    assert calls[2]().status == 404
    # Forge's packages are told so in their own words.
    codes: tuple[tuple[str, Callable[[Any], str]], ...] = (
        ("kvs/api/v1/get", lambda body: body["code"]),
        ("entities/graphql", lambda body: body["errors"][0]["extensions"]["errorType"]),
    )
    for kept, code in codes:
        called = (migration.cloud.call("POST", f"/app/forge/{kept}", {}) for _ in range(10 * BURST))
        refused = next(reply for reply in called if reply.status == 429)
        assert code(refused.json) == "RATE_LIMIT_EXCEEDED"
        assert int(refused.headers["retry-after"]) >= 1
    # Who holds no token is told so, and takes no call from anyone.
    assert strict.caller("nobody").call("GET", path).status == 401
    # The operator is not limited.
    for _ in range(2 * BURST):
        migration.view()


def test_a_refused_hot_call_counts_once(strict: PlatformProcess, tmp_path: Path) -> None:
    """It is decided before the framework, and again by it (ADR 81)."""
    migration = FunctionMigration.begin(strict, tmp_path / "app", claim=False)
    path = f"{FORGE}/data/{migration.transfer_id}"
    statuses = [migration.cloud.call("GET", path).status for _ in range(BURST)]
    assert statuses == [404] * BURST


def test_the_sdk_waits_and_arrives(strict: PlatformProcess, tmp_path: Path) -> None:
    migration = FunctionMigration.begin(strict, tmp_path / "app", claim=False)
    path = f"{FORGE}/container/{migration.transfer_id}/page?containerType=Site"
    first_refusal(lambda: migration.cloud.call("GET", path))
    with migration.gateway() as gateway, gateway.create_app_data("notes") as file:
        file.write(b"harbour")
    assert migration.view()["files"] == 1
