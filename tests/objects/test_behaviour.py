"""What every object store does, seen by a client that only has signed URLs."""

import base64
import os
from base64 import b64encode
from datetime import timedelta
from hashlib import md5, sha256
from urllib.parse import unquote

import pytest

from ferryman.errors import Conflict, Invalid, LimitExceeded, NotFound
from ferryman.ids import new_id
from ferryman.objects.port import ObjectStore, OpenUpload, SignedPart
from ferryman.wire.upload import PartRequest, StoredPart

from .serving import LATER, NOW, Answer, part_request, request, run, stored

# What only a store shows that looks at signatures and digests.
CHECKED = pytest.mark.checked

MIB = 1 << 20
FIRST = os.urandom(5 * MIB)
LAST = os.urandom(1000)


def sign(store: ObjectStore, key: str, ref: str, number: int, data: bytes) -> SignedPart:
    part = part_request(number, data)
    return run(store.part_url(key, ref, part, expires_at=LATER, now=NOW))


def put(store: ObjectStore, key: str, ref: str, number: int, data: bytes) -> StoredPart:
    signed = sign(store, key, ref, number, data)
    answer = request(signed.method, signed.url, data, signed.headers)
    assert answer.status == 200, answer.body
    part = stored(number, data)
    return StoredPart(
        number=number, size=len(data), sha256=part.sha256, etag=answer.headers["etag"]
    )


def upload(store: ObjectStore, key: str, *chunks: bytes) -> list[StoredPart]:
    ref = run(store.begin(key))
    parts = [put(store, key, ref, number, data) for number, data in enumerate(chunks, start=1)]
    run(store.complete(key, ref, parts))
    return parts


def read_url(store: ObjectStore, key: str, name: str | None = None) -> str:
    return run(store.read_url(key, expires_at=LATER, now=NOW, download_name=name))


def get(store: ObjectStore, key: str, **headers: str) -> Answer:
    return request("GET", read_url(store, key), headers=headers)


async def everything(store: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.stream(key, start, end)])


def test_a_file_of_several_parts_reads_back_as_it_was_sent(store: ObjectStore, key: str) -> None:
    upload(store, key, FIRST, FIRST, LAST)
    answer = get(store, key)
    assert answer.status == 200
    assert answer.body == FIRST + FIRST + LAST
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["accept-ranges"] == "bytes"
    assert "content-encoding" not in answer.headers
    assert run(store.size(key)) == len(answer.body)
    assert run(everything(store, key)) == answer.body


def test_an_empty_file_is_one_part_of_size_zero(store: ObjectStore, key: str) -> None:
    upload(store, key, b"")
    answer = get(store, key)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


def test_parts_may_arrive_and_be_listed_in_any_order(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    last = put(store, key, ref, 2, LAST)
    first = put(store, key, ref, 1, FIRST)
    run(store.complete(key, ref, [last, first]))
    assert get(store, key).body == FIRST + LAST


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        (f"bytes={5 * MIB - 3}-{5 * MIB + 3}", 5 * MIB - 3, 5 * MIB + 4),
        (f"bytes={5 * MIB}-", 5 * MIB, 5 * MIB + 1000),
        ("bytes=-10", 5 * MIB + 990, 5 * MIB + 1000),
        ("bytes=-999999999", 0, 5 * MIB + 1000),
        ("bytes=10-999999999", 10, 5 * MIB + 1000),
    ],
)
def test_a_range_gives_exactly_those_bytes(
    ranged: ObjectStore, header: str, start: int, end: int
) -> None:
    whole = FIRST + LAST
    answer = get(ranged, RANGED, Range=header)
    assert answer.status == 206
    assert answer.body == whole[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(whole)}"
    assert answer.headers["content-length"] == str(end - start)
    assert run(everything(ranged, RANGED, start, end)) == answer.body


RANGED = str(new_id())


@pytest.fixture(scope="module")
def ranged(store: ObjectStore) -> ObjectStore:
    upload(store, RANGED, FIRST, LAST)
    return store


def test_a_range_beyond_the_end_is_refused_with_the_size(ranged: ObjectStore) -> None:
    answer = get(ranged, RANGED, Range=f"bytes={5 * MIB + 1000}-")
    assert answer.status == 416


@pytest.mark.local  # S3 signs one method, and nobody asks it with HEAD
def test_head_tells_size_and_etag_without_the_bytes(ranged: ObjectStore) -> None:
    url = read_url(ranged, RANGED)
    answer = request("HEAD", url)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(5 * MIB + 1000)
    assert answer.headers["etag"] == request("GET", url).headers["etag"]


@pytest.mark.parametrize("name", ["export.json.gz", 'Ünïcode "quoted"\r\n; x=1', "emoji 🚢"])
def test_a_download_has_the_name_it_was_signed_with(ranged: ObjectStore, name: str) -> None:
    answer = request("GET", read_url(ranged, RANGED, name))
    assert answer.status == 200
    exact = answer.headers["content-disposition"].rpartition("filename*=UTF-8''")[2]
    assert unquote(exact) == name


