"""A worker is killed in the middle of a consumer: its event is delivered again."""

import signal
from pathlib import Path

import msgspec
import pytest

from ferryman.wire.queue import ConsumerEvent
from tests.kit.platform import PlatformProcess, wait_until
from tests.kit.queues import LONG, QueueApp

pytestmark = pytest.mark.e2e


def test_a_worker_killed_in_the_middle_of_a_consumer_loses_no_event(tmp_path: Path) -> None:
    with PlatformProcess(tmp_path / "data", env={"FERRYMAN_HEARTBEAT_SECONDS": "2"}) as platform:
        app = QueueApp.begin(platform, tmp_path / "app")
        limit = {"key": "k", "limit": 1}
        jobs = [app.push({"until": "go"}, LONG, concurrency=limit) for _ in range(2)]
        first = wait_until(lambda: app.calls(jobs[0]))[0]
        [worker] = platform.workers()
        worker.send_signal(signal.SIGKILL)
        wait_until(lambda: sum(len(app.calls(job)) for job in jobs) == 2)
        (app.folder / "go").touch()
        for job in jobs:
            assert app.ended(job, LONG) == {"success": 1, "inProgress": 0, "failed": 0}
        again = app.calls(jobs[0])[1]
        assert again["eventId"] == first["eventId"]
        assert again["retryContext"]["retryCount"] == 0
        assert msgspec.to_builtins(msgspec.convert(again, ConsumerEvent)) == again
        attempts = [each["attempts"] for each in app.events(queue=LONG)]
        assert attempts == [1, 2]
