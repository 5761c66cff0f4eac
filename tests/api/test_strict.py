"""Bodies and queries are read one way only, and quickly refused when they are too large."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.api.strict import check_members
from ferryman.errors import Invalid
from tests.kit.function_app import FunctionMigration
from tests.kit.platform import PlatformProcess, Reply, problem

FORGE = "/app/migration/forge/v1"

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
)
NO_NUL = VALUES.filter(lambda value: "\\u0000" not in json.dumps(value))


@pytest.fixture
def migration(platform_process: PlatformProcess, app_folder: Path) -> FunctionMigration:
    return FunctionMigration.begin(platform_process, app_folder)


def reads(raw: bytes) -> Any:
    value = msgspec.json.decode(raw)
    check_members(raw, value)
    return value


@given(NO_NUL, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_plain_json_is_taken_however_it_is_written(
    value: object, ascii_only: bool, indent: int | str | None
) -> None:
    try:
        raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    except UnicodeEncodeError:
        return
    if b"\\ud" not in raw:
        reads(raw)


@given(st.dictionaries(st.text(max_size=3), st.integers(), min_size=1), st.data())
def test_a_repeated_name_is_always_found(members: dict[str, int], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(members)))
    if any(ord(c) in range(0xD800, 0xE000) or c == "\0" for c in "".join(members)):
        return
    again = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in name)
    inner = json.dumps(members)[:-1] + f', "{again}": "\\u0022"}}'
    with pytest.raises(Invalid) as caught:
        reads(f'[{{"around": {inner}}}]'.encode())
    assert caught.value.code in ("member_repeated", "integer_too_large")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"message": "first", "message": "second"}', "member_repeated"),
        (b'{"message": "a", "note": {"x": 1, "\\u0078": 2}}', "member_repeated"),
        (b'{"message": "a", "note": 9223372036854775808}', "integer_too_large"),
        (b'{"message": "a", "note": -9223372036854775809}', "integer_too_large"),
        (b'{"message": "a", "note": [' + b"7" * 4000 + b"]}", "integer_too_large"),
        (b'{"message": "a", "note": "\\u0000"}', "text_invalid"),
        (b'{"message": "a", "\\u0000": 1}', "text_invalid"),
        (b'{"message": "a", "note": "\\udc00"}', "text_invalid"),
        (b'{"message": "a", "note": "\\ud83d\\u0041"}', "text_invalid"),
        (b'{"message": "a", "note": NaN}', "request_invalid"),
        (b'{"message": "a", "note": 1e999}', "request_invalid"),
        (b'\xef\xbb\xbf{"message": "a"}', "request_invalid"),
        ('{"message": "a"}'.encode("utf-16"), "request_invalid"),
        (b'{"message": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, "request_invalid"),
        (b'{"message": "a", "note": ' + b"[" * 5000 + b"]" * 5000 + b"}", "request_invalid"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_bodies_that_two_readers_could_read_differently(
    migration: FunctionMigration, raw: bytes, code: str
) -> None:
    reply = migration.cloud.call("POST", f"{FORGE}/log/{migration.transfer_id}", raw=raw)
    assert reply.status == 400, reply.body
    assert problem(reply)["code"] == code
    assert not [e for e in migration.timeline() if e["kind"] == "log.added"]


def test_odd_json_that_is_understood(migration: FunctionMigration) -> None:
    path = f"{FORGE}/log/{migration.transfer_id}"
    for raw in (
        b'{"message": "a", "unknown": {"deep": [1, 9223372036854775807]}}',
        b' \n{"message": "\\u0022 \\\\u0000 \\u2028"}\n ',
        b'{"message": ""}',
    ):
        assert migration.cloud.call("POST", path, raw=raw).status == 200, raw


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json;charset=utf-8", 200),
        ("Application/JSON ; charset=utf-8", 200),
        ("application/vnd.ferryman+json", 200),
        ("", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonx", 415),
        ("nonsense", 415),
    ],
)
def test_media_types(migration: FunctionMigration, kind: str, status: int) -> None:
    reply = migration.cloud.call(
        "POST",
        f"{FORGE}/log/{migration.transfer_id}",
        {"message": "hello"},
        headers={"Content-Type": kind},
    )
    assert reply.status == status, reply.body
    if status != 200:
        assert problem(reply)["code"] == "media_type_unsupported"


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/xml", "nonsense", ""])
def test_any_accept_header_and_a_content_type_on_get(
    migration: FunctionMigration, accept: str
) -> None:
    for kind in ("application/json", "text/plain", "nonsense"):
        reply = migration.cloud.call(
            "GET",
            f"{FORGE}/data/{migration.transfer_id}/page",
            headers={"Accept": accept, "Content-Type": kind},
        )
        assert reply.status == 200, reply.body
        assert reply.json == {"items": [], "lastEvaluatedKey": None}


@pytest.mark.parametrize(
    "query",
    [
        "namespace=jira:issue&namespace=jira:board",
        "namespace=jira:issue&pageSize=1&pageSize=2",
        "namespace=jira:issue&lastEntity=&lastEntity=",
        "namespace=jira:issue&name%73pace=jira:board",
        "namespace=jira:%zz",
        "namespace=jira:%f",
        "namespace=jira:issue&x=%",
        "namespace=jira:%ff",
        "namespace=jira:%ed%a0%80",
        "namespace=jira:issue&%c3=1",
    ],
)
def test_queries_that_two_readers_could_read_differently(
    migration: FunctionMigration, query: str
) -> None:
    host = urlsplit(migration.cloud.url)
    # urllib3 would fix some of these.
    reply = raw_call(
        host.port or 0,
        f"GET {FORGE}/mapping/{migration.transfer_id}/page?{query} HTTP/1.1\r\n"
        f"Host: x\r\nConnection: close\r\nAuthorization: Bearer {migration.tokens['cloudToken']}",
    )
    assert reply.status == 400, reply.body
    assert problem(reply)["code"] == "query_invalid"


def raw_call(port: int, head: str, body: bytes = b"") -> Reply:
    """The answer to a request as it is written, and to as much of its body as is taken."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head.encode("latin-1") + b"\r\n\r\n" + body)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    top, _, content = answer.partition(b"\r\n\r\n")
    lines = top.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return Reply(int(lines[0].split()[1]), headers, content)


