"""Forecasts of the transfers that are watched: when each ends, and what it may run into."""

import time

from ferryman.client.admin import AdminClient
from ferryman.client.text import Line, clean, minute
from ferryman.forecast_text import ends_between, is_forecast, risk_text
from ferryman.forecast_vocab import ForecastRisk
from ferryman.sdk.errors import ClientError
from ferryman.wire.forecast import ForecastView
from ferryman.wire.transfer import TransferView

_SECONDS_BETWEEN = 5


class Forecasts:
    """The newest forecast of each transfer, asked for now and then while it changes."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._found: dict[str, ForecastView | None] = {}
        self._asked: dict[str, float] = {}
        self._said: set[tuple[str, ForecastRisk]] = set()

    def ends(self, view: TransferView) -> str:
        """Say when a transfer ends, between two times; nothing where there is no basis."""
        found = self._of(view)
        between = None if found is None else ends_between(found)
        if between is None:
            return ""
        first, last = (minute(each) or "" for each in between)
        return f", ends {first}" + ("" if first == last else f" to {_later(first, last)}")

    def risks(self, view: TransferView) -> list[Line]:
        """Return a line for each limit that it may run into and that was not named before."""
        found = self._of(view)
        if found is None:
            return []
        new = [each for each in found.risks if (view.transfer_id, each) not in self._said]
        self._said |= {(view.transfer_id, each) for each in new}
        texts = [f"! {view.cloud_app_key}: {risk_text(found, each)}" for each in new]
        return [(clean(text), "yellow") for text in texts]

    def _of(self, view: TransferView) -> ForecastView | None:
        if not is_forecast(view):
            return None
        transfer_id, now = view.transfer_id, time.monotonic()
        if now - self._asked.get(transfer_id, -_SECONDS_BETWEEN) >= _SECONDS_BETWEEN:
            self._asked[transfer_id] = now
            try:
                found = self._admin.transfers.expected(transfer_id, _SECONDS_BETWEEN)
            except ClientError:
                # A platform of an earlier version has none; watching goes on.
                found = None
            self._found[transfer_id] = found
        return self._found[transfer_id]


def _later(first: str, last: str) -> str:
    """Return the later of two times without its day, if that is the same."""
    day = first.partition(" ")[0]
    return last.removeprefix(f"{day} ")