@CHECKED
def test_an_expired_url_opens_nothing(
    store: ObjectStore, two_hours_ago: ObjectStore, key: str
) -> None:
    part, past = part_request(1, LAST), NOW - timedelta(seconds=1)
    ref = run(store.begin(key))
    before = NOW - timedelta(hours=2)
    signed = run(two_hours_ago.part_url(key, ref, part, expires_at=past, now=before))
    assert request(signed.method, signed.url, LAST, signed.headers).status == 403
    url = run(two_hours_ago.read_url(key, expires_at=past, now=before))
    assert request("GET", url).status == 403
    assert run(store.list_parts(key, ref)) == []


@CHECKED
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_a_url_to_read_opens_no_other_method(ranged: ObjectStore, method: str) -> None:
    url = read_url(ranged, RANGED)
    assert request(method, url, LAST, {"Content-Length": "1000"}).status == 403


@CHECKED
def test_a_url_to_write_opens_no_reading(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    assert request("GET", sign(store, key, ref, 1, LAST).url).status == 403


def of_part_two(url: str) -> str:
    """The URL of part 1 with the number of another; the local store has it within its signature."""
    if "partNumber=1" in url:
        return url.replace("partNumber=1", "partNumber=2")
    start, _, rest = url.partition("signature=")
    allowed, _, mac = rest.partition(".")
    text = base64.urlsafe_b64decode(allowed + "=" * (-len(allowed) % 4))
    changed = base64.urlsafe_b64encode(text.replace(b"part=1", b"part=2")).rstrip(b"=").decode()
    return f"{start}signature={changed}.{mac}"


@CHECKED
def test_a_url_opens_no_other_key_and_no_other_part(store: ObjectStore, key: str) -> None:
    other = str(new_id())
    ref, other_ref = run(store.begin(key)), run(store.begin(other))
    signed = sign(store, key, ref, 1, LAST)
    for url in (signed.url.replace(key, other), of_part_two(signed.url)):
        assert url != signed.url
        assert request(signed.method, url, LAST, signed.headers).status == 403
    assert run(store.list_parts(key, ref)) == []
    assert run(store.list_parts(other, other_ref)) == []


@CHECKED
def test_a_flipped_byte_is_refused_and_the_part_can_be_sent_again(
    store: ObjectStore, key: str
) -> None:
    ref = run(store.begin(key))
    signed = sign(store, key, ref, 1, LAST)
    flipped = bytes([LAST[0] ^ 1]) + LAST[1:]
    assert request(signed.method, signed.url, flipped, signed.headers).status == 400
    assert run(store.list_parts(key, ref)) == []
    assert request(signed.method, signed.url, LAST, signed.headers).status == 200
    assert [part.size for part in run(store.list_parts(key, ref))] == [1000]


@CHECKED
@pytest.mark.parametrize("body", [LAST[:-1], LAST + b"x", b"", FIRST])
def test_a_short_or_long_body_is_refused(store: ObjectStore, key: str, body: bytes) -> None:
    ref = run(store.begin(key))
    signed = sign(store, key, ref, 1, LAST)
    headers = signed.headers | {"Content-Length": str(len(body))}
    assert request(signed.method, signed.url, body, headers).status in (400, 403)
    assert run(store.list_parts(key, ref)) == []


@CHECKED
def test_a_body_of_unknown_length_is_refused(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    signed = sign(store, key, ref, 1, LAST)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(LAST), LAST)
    answer = request(signed.method, signed.url, chunked, {"Transfer-Encoding": "chunked"})
    assert answer.status in (403, 411)
    assert run(store.list_parts(key, ref)) == []


def test_unfinished_parts_are_listed_for_resuming(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    assert run(store.list_parts(key, ref)) == []
    put(store, key, ref, 3, LAST)
    put(store, key, ref, 1, FIRST)
    held = run(store.list_parts(key, ref))
    assert [(part.number, part.size) for part in held] == [(1, len(FIRST)), (3, len(LAST))]
    assert all(part.sha256 in (None, sha256(FIRST).hexdigest()) for part in held[:1])


def test_the_same_part_sent_twice_counts_once(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    parts = [put(store, key, ref, 1, LAST) for _ in range(2)]
    assert len(run(store.list_parts(key, ref))) == 1
    run(store.complete(key, ref, parts[:1]))
    assert get(store, key).body == LAST


def test_a_part_sent_anew_with_other_bytes_replaces_the_first(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    put(store, key, ref, 1, FIRST)
    part = put(store, key, ref, 1, LAST)
    run(store.complete(key, ref, [part]))
    assert get(store, key).body == LAST


def test_completing_twice_gives_the_same_file(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    parts = [put(store, key, ref, number, data) for number, data in ((1, FIRST), (2, LAST))]
    for _ in range(3):
        run(store.complete(key, ref, parts))
    assert get(store, key).body == FIRST + LAST


def test_completing_again_with_other_parts_comes_too_late(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    first = put(store, key, ref, 1, LAST)
    run(store.complete(key, ref, [first]))
    for parts in ([stored(1, LAST[:-1])], [first, first], [stored(1, LAST[::-1])]):
        with pytest.raises((Conflict, Invalid)):
            run(store.complete(key, ref, parts))
    assert get(store, key).body == LAST


def test_completing_needs_every_part_as_it_was_sent(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    first, second = put(store, key, ref, 1, FIRST), put(store, key, ref, 2, LAST)
    cases = {
        "part_missing": [[], [second], [first, stored(3, LAST)], [first, second, stored(3, LAST)]],
        "part_repeated": [[first, first, second]],
        "part_mismatch": [[first, stored(2, b"other")]],
    }
    for code, lists in cases.items():
        for parts in lists:
            with pytest.raises(Invalid) as refused:
                run(store.complete(key, ref, parts))
            assert refused.value.code == code
    with pytest.raises(NotFound):
        run(store.size(key))
    run(store.complete(key, ref, [first, second]))
    assert get(store, key).body == FIRST + LAST


def test_a_small_part_before_the_last_is_refused(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    parts = [put(store, key, ref, number, LAST) for number in (1, 2)]
    with pytest.raises(Invalid) as refused:
        run(store.complete(key, ref, parts))
    assert refused.value.code == "part_too_small"


@CHECKED
def test_an_aborted_upload_is_gone_and_takes_no_part(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    part = put(store, key, ref, 1, LAST)
    signed = sign(store, key, ref, 2, LAST)
    for _ in range(2):
        run(store.abort(key, ref))
    assert run(store.list_parts(key, ref)) == []
    assert request(signed.method, signed.url, LAST, signed.headers).status in (404, 409)
    with pytest.raises(Conflict) as refused:
        run(store.complete(key, ref, [part]))
    assert refused.value.code == "upload_closed"


@CHECKED
def test_a_completed_file_takes_no_part_and_survives_an_abort(store: ObjectStore, key: str) -> None:
    ref = run(store.begin(key))
    part = put(store, key, ref, 1, LAST)
    late = sign(store, key, ref, 2, FIRST)
    run(store.complete(key, ref, [part]))
    assert request(late.method, late.url, FIRST, late.headers).status in (404, 409)
    run(store.abort(key, ref))
    assert get(store, key).body == LAST


@CHECKED
def test_a_deleted_file_is_gone(store: ObjectStore, key: str) -> None:
    upload(store, key, LAST)
    for _ in range(2):
        run(store.delete(key))
    assert get(store, key).status == 404
    with pytest.raises(NotFound):
        run(store.size(key))
    with pytest.raises(NotFound):
        run(everything(store, key))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": 0}, "part_number_invalid"),
        ({"number": 10_001}, "too_many_parts"),
        ({"size": -1}, "part_size_invalid"),
        ({"size": (1 << 30) + 1}, "part_too_large"),
        ({"sha256": "A" * 64}, "part_digest_invalid"),
        ({"sha256": "../" * 21 + "a"}, "part_digest_invalid"),
    ],
)
def test_a_part_that_could_not_be_stored_is_not_signed(
    store: ObjectStore, key: str, changes: dict[str, object], code: str
) -> None:
    whole: dict[str, object] = {"number": 1, "size": 1, "sha256": "a" * 64, "md5": "b" * 32}
    fields = whole | changes
    part = PartRequest(**fields)  # type: ignore[arg-type]
    with pytest.raises((Invalid, LimitExceeded)) as refused:
        run(store.part_url(key, key, part, expires_at=LATER, now=NOW))
    assert refused.value.code == code


@CHECKED
def test_a_part_without_its_headers_is_refused(store: ObjectStore, key: str) -> None:
    if "md5" not in store.checksums:
        pytest.skip("the local store has the digest in the URL, not in a header")
    ref = run(store.begin(key))
    signed = sign(store, key, ref, 1, LAST)
    for name in signed.headers:
        rest = {other: text for other, text in signed.headers.items() if other != name}
        assert request(signed.method, signed.url, LAST, rest).status in (400, 403, 411)
    other = signed.headers | {"Content-MD5": part_headers(b"other")}
    assert request(signed.method, signed.url, LAST, other).status in (400, 403)
    assert run(store.list_parts(key, ref)) == []


def test_open_uploads_and_files_are_listed(store: ObjectStore, key: str) -> None:
    other = str(new_id())
    ref = run(store.begin(key))
    upload(store, other, LAST)
    assert [each.upload_ref for each in run(unfinished(store)) if each.key == key] == [ref]
    assert other not in {each.key for each in run(unfinished(store))}
    assert run(files(store)) & {key, other} == {other}
    run(store.abort(key, ref))
    run(store.delete(other))
    assert key not in {each.key for each in run(unfinished(store))}
    assert other not in run(files(store))


async def unfinished(store: ObjectStore) -> list[OpenUpload]:
    return [each async for each in store.unfinished()]


async def files(store: ObjectStore) -> set[str]:
    return {key async for key in store.files()}


def part_headers(data: bytes) -> str:
    return b64encode(md5(data, usedforsecurity=False).digest()).decode()
