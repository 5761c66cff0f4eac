"""Forecasts of transfers that run, as pages show them; nothing where there is no basis."""

from asyncio import gather
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ferryman.console.visit import Visit
from ferryman.forecast_text import ends_between, is_forecast, risk_text, span_text
from ferryman.text import plural
from ferryman.wire.forecast import ForecastView
from ferryman.wire.transfer import TransferSummary, TransferView

_SECONDS = 5
"""How old a forecast may be: those who look at the same transfer share it."""

_MOST = 20
"""Transfers of a migration that have a forecast on its page."""


@dataclass(frozen=True, slots=True)
class ShownForecast:
    """A forecast in words; ``ends`` are the two times (epoch ms) between which it ends."""

    takes: str
    ends: tuple[int, int] | None
    basis: str
    risks: list[str]


async def forecast_of(visit: Visit, view: TransferView | TransferSummary) -> ShownForecast | None:
    """Return the forecast of a transfer; None without a basis, and unless it goes on."""
    if not is_forecast(view):
        return None
    kind: Any = ForecastView | None
    path = f"/transfers/{view.transfer_id}/forecast"
    found: ForecastView | None = await visit.calls.get(
        path, kind, required="false", maxAge=_SECONDS
    )
    if found is None:
        return None
    own = found.sample == view.transfer_id
    sampled = f"first {plural(found.sampled_files, 'file')}"
    return ShownForecast(
        takes=span_text(found.total),
        ends=ends_between(found),
        basis=f"from its {sampled}" if own else f"from the {sampled} of an earlier run",
        risks=[risk_text(found, each) for each in found.risks],
    )


async def forecasts_of(
    visit: Visit, views: Sequence[TransferSummary]
) -> list[tuple[TransferSummary, ShownForecast | None]]:
    """Return the transfers that run with their forecasts; empty if none has a basis."""
    running = [each for each in views if is_forecast(each)][:_MOST]
    found = await gather(*(forecast_of(visit, each) for each in running))
    return list(zip(running, found, strict=True)) if any(found) else []
