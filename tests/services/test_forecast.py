"""A forecast rests on the transfer's own files, or on those of an earlier run."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from ferryman.errors import Conflict, NotFound
from ferryman.services import forecast
from ferryman.store import forecast as forecast_store
from ferryman.wire.forecast import ForecastView
from tests.kit.services import Services

MOST = 1 << 60

STEP = timedelta(seconds=200)
"""So long that the time of this machine, which passes too, does not count."""


async def run(services: Services, files: int = 24, *, large: int = 0) -> str:
    """Export a file after 200 seconds, a large one after 100 more; acknowledge it 100 later."""
    transfer_id = await services.start_transfer()
    for number in range(files):
        bigger = number % 4 < large
        await services.advance(STEP + timedelta(seconds=100 * bigger))
        done = await services.upload(transfer_id, b"x" * (1000 if bigger else 10))
        await services.advance(timedelta(seconds=100))
        await services.acknowledge(transfer_id, done.message_id)
    return transfer_id


async def asked(services: Services, transfer_id: str, **amount: int) -> ForecastView:
    given = forecast.Given(amount.get("files"), amount.get("size"), amount.get("largest"))
    return await forecast.of_transfer(services.platform, transfer_id, given)


async def test_it_goes_on_as_it_began(services: Services) -> None:
    transfer_id = await run(services)
    found = await asked(services, transfer_id, files=1000, size=10_000)
    assert (found.sample, found.sampled_files) == (transfer_id, 24)
    assert found.total.likely == pytest.approx(300 * 1001, rel=0.05)
    assert found.export.likely == pytest.approx(300 * 1001 - 100, rel=0.05)
    assert found.largest_bytes == 10
    assert found.risks == []
    none = await asked(services, transfer_id, files=0, size=0)
    assert none.total.likely == pytest.approx(300, rel=0.05)
    started = (await services.state(transfer_id)).started_at
    assert started is not None
    assert found.ends_at == pytest.approx((started.timestamp() + found.total.likely) * 1000, abs=2)


async def test_a_large_file_alone_may_pass_the_deadline(services: Services) -> None:
    """A file of 990 bytes more takes 100 seconds more, so one of 10 kB takes too long."""
    transfer_id = await run(services, 40, large=2)
    found = await asked(services, transfer_id, files=100, size=20_000, largest=10_000)
    assert found.silence == pytest.approx(1309, rel=0.1)
    assert [str(risk) for risk in found.risks] == ["deadline"]
    huge = await asked(services, transfer_id, files=MOST, size=MOST, largest=MOST)
    assert huge.ends_at is None, "beyond the last date"
    assert len(huge.risks) == 3
    assert msgspec.json.decode(msgspec.json.encode(huge))["files"] == MOST


async def test_an_earlier_run_is_the_sample_and_the_amount(services: Services) -> None:
    """Only one that succeeded says how much there is; another customer's says nothing."""
    earlier = await run(services)
    later = await services.create_transfer()
    with pytest.raises(Conflict) as refused:
        await asked(services, later)
    assert refused.value.code == "forecast_amount_missing"
    await services.complete_export(earlier)
    assert (await services.state(earlier)).status == "SUCCESS"
    found = await asked(services, later)
    assert (found.sample, found.files, found.bytes, found.largest_bytes) == (earlier, 24, 240, 10)
    assert found.ends_at is None
    assert (await asked(services, later, files=240)).bytes == 2400
    huge = await asked(services, later, files=MOST)
    assert msgspec.json.decode(msgspec.json.encode(huge))["bytes"] == (1 << 63) - 1
    async with services.platform.database.reading() as tx:
        # As when its messages were deleted after it was chosen.
        assert await forecast_store.sample(tx, UUID(later)) is None
    await services.fetch("INSERT INTO customer VALUES ('another', now())")
    await services.fetch("UPDATE transfer SET customer = 'another' WHERE transfer_id = $1", later)
    with pytest.raises(Conflict) as refused:
        await asked(services, later)
    assert refused.value.code == "forecast_sample_missing"


async def test_too_few_files_are_no_sample(services: Services) -> None:
    transfer_id = await run(services, 19)
    with pytest.raises(Conflict) as refused:
        await asked(services, transfer_id, files=1, size=1)
    assert refused.value.code == "forecast_sample_missing"
    with pytest.raises(NotFound):
        await asked(services, "00000000-0000-0000-0000-000000000000")
