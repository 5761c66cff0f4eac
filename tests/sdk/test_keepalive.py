"""A transfer waits for bytes that are coming, however long that takes."""

from contextlib import suppress
from pathlib import Path
from threading import Lock

import pytest

from ferryman import Gateway
from ferryman.sdk import keepalive
from ferryman.sdk.bandwidth import Throttle
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.upload_file import upload_file
from ferryman.wire.upload import AppDataReceipt
from tests.kit.platform import wait_until

from .running import Platform, Running
from .test_stream import MIB, noise

PART = 8 * MIB
MINUTES = 8 * 60


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its seconds are real ones, and the minutes of these tests are not."""
    monkeypatch.setattr(keepalive, "KEEPALIVE_SECONDS", 0.0)


@pytest.fixture
def parts() -> "Parts":
    return Parts()


class Parts:
    """Counts what the store holds."""

    def __init__(self) -> None:
        self.sent = self.held = 0
        self._lock = Lock()

    def __call__(self, *_: object) -> "Parts":
        return self

    def part(self, _size: int, sent: bool, /) -> None:
        with self._lock:
            self.sent += sent
            self.held += not sent

    def end(self, _receipt: AppDataReceipt | None, /) -> None:
        """Nothing to do."""


def advance(platform: Platform, seconds: float) -> None:
    platform.admin("POST", "/clock/advance", {"seconds": seconds})


def test_making_again_what_the_store_holds_may_take_long(
    platform: Platform, running: Running, parts: Parts
) -> None:
    data = noise(5 * PART)
    with Gateway(
        running.url, running.server_token, running.transfer_id, on_progress=parts
    ) as gateway:
        with suppress(InterruptedError), gateway.create_app_data(resume_key="a") as stream:
            stream.write(data[: 4 * PART])
            wait_until(lambda: parts.sent == 4)
            raise InterruptedError
        with gateway.create_app_data(resume_key="a") as stream:
            for number in range(4):
                stream.write(data[number * PART : (number + 1) * PART])
                wait_until(lambda: parts.held == number + 1)  # noqa: B023 - called at once
                advance(platform, MINUTES)
            stream.write(data[4 * PART :])
        assert stream.receipt is not None
        gateway.complete_export()
    assert platform.view(running)["files"] == 1


def test_a_part_may_be_long_on_a_slow_line(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    source = tmp_path / "slow"
    source.write_bytes(noise(PART))
    # Of eight pieces of a MiB all but the first wait, which is when the minutes pass.
    throttle = Throttle(8.0 * MIB, sleep=lambda _: advance(platform, MINUTES / 2))
    transport = HttpTransport(
        running.url, running.server_token, retry_seconds=60.0, throttle=throttle
    )
    seen: list[int] = []
    try:
        sent = upload_file(
            transport,
            running.transfer_id,
            source,
            None,
            on_progress=lambda size, _sent: seen.append(size),
            journals=None,
        )
    finally:
        transport.close()
    assert (sent.receipt.size, seen) == (PART, [PART])
