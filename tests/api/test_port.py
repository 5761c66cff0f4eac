"""Two platforms that start at once do not share a port."""

import asyncio
import socket
import sys

import pytest

from ferryman.errors import ConfigError
from ferryman.server.port import free_port, port_of, taken

HOST = "127.0.0.1"


def test_a_port_is_taken_before_calls_are_answered_there() -> None:
    port = free_port(HOST)
    with asyncio.run(taken(HOST, port)):
        with pytest.raises(ConfigError) as refused:
            asyncio.run(taken(HOST, port, seconds=0))
        assert refused.value.code == "port_taken"
        # Its own server, which shares its port, gets it all the same.
        with socket.create_server((HOST, port), reuse_port=True):
            pass
    with asyncio.run(taken(HOST, port)):
        pass


def test_a_port_that_somebody_listens_at_is_refused() -> None:
    with socket.create_server((HOST, 0), reuse_port=True) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(ConfigError) as refused:
            asyncio.run(taken(HOST, port, seconds=0))
    assert refused.value.code == "port_taken"


@pytest.mark.skipif(sys.platform != "linux", reason="others cannot share a port to reserve it")
def test_a_port_that_the_system_chooses_is_reserved_at_once() -> None:
    """No other platform is given it, nor any program that asks for it."""
    with asyncio.run(taken(HOST, 0)) as first, asyncio.run(taken(HOST, 0)) as second:
        port = port_of(first, HOST)
        assert port not in (0, port_of(second, HOST))
        with pytest.raises(OSError, match="in use"), socket.create_server((HOST, port)):
            pass
        with socket.create_server((HOST, port), reuse_port=True):
            pass
