"""What a forecast warns of."""

from enum import StrEnum


class ForecastRisk(StrEnum):
    """A limit that a transfer may run into: its deadline, or the end of its files or its life."""

    DEADLINE = "deadline"
    DATA_LIFE = "dataLife"
    TRANSFER_LIFE = "transferLife"
