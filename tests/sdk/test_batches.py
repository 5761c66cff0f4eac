"""Small files that are closed soon after each other: begun in one call, registered in one call."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256

import pytest

from ferryman import Gateway, GatewayError, Migration
from ferryman.sdk.errors import ConflictError
from ferryman.sdk.progress import FileProgress
from ferryman.wire.upload import AppDataReceipt
from tests.kit.platform import wait_until

from .relay import Relay, relayed
from .running import Platform, Running, labelled

BEGIN, COMPLETE = "/app-data/batch", "/uploads/complete"
TOO_LONG = "x" * 2_000


def write(gateway: Gateway, *labels: str, key: str | None = None) -> None:
    """Write one file for each label, whose bytes are the label."""
    for label in labels:
        with gateway.create_app_data(label, resume_key=key) as data:
            data.write(label.encode())


def count(relay: Relay, ending: str) -> int:
    return sum(call.endswith(ending) for call in relay.calls)


def in_order(platform: Platform, running: Running) -> list[str]:
    """The labels of files in the order in which they were registered."""
    kinds = [entry for entry in platform.timeline(running) if entry["kind"] == "upload.completed"]
    return [entry["label"] for entry in kinds]


@pytest.fixture
def relay_and_gateway(running: Running) -> Iterator[tuple[Relay, Gateway]]:
    with relayed(running) as both:
        yield both


def test_what_came_during_one_batch_goes_in_the_next(
    platform: Platform, running: Running, relay_and_gateway: tuple[Relay, Gateway]
) -> None:
    relay, gateway = relay_and_gateway
    labels = [f"{number:02}" for number in range(40)]
    relay.hold(BEGIN)
    write(gateway, labels[0])
    relay.await_held()
    write(gateway, *labels[1:])
    relay.let_go()
    gateway.complete_export()
    assert labelled(platform, running) == labels
    assert count(relay, BEGIN) == 2
    assert count(relay, COMPLETE) <= 40
    assert count(relay, "/app-data") == count(relay, "/parts") == 0


def test_close_returns_at_once_and_the_receipt_waits(
    platform: Platform, running: Running, relay_and_gateway: tuple[Relay, Gateway]
) -> None:
    relay, gateway = relay_and_gateway
    relay.hold(COMPLETE)
    with gateway.create_app_data("a") as data:
        data.write(b"some")
    relay.await_held()
    assert platform.view(running)["files"] == 0
    receipts: list[AppDataReceipt | None] = []
    asking = threading.Thread(target=lambda: receipts.append(data.receipt))
    asking.start()
    assert not receipts
    relay.let_go()
    asking.join(90)
    [receipt] = receipts
    assert receipt is not None
    assert (receipt.label, receipt.sha256) == ("a", sha256(b"some").hexdigest())
    assert receipt == data.receipt == data.complete()
    assert labelled(platform, running) == ["a"]


def test_they_are_registered_in_the_order_of_closing(
    platform: Platform, running: Running, gateway: Gateway
) -> None:
    labels = [f"{number:02}" for number in range(60)]
    write(gateway, *labels)
    gateway.complete_export()
    events = platform.events(running, "uploaded:app_data")
    assert [event["label"] for event in events] == labels


def test_one_that_is_refused_fails_alone(
    platform: Platform, running: Running, relay_and_gateway: tuple[Relay, Gateway]
) -> None:
    relay, gateway = relay_and_gateway
    relay.hold(BEGIN)
    write(gateway, "first")
    relay.await_held()
    write(gateway, "before", TOO_LONG, "after")
    relay.let_go()
    with pytest.raises(GatewayError, match="The file 'xxx") as refused:
        gateway.check_finished()
    assert (refused.value.status, refused.value.code) == (400, "label_too_long")
    with pytest.raises(GatewayError, match="found 1 unfinished: 'xxx") as missing:
        gateway.complete_export()
    assert missing.value.code == "export_incomplete"
    assert labelled(platform, running) == ["after", "before", "first"]
    gateway.complete_export(abandon_unfinished=True)


def test_doing_without_a_file_needs_no_word_of_its_failure(gateway: Gateway) -> None:
    write(gateway, TOO_LONG)
    gateway.complete_export(abandon_unfinished=True)
    gateway._batches.queued.check()


NEXT_CALLS: dict[str, Callable[[Gateway], object]] = {
    "create_app_data": lambda gateway: gateway.create_app_data("next"),
    "upload_many": lambda gateway: gateway.upload_many([("next", b"")]),
    "complete_export": lambda gateway: gateway.complete_export(),
    "check_finished": lambda gateway: gateway.check_finished(),
    "report_return": lambda gateway: gateway.report_return(),
    "close": lambda gateway: gateway.close(),
}


@pytest.mark.parametrize("call", NEXT_CALLS.values(), ids=NEXT_CALLS)
def test_a_failure_is_raised_by_the_next_call_once(
    running: Running, call: Callable[[Gateway], object], caplog: pytest.LogCaptureFixture
) -> None:
    with Gateway(running.url, running.server_token, running.transfer_id) as gateway:
        write(gateway, TOO_LONG)
        wait_until(lambda: "app_data.not_registered" in caplog.text)
        gateway._batches.queued.flush()
        with pytest.raises(GatewayError) as refused:
            call(gateway)
        assert refused.value.code == "label_too_long"
        gateway._batches.queued.check()


def test_another_close_raises_it_and_its_file_is_missing_too(
    platform: Platform, running: Running, gateway: Gateway
) -> None:
    other = gateway.create_app_data("other")
    other.write(b"x")
    write(gateway, TOO_LONG)
    gateway._batches.queued.flush()
    with pytest.raises(GatewayError) as refused:
        other.close()
    assert refused.value.code == "label_too_long"
    with pytest.raises(GatewayError, match="found 2 unfinished: 'other'"):
        gateway.complete_export()
    write(gateway, "other")
    with pytest.raises(GatewayError, match="found 1 unfinished"):
        gateway.complete_export()
    assert labelled(platform, running) == ["other"]


def test_a_failure_that_its_receipt_raised_is_not_raised_again(gateway: Gateway) -> None:
    with gateway.create_app_data(TOO_LONG) as data:
        data.write(b"x")
    for _ in range(2):
        with pytest.raises(GatewayError, match="label"):
            data.receipt  # noqa: B018 - asking waits
    write(gateway, "next")
    data.abandon()
    gateway.complete_export()


def test_a_gateway_that_is_closed_for_an_error_hides_it_behind_no_other(running: Running) -> None:
    def use() -> None:
        with Gateway(running.url, running.server_token, running.transfer_id) as gateway:
            write(gateway, TOO_LONG)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()


def test_files_on_their_way_are_registered_before_the_error_of_a_listener_is_reported(
    platform: Platform, running: Running, relay_and_gateway: tuple[Relay, Gateway]
) -> None:
    relay, gateway = relay_and_gateway
    relay.hold(BEGIN)
    write(gateway, "a", "b")
    relay.await_held()
    threading.Timer(0.1, relay.let_go).start()
    gateway.report_error(ZeroDivisionError())
    assert labelled(platform, running) == ["a", "b"]


def test_settlement_meanwhile_is_named(
    platform: Platform, running: Running, relay_and_gateway: tuple[Relay, Gateway]
) -> None:
    relay, gateway = relay_and_gateway
    relay.hold(COMPLETE)
    write(gateway, "a")
    relay.await_held()
    platform.admin("POST", f"/transfers/{running.transfer_id}/cancel")
    relay.let_go()
    with pytest.raises(ConflictError) as refused:
        gateway.complete_export()
    assert refused.value.code in {"transfer_cancelled", "transfer_settled"}
    assert labelled(platform, running) == []


def test_a_claim_that_is_lost_meanwhile_is_named(platform: Platform, running: Running) -> None:
    first = platform.claim(running)
    with suppress(GatewayError), relayed(running, first) as (relay, gateway):
        relay.hold(COMPLETE)
        write(gateway, "a")
        relay.await_held()
        assert platform.claim(running) == first + 1
        relay.let_go()
        with pytest.raises(ConflictError) as refused:
            gateway.complete_export()
        assert refused.value.code == "claim_superseded"
        write(gateway, "b")
        with pytest.raises(ConflictError) as refused:
            gateway.check_finished()
        assert refused.value.code == "claim_superseded"
    assert labelled(platform, running) == []


def test_threads_share_the_batches(platform: Platform, running: Running, gateway: Gateway) -> None:
    def work(name: str) -> None:
        write(gateway, *[f"{name} {number:02}" for number in range(40)])

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    gateway.complete_export()
    assert labelled(platform, running) == [f"{n} {number:02}" for n in "ab" for number in range(40)]


class Progress:
    """Counts what a file's progress is told."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, bool]] = []
        self.ends: list[AppDataReceipt | None] = []

    def part(self, size: int, sent: bool) -> None:
        self.parts.append((size, sent))

    def end(self, receipt: AppDataReceipt | None) -> None:
        self.ends.append(receipt)


