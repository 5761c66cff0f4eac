"""Small files on their way to a store that is ill: real HTTP between sender and store."""

import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from ferryman import Gateway, GatewayError
from ferryman.sdk.errors import ServerError, TransportError

from .proxy import Passed, proxy
from .running import Platform, Running, labelled, serving


@pytest.fixture(scope="module")
def way() -> Iterator[Passed]:
    """What lies between an app and the store."""
    with proxy() as passed:
        yield passed


@pytest.fixture(scope="module")
def near(way: Passed) -> Iterator[Platform]:
    """A platform whose object URLs lead through the proxy."""
    with (
        tempfile.TemporaryDirectory(prefix="ferryman-batch-") as name,
        pytest.MonkeyPatch.context() as env,
    ):
        Path(name).chmod(0o755)
        env.setenv("FERRYMAN_PUBLIC_URL", way.url)
        with serving(Path(name) / "data") as platform:
            way.target = platform.url
            yield platform


@pytest.fixture
def running(near: Platform, way: Passed) -> Running:
    way.reset()
    return near.transfer()


def open_gateway(running: Running, retry_seconds: float = 60.0) -> Gateway:
    return Gateway(
        running.url, running.server_token, running.transfer_id, retry_seconds=retry_seconds
    )


def flip(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


def test_flipped_bytes_and_a_busy_store_are_tried_again(
    near: Platform, running: Running, way: Passed
) -> None:
    way.spoil_puts[:] = [flip, flip]
    way.busy = 3
    with open_gateway(running) as gateway:
        files = {str(number): str(number).encode() * 999 for number in range(20)}
        receipts = gateway.upload_many(files.items())
        gateway.complete_export()
    assert [(each.label, each.sha256) for each in receipts] == [
        (label, sha256(data).hexdigest()) for label, data in files.items()
    ]
    assert labelled(near, running) == sorted(files)
    assert way.again == 0


def test_one_that_changes_each_time_fails_alone_and_can_be_written_again(
    near: Platform, running: Running, way: Passed
) -> None:
    bad = b"bad" * 100

    def spoil(body: bytes) -> bytes:
        way.spoil_puts.append(spoil)  # for the next
        return flip(body) if body == bad else body

    way.spoil_puts[:] = [spoil]
    with open_gateway(running) as gateway:
        for label in ("a", "bad", "c"):
            with gateway.create_app_data(label) as data:
                data.write(bad if label == "bad" else b"good")
        with pytest.raises(GatewayError) as refused:
            gateway.check_finished()
        assert refused.value.code == "checksum_mismatch"
        assert labelled(near, running) == ["a", "c"]
        assert near.view(running)["unfinishedFiles"] == 1
        way.reset()
        with gateway.create_app_data("bad") as data:
            data.write(bad)
        gateway.complete_export()
    assert labelled(near, running) == ["a", "bad", "c"]
    assert near.view(running)["unfinishedFiles"] == 0


def test_a_store_that_is_gone_fails_what_is_queued_and_not_one_after_the_other(
    near: Platform, running: Running, way: Passed
) -> None:
    files = [(str(number), b"x") for number in range(100)]
    way.busy = 10_000
    with open_gateway(running, retry_seconds=0.0) as gateway:
        with pytest.raises((ServerError, TransportError)):
            gateway.upload_many(files)
        tries = 10_000 - way.busy
        assert 8 <= tries < 50
        with pytest.raises(GatewayError, match="unfinished"):
            gateway.complete_export()
        way.reset()
        gateway.upload_many(files)
        gateway.complete_export()
    assert labelled(near, running) == sorted(label for label, _ in files)
    assert near.view(running)["unfinishedFiles"] == 0


def test_a_platform_that_is_gone_is_named(running: Running) -> None:
    gateway = Gateway("http://127.0.0.1:9", "token", running.transfer_id, retry_seconds=0.0)
    with gateway.create_app_data("a") as data:
        data.write(b"x")
    with pytest.raises(TransportError):
        gateway.complete_export()
    with pytest.raises(GatewayError, match=r"'a' \(.*TransportError \(connection_refused\)"):
        gateway.complete_export()
    gateway.close()
