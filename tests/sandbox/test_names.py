"""The name server of a sandbox answers what is allowed, and nothing else."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.functions.sandbox.access import Origin, access, origin
from ferryman.functions.sandbox.names import NameServer

A, AAAA, TEXT = 1, 28, 16
REACH = access(
    ["http://platform.example:8400"],
    ["https://api.example", "*.wild.example", "http://127.0.0.1:2990"],
)


def query(name: str, kind: int = A, questions: int = 1) -> bytes:
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    return (
        struct.pack(">6H", 77, 0x0100, questions, 0, 0, 0)
        + labels
        + struct.pack(">BHH", 0, kind, 1)
    )


def read(answer: bytes | None) -> tuple[int, str | None]:
    """Return the code of an answer, and the address in it."""
    assert answer is not None
    number, flags, questions, answers, _, _ = struct.unpack_from(">6H", answer)
    assert (number, questions, flags & 0x8000) == (77, 1, 0x8000)
    return flags & 0xF, socket.inet_ntoa(answer[-4:]) if answers else None


def test_each_name_has_an_address_of_its_own() -> None:
    names = NameServer(REACH.knows)
    assert read(names.answer(query("api.example"))) == (0, "127.64.0.1")
    assert read(names.answer(query("a.wild.example"))) == (0, "127.64.0.2")
    assert read(names.answer(query("API.Example"))) == (0, "127.64.0.1")
    assert names.name_of("127.64.0.2") == "a.wild.example"
    assert names.name_of("127.64.0.3") is None


@pytest.mark.parametrize("kind", [AAAA, TEXT])
def test_an_allowed_name_has_no_other_records(kind: int) -> None:
    assert read(NameServer(REACH.knows).answer(query("api.example", kind))) == (0, None)


@pytest.mark.parametrize("name", ["elsewhere.example", "wild.example", "xapi.example", "127.0.0.1"])
def test_other_names_do_not_exist(name: str) -> None:
    assert read(NameServer(REACH.knows).answer(query(name))) == (3, None)


def test_a_wildcard_gives_only_so_many_names() -> None:
    names = NameServer(REACH.knows)
    codes = [read(names.answer(query(f"n{number}.wild.example")))[0] for number in range(1_100)]
    assert codes.count(0) == 1_000
    assert read(names.answer(query("n5.wild.example")))[0] == 0


@given(st.binary(max_size=64))
def test_no_message_is_too_malformed(data: bytes) -> None:
    names = NameServer(REACH.knows)
    for text in (data, query("api.example")[: len(data)], query("api.example") + data):
        names.answer(text)
    assert names.answer(query("api.example", questions=2)) is None


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("https://api.example/path", "api.example", 443),
        ("http://api.example", "api.example", 80),
        ("http://API.example.:8080", "api.example", 8080),
        ("api.example", "api.example", 443),
        ("*.wild.example", "*.wild.example", 443),
        ("http://localhost:8400", "127.0.0.1", 8400),
        ("http://0.0.0.0:8400", "127.0.0.1", 8400),
        ("http://[::1]:8400", "::1", 8400),
        ("*", "*", 443),
    ],
)
def test_the_origin_of_a_url(text: str, host: str, port: int) -> None:
    assert origin(text) == Origin(host, port)


def test_what_is_trusted_granted_and_neither() -> None:
    assert REACH.trusted("platform.example", 8400) is True
    assert REACH.trusted("api.example", 443) is False
    assert REACH.trusted("deep.down.wild.example", 443) is False
    assert REACH.trusted("127.0.0.1", 2990) is False
    for host, port in (
        *(("platform.example", 443), ("api.example", 80), ("wild.example", 443)),
        *(("127.0.0.1", 8400), ("10.0.0.1", 443), ("notwild.example", 443)),
    ):
        assert REACH.trusted(host, port) is None, (host, port)
    everything = access([], ["*"])
    assert everything.trusted("any.example", 443) is False
    assert everything.trusted("192.0.2.1", 443) is None


def test_a_manifest_grants_only_so_many_ports() -> None:
    """Each takes a socket, and the platform's come first."""
    many = access(
        ["http://platform.example:8400"], [f"http://a.example:{n}" for n in range(1, 999)]
    )
    assert len(many.ports) == 101
    assert many.ports[0] == 8400
