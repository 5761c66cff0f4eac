"""The agent as a process, against a real platform."""

import json
import re
import signal
from pathlib import Path

import pytest

from ferryman import Gateway, MigrationDetails
from ferryman.sdk.agent import default_agent_id
from ferryman.sdk.listener import adapt_listener, load_listener
from tests.kit.platform import wait_until

from .agents import agent
from .badserver import bad_server
from .running import Platform, Running

SECRET = "customer@example.com"


class Named:
    """A listener that names its key."""

    def get_server_app_key(self) -> str:
        """Name it."""
        return "org.example.app"

    def on_start_app_migration(self, gateway: Gateway, migration_details: MigrationDetails) -> None:
        """Do nothing."""


@pytest.mark.parametrize("form", [Named, Named()])
def test_a_class_and_an_object_are_listeners(form: object) -> None:
    found = adapt_listener(form)
    assert found.keys == ("org.example.app",)


def test_a_function_is_a_listener() -> None:
    def listener(gateway: Gateway, details: MigrationDetails) -> None: ...

    found = adapt_listener(listener)
    assert found.start is listener
    assert found.keys == ()


@pytest.mark.parametrize("form", [3, object(), object])
def test_other_things_are_not(form: object) -> None:
    with pytest.raises(ValueError, match="expected an object or class with"):
        adapt_listener(form)


@pytest.mark.parametrize("target", ["", "module", ":x", "json:", "json:nothing", "json:__doc__"])
def test_a_target_without_a_listener_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        load_listener(target)


def test_an_agent_keeps_its_name() -> None:
    assert default_agent_id(adapt_listener(Named)) == default_agent_id(adapt_listener(Named()))


def test_a_transfer_is_carried_and_the_agent_stops_on_a_signal(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    with agent(running, "Exporter", tmp_path) as process:
        process.says("listener.returned")
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(timeout=90) == 0
        assert "agent.stopped" in process.log
        assert running.server_token not in process.log
    (event,) = platform.events(running, "uploaded:app_data")
    assert event["label"] == "A plan"
    assert platform.view(running)["exportCompletedAt"] is not None


@pytest.mark.parametrize(
    ("listener", "kind"),
    [("failing", "LookupError"), ("failing_twice", "LookupError"), ("exiting", "SystemExit")],
)
def test_what_a_listener_raises_becomes_an_event_without_its_text(
    platform: Platform, tmp_path: Path, listener: str, kind: str
) -> None:
    with bad_server() as cloud_app:
        running = platform.transfer(remote=cloud_app.url)
        with agent(running, listener, tmp_path, "--once") as process:
            assert process.process.wait(timeout=90) == 1
            wait_until(lambda: cloud_app.seen)
    event = cloud_app.seen[0].body.decode()
    told = json.loads(event)["transferError"]
    assert told["exceptionType"] == kind
    head, frame = told["safeStackTrace"].splitlines()
    assert head == kind
    assert re.fullmatch(rf'  File "listeners.py", line \d+, in {listener}', frame)
    assert SECRET not in event
    assert platform.view(running)["status"] == "IN_PROGRESS"


def test_returning_completes_nothing_and_is_not_called_again(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    """Also by the next process of the agent: it gets the next transfer, and not this one."""
    with agent(running, "returning", tmp_path) as first:
        first.says("listener.returned")
        first.process.kill()
    assert platform.view(running)["exportCompletedAt"] is None
    platform.start_again(running)
    with agent(running, "returning", tmp_path) as second:
        second.until(lambda: second.log.count("listener.returned") == 2)
    kinds = [entry["kind"] for entry in platform.timeline(running)]
    assert kinds.count("listener.claimed") == 1
    assert [kind for kind in kinds if kind.startswith("listener.")] == [
        "listener.claimed",
        "listener.running",
        "listener.returned",
    ]


def test_a_listener_that_leaves_a_file_unfinished_has_failed(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    with agent(running, "forgetful", tmp_path, "--once") as process:
        assert process.process.wait(timeout=90) == 1
        log = process.log
    assert "listener.failed" in log
    assert "'forgotten' (still open)" in log
    told = [e["data"] for e in platform.timeline(running) if e["kind"] == "upload.aborted"]
    assert [(each["label"], each["reason"], each["detail"]) for each in told] == [
        ("forgotten", "writer_failed", "never closed")
    ]
    platform.admin("POST", "/clock/advance", {"seconds": 1_000})
    assert platform.view(running)["status"] == "TIMED_OUT", "its one message is unacknowledged"


def test_a_killed_agent_is_given_its_transfer_again(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    with agent(running, "slow", tmp_path) as first:
        first.marked("started")
        first.process.kill()
    with agent(running, "slow", tmp_path) as second:
        second.marked("completed")
    assert platform.view(running)["exportCompletedAt"] is not None


@pytest.mark.parametrize("options", [(), ("--once",)], ids=["many", "once"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_running_listener_finish(
    platform: Platform,
    running: Running,
    tmp_path: Path,
    options: tuple[str, ...],
    number: signal.Signals,
) -> None:
    """As a Kubernetes Job, ``timeout`` or Ctrl-C end it."""
    with agent(running, "patient", tmp_path, *options) as process:
        process.marked("started")
        process.process.send_signal(number)
        assert process.process.wait(timeout=90) == 0
        assert "completed" in process.marks


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--once",), 1)], ids=["many", "once"])
def test_a_listener_that_is_cut_short_is_given_to_the_next_agent(
    platform: Platform, running: Running, tmp_path: Path, options: tuple[str, ...], status: int
) -> None:
    """A second signal ends the grace; that is no error of the listener."""
    with agent(running, "slow", tmp_path, *options) as first:
        first.marked("started")
        first.process.send_signal(signal.SIGTERM)
        first.says("agent.stopping")
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(timeout=90) == status
        assert "listener.failed" not in first.log
    assert platform.view(running)["status"] == "IN_PROGRESS"
    with agent(running, "slow", tmp_path, "--once") as second:
        assert second.process.wait(timeout=90) == 0
    assert platform.view(running)["exportCompletedAt"] is not None


def test_a_settled_transfer_is_no_error(
    platform: Platform, running: Running, tmp_path: Path
) -> None:
    with agent(running, "settled", tmp_path) as process:
        process.says("transfer.settled")
        assert process.process.poll() is None
    timeline = platform.admin("GET", f"/transfers/{running.transfer_id}/timeline")
    assert "error" not in str(timeline)


def test_a_refused_token_ends_the_agent_with_a_reason(running: Running, tmp_path: Path) -> None:
    with agent(running, "Exporter", tmp_path, "--token", "wrong") as process:
        assert process.process.wait(timeout=90) == 2
        assert "401" in process.log
