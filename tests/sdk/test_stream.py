"""Streams of app data, written to a real platform and read back."""

import gzip
import hashlib
import io
import random
import zipfile
from pathlib import Path

import pytest

from ferryman import Gateway, GatewayError, Migration, Throttle
from tests.kit.digests import parts_sha256

from .running import Platform, Running, serving

MIB = 1 << 20


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - only has to differ


def fail() -> None:
    """Raise as a listener would in the middle of its export."""
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "size", [0, 1, 65_536, 65_537, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 30 * MIB]
)
def test_what_is_written_is_what_is_read(gateway: Gateway, migration: Migration, size: int) -> None:
    data = noise(size)
    with gateway.create_app_data("notes") as stream:
        assert stream.write(data) == size
        assert stream.tell() == size
    receipt = stream.receipt
    assert receipt is not None
    assert receipt.size == size
    assert receipt.parts_sha256 == parts_sha256(data, 8 * MIB)
    whole = hashlib.sha256(data).hexdigest()
    assert receipt.sha256 == (whole if size <= 8 * MIB else None)
    assert receipt.label == "notes"
    with migration.get_app_data_payload(receipt.key) as payload:
        assert payload.read() == data


@pytest.mark.parametrize("size", [1, 8 * MIB, 8 * MIB + 1])
def test_the_digest_of_the_whole_is_there_for_who_asks_for_it(gateway: Gateway, size: int) -> None:
    data = noise(size)
    with gateway.create_app_data(whole_sha256=True) as stream:
        stream.write(data[:1])
        stream.write(data[1:])
        assert stream.whole_sha256 == hashlib.sha256(data).hexdigest()
    assert stream.receipt is not None
    assert stream.receipt.sha256 == stream.whole_sha256
    assert stream.receipt.parts_sha256 == parts_sha256(data, 8 * MIB)


def test_writes_of_any_size_add_up(gateway: Gateway, migration: Migration) -> None:
    data = noise(20 * MIB)
    sizes = random.Random(7)  # noqa: S311
    with gateway.create_app_data() as stream:
        left = memoryview(data)
        while left:
            taken = left[: sizes.choice([0, 1, 999, 70_000, 3 * MIB, 11 * MIB])]
            stream.write(taken)
            left = left[len(taken) :]
    assert stream.receipt is not None
    with migration.get_app_data_payload(stream.receipt.key) as payload:
        digest = hashlib.sha256()
        for piece in payload.iter_bytes(100_000):
            digest.update(piece)
    assert digest.hexdigest() == hashlib.sha256(data).hexdigest()


def test_one_event_a_file_and_none_for_the_rest(
    platform: Platform, running: Running, gateway: Gateway
) -> None:
    stream = gateway.create_app_data("a")
    stream.close()
    stream.close()
    assert stream.receipt is not None  # a small file is registered soon after it is closed
    failed = gateway.create_app_data("b")
    failed.write(noise(20 * MIB))
    with pytest.raises(ZeroDivisionError), failed:
        fail()
    assert failed.receipt is None
    with pytest.raises(ZeroDivisionError), gateway.create_app_data("c"):
        fail()
    events = platform.events(running, "uploaded:app_data")
    assert [event["label"] for event in events] == ["a"]
    assert platform.view(running)["files"] == 1


