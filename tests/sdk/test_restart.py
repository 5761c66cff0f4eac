"""A platform that is killed in the middle of an upload, and started again."""

import contextlib
import random
import tempfile
import threading
import time
from pathlib import Path

import pytest

from ferryman import Gateway, Migration
from tests.kit.digests import parts_sha256
from tests.kit.platform import free_port

from .agents import agent
from .running import serving

MIB = 1 << 20


def test_a_killed_platform_loses_nothing_of_a_stream() -> None:
    data = random.Random(1).randbytes(80 * MIB)  # noqa: S311 - only has to differ
    with tempfile.TemporaryDirectory(prefix="ferryman-sdk-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        with serving(folder / "data", port) as platform:
            running = platform.transfer()
            gateway = Gateway(running.url, running.server_token, running.transfer_id)
            stream = gateway.create_app_data("all of it")
            stream.write(data[: 40 * MIB])
            platform.kill()

        def go_on() -> None:
            stream.write(data[40 * MIB :])
            stream.close()

        rest = threading.Thread(target=go_on)
        rest.start()
        time.sleep(0.5)  # let some calls fail first
        with serving(folder / "data", port) as platform:
            rest.join(timeout=100)
            assert stream.receipt is not None
            assert stream.receipt.parts_sha256 == parts_sha256(data, 8 * MIB)
            assert len(platform.events(running, "uploaded:app_data")) == 1
            with (
                Migration(running.url, running.cloud_token) as migration,
                migration.get_app_data_payload(stream.receipt.key) as payload,
            ):
                assert payload.read() == data
            gateway.close()


@pytest.mark.parametrize("how", ["written again", "abandoned"])
def test_a_file_that_failed_during_an_outage_is_not_missing(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The platform was gone for longer than it is told at once that a file will not come."""
    monkeypatch.setattr("ferryman.sdk.remote_upload._GIVING_UP_SECONDS", 0.0)
    with tempfile.TemporaryDirectory(prefix="ferryman-sdk-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        with serving(folder / "data", port) as platform:
            running = platform.transfer()
            gateway = Gateway(running.url, running.server_token, running.transfer_id)
            stream = gateway.create_app_data("notes")
            stream.write(bytes(MIB))  # it has begun
            platform.kill()
        if how == "abandoned":
            stream.abandon()
        else:
            with contextlib.suppress(LookupError), stream:
                raise LookupError
        with serving(folder / "data", port) as platform, gateway:
            if how == "written again":
                gateway.create_app_data("notes").close()
            gateway.complete_export()
            assert platform.view(running)["exportCompletedAt"]


def test_an_agent_outlives_the_platform() -> None:
    with tempfile.TemporaryDirectory(prefix="ferryman-sdk-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        with contextlib.ExitStack() as stack:
            with serving(folder / "data", port) as platform:
                running = platform.transfer()
                process = stack.enter_context(agent(running, "Exporter", folder))
                process.says("listener.returned")
                platform.kill()
            process.says("platform.unreachable")
            with serving(folder / "data", port) as platform:
                platform.start_again(running)
                process.says("platform.reached")
                process.until(lambda: process.log.count("listener.returned") == 2)
