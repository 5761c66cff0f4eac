"""What only the local store does: its disk, its limits and the words of its refusals."""

import asyncio
import os
import resource
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
import pytest

from ferryman.disk import room_in
from ferryman.errors import Conflict, NotFound, OutsideError
from ferryman.ids import new_id
from ferryman.objects.local import LocalStore
from ferryman.objects.signed_url import Grant, UrlOperation
from ferryman.wire.problem import Problem
from tests.kit.platform import wait_until

from .serving import (
    LATER,
    NOW,
    SECRET,
    Answer,
    local_platform,
    part_request,
    request,
    stored,
)

LAST = os.urandom(100_000)
# Test ids are made of it, and must be the same in every process that collects the tests.
KNOWN = "c1a73f8e-dcb5-4571-9efe-183619c37211"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local")


@pytest.fixture(scope="module")
def store(root: Path) -> Iterator[LocalStore]:
    with local_platform(root) as local:
        yield local


def part_url(store: LocalStore, key: str, data: bytes = LAST) -> str:
    asyncio.run(store.begin(key))
    part = part_request(1, data)
    return asyncio.run(store.part_url(key, key, part, expires_at=LATER, now=NOW)).url


def read_url(store: LocalStore, key: str) -> str:
    return asyncio.run(store.read_url(key, expires_at=LATER, now=NOW))


def send(store: LocalStore, key: str, data: bytes) -> Answer:
    return request("PUT", part_url(store, key, data), data, {"Content-Length": str(len(data))})


def upload(store: LocalStore, key: str, data: bytes) -> None:
    assert send(store, key, data).status == 200
    asyncio.run(store.complete(key, key, [stored(1, data)]))


def kept(root: Path, key: str) -> list[str]:
    """Files of an upload and everything on its way in."""
    uploads = root / "uploads" / key
    return [path.name for path in [*uploads.iterdir(), *(root / "incoming").iterdir()]]


def problem(answer: Answer) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json"
    found = msgspec.json.decode(answer.body, type=Problem)
    assert found.status == answer.status
    assert all((found.type, found.title, found.detail, found.expected, found.found, found.fix))
    return found