def test_a_file_that_grows_too_large_is_given_up_before_it_is_sent(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    most = 20 * MIB
    with serving(tmp_path / "data", max_file_bytes=most) as platform:
        running = platform.transfer([])
        with Gateway(running.url, running.server_token, running.transfer_id) as gateway:
            with gateway.create_app_data("just") as stream:
                stream.write(noise(most))
            with (
                pytest.raises(GatewayError, match=f"at most {most} bytes") as caught,
                gateway.create_app_data("more") as stream,
            ):
                stream.write(noise(most + 1))
        assert caught.value.code == "file_too_large"
        assert platform.view(running)["files"] == 1


def test_gateways_that_share_a_throttle_spend_from_it(running: Running) -> None:
    waits: list[float] = []
    throttle = Throttle(8.0 * MIB, clock=lambda: 0.0, sleep=waits.append)
    for _ in range(2):
        with (
            Gateway(
                running.url, running.server_token, running.transfer_id, throttle=throttle
            ) as gateway,
            gateway.create_app_data() as stream,
        ):
            stream.write(noise(3 * MIB))
    # At an instant that does not pass each piece waits for all before it: 6 less the 2 saved up.
    assert max(waits) == pytest.approx(3 / 8)
    assert len(waits) == 3


def test_a_closed_stream_takes_nothing(gateway: Gateway) -> None:
    with gateway.create_app_data() as stream:
        stream.write(b"x")
    assert stream.closed
    with pytest.raises(ValueError, match="closed"):
        stream.write(b"y")
    with pytest.raises(ValueError, match="closed"), stream:
        pass


def test_text_is_not_bytes(gateway: Gateway) -> None:
    stream = gateway.create_app_data()
    with pytest.raises(TypeError):
        stream.write("text")  # type: ignore[arg-type]
    stream.abandon()


def test_python_s_own_writers_work_on_it(gateway: Gateway, migration: Migration) -> None:
    with gateway.create_app_data() as data, gzip.open(data, "wt", encoding="utf-8") as lines:
        lines.writelines(f"line {n}\n" for n in range(50_000))
    assert data.receipt is not None
    with migration.get_app_data_payload(data.receipt.key) as payload, gzip.open(payload) as file:
        assert sum(1 for _ in file) == 50_000
    with gateway.create_app_data() as data, zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.txt", noise(200_000))
    assert data.receipt is not None
    whole = migration.get_app_data_payload(data.receipt.key).content()
    assert zipfile.ZipFile(io.BytesIO(whole)).read("a.txt") == noise(200_000)


def test_many_streams_at_once_stay_apart(gateway: Gateway, migration: Migration) -> None:
    streams = [gateway.create_app_data("same label") for _ in range(5)]
    for round_ in range(4):
        for number, stream in enumerate(streams):
            stream.write(bytes([number, round_]) * (2 * MIB))
    for stream in streams:
        stream.close()
    for number, stream in enumerate(streams):
        assert stream.receipt is not None
        expected = b"".join(bytes([number, round_]) * (2 * MIB) for round_ in range(4))
        assert migration.get_app_data_payload(stream.receipt.key).content() == expected


@pytest.mark.parametrize("label", ["", "ünï ☃ 𝄞", "a/b?c#d%20", "x" * 1000, None])
def test_labels_are_any_unicode(gateway: Gateway, migration: Migration, label: str | None) -> None:
    with gateway.create_app_data(label) as data:
        data.write(b"x")
    assert data.receipt is not None
    (listed,) = migration.get_app_data_list(gateway.transfer_id).result
    assert (listed.key, listed.s3_key) == (data.receipt.key, data.receipt.key)
    assert listed.label == (label or None)


def test_a_transfer_that_is_not_ours_is_refused(running: Running) -> None:
    with Gateway(running.url, running.server_token, "no-such-transfer") as gateway:
        stream = gateway.create_app_data()
        with pytest.raises(GatewayError) as caught:
            stream.complete()
    assert caught.value.status == 404
    assert caught.value.code == "transfer_not_found"


def test_a_wrong_token_is_refused_at_once(running: Running) -> None:
    with (
        Gateway(running.url, "wrong", running.transfer_id) as gateway,
        pytest.raises(GatewayError) as caught,
    ):
        gateway.complete_export()
    assert caught.value.status == 401


def test_closing_the_gateway_gives_open_streams_up(platform: Platform, running: Running) -> None:
    gateway = Gateway(running.url, running.server_token, running.transfer_id)
    stream = gateway.create_app_data()
    stream.write(noise(9 * MIB))
    gateway.close()
    with pytest.raises(GatewayError, match="abandoned"):
        stream.write(b"more")
    with pytest.raises(GatewayError, match="abandoned"):
        stream.close()
    assert platform.events(running, "uploaded:app_data") == []


def test_after_settlement_nothing_is_taken(
    platform: Platform, running: Running, gateway: Gateway
) -> None:
    gateway.complete_export()
    assert platform.view(running)["status"] == "SUCCESS"
    with pytest.raises(GatewayError) as caught:
        gateway.create_app_data().complete()
    assert caught.value.settled
