"""Calls, retries, look-ups, parts and downloads, without a network."""

import msgspec
import pytest

from ferryman import ClientError, GatewayError, MigrationAPIError
from ferryman.sdk.exchange import Exchange, NoAnswerError
from ferryman.sdk.operation import Answer, Request, address, json_operation, segment
from ferryman.sdk.operations import cloud
from ferryman.sdk.operations.mapping import find_mappings
from ferryman.sdk.part import part_flow
from ferryman.sdk.retry import RetryPolicy
from ferryman.vocab import AckStatus
from ferryman.wire.message import MessageStatus
from ferryman.wire.upload import PartRequest

from .driving import Event, answer, drive, problem

EXCHANGE = Exchange(RetryPolicy(retry_seconds=60, roll=lambda: 1.0))
NUMBERS = json_operation("GET", "/numbers", list[int])


def test_a_call_gives_the_typed_result() -> None:
    done = drive(EXCHANGE.call(NUMBERS), [answer(200, [1, 2])])
    assert done.result == [1, 2]
    assert done.waits == []


def test_failures_that_pass_are_waited_out() -> None:
    events: list[Event] = [NoAnswerError("refused"), answer(503, retry_after="7"), answer(200, [3])]
    done = drive(EXCHANGE.call(NUMBERS), events)
    assert done.result == [3]
    assert done.waits == [0.2, 7.0]


def test_a_refusal_carries_what_the_platform_said() -> None:
    with pytest.raises(ClientError, match=r"expected one thing; found another\. Do this") as caught:
        drive(EXCHANGE.call(NUMBERS), [answer(409, problem(409, "transfer_settled"))])
    assert caught.value.status == 409
    assert caught.value.code == "transfer_settled"
    assert caught.value.settled


@pytest.mark.parametrize("status", [201, 204, 302, 404])
def test_every_status_but_200_is_an_error(status: int) -> None:
    exchange = Exchange(EXCHANGE.policy)
    with pytest.raises(MigrationAPIError) as caught:
        drive(exchange.call(NUMBERS), [answer(status, [1])])
    assert caught.value.status == status
    assert caught.value.problem is None


def test_no_answer_has_no_status() -> None:
    exchange = Exchange(RetryPolicy(retry_seconds=0))
    with pytest.raises(GatewayError, match="Connection refused") as caught:
        drive(exchange.call(NUMBERS), [NoAnswerError("Connection refused")])
    assert caught.value.status is None


def test_a_certificate_that_is_refused_is_not_tried_again() -> None:
    with pytest.raises(ClientError):
        drive(EXCHANGE.call(NUMBERS), [NoAnswerError("SSLError", retryable=False)])


def test_an_answer_of_another_program_is_an_error() -> None:
    with pytest.raises(ClientError, match="not Ferryman's JSON"):
        drive(EXCHANGE.call(NUMBERS), [answer(200, "welcome")])


def test_the_token_goes_to_the_platform_only() -> None:
    own = Request(method="GET", url="/x", query=(("a", "b c"),))
    url, headers = address("http://p", "secret", own)
    assert url == "http://p/x?a=b+c"
    assert headers["authorization"] == "Bearer secret"
    signed = Request(method="GET", url="http://store/x?sig=1")
    url, headers = address("http://p", "secret", signed)
    assert url == "http://store/x?sig=1"
    assert "authorization" not in headers


def test_each_try_is_signed_anew() -> None:
    """The hash is of the path below the base URL, and of the query as it is sent."""
    seen: list[tuple[str, str, str]] = []

    def sign(method: str, path: str, query: str) -> str:
        seen.append((method, path, query))
        return f"JWT {len(seen)}"

    own = Request(method="GET", url="/x", query=(("a", "b c"),))
    assert [address("http://p/wiki", sign, own)[1]["authorization"] for _ in range(2)] == [
        "JWT 1",
        "JWT 2",
    ]
    assert seen == [("GET", "/x", "a=b+c")] * 2
    assert (
        "authorization" not in address("http://p", sign, Request(method="GET", url="http://s"))[1]
    )


def test_ids_cannot_leave_their_segment() -> None:
    assert segment("../a b/c?d#é") == "..%2Fa%20b%2Fc%3Fd%23%C3%A9"
    assert [segment(each) for each in (".", "..", "...", "")] == ["%2E", "%2E%2E", "%2E%2E%2E", ""]


def test_keys_are_looked_up_a_hundred_at_a_time_and_once_each() -> None:
    keys = [str(n) for n in range(250)] + ["1", "2"]
    flow = find_mappings(EXCHANGE, "/find", "jira:issue", keys)
    done = drive(flow, [answer(200, {"1": "a"}), answer(200, {}), answer(200, {"240": "b"})])
    assert done.result == {"1": "a", "240": "b"}
    sent = [msgspec.json.decode(r.body, type=list[str]) for r in done.requests if r.body]
    assert [len(batch) for batch in sent] == [100, 100, 50]
    assert [key for batch in sent for key in batch] == [str(n) for n in range(250)]
    assert done.requests[0].query == (("namespace", "jira:issue"),)


def test_no_keys_need_no_call() -> None:
    done = drive(cloud.mapping_by_id(EXCHANGE, "/b", "t", "n", []), [])
    assert done.result == cloud.MappingResponse({})