def test_a_large_body_is_refused_before_it_is_sent(migration: FunctionMigration) -> None:
    """What is announced is enough: no byte of 10 MB has to arrive."""
    port = urlsplit(migration.cloud.url).port or 0
    calls = [
        (f"{FORGE}/log/{migration.transfer_id}", migration.tokens["cloudToken"]),
        (f"/server/v1/transfers/{migration.transfer_id}/error", migration.tokens["serverToken"]),
        ("/server/v1/listeners/claim", migration.tokens["serverToken"]),
    ]
    for path, token in calls:
        reply = raw_call(
            port,
            f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            "Content-Length: 10000000",
        )
        assert reply.status == 413
        assert problem(reply)["code"] == "body_too_large"


def test_a_large_body_of_unknown_length_is_refused(migration: FunctionMigration) -> None:
    chunk = b"40000\r\n" + b" " * 0x40000 + b"\r\n"
    reply = raw_call(
        urlsplit(migration.cloud.url).port or 0,
        f"POST {FORGE}/log/{migration.transfer_id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {migration.tokens['cloudToken']}\r\n"
        "Transfer-Encoding: chunked",
        chunk * 5,
    )
    assert reply.status == 413
    assert problem(reply)["code"] == "body_too_large"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Long: {'x' * 1_000_000}",
        lambda path: f"GET {path}?x={'x' * 1_000_000} HTTP/1.1\r\nHost: x",
        lambda path: f"GET {path}{'/x' * 100_000} HTTP/1.1\r\nHost: x",
        lambda path: f"GET {path} HTTP/1.1\r\nHost: x" + "\r\nX-Many: 1" * 5000,
        lambda path: f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {'x' * 100_000}",
        lambda path: f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xe9\xff",
        lambda path: f"GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: -1",
        lambda path: f"GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2",
        lambda path: f"GET {path}\xff\xfe HTTP/1.1\r\nHost: x",
        lambda path: f"GE T {path} HTTP/1.1\r\nHost: x",
        lambda path: f"BREW {path} HTTP/1.1\r\nHost: x",
    ],
)
def test_requests_that_are_too_large_or_no_http(
    migration: FunctionMigration, make: Callable[[str], str]
) -> None:
    """The HTTP server may refuse them by itself, but never fails, and goes on serving."""
    head = make(f"{FORGE}/data/{migration.transfer_id}/page") + "\r\nConnection: close"
    try:
        reply = raw_call(urlsplit(migration.cloud.url).port or 0, head)
    except ConnectionError:
        pass  # it did not read to the end
    else:
        assert 400 <= reply.status < 500, reply
        assert b"Traceback" not in reply.body
    assert migration.status == "IN_PROGRESS"
