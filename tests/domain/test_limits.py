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


def test_the_documented_numbers_of_forges_services() -> None:
    """Those that the tests of their rules take from here."""
    assert (limits.CONSUMER_SECONDS, limits.LONGEST_CONSUMER_SECONDS) == (55, 900)
    assert (limits.QUEUE_BYTES, limits.QUEUE_LONG_EVENT_BYTES) == (204_800, 102_400)
    assert timedelta(hours=24) == limits.QUEUE_WINDOW
    assert (limits.SQL_READ_SECONDS, limits.SQL_WRITE_SECONDS) == (5, 10)
    assert (limits.SQL_TABLES, limits.SQL_DEFINITIONS_PER_MINUTE) == (200, 25)
    assert (limits.OBJECT_BYTES, limits.OBJECT_REQUEST_BYTES) == (1 << 30, 1 << 10)


def test_a_file_is_readable_no_longer_than_its_transfer_lives() -> None:
    assert limits.DATA_LIFE <= limits.TRANSFER_LIFE
