"""A small file as one plain PUT, on Ceph and moto; and a store that has no conditions."""

from collections.abc import Iterator
from hashlib import sha256
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from ferryman.errors import Conflict, Invalid, NotFound, OutsideError
from ferryman.objects.port import SignedPart
from ferryman.objects.s3.store import S3Store
from ferryman.wire.upload import StoredPart

from .conftest import s3_of_kind
from .s3_servers import S3Server, s3_at
from .serving import LATER, NOW, Answer, part_request, request, run, stored

DATA = b"a small file" * 100
OTHER = DATA[::-1]
CHECKED = pytest.mark.checked


@pytest.fixture(scope="module", params=["ceph", "ceph sha256", "moto"])
def store(request: pytest.FixtureRequest) -> Iterator[S3Store]:
    with s3_of_kind(request) as remote:
        yield remote


def begin(store: S3Store, data: bytes = DATA) -> str:
    reference = run(store.begin_single(part_request(1, data)))
    assert reference is not None
    return reference


def sign(store: S3Store, key: str, ref: str, data: bytes = DATA, number: int = 1) -> SignedPart:
    part = part_request(number, data)
    return run(store.part_url(key, ref, part, expires_at=LATER, now=NOW))


def send(signed: SignedPart, data: bytes = DATA) -> Answer:
    return request(signed.method, signed.url, data, signed.headers)


def sent(data: bytes, answer: Answer, number: int = 1) -> StoredPart:
    assert answer.status == 200, answer.body
    digest = sha256(data).hexdigest()
    return StoredPart(number=number, size=len(data), sha256=digest, etag=answer.headers["etag"])


async def everything(store: S3Store, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.stream(key)])


@pytest.mark.parametrize("data", [DATA, b""])
def test_it_is_sent_once_and_read_back(store: S3Store, key: str, data: bytes) -> None:
    ref = begin(store, data)
    assert run(store.list_parts(key, ref)) == []
    signed = sign(store, key, ref, data)
    part = sent(data, send(signed, data))
    assert [each.size for each in run(store.list_parts(key, ref))] == [len(data)]
    for _ in range(2):
        run(store.complete(key, ref, [part]))
    assert run(everything(store, key)) == data
    # Late, and again: what is there stays, and the same bytes are refused like any other.
    assert send(signed, data).status == 412
    assert run(everything(store, key)) == data


@CHECKED
def test_other_bytes_are_refused_before_and_after(store: S3Store, key: str) -> None:
    signed = sign(store, key, begin(store))
    assert send(signed, OTHER).status == 400
    with pytest.raises(NotFound):
        run(store.size(key))
    assert send(signed).status == 200
    assert send(signed, OTHER).status in (400, 412)
    assert run(everything(store, key)) == DATA


@CHECKED
def test_its_url_needs_every_header(store: S3Store, key: str) -> None:
    signed = sign(store, key, begin(store))
    for name in signed.headers:
        rest = {other: text for other, text in signed.headers.items() if other != name}
        assert request(signed.method, signed.url, DATA, rest).status in (400, 403, 411)
    with pytest.raises(NotFound):
        run(store.size(key))


def test_nothing_is_completed_that_was_not_sent(store: S3Store, key: str) -> None:
    ref = begin(store)
    part = stored(1, DATA)
    with pytest.raises(Invalid) as missing:
        run(store.complete(key, ref, [part]))
    assert missing.value.code == "part_missing"
    held = sent(DATA, send(sign(store, key, ref)))
    for parts in ([stored(1, OTHER)], [held, stored(2, DATA)], []):
        with pytest.raises(Invalid):
            run(store.complete(key, ref, parts))


def test_aborting_removes_it(store: S3Store, key: str) -> None:
    ref = begin(store)
    run(store.abort(key, ref))
    assert send(sign(store, key, ref)).status == 200
    run(store.abort(key, ref))
    with pytest.raises(NotFound):
        run(store.size(key))


def test_other_parts_open_a_multipart_upload_which_replaces_it(store: S3Store, key: str) -> None:
    ref = begin(store)
    signed = sign(store, key, ref)
    assert run(store.widened(key, ref, [part_request(1, DATA)])) == ref
    with pytest.raises(Conflict):
        sign(store, key, ref, OTHER)
    wide = run(store.widened(key, ref, [part_request(1, OTHER)]))
    assert run(store.widened(key, wide, [part_request(1, DATA)])) == wide
    assert send(signed).status == 200
    part = sent(OTHER, send(sign(store, key, wide, OTHER), OTHER))
    run(store.complete(key, wide, [part]))
    assert send(signed).status == 412
    assert run(everything(store, key)) == OTHER


@CHECKED
def test_what_was_sent_before_is_not_taken_for_a_lost_multipart_upload(
    store: S3Store, key: str
) -> None:
    ref = begin(store)
    assert send(sign(store, key, ref)).status == 200
    wide = run(store.widened(key, ref, [part_request(1, OTHER)]))
    part = sent(OTHER, send(sign(store, key, wide, OTHER), OTHER))
    run(store.abort(key, wide))  # as a rule of the bucket does with old uploads
    with pytest.raises(Conflict) as closed:
        run(store.complete(key, wide, [part]))
    assert closed.value.code == "upload_closed"


def test_larger_or_later_parts_are_not_for_it(store: S3Store) -> None:
    large = part_request(1, DATA)
    for part in (part_request(2, DATA), part_request(1, b"x" * store.min_part_size)):
        assert run(store.begin_single(part)) is None
    with pytest.raises(Invalid):
        run(store.begin_single(type(large)(number=1, size=1, sha256="a" * 63, md5=None)))


@pytest.mark.parametrize("options", ["&sse=AES256", "&sse=aws:kms&kms_key=one"])
def test_it_is_encrypted_as_the_address_says(moto: S3Server, key: str, options: str) -> None:
    with s3_at(moto, options) as store:
        ref = begin(store)
        part = sent(DATA, send(sign(store, key, ref)))
        run(store.complete(key, ref, [part]))
        found = run(store._bucket.head(key))
        assert found is not None
        assert found["ServerSideEncryption"] == store._bucket.address.sse
        assert found.get("SSEKMSKeyId") == store._bucket.address.kms_key


def test_a_store_that_replaces_regardless_gets_multipart_uploads(moto: S3Server) -> None:
    with s3_at(moto) as store:
        put = store._bucket.client.put_object

        def regardless(**wanted: object) -> object:
            return put(**{name: each for name, each in wanted.items() if name != "IfNoneMatch"})

        with mock.patch.object(store._bucket.client, "put_object", regardless):
            assert run(store.begin_single(part_request(1, DATA))) is None
        # It is asked once.
        assert run(store.begin_single(part_request(1, DATA))) is None


@pytest.mark.parametrize(("code", "status"), [("NotImplemented", 501), ("AccessDenied", 403)])
def test_a_store_that_knows_no_condition(moto: S3Server, code: str, status: int) -> None:
    async def answer(**_: object) -> None:
        raise ClientError(
            {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject"
        )

    with s3_at(moto) as store:
        with mock.patch.object(store._bucket.client, "put_object", answer):
            if code == "NotImplemented":
                assert run(store.begin_single(part_request(1, DATA))) is None
                return
            with pytest.raises(OutsideError) as refused:
                run(store.begin_single(part_request(1, DATA)))
            assert refused.value.code == "store_refused"
        # A failure is no answer: the next file asks again.
        assert run(store.begin_single(part_request(1, DATA))) is not None