def test_progress_is_told_of_each(running: Running) -> None:
    files: dict[str | None, Progress] = {}

    def begin(_transfer_id: str, label: str | None, _size: int | None) -> FileProgress:
        return files.setdefault(label, Progress())

    with Gateway(
        running.url, running.server_token, running.transfer_id, on_progress=begin
    ) as gateway:
        write(gateway, "a", "bb", TOO_LONG)
        with pytest.raises(GatewayError):
            gateway.check_finished()
    assert [files["a"].parts, files["bb"].parts] == [[(1, True)], [(2, True)]]
    assert [end.label for end in files["a"].ends + files["bb"].ends if end] == ["a", "bb"]
    assert (files[TOO_LONG].parts, files[TOO_LONG].ends) == ([], [None])


def test_closing_waits_while_too_much_is_queued(running: Running) -> None:
    """A quarter of the budget is for small files; each counts for 4 KiB more than its bytes."""
    left = threading.Semaphore(0)
    closed: list[int] = []

    def work(gateway: Gateway) -> None:
        for number in range(40):
            with gateway.create_app_data() as data:
                data.write(bytes(4096))
            closed.append(number)
            left.release()

    with relayed(running, budget=10 * 8192 * 4) as (relay, gateway):
        relay.hold(BEGIN)
        thread = threading.Thread(target=work, args=(gateway,))
        thread.start()
        for _ in range(10):
            assert left.acquire(timeout=90)
        relay.await_held()
        assert not left.acquire(timeout=0.2)
        assert len(closed) == 10
        relay.let_go()
        thread.join(90)
        gateway.complete_export()
        assert len(closed) == 40


