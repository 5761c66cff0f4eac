"""A file whose writer failed is missing, and the export knows it, however it was closed."""

import gc
import gzip
import io
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from ferryman import Gateway, GatewayError, Migration
from ferryman.sdk.stream import AppDataStream

from .running import Platform, Running, labelled

MIB = 1 << 20


class CursorGoneError(Exception):
    """What a source raises in the middle; its text is the customer's."""


def fail() -> None:
    raise CursorGoneError("row 7 of ann@example.com")


def rows() -> Iterator[bytes]:
    yield b"row 1\n"
    fail()


def text_wrapper(gateway: Gateway, size: int) -> None:
    with io.TextIOWrapper(gateway.create_app_data("x"), encoding="utf-8") as text:
        text.write("x" * size)
        fail()


def swallowed_inside(gateway: Gateway, size: int) -> None:
    """The error is handled between the wrapper and the file, which is then closed in order."""
    with gateway.create_app_data("x") as data:
        try:
            with io.TextIOWrapper(data, encoding="utf-8") as text:
                text.write("x" * size)
                fail()
        except CursorGoneError:
            pass


def zipped(gateway: Gateway, size: int) -> None:
    with gateway.create_app_data("x") as data, gzip.open(data, "wb") as out:
        out.write(b"x" * size)
        fail()


def closed_at_last(gateway: Gateway, size: int) -> None:
    data = gateway.create_app_data("x")
    try:
        data.write(b"x" * size)
        fail()
    finally:
        data.close()


def closed_in_except(gateway: Gateway, size: int) -> None:
    data = gateway.create_app_data("x")
    try:
        data.write(b"x" * size)
        fail()
    except CursorGoneError:
        data.close()


def closing_block(gateway: Gateway, size: int) -> None:
    with closing(gateway.create_app_data("x")) as data:
        data.write(b"x" * size)
        fail()


def raised_again(gateway: Gateway, size: int) -> None:
    """The error is older than the file, but a source keeps it and raises it again."""
    try:
        fail()
    except CursorGoneError as error:
        kept = error

    def read() -> bytes:
        raise kept

    try:
        read()
    except CursorGoneError:
        with closing(gateway.create_app_data("x")) as data:
            data.write(b"x" * size)
            data.write(read())


def own_context(gateway: Gateway, size: int) -> None:
    @contextmanager
    def opened() -> Iterator[AppDataStream]:
        data = gateway.create_app_data("x")
        try:
            yield data
        finally:
            data.close()

    with opened() as data:
        data.write(b"x" * size)
        fail()


def left_open(gateway: Gateway, size: int) -> None:
    data = gateway.create_app_data("x")
    data.write(b"x" * size)
    KEPT.append(data)


def dropped(gateway: Gateway, size: int, label: str = "x") -> None:
    data = gateway.create_app_data(label)
    data.write(b"x" * size)
    del data
    gc.collect()


def generator(gateway: Gateway, size: int) -> None:
    """One whose consumer stopped in the middle: its ``finally`` runs as it is thrown away."""

    def written() -> Iterator[int]:
        data = gateway.create_app_data("x")
        try:
            yield data.write(b"x" * size)
            yield data.write(b"x" * size)
        finally:
            data.close()

    next(written())
    gc.collect()


def refused_by_the_platform(gateway: Gateway, size: int) -> None:
    data = gateway.create_app_data("x" * 2_000)
    data.write(b"x" * size)
    data.complete()


KEPT: list[AppDataStream] = []
WAYS = [
    text_wrapper,
    swallowed_inside,
    zipped,
    closed_at_last,
    closed_in_except,
    closing_block,
    raised_again,
    own_context,
    left_open,
    dropped,
    generator,
    refused_by_the_platform,
]


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    yield
    if KEPT:
        with pytest.warns(ResourceWarning):
            KEPT.clear()


