"""A pipe whose reader hears every signal."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from ferryman.cli.data.interruptible import interruptible


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Keep the handlers of the test run."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    earlier = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, earlier, strict=True):
        signal.signal(number, handler)


def read_interrupted(pipe: BinaryIO, number: signal.Signals) -> None:
    """Read while another thread gets the signal, so that it ends no system call of this one."""
    sender = threading.Thread(
        target=lambda: signal.pthread_kill(threading.get_ident(), number), daemon=True
    )
    with interruptible(pipe) as source:
        sender.start()
        source.read(10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_interrupts_no_read_ends_the_wait(number: signal.Signals) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb"):
        with pytest.raises(KeyboardInterrupt) as stopped:
            read_interrupted(pipe, number)
        assert stopped.value.args == (number,)


def test_a_signal_with_another_handler_leaves_the_bytes() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, _frame: heard.append(number))
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, interruptible(pipe) as source:
        signal.raise_signal(signal.SIGUSR1)
        os.write(writing, b"harbour")
        assert source.read(3) + source.read(10) == b"harbour"
        os.close(writing)
        assert source.read(10) == b""
    assert heard == [signal.SIGUSR1]
