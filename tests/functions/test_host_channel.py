"""The host's end of its channel: requests come whole, however the socket cuts them."""

import json
import os
import socket
import threading

import pytest

from ferryman.functions import host_channel


@pytest.mark.parametrize("piece", [1, 7, 8, 9, 70_000])
@pytest.mark.parametrize("size", [0, 1, 500, 200_000])
def test_a_request_is_read_whole_however_it_is_cut(size: int, piece: int) -> None:
    step = max(piece, size // 100)  # few enough writes
    data = os.urandom(size)
    sent = len(data).to_bytes(host_channel.LENGTH_BYTES) + data
    worker, host = socket.socketpair()

    def send() -> None:
        for begin in range(0, len(sent), step):
            worker.sendall(sent[begin : begin + step])
        worker.close()

    with host:
        sending = threading.Thread(target=send)
        sending.start()
        assert host_channel.read(host.fileno()) == data
        sending.join()
        assert host_channel.read(host.fileno()) is None


@pytest.mark.parametrize(
    ("left", "ended", "failed"),
    [
        ("", "", {"error": None}),
        ("a thread or timer", "", {"error": None}),
        ("", "a task of asyncio", {"error": None}),
        ("", "", {"error": 'a "quoted" one', "cause": "function_raised", "frame": None}),
    ],
)
def test_each_end_of_a_call_is_one_line(
    left: str, ended: str, failed: dict[str, str | None]
) -> None:
    read, write = os.pipe()
    try:
        host_channel.send_end(write, 12, left, ended, failed)
        lines = os.read(read, 1 << 16).splitlines()
    finally:
        os.close(read)
        os.close(write)
    common = {"call": 12, "state": "done", "left": left, "ended": ended}
    assert [json.loads(line) for line in lines] == [{**common, **failed}]