@pytest.mark.filterwarnings("ignore:app data was dropped:ResourceWarning")
@pytest.mark.parametrize("size", [5, 9 * MIB], ids=["small", "large"])
@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_failed_refuses_the_export(
    platform: Platform,
    running: Running,
    gateway: Gateway,
    way: Callable[[Gateway, int], None],
    size: int,
) -> None:
    """The exporter swallows the error and continues with the next kind, as exporters do."""
    with suppress(CursorGoneError, GatewayError):
        way(gateway, size)
    with gateway.create_app_data("good") as good:
        good.write(b"whole")
    with pytest.raises(GatewayError) as refused:
        gateway.complete_export()
    assert refused.value.code == "export_incomplete"
    assert "'x" in str(refused.value)
    assert "ann@example.com" not in str(refused.value)
    assert labelled(platform, running) == ["good"]
    assert platform.view(running)["exportCompletedAt"] is None


@pytest.mark.parametrize("size", [5, 9 * MIB], ids=["small", "large"])
def test_the_platform_knows_it_too(
    platform: Platform, running: Running, gateway: Gateway, size: int
) -> None:
    """Another process that completes the export is told of the file, its error and its place."""
    with suppress(CursorGoneError):
        closing_block(gateway, size)
    with (
        Gateway(running.url, running.server_token, running.transfer_id) as other,
        pytest.raises(GatewayError, match=r"'x' \(writer failed with .*CursorGoneError at") as told,
    ):
        other.complete_export()
    assert (told.value.status, told.value.code) == (409, "export_incomplete")
    assert "test_giving_up.py:" in str(told.value)
    assert "ann@example.com" not in str(told.value)


