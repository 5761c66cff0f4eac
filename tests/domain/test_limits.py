"""The numbers of the platform agree with the documents and with each other."""

from datetime import timedelta

from ferryman.domain import limits


def test_the_documented_numbers() -> None:
    assert timedelta(minutes=15) == limits.ACKNOWLEDGEMENT_WINDOW
    assert timedelta(days=14) == limits.TRANSFER_LIFE
    assert timedelta(days=12) == limits.DATA_LIFE == limits.RERUN_WINDOW
    assert timedelta(hours=1) == limits.SIGNED_URL_LIFE
    assert timedelta(minutes=60) == limits.CANCEL_CLEAN_UP
    assert (limits.MAX_ATTEMPTS, limits.LOG_CHARACTERS) == (5, 65_536)
    assert (limits.FUNCTION_SECONDS, limits.REMOTE_SECONDS) == (25, 5)
    assert (limits.MAPPING_PAGE, limits.CONTAINER_PAGE, limits.DATA_PAGE) == (
        1200,
        250,
        1000,
    )
    assert limits.FIND_KEYS == 100


def test_a_file_is_readable_no_longer_than_its_transfer_lives() -> None:
    assert limits.DATA_LIFE <= limits.TRANSFER_LIFE
