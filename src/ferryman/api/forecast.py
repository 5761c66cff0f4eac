"""Forecast how long a transfer will take."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from ferryman.api.parameters import Id, MaxAge, OwnPlatform
from ferryman.errors import Conflict
from ferryman.services import forecast
from ferryman.wire.forecast import ForecastView

_MOST = 1 << 60

_Files = Annotated[
    int | None, QueryParameter(name="files", ge=0, le=_MOST, description="Files of the export.")
]
_Bytes = Annotated[
    int | None, QueryParameter(name="bytes", ge=0, le=_MOST, description="Their total bytes.")
]
_Largest = Annotated[
    int | None,
    QueryParameter(name="largestBytes", ge=0, le=_MOST, description="Bytes of the largest file."),
]

_Required = Annotated[
    bool,
    QueryParameter(
        name="required", description="`false`: where there is no basis, `null` in place of a 409."
    ),
]


@get("/transfers/{transfer_id:str}/forecast")
async def get_forecast(
    platform: OwnPlatform,
    transfer_id: Id,
    *,
    files: _Files = None,
    size: _Bytes = None,
    largest: _Largest = None,
    required: _Required = True,
    max_age: MaxAge = 0,
) -> ForecastView | None:
    """Return how long a transfer takes, and the limits it may run into, from a sample of files.

    The sample is the transfer itself, or the newest one of its app and customer. What is not given
    is what was exported, or as in the newest earlier run that succeeded.
    """
    given = forecast.Given(files, size, largest)
    try:
        return await forecast.of_transfer(platform, transfer_id, given, max_age=max_age)
    except Conflict:
        if required:
            raise
        return None