def test_it_warns_at_once(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ferryman.sdk"), suppress(CursorGoneError):
        text_wrapper(gateway, 5)
    [record] = caplog.records
    assert "label='x'" in record.getMessage()
    assert "CursorGoneError at " in record.getMessage()


def test_a_dropped_file_warns_and_is_logged(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.warns(ResourceWarning, match="without close"):
        dropped(gateway, 5)
    assert "label='x': it was never closed" in caplog.text


def test_writing_it_again_cures_it(platform: Platform, running: Running, gateway: Gateway) -> None:
    for _ in range(3):
        with suppress(CursorGoneError):
            text_wrapper(gateway, 5)
    for left in (2, 1, 0):
        with gateway.create_app_data("x") as data:
            data.write(b"whole")
        if left:
            with pytest.raises(GatewayError, match=f"found {left} unfinished"):
                gateway.complete_export()
    gateway.complete_export()
    assert labelled(platform, running) == ["x", "x", "x"]


@pytest.mark.filterwarnings("ignore:app data was dropped:ResourceWarning")
@pytest.mark.parametrize("size", [5, 9 * MIB], ids=["small", "large"])
def test_writing_a_dropped_one_again_cures_it(
    platform: Platform, running: Running, gateway: Gateway, size: int
) -> None:
    """The platform is told of a dropped one before the one after it."""
    for number in range(8):
        dropped(gateway, size, f"x {number}")
        with gateway.create_app_data(f"x {number}") as data:
            data.write(b"whole")
    gateway.complete_export()
    assert labelled(platform, running) == [f"x {number}" for number in range(8)]


@pytest.mark.filterwarnings("ignore:app data was dropped:ResourceWarning")
def test_a_dropped_one_can_be_done_without_at_once(
    platform: Platform, running: Running, gateway: Gateway
) -> None:
    with gateway.create_app_data("good") as good:
        good.write(b"whole")
    for _ in range(40):
        dropped(gateway, 5)
    gateway.complete_export(abandon_unfinished=True)
    gateway.close()
    [event] = platform.events(running, "uploaded:app_data")
    with Migration(running.url, running.cloud_token) as migration:
        migration.message_processed(running.transfer_id, event["messageId"])
    assert platform.view(running)["status"] == "SUCCESS"


def test_one_without_a_label_is_not_taken_for_another(gateway: Gateway) -> None:
    with suppress(CursorGoneError), gateway.create_app_data() as data:
        fail()
    with gateway.create_app_data() as data:
        data.write(b"some other")
    with pytest.raises(GatewayError, match="a file without a label"):
        gateway.complete_export()


def test_abandoning_is_on_purpose(platform: Platform, running: Running, gateway: Gateway) -> None:
    """Before its writer failed, in the ``except`` block, or long after."""
    before, during = gateway.create_app_data("before"), gateway.create_app_data("during")
    before.write(b"x")
    before.abandon()
    before.abandon()
    try:
        fail()
    except CursorGoneError:
        during.abandon()
    after = gateway.create_app_data("after")
    with suppress(CursorGoneError), after:
        after.write(b"x" * 9 * MIB)
        fail()
    with pytest.raises(GatewayError, match="found 1 unfinished"):
        gateway.complete_export()
    after.abandon()
    gateway.complete_export()
    assert platform.view(running)["status"] == "SUCCESS"


def test_all_that_is_unfinished_can_be_done_without(
    platform: Platform, running: Running, gateway: Gateway
) -> None:
    with suppress(CursorGoneError):
        text_wrapper(gateway, 9 * MIB)
    left_open(gateway, 9 * MIB)
    gateway.complete_export(abandon_unfinished=True)
    assert platform.view(running)["status"] == "SUCCESS"


def test_complete_registers_a_good_file_in_an_except_block(
    platform: Platform, running: Running, gateway: Gateway
) -> None:
    data = gateway.create_app_data("rows")
    source = iter([b"row 1\n", b"row 2\n"])
    try:
        while True:
            data.write(next(source))
    except StopIteration:
        receipt = data.complete()
    assert receipt == data.complete() == data.receipt
    assert receipt.size == 12
    gateway.complete_export()
    assert labelled(platform, running) == ["rows"]


def test_what_a_wrapper_still_held_at_complete_is_missing(gateway: Gateway) -> None:
    """Told that its file is closed, a text wrapper would drop it without a word."""
    data = gateway.create_app_data("x")
    text = io.TextIOWrapper(data, encoding="utf-8")
    text.write("row 1")
    data.complete()
    with pytest.raises(ValueError, match="flush"):
        text.close()
    with pytest.raises(GatewayError, match=r"'x' \(bytes came after complete"):
        gateway.complete_export()
    with io.TextIOWrapper(gateway.create_app_data("x"), encoding="utf-8") as text:
        text.write("row 1")
    gateway.complete_export()


def test_a_wrapper_that_was_flushed_may_be_closed_after_complete(gateway: Gateway) -> None:
    with (
        gateway.create_app_data("x") as data,
        io.TextIOWrapper(data, encoding="utf-8") as text,
    ):
        text.write("row 1")
        text.flush()
        assert data.complete().size == 5
    assert data.closed
    gateway.complete_export()


def test_a_file_that_was_given_up_cannot_be_completed(gateway: Gateway) -> None:
    data = gateway.create_app_data("rows")
    try:
        fail()
    except CursorGoneError:
        data.close()
    with pytest.raises(ValueError, match="given up"):
        data.complete()


def test_an_error_that_is_older_than_the_file_does_not_count(
    platform: Platform, running: Running, gateway: Gateway
) -> None:
    """An exporter that reports what went wrong, from within its handlers."""
    try:
        fail()
    except CursorGoneError:
        with gateway.create_app_data("a") as data:
            data.write(b"x")
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            inner = gateway.create_app_data("b")
        inner.close()
    gateway.complete_export()
    assert labelled(platform, running) == ["a", "b"]


def test_a_file_with_a_resume_key_is_resumed(
    platform: Platform, running: Running, gateway: Gateway
) -> None:
    with suppress(CursorGoneError), gateway.create_app_data("k", resume_key="k") as data:
        data.write(b"x" * 9 * MIB)
        fail()
    with pytest.raises(GatewayError, match="'k'"):
        gateway.complete_export()
    with gateway.create_app_data("k", resume_key="k") as data:
        data.write(b"x" * 9 * MIB)
    gateway.complete_export()
    assert labelled(platform, running) == ["k"]


@pytest.mark.parametrize("size", [5, 9 * MIB], ids=["small", "large"])
def test_a_resume_key_names_one_file_however_often_it_failed(
    platform: Platform, running: Running, gateway: Gateway, size: int
) -> None:
    for _ in range(3):
        with suppress(CursorGoneError), gateway.create_app_data("k", resume_key="k") as data:
            data.write(b"x" * size)
            fail()
    with gateway.create_app_data("k", resume_key="k") as data:
        data.write(b"x" * size)
    gateway.complete_export()
    assert labelled(platform, running) == ["k"]


def test_a_file_with_a_key_takes_the_place_of_one_of_its_label(gateway: Gateway) -> None:
    """As the platform has it; a failed one that has a key is told by that alone."""
    with suppress(CursorGoneError):
        text_wrapper(gateway, 5)
    with gateway.create_app_data("x", resume_key="k") as data:
        data.write(b"whole")
    gateway.complete_export()


def test_a_file_without_the_key_is_another_file(gateway: Gateway) -> None:
    with suppress(CursorGoneError), gateway.create_app_data("k", resume_key="k"):
        fail()
    with gateway.create_app_data("k") as data:
        data.write(b"whole")
    with pytest.raises(GatewayError, match="resume key"):
        gateway.complete_export()


def test_another_file_under_a_key_that_is_registered_is_missing(gateway: Gateway) -> None:
    with gateway.create_app_data("k", resume_key="k") as data:
        data.write(b"one")
    with suppress(GatewayError), gateway.create_app_data("k", resume_key="k") as data:
        data.write(b"another")
        data.complete()
    with pytest.raises(GatewayError, match="'k' "):
        gateway.complete_export()


def test_a_path_that_is_gone_is_a_missing_file(gateway: Gateway, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        gateway.upload_many([("gone", tmp_path / "gone")])
    with pytest.raises(GatewayError, match=r"'upload_many' \(stopped by .*'gone' \(") as refused:
        gateway.complete_export()
    assert "found 2 unfinished" in str(refused.value)
    gateway.upload_many([("gone", b"here")])
    gateway.complete_export()


def test_what_a_broken_source_did_not_come_to_is_missing(gateway: Gateway) -> None:
    def files() -> Iterator[tuple[str, bytes]]:
        yield "a", b"1"
        fail()
        yield "b", b"2"

    with suppress(CursorGoneError):
        gateway.upload_many(files())
    with pytest.raises(GatewayError, match="'upload_many'"):
        gateway.complete_export()


def test_another_upload_many_does_not_stand_for_one_that_failed(gateway: Gateway) -> None:
    """The exporter swallows the error and continues with the next kind."""

    def users() -> Iterator[tuple[str, bytes]]:
        yield "user 1", b"1"
        fail()

    with suppress(CursorGoneError):
        gateway.upload_many(users())
    gateway.upload_many([("group 1", b"1"), ("group 2", b"2")])
    with pytest.raises(GatewayError, match="'upload_many'"):
        gateway.complete_export()
    gateway.upload_many([("user 1", b"1"), ("user 2", b"2")])
    gateway.complete_export()


@pytest.mark.parametrize(
    ("labels", "name"), [(("a", "b"), None), ((None, None), "users")], ids=["labels", "name"]
)
def test_upload_many_is_repeated_until_it_is_done(
    platform: Platform,
    running: Running,
    gateway: Gateway,
    labels: tuple[str | None, str | None],
    name: str | None,
    tmp_path: Path,
) -> None:
    """However often it fails; without labels, its name tells that it is the same."""
    first, second = labels
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            gateway.upload_many([(first, b"1"), (second, tmp_path / "gone")], name=name)
    gateway.upload_many([("other", b"1")])
    with pytest.raises(GatewayError, match="found 6 unfinished"):
        gateway.complete_export()
    gateway.upload_many([(first, b"1"), (second, b"2")], name=name)
    gateway.complete_export()
    assert platform.view(running)["unfinishedFiles"] == 0


def test_upload_many_of_a_source_that_never_began_needs_a_name(gateway: Gateway) -> None:
    def users(*, broken: bool) -> Iterator[tuple[str, bytes]]:
        if broken:
            fail()
        yield "user 1", b"1"

    with suppress(CursorGoneError):
        gateway.upload_many(users(broken=True), name="users")
    gateway.upload_many(users(broken=False))
    with pytest.raises(GatewayError, match="under its name"):
        gateway.complete_export()
    gateway.upload_many(users(broken=False), name="users")
    gateway.complete_export()
