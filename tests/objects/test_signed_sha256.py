"""A store that verifies a signed sha256 is sent no md5: Ceph, and what may go wrong before it."""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

import pytest

from ferryman.clock import wall_now
from ferryman.errors import NotFound, OutsideError
from ferryman.objects.port import Assembly
from ferryman.objects.s3.small_file import SmallFile
from ferryman.objects.s3.still_verifies import TRUSTED_FOR
from ferryman.objects.s3.store import S3Store
from ferryman.wire.upload import PartRequest, StoredPart
from tools.ceph import Ceph

from .odd_store import TakesAnyPart, odd_store
from .s3_servers import s3_at
from .serving import LATER, NOW, Answer, part_request, request, run

DATA = b"a part" * 1000
OTHER = DATA[::-1]
FLIPPED = DATA[:-1] + b"\x00"
HEADER = "x-amz-content-sha256"


@pytest.fixture(scope="module")
def store(ceph: Ceph) -> Iterator[S3Store]:
    with s3_at(ceph) as remote:
        run(remote.check())
        yield remote


def asked(number: int, data: bytes, size: int | None = None) -> PartRequest:
    size = len(data) if size is None else size
    return PartRequest(number=number, size=size, sha256=sha256(data).hexdigest())


def send(
    store: S3Store, key: str, ref: str, part: PartRequest, body: bytes, without: str = ""
) -> Answer:
    signed = run(store.part_url(key, ref, part, expires_at=LATER, now=NOW))
    assert "Content-MD5" not in signed.headers
    headers = {name: text for name, text in signed.headers.items() if name != without}
    return request(signed.method, signed.url, body, headers)


def stored(part: PartRequest, answer: Answer) -> StoredPart:
    assert answer.status == 200, answer.body
    etag = answer.headers["etag"]
    return StoredPart(number=part.number, size=part.size, etag=etag, sha256=part.sha256)


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize(
    ("body", "size", "without", "status"),
    [
        (FLIPPED, None, "", 400),
        (OTHER, None, "", 400),  # as a part that was swapped with another
        (DATA, None, HEADER, 403),
        (DATA, None, "Content-Length", 411),
        (DATA[:-1], None, "", 400),
    ],
    ids=["flipped", "swapped", "header lost", "length lost", "cut short"],
)
def test_other_bytes_are_refused_and_nothing_is_kept(
    store: S3Store,
    key: str,
    small: bool,
    body: bytes,
    size: int | None,
    without: str,
    status: int,
) -> None:
    part = asked(1, DATA)
    ref = run(store.begin_single(part)) if small else run(store.begin(key))
    assert ref is not None
    if len(body) < part.size:
        part_of_body = {"Content-Length": str(len(body))}
        signed = run(store.part_url(key, ref, part, expires_at=LATER, now=NOW))
        answer = request(signed.method, signed.url, body, signed.headers | part_of_body)
        assert answer.status in (400, 403)
    else:
        assert send(store, key, ref, part, body, without).status in {status, 403}
    assert run(store.list_parts(key, ref)) == []
    with pytest.raises(NotFound):
        run(store.size(key))
    run(store.complete(key, ref, [stored(part, send(store, key, ref, part, DATA))]))
    assert run(store.size(key)) == len(DATA)


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1])
def test_the_right_digest_with_another_length_is_refused(
    store: S3Store, key: str, size: int
) -> None:
    ref = run(store.begin(key))
    signed = run(store.part_url(key, ref, asked(1, DATA, size), expires_at=LATER, now=NOW))
    headers = signed.headers | {"Content-Length": str(len(DATA))}
    assert request(signed.method, signed.url, DATA, headers).status == 403
    assert run(store.list_parts(key, ref)) == []


def test_a_small_file_is_known_by_its_sha256(store: S3Store, key: str) -> None:
    part = asked(1, DATA)
    ref = run(store.begin_single(part))
    assert ref == str(SmallFile(len(DATA), part.sha256))
    held = stored(part, send(store, key, ref, part, DATA))
    assert run(store.list_parts(key, ref))[0].sha256 == part.sha256
    run(store.complete(key, ref, [held]))


def test_uploads_of_an_earlier_build_go_on(ceph: Ceph, key: str) -> None:
    """Their parts and small files were signed with an md5, and some are on their way."""
    with s3_at(ceph) as store:
        wide, other = run(store.begin(key)), key[::-1].replace("-", "")[:8] + key[8:]
        small = run(store.begin_single(part_request(1, DATA)))
        assert small is not None
        signed = [
            run(store.part_url(name, ref, part_request(1, DATA), expires_at=LATER, now=NOW))
            for name, ref in ((key, wide), (other, small))
        ]
        run(store.check())
        assert store.checksums == ("sha256",)
        for name, ref, url in ((key, wide, signed[0]), (other, small, signed[1])):
            assert "Content-MD5" in url.headers
            assert request(url.method, url.url, OTHER, url.headers).status == 400
            held = stored(asked(1, DATA), request(url.method, url.url, DATA, url.headers))
            run(store.complete(name, ref, [held]))
            assert run(store.size(name)) == len(DATA)


def test_a_store_that_verifies_no_more_gets_no_more_files(ceph: Ceph, key: str) -> None:
    """The sender has no md5 to compare: the platform tries the store again before it accepts."""
    habit = TakesAnyPart()
    habit.changed[DATA] = FLIPPED
    with odd_store(ceph, habit) as odd, s3_at(odd) as store:
        run(store.check())
        ref, part = run(store.begin(key)), asked(1, DATA)
        habit.switched = True
        flipped = stored(part, send(store, key, ref, part, DATA))
        later = wall_now() + TRUSTED_FOR
        store._bucket.wall = lambda: later
        for _ in range(2):
            with pytest.raises(OutsideError) as refused:
                run(store.complete(key, ref, [flipped]))
            assert refused.value.code == "store_unsuitable"
            assert HEADER in refused.value.expected
        with pytest.raises(OutsideError):
            run(store.complete_all([Assembly(key, ref, [flipped])]))
        with pytest.raises(NotFound):
            run(store.size(key))
        habit.switched = False
        run(store.complete(key, ref, [stored(part, send(store, key, ref, part, DATA))]))


def test_a_trial_holds_for_a_minute_also_if_the_clock_is_set_back(ceph: Ceph, key: str) -> None:
    habit = TakesAnyPart()
    with odd_store(ceph, habit) as odd, s3_at(odd) as store:
        run(store.check())
        ref, part = run(store.begin(key)), asked(1, DATA)
        held = stored(part, send(store, key, ref, part, DATA))
        habit.switched = True
        now = wall_now()
        store._bucket.wall = lambda: now - TRUSTED_FOR - timedelta(seconds=30)
        with pytest.raises(OutsideError):
            run(store.complete(key, ref, [held]))
        store._bucket.wall = lambda: now
        run(store.complete(key, ref, [held]))
