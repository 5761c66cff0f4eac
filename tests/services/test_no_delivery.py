"""``serve --no-delivery``: nobody is called, time stands still, and each place says so."""

import asyncio
from datetime import timedelta

import pytest

from ferryman.errors import ConfigError, OutsideError
from ferryman.server.build import build
from ferryman.server.lifecycle_client import lifecycle_client
from ferryman.server.notices import dispatch_notices
from ferryman.server.run_worker import run_worker
from ferryman.services.health import HealthCheck
from tests.kit.services import Services

PASSED = timedelta(hours=2)


@pytest.fixture
def drill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERRYMAN_NO_DELIVERY", "true")


@pytest.mark.usefixtures("drill")
async def test_a_drill_calls_nobody_and_deadlines_stand_still(
    services: Services, database: str
) -> None:
    """Until a platform starts that delivers; a second drill counts from its own start."""
    settings = services.platform.settings
    readiness = await HealthCheck(services.platform).read()
    assert readiness.status == "degraded"
    assert "--no-delivery" in readiness.checks["delivery"].found
    async with lifecycle_client(settings) as send:
        with pytest.raises(OutsideError, match="delivery_off"):
            await send("http://127.0.0.1:9/", {}, {})
    with pytest.raises(ConfigError, match="delivery_off"):
        await run_worker(settings)

    async with asyncio.timeout(60):
        await dispatch_notices(services.platform, asyncio.Event())

    transfer_id = await services.start_transfer()
    await services.upload(transfer_id)
    due = await services.timer_due(transfer_id)
    assert due is not None
    await services.advance(PASSED)
    async with build(settings, database):
        again = await services.timer_due(transfer_id)
        assert again is not None
        assert again >= due + PASSED
    await services.advance(PASSED)
    delivering = settings.model_copy(update={"no_delivery": False})
    for _ in range(2):  # once only
        async with build(delivering, database):
            last = await services.timer_due(transfer_id)
            assert last is not None
            assert last >= again + PASSED
    assert not await services.fire_timer(transfer_id)
    [held] = await services.fetch("SELECT held_since FROM clock")
    assert held["held_since"] is None
