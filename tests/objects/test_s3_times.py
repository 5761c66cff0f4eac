"""Times in the answers of a store are read as its client reads them."""

import pytest
from botocore.utils import parse_timestamp

from ferryman.objects.s3.session import read_time


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-30T18:40:00.123Z",
        "2026-11-30T18:40:00Z",
        "2026-11-30T18:40:00+01:00",
        "2026-11-30T18:40:00",
        "Mon, 30 Nov 2026 18:40:00 GMT",
        "20261130T184000Z",
        "1796064000",
        "20261130",
        1796064000,
        1796064000.5,
    ],
)
def test_every_form_is_the_same_time(text: str | float) -> None:
    assert read_time(text) == parse_timestamp(text)


@pytest.mark.parametrize("text", ["soon", "", "2026-13-30T18:40:00Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        read_time(text)