def test_the_list_of_files_follows_its_pages() -> None:
    def item(key: str, **label: str) -> dict[str, str]:
        return {"s3Key": key, "key": key, **label}

    first = {"items": [item("a", label="x"), item("b")], "lastEvaluatedKey": "b"}
    second = {"items": [item("c")], "lastEvaluatedKey": None}
    done = drive(cloud.app_data_list(EXCHANGE, "t"), [answer(200, first), answer(200, second)])
    assert done.result is not None
    assert [(f.key, f.label) for f in done.result.result] == [("a", "x"), ("b", None), ("c", None)]
    assert ("lastEvaluatedKey", "b") in done.requests[1].query


def test_the_list_of_files_is_read_by_page_whatever_the_platform_leaves_out() -> None:
    page = {"items": [{"s3Key": "a", "key": "a", "fileSize": 0}], "lastEvaluatedKey": None}
    done = drive(EXCHANGE.call(cloud.app_data_page("t", "c")), [answer(200, page)])
    assert done.result == cloud.AppDataResults([cloud.AppData("a", "a", None, 0)])


def test_messages_are_acknowledged_a_thousand_at_a_time() -> None:
    ids = [str(n) for n in range(2001)]
    flow = cloud.acknowledge(EXCHANGE, "t", ids, AckStatus.FAILED)
    done = drive(flow, [answer(200)] * 3)
    sent = [msgspec.json.decode(r.body, type=MessageStatus) for r in done.requests if r.body]
    assert [id_ for each in sent for id_ in each.message_ids] == ids
    assert {each.status for each in sent} == {AckStatus.FAILED}
    assert [len(each.message_ids) for each in sent] == [1000, 1000, 1]


PART = PartRequest(number=7, size=3, sha256="ab")
URLS = answer(
    200,
    {
        "parts": [
            {
                "number": 7,
                "method": "PUT",
                "url": "http://store/7?sig",
                "headers": {"X-Sum": "ab"},
                "expiresAt": 0,
            }
        ]
    },
)


def test_a_part_goes_with_the_headers_it_was_signed_for() -> None:
    done = drive(part_flow(EXCHANGE, "u", PART, memoryview(b"abc")), [URLS, answer(200, etag="e")])
    assert done.result is not None
    assert (done.result.number, done.result.etag, done.result.size) == (7, "e", 3)
    assert done.requests[1].headers == {"X-Sum": "ab"}
    assert done.requests[1].body == b"abc"


def test_a_refused_url_is_replaced_and_a_lost_connection_is_repeated() -> None:
    events: list[Event] = [
        URLS,
        answer(403),
        URLS,
        NoAnswerError("reset"),
        answer(500),
        answer(200, etag="e"),
    ]
    done = drive(part_flow(EXCHANGE, "u", PART, memoryview(b"abc")), events)
    assert done.result is not None
    assert len(done.requests) == 6


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("RequestTimeTooSkewed", r"expected clocks .*; found RequestTimeTooSkewed\. Set the clock"),
        ("AccessDenied", r"found AccessDenied\. .*check the keys"),
        ("Odd.Code", r"found Odd\.Code\. Look the code up"),
    ],
)
def test_a_refusal_of_s3_says_what_to_do_and_repeats_nothing_signed(code: str, told: str) -> None:
    text = f"<?xml?><Error><Code>{code}</Code><Message>m</Message><Sig>secret</Sig></Error>"
    refused = Answer(status=403, headers={}, body=text.encode())
    with pytest.raises(ClientError, match=told) as caught:
        drive(part_flow(EXCHANGE, "u", PART, memoryview(b"abc")), [URLS, refused] * 4)
    assert "secret" not in str(caught.value)


def test_what_only_looks_like_a_refusal_of_s3_is_told_by_its_status() -> None:
    for body in (b"<Code>", b"<Code></Code>", b"<Code>a b</Code>", b"<Code>A</Code>" * 10_000):
        refused = Answer(status=403, headers={}, body=body)
        with pytest.raises(ClientError, match="answered with status 403"):
            drive(part_flow(EXCHANGE, "u", PART, memoryview(b"abc")), [URLS, refused] * 4)


def test_the_body_limit_of_a_proxy_is_named() -> None:
    """nginx answers 413 with a page of its own; a part and any other call say what to set."""
    page = Answer(status=413, headers={"server": "nginx"}, body=b"<html>413 Too Large</html>")
    with pytest.raises(
        ClientError,
        match=r"Part 7 .*413 and a page of HTML, and not by Ferryman but by nginx.*client_max_body",
    ):
        drive(part_flow(EXCHANGE, "u", PART, memoryview(b"abc")), [URLS, page] * 4)
    with pytest.raises(ClientError, match="client_max_body_size") as caught:
        drive(EXCHANGE.call(json_operation("GET", "/x", dict)), [page])
    assert (caught.value.status, caught.value.code) == (413, None)


def test_our_own_413_names_no_proxy() -> None:
    with pytest.raises(ClientError) as caught:
        drive(
            EXCHANGE.call(json_operation("GET", "/x", dict)),
            [answer(413, problem(413, "body_too_large"))],
        )
    assert (caught.value.code, "proxy" in str(caught.value)) == ("body_too_large", False)


def test_a_full_store_is_waited_for() -> None:
    full = answer(507, problem(507, "store_full"))
    events: list[Event] = [URLS, full, full, answer(200, etag="e")]
    assert drive(part_flow(EXCHANGE, "u", PART, memoryview(b"abc")), events).result is not None


def test_a_part_that_is_always_refused_is_an_error() -> None:
    refused = answer(400, problem(400, "checksum_mismatch"))
    with pytest.raises(ClientError, match=r"Part 7 of upload u.*checksum_mismatch"):
        drive(part_flow(EXCHANGE, "u", PART, memoryview(b"abc")), [URLS, refused] * 4)
