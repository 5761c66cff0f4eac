"""Small files on their way while their sender is killed, interrupted or just ends."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman import Migration

from . import batch_sender
from .batch_sender import content
from .relay import Relay, relay_to
from .running import Platform, Running, labelled, serving

FILES = 12
CHANCE = random.Random(59)  # noqa: S311 - spreads kills


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay]:
    """What lies between a sender and both the platform and its store."""
    with relay_to("") as relay:
        yield relay


@pytest.fixture(scope="module")
def near(relay: Relay) -> Iterator[Platform]:
    with (
        tempfile.TemporaryDirectory(prefix="ferryman-killed-") as name,
        pytest.MonkeyPatch.context() as env,
    ):
        Path(name).chmod(0o755)
        env.setenv("FERRYMAN_PUBLIC_URL", relay.url)
        with serving(Path(name) / "data") as platform:
            relay.target = platform.url
            yield platform


@pytest.fixture
def running(near: Platform) -> Running:
    return near.transfer()


class Sender:
    """Forks exporters."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._process = subprocess.Popen(
            [sys.executable, batch_sender.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, running: Running, claim: int, *, keys: bool, close: bool = True) -> int:
        """Start one; returns its process id."""
        told = {"url": self._relay.url, "token": running.server_token, "keys": keys}
        told |= {"transferId": running.transfer_id, "claim": claim, "count": FILES, "close": close}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def ended(self) -> int:
        """Wait for its end; returns its exit status."""
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        self._process.communicate(timeout=90)


@pytest.fixture(scope="module")
def sender(relay: Relay) -> Iterator[Sender]:
    sender = Sender(relay)
    yield sender
    sender.close()


LABELS = sorted(map(str, range(FILES)))


def check_all(near: Platform, running: Running) -> None:
    """Each file is there once, with its bytes, and none is missing."""
    assert labelled(near, running) == LABELS
    with Migration(near.url, running.cloud_token) as migration:
        for file in list(migration.iter_app_data(running.transfer_id)):
            assert file.label is not None
            data = migration.get_app_data_payload(file.key).content()
            assert data == content(int(file.label))
    view = near.view(running)
    assert view["unfinishedFiles"] == 0
    assert view["exportCompletedAt"] is not None


@pytest.mark.parametrize("keys", [True, False])
def test_what_was_begun_and_not_completed_is_not_announced(
    near: Platform, running: Running, relay: Relay, sender: Sender, *, keys: bool
) -> None:
    claim = near.claim(running)
    relay.hold("/uploads/complete")
    child = sender.start(running, claim, keys=keys)
    relay.await_held()
    os.kill(child, signal.SIGKILL)
    assert sender.ended() == -signal.SIGKILL
    relay.refuse_held()
    assert labelled(near, running) == []
    sender.start(running, near.claim(running), keys=keys)
    assert sender.ended() == 0
    check_all(near, running)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.soak)])
def test_a_sender_killed_anywhere_loses_nothing_and_sends_nothing_twice(
    near: Platform, relay: Relay, sender: Sender, kills: int
) -> None:
    """Killed before or after any of its calls, and called again, as an agent does."""
    for _ in range(kills):
        running = near.transfer()
        moment, before = CHANCE.randint(1, FILES + 4), CHANCE.random() < 0.5
        child: list[int] = []
        started = threading.Event()

        def kill(child: list[int] = child, started: threading.Event = started) -> None:
            assert started.wait(90)
            os.kill(child[0], signal.SIGKILL)

        relay.at_call(moment, kill, before=before)
        child.append(sender.start(running, near.claim(running), keys=True))
        started.set()
        status = sender.ended()
        relay.at_no_call()  # or the next sender's call would end whatever has that number by then
        print(f"killed at call {moment}, {'before' if before else 'after'} it: {status}")
        there = labelled(near, running)
        assert len(set(there)) == len(there)
        if status != 0:
            sender.start(running, near.claim(running), keys=True)
            assert sender.ended() == 0
        check_all(near, running)


def test_a_process_that_ends_waits_for_what_it_closed(
    near: Platform, running: Running, sender: Sender
) -> None:
    sender.start(running, near.claim(running), keys=False, close=False)
    assert sender.ended() == 0
    assert labelled(near, running) == LABELS


INTERRUPTED = """
import signal, sys
from ferryman import Gateway

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored

# A budget for few files: those that are closed are sent before it ends.
with Gateway(*sys.argv[1:], budget=200_000) as gateway:
    for number in range(100_000):
        with gateway.create_app_data(str(number)) as data:
            data.write(b"x" * 100)
        print(number, flush=True)
"""


def test_an_interrupted_program_registers_what_it_closed(
    near: Platform, running: Running, relay: Relay
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, relay.url, running.server_token, running.transfer_id],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    relay.at_call(20, lambda: process.send_signal(signal.SIGINT), before=True)
    out, errors = process.communicate(timeout=90)
    assert "KeyboardInterrupt" in errors
    closed, there = set(out.split()), labelled(near, running)
    assert closed <= set(there)
    assert len(set(there)) == len(there) <= len(closed) + 1