def open_files() -> Iterator[str]:
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            yield str(link.readlink())


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (LAST[:-1] + b"!", {"Content-Length": "100000"}, 400, "checksum_mismatch"),
        (LAST[:-1], {"Content-Length": "99999"}, 400, "size_mismatch"),
        (LAST + b"!", {"Content-Length": "100001"}, 400, "size_mismatch"),
        (b"0\r\n\r\n", {"Transfer-Encoding": "chunked"}, 411, "length_required"),
        (b"", {}, 411, "length_required"),
    ],
)
def test_a_wrong_body_is_refused_with_a_reason(
    store: LocalStore,
    root: Path,
    key: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = request("PUT", part_url(store, key), body, headers)
    assert (answer.status, problem(answer).code) == (status, code)
    assert answer.headers["connection"] == "close"
    assert kept(root, key) == []


def test_no_browser_takes_a_file_for_something_else(store: LocalStore, key: str) -> None:
    """A page that an app uploaded would run in the name of the platform."""
    upload(store, key, b"<script>alert(1)</script>")
    headers = request("GET", read_url(store, key)).headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_request_without_a_signature_is_refused(store: LocalStore, key: str) -> None:
    for url in (part_url(store, key), read_url(store, key)):
        bare = url.partition("?")[0]
        for method in ("PUT", "GET", "HEAD", "DELETE"):
            answer = request(method, bare + "?", b"", {"Content-Length": "0"})
            assert answer.status == 403
    assert problem(answer).code == "signature_invalid" if answer.body else True


@pytest.mark.parametrize("name", ["attachments (1).zip", "a&b=c+d%20e ü'*!,@$:?;/.zip"])
def test_a_client_that_writes_queries_in_its_own_way_reads_the_file(
    store: LocalStore, key: str, name: str
) -> None:
    """aiohttp takes the URL apart and puts it together again, unless it is told not to."""
    upload(store, key, LAST)
    url = asyncio.run(store.read_url(key, expires_at=LATER, now=NOW, download_name=name))
    status, headers, body = asyncio.run(get_by_aiohttp(url))
    assert (status, body) == (200, LAST)
    assert headers["content-disposition"].endswith("UTF-8''" + quote(name, safe=""))


async def get_by_aiohttp(url: str) -> tuple[int, dict[str, str], bytes]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status, headers, await answer.read()


@pytest.mark.parametrize("before", ["x/y/", "objects/", "/", "%2F", "x%2F"])
def test_a_signature_is_for_the_whole_path(store: LocalStore, key: str, before: str) -> None:
    upload(store, key, LAST)
    url = read_url(store, key)
    assert request("GET", url.replace("/objects/", f"/objects/{before}")).status == 403
    assert request("GET", url.replace("?", "/?")).status == 403
    assert request("GET", url.replace("/objects/", "/%6fbjects/")).status == 200


def test_a_range_beyond_the_end_is_told_the_size(store: LocalStore, key: str) -> None:
    upload(store, key, LAST)
    answer = request("GET", read_url(store, key), b"", {"Range": "bytes=100000-"})
    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */100000")


@pytest.mark.parametrize(
    ("if_range", "status"),
    [("ETAG", 206), ('"other"', 200), ("Sat, 01 Jan 2000 00:00:00 GMT", 200), ("W/ETAG", 200)],
)
def test_a_range_of_another_file_is_answered_with_the_whole(
    store: LocalStore, key: str, if_range: str, status: int
) -> None:
    upload(store, key, LAST)
    url = read_url(store, key)
    etag = request("HEAD", url).headers["etag"]
    asked = {"Range": "bytes=1-9", "If-Range": if_range.replace("ETAG", etag)}
    answer = request("GET", url, b"", asked)
    assert (answer.status, answer.body) == (status, LAST if status == 200 else LAST[1:10])


@pytest.mark.parametrize("length", ["", "Content-Length: 0\r\n"])
def test_an_empty_part_needs_no_length(store: LocalStore, key: str, length: str) -> None:
    target = urlsplit(part_url(store, key, b""))
    with socket.create_connection((target.hostname or "", target.port or 0), timeout=60) as client:
        head = f"PUT {target.path}?{target.query} HTTP/1.1\r\nHost: x\r\n{length}\r\n"
        client.sendall(head.encode())
        assert client.recv(12) == b"HTTP/1.1 200"


def test_the_refusal_comes_before_the_body_is_read(store: LocalStore, key: str) -> None:
    target = urlsplit(part_url(store, key))
    with socket.create_connection((target.hostname or "", target.port or 0), timeout=60) as client:
        head = (
            f"PUT {target.path}?{target.query}0 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000"
        )
        client.sendall(head.encode() + b"\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 403"


def test_a_sender_that_goes_away_leaves_nothing(store: LocalStore, root: Path, key: str) -> None:
    data = LAST * 4  # what is smaller waits in memory
    target = urlsplit(part_url(store, key, data))
    with socket.create_connection((target.hostname or "", target.port or 0)) as client:
        head = f"PUT {target.path}?{target.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 400000"
        client.sendall(head.encode() + b"\r\n\r\n" + data[:50_000])
        wait_until(lambda: len(kept(root, key)) == 1)
    wait_until(lambda: kept(root, key) == [])
    assert send(store, key, data).status == 200


def test_a_reader_that_goes_away_is_noticed(store: LocalStore, root: Path, key: str) -> None:
    data = os.urandom(1 << 20) * 48
    upload(store, key, data)
    target = urlsplit(read_url(store, key))
    folder = str(root / "objects" / key[:2] / key)

    def reading() -> bool:
        return any(link.startswith(folder) for link in open_files())

    with socket.create_connection((target.hostname or "", target.port or 0)) as client:
        client.sendall(f"GET {target.path}?{target.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        wait_until(reading)
    wait_until(lambda: not reading())


def test_a_file_deleted_while_it_is_read_ends_the_connection(
    store: LocalStore, root: Path, key: str
) -> None:
    data = os.urandom(1 << 20) * 24
    parts = [stored(1, data), stored(2, data)]
    asyncio.run(store.begin(key))
    for part in parts:
        grant = Grant(
            operation=UrlOperation.PART,
            key=key,
            expires_at=LATER,
            number=part.number,
            size=part.size,
            sha256=part.sha256 or "",
        )
        asyncio.run(take(store, grant, data))
    asyncio.run(store.complete(key, key, parts))
    target = urlsplit(read_url(store, key))
    with socket.create_connection((target.hostname or "", target.port or 0), timeout=60) as client:
        client.sendall(f"GET {target.path}?{target.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = len(client.recv(1000))
        asyncio.run(store.delete(key))
        while chunk := client.recv(1 << 20):
            received += len(chunk)
    assert received < 2 * len(data)


async def take(store: LocalStore, grant: Grant, data: bytes) -> None:
    with store.receive(grant) as part:
        part.write(data)
        await part.keep()


def test_a_sent_part_says_its_etag(store: LocalStore, key: str) -> None:
    answer = send(store, key, LAST)
    assert answer.headers["etag"] == f'"{stored(1, LAST).sha256}"'


def test_a_late_part_is_told_that_the_upload_is_closed(store: LocalStore, key: str) -> None:
    url = part_url(store, key)
    asyncio.run(store.abort(key, key))
    answer = request("PUT", url, LAST, {"Content-Length": "100000"})
    assert (answer.status, problem(answer).code) == (409, "upload_closed")


def test_an_upload_completed_while_a_part_arrives_refuses_the_part(
    store: LocalStore, root: Path, key: str
) -> None:
    send(store, key, LAST)
    grant = Grant(
        operation=UrlOperation.PART,
        key=key,
        expires_at=LATER,
        number=2,
        size=4,
        sha256=stored(2, b"late").sha256 or "",
    )

    async def complete_in_between() -> None:
        with store.receive(grant) as part:
            part.write(b"late")
            await store.complete(key, key, [stored(1, LAST)])
            await part.keep()

    with pytest.raises(Conflict, match="upload_closed"):
        asyncio.run(complete_in_between())
    assert list((root / "incoming").iterdir()) == []
    assert asyncio.run(store.size(key)) == len(LAST)


def test_two_completions_at_once_give_one_file(store: LocalStore, key: str) -> None:
    parts = [stored(1, LAST)]
    send(store, key, LAST)

    async def both() -> None:
        await asyncio.gather(*(store.complete(key, key, parts) for _ in range(4)))

    asyncio.run(both())
    assert asyncio.run(store.size(key)) == len(LAST)


def test_completing_again_with_other_parts_comes_too_late(store: LocalStore, key: str) -> None:
    upload(store, key, LAST)
    for parts in ([], [stored(1, LAST), stored(2, LAST)]):
        with pytest.raises(Conflict, match="upload_closed"):
            asyncio.run(store.complete(key, key, parts))
    with pytest.raises(Conflict, match="upload_closed"):
        asyncio.run(store.begin(key))


def test_a_completed_file_has_only_its_parts_and_moves_no_byte(
    store: LocalStore, root: Path, key: str
) -> None:
    other = LAST[::-1]
    send(store, key, other)
    send(store, key, LAST)
    inode = (root / "uploads" / key / f"1-{stored(1, LAST).sha256}").stat().st_ino
    asyncio.run(store.complete(key, key, [stored(1, LAST)]))
    folder = root / "objects" / key[:2] / key
    assert sorted(path.name for path in folder.iterdir()) == [
        f"1-{stored(1, LAST).sha256}",
        "parts",
    ]
    assert (folder / f"1-{stored(1, LAST).sha256}").stat().st_ino == inode


def test_nobody_else_can_look_into_the_folders(store: LocalStore, root: Path, key: str) -> None:
    upload(store, key, LAST)
    asyncio.run(store.begin(str(new_id())))
    for path in root.rglob("*"):
        if path.is_dir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


@pytest.mark.parametrize("bad", ["", ".", "..", "../../etc", "a" * 36, KNOWN.upper(), f"{KNOWN}/x"])
def test_a_key_that_is_no_uuid_is_unknown(store: LocalStore, bad: str) -> None:
    with pytest.raises(NotFound):
        asyncio.run(store.begin(bad))
    with pytest.raises(NotFound):
        asyncio.run(store.size(bad))
    with pytest.raises(NotFound):
        asyncio.run(store.delete(bad))
    with pytest.raises(NotFound):
        asyncio.run(store.read_url(bad, expires_at=LATER, now=NOW))


def test_opening_a_store_removes_left_overs_and_spares_parts_on_their_way(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, SECRET, "http://x")
    key, incoming = str(new_id()), tmp_path / "incoming"
    (incoming / "left-over").write_bytes(b"half")
    (incoming / "doomed").mkdir()
    (incoming / "doomed" / "1-aa").write_bytes(b"part")
    part = stored(1, LAST)
    grant = Grant(
        operation=UrlOperation.PART,
        key=key,
        expires_at=LATER,
        number=1,
        size=part.size,
        sha256=part.sha256 or "",
    )

    async def send_while_another_process_starts() -> None:
        await store.begin(key)
        with store.receive(grant) as incoming_part:
            incoming_part.write(LAST)
            LocalStore(tmp_path, SECRET, "http://x")
            await incoming_part.keep()

    asyncio.run(send_while_another_process_starts())
    assert list(incoming.iterdir()) == []
    assert asyncio.run(store.list_parts(key, key)) == [part]


def test_a_file_too_large_for_the_disk_leaves_nothing(
    store: LocalStore, root: Path, key: str
) -> None:
    part = stored(1, LAST)
    asyncio.run(store.begin(key))
    grant = Grant(
        operation=UrlOperation.PART,
        key=key,
        expires_at=LATER,
        number=1,
        size=part.size,
        sha256=part.sha256 or "",
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OutsideError, match="store_full"):
            asyncio.run(take(store, grant, LAST))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept(root, key) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "ferryman", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs more rights than this user has")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_refuses_the_part_and_takes_it_when_there_is_room(
    small_disk: Path, key: str
) -> None:
    with local_platform(small_disk) as store:
        filler = small_disk / "filler"
        filler.write_bytes(b"x" * 990_000)
        answer = send(store, key, LAST)
        assert (answer.status, problem(answer).code) == (507, "store_full")
        assert kept(small_disk, key) == []
        filler.unlink()
        upload(store, key, LAST)
        assert request("GET", read_url(store, key)).body == LAST


def test_all_other_paths_are_the_frameworks(store: LocalStore) -> None:
    base = part_url(store, str(new_id())).partition("/objects/")[0]
    for path in ("/", "/objects", "/objectsx/y"):
        assert request("GET", f"{base}{path}").status == 404
    answer = request("GET", read_url(store, str(new_id())))
    assert (answer.status, problem(answer).code) == (404, "object_not_found")


def test_a_folder_is_that_of_the_platform_that_claimed_it(tmp_path: Path) -> None:
    """Whoever else opens it, or another folder, must not take the files for all there are."""
    mine = LocalStore(tmp_path / "mine", SECRET, "http://harbour.example")
    assert not asyncio.run(mine.is_own())
    mine.claim()
    mine.claim()
    assert asyncio.run(mine.is_own())
    other = LocalStore(tmp_path / "mine", b"another", "http://harbour.example")
    other.claim()
    assert not asyncio.run(other.is_own())
    elsewhere = LocalStore(tmp_path / "elsewhere", SECRET, "http://harbour.example")
    assert not asyncio.run(elsewhere.is_own())
    assert [*(tmp_path / "mine" / "incoming").iterdir()] == []


def test_parts_leave_the_reserve_of_the_disk(tmp_path: Path, key: str) -> None:
    """However full the disk of the tests is: a mebibyte more than the part is free."""
    store = LocalStore(tmp_path, SECRET, "http://x", reserve=1 << 20)
    asyncio.run(store.begin(key))
    part = stored(1, LAST)
    grant = Grant(
        operation=UrlOperation.PART,
        key=key,
        expires_at=LATER,
        number=1,
        size=1 << 60,
        sha256=part.sha256 or "",
    )
    with pytest.raises(OutsideError, match="store_full"):
        asyncio.run(take(store, grant, LAST))
    assert kept(tmp_path, key) == []
    asyncio.run(take(store, replace(grant, size=part.size), LAST))
    assert len(kept(tmp_path, key)) == 1


def test_a_reserve_is_at_most_a_twentieth_of_the_disk(tmp_path: Path) -> None:
    total = shutil.disk_usage(tmp_path).total
    assert room_in(tmp_path, 1 << 60).reserve == total // 20
    assert room_in(tmp_path, 1 << 20).reserve == 1 << 20


def test_of_many_bodies_for_one_number_only_the_last_is_kept(store: LocalStore, key: str) -> None:
    asyncio.run(store.begin(key))
    for number in range(200):
        data = b"%d" % number
        assert send(store, key, data).status == 200
    assert asyncio.run(store.list_parts(key, key)) == [stored(1, data)]
