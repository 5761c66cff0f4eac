"""What only a store on S3 does: hosts, encryption, start-up, bulk, and being cut off half-way."""

import asyncio
import http.client
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace as replace_fields
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from ferryman.errors import Conflict, OutsideError
from ferryman.objects.port import SignedPart
from ferryman.objects.s3.etags import joined_etag
from ferryman.objects.s3.permissions import check_rights
from ferryman.objects.s3.store import S3Store
from ferryman.sdk.refusals import read_store_refusal
from ferryman.wire.upload import StoredPart
from tools.ceph import Ceph

from .s3_servers import S3Server, s3_at
from .serving import LATER, NOW, Answer, part_request, request, run, stored

DATA = os.urandom(1000)


@pytest.fixture(scope="module")
def rgw(ceph: Ceph) -> Iterator[S3Store]:
    with s3_at(ceph) as store:
        yield store


def send(store: S3Store, key: str, ref: str, number: int, data: bytes) -> StoredPart:
    part = part_request(number, data)
    signed: SignedPart = run(store.part_url(key, ref, part, expires_at=LATER, now=NOW))
    answer = request(signed.method, signed.url, data, signed.headers)
    assert answer.status == 200, answer.body
    return StoredPart(
        number=number, size=len(data), sha256=part.sha256, etag=answer.headers["etag"]
    )


def test_a_bucket_may_stand_in_the_host_and_the_public_one_be_another(ceph: Ceph, key: str) -> None:
    port = urlsplit(ceph.endpoint).port
    options = f"&public_endpoint=http://s3.localhost:{port}"
    with s3_at(ceph, options) as store:
        ref = run(store.begin(key))
        run(store.complete(key, ref, [send_to_loopback(store, key, ref)]))
        bucket = store._bucket.address.bucket
        store._bucket.public_base = f"http://{bucket}.s3.localhost:{port}/"
        url = run(store.read_url(key, expires_at=LATER, now=NOW))
        assert urlsplit(url).path == f"/some/prefix/{key}"
        assert by_loopback("GET", url).body == DATA