def test_a_resume_key_is_asked_about_only_for_its_receipt(
    platform: Platform, running: Running, migration: Migration
) -> None:
    with relayed(running) as (relay, gateway):
        write(gateway, "k", key="k")
        gateway.check_finished()
        assert count(relay, "/app-data") == 0
        again = gateway.create_app_data("k", resume_key="k")
        receipt = again.receipt
        assert count(relay, "/app-data") == 1
        assert receipt is not None
        again.close()
        assert again.receipt == receipt
    assert labelled(platform, running) == ["k"]
    assert migration.get_app_data_payload(receipt.key).content() == b"k"


@pytest.mark.parametrize("ask", [False, True])
def test_a_key_that_is_registered_takes_the_same_bytes_or_none(
    platform: Platform, running: Running, gateway: Gateway, *, ask: bool
) -> None:
    write(gateway, "k", key="k")
    for written in (b"k", b""):
        data = gateway.create_app_data("k", resume_key="k")
        assert not ask or data.receipt is not None
        data.write(written)
        assert data.complete().sha256 == sha256(b"k").hexdigest()
    data = gateway.create_app_data("k", resume_key="k")
    assert not ask or data.receipt is not None
    data.write(b"other")
    with pytest.raises(GatewayError) as refused:
        data.complete()
    assert refused.value.code == "source_changed"
    assert labelled(platform, running) == ["k"]
    with pytest.raises(GatewayError, match="'k'"):
        gateway.complete_export()


def test_two_files_of_one_key_follow_each_other(
    platform: Platform, running: Running, relay_and_gateway: tuple[Relay, Gateway]
) -> None:
    relay, gateway = relay_and_gateway
    relay.hold(BEGIN)
    write(gateway, "k", key="k")
    relay.await_held()
    second = threading.Thread(target=write, args=(gateway, "k"), kwargs={"key": "k"})
    second.start()
    relay.let_go()
    second.join(90)
    gateway.complete_export()
    assert labelled(platform, running) == ["k"]
    assert count(relay, COMPLETE) == 1