def test_the_bucket_stands_in_the_host_for_the_platform_too(
    ceph: Ceph, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def local(host: str, *rest: Any, **more: Any) -> Any:
        """Not every machine knows the names below localhost."""
        return look_up("127.0.0.1" if host.endswith(".localhost") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", local)
    named = replace_fields(ceph, endpoint=f"http://s3.localhost:{urlsplit(ceph.endpoint).port}")
    with s3_at(named, "&style=virtual") as store:
        run(store.check())
        ref = run(store.begin(key))
        run(store.complete(key, ref, [send_to_loopback(store, key, ref)]))
        url = urlsplit(run(store.read_url(key, expires_at=LATER, now=NOW)))
        assert url.hostname == f"{store._bucket.address.bucket}.s3.localhost"
        assert url.path == f"/some/prefix/{key}"
        assert by_loopback("GET", url.geturl()).body == DATA


def send_to_loopback(store: S3Store, key: str, ref: str) -> StoredPart:
    part = part_request(1, DATA)
    signed = run(store.part_url(key, ref, part, expires_at=LATER, now=NOW))
    answer = by_loopback(signed.method, signed.url, DATA, signed.headers)
    assert answer.status == 200, answer.body
    return StoredPart(number=1, size=len(DATA), sha256=part.sha256, etag=answer.headers["etag"])


def by_loopback(method: str, url: str, body: bytes = b"", headers: Any = None) -> Answer:
    """As ``request``, for names that this machine need not resolve."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=90)
    sent = {"Host": parts.netloc, **(headers or {})}
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body, sent)
        response = connection.getresponse()
        names = {name.lower(): text for name, text in response.getheaders()}
        return Answer(response.status, names, response.read())
    finally:
        connection.close()


@pytest.mark.parametrize("options", ["&sse=AES256", "&sse=aws:kms&kms_key=one"])
def test_objects_are_encrypted_as_chosen(moto: S3Server, key: str, options: str) -> None:
    with s3_at(moto, options) as store:
        ref = run(store.begin(key))
        parts = [send(store, key, ref, 1, DATA)]
        for _ in range(2):
            run(store.complete(key, ref, parts))
        found = run(store._bucket.head(key))
        assert found is not None
        assert found["ServerSideEncryption"] == store._bucket.address.sse
        assert found.get("SSEKMSKeyId") == store._bucket.address.kms_key


def test_a_check_leaves_nothing_behind_and_removes_what_a_killed_one_left(rgw: S3Store) -> None:
    name = {"Bucket": rgw._bucket.address.bucket, "Key": "some/prefix/ferryman-check-of-before"}

    async def left() -> list[str]:
        bucket = rgw._bucket.address.bucket
        uploads = await rgw._bucket.client.list_multipart_uploads(Bucket=bucket)
        files = await rgw._bucket.client.list_objects_v2(Bucket=bucket)
        found = [*uploads.get("Uploads", ()), *files.get("Contents", ())]
        return [each["Key"] for each in found if "check" in each["Key"]]

    async def leave() -> None:
        await rgw._bucket.client.create_multipart_upload(**name)
        await rgw._bucket.client.put_object(**name, Body=b"")

    run(rgw.check())
    assert run(left()) == []
    run(leave())
    run(rgw.check())
    assert run(left()) == [name["Key"]] * 2, "another platform may be at it"
    later = datetime.now(UTC) + timedelta(hours=2)
    run(check_rights(rgw._bucket.client, name["Bucket"], "some/prefix/", {}, later))
    assert run(left()) == []


@pytest.mark.parametrize(
    "right", ["GetObject", "DeleteObject", "ListBucketMultipartUploads", "AbortMultipartUpload"]
)
def test_the_check_misses_no_right(ceph: Ceph, right: str) -> None:
    with s3_at(ceph) as store:
        bucket = store._bucket.address.bucket
        refuse = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": f"s3:{right}",
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [refuse]})
        run(store.check())
        run(store._bucket.client.put_bucket_policy(Bucket=bucket, Policy=policy))
        with pytest.raises(OutsideError) as refused:
            run(store.check())
        assert refused.value.code == "store_refused"


def test_urls_of_a_platform_whose_clock_is_behind_are_refused_with_what_to_do(
    ceph: Ceph, key: str
) -> None:
    with s3_at(ceph) as store:
        ref = run(store.begin(key))
        part = send(store, key, ref, 1, DATA)
        store._bucket.wall = lambda: datetime.now(UTC) - timedelta(hours=2)
        signed = run(store.part_url(key, ref, part_request(1, DATA), expires_at=LATER, now=NOW))
        answer = request(signed.method, signed.url, DATA, signed.headers)
        refusal = read_store_refusal(answer.body)
        assert (answer.status, refusal and refusal.code) == (403, "AccessDenied")
        assert refusal is not None
        assert "clock" in refusal.fix
        assert run(store.list_parts(key, ref)) == [replace(part, sha256=None, etag=part.etag[1:-1])]


def test_the_check_says_that_there_is_no_bucket(ceph: Ceph) -> None:
    with s3_at(ceph) as store:
        run(store._bucket.client.delete_bucket(Bucket=store._bucket.address.bucket))
        with pytest.raises(OutsideError) as refused:
            run(store.check())
        assert refused.value.code == "bucket_missing"


def test_the_etag_of_a_file_is_that_of_its_parts_joined(rgw: S3Store, key: str) -> None:

    async def scene() -> None:
        ref = await rgw.begin(key)
        data = b"x" * (5 << 20)
        sizes = [data, data, data, data, b"end"]
        sent = []
        for number, body in enumerate(sizes, start=1):
            answer = await rgw._bucket.client.upload_part(
                Bucket=rgw._bucket.address.bucket,
                Key=f"{rgw._bucket.address.prefix}{key}",
                UploadId=ref,
                PartNumber=number,
                Body=body,
            )
            sent.append(StoredPart(number=number, size=len(body), etag=answer["ETag"]))
        assert [p.number for p in await rgw.list_parts(key, ref)] == [1, 2, 3, 4, 5]
        await rgw.complete(key, ref, sent)
        found = await rgw._bucket.head(key)
        assert found is not None
        assert found["ETag"].strip('"') == joined_etag(sent)

    run(scene())


def test_two_completions_at_once_both_succeed(rgw: S3Store, key: str) -> None:
    ref = run(rgw.begin(key))
    parts = [send(rgw, key, ref, 1, DATA)]

    async def both() -> list[object]:
        calls = (rgw.complete(key, ref, parts) for _ in range(8))
        return await asyncio.gather(*calls, return_exceptions=True)

    failed = [each for each in run(both()) if isinstance(each, BaseException)]
    # S3 may tell one of them to come again, which is no refusal.
    assert all(isinstance(each, OutsideError) for each in failed), failed
    run(rgw.complete(key, ref, parts))
    assert run(rgw.size(key)) == len(DATA)


def test_an_upload_that_another_bucket_has_is_unknown(rgw: S3Store, ceph: Ceph, key: str) -> None:
    ref = run(rgw.begin(key))
    part = send(rgw, key, ref, 1, DATA)
    with s3_at(ceph) as other:
        assert run(other.list_parts(key, ref)) == []
        with pytest.raises(Conflict):
            run(other.complete(key, ref, [part]))
    run(rgw.abort(key, ref))


def test_the_etag_of_joined_parts_needs_their_md5() -> None:
    md5 = "9e107d9d372bb6826bd81d3542a419d6"
    part = StoredPart(number=1, size=1, etag=f'"{md5}"')
    assert joined_etag([part]) is not None
    assert joined_etag([part, stored(2, b"a sha256 is none")]) is None
