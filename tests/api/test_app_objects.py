"""Forge's object store over HTTP: what is kept, for whom, and the limits in Forge's words."""

import base64
import json
import zlib

import pytest

from ferryman.domain.crc32c import crc32c
from ferryman.domain.limits import OBJECT_BYTES, OBJECT_REQUEST_BYTES
from tests.kit.app_objects import PATH, ObjectApp, sha256_of
from tests.kit.platform import PlatformProcess


@pytest.fixture(scope="module")
def app(running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory) -> ObjectApp:
    """An app; each test has keys of its own."""
    return ObjectApp.begin(running_platform, tmp_path_factory.mktemp("app") / "app")


@pytest.fixture(scope="module")
def other(running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory) -> ObjectApp:
    """Another app on the same site."""
    return ObjectApp.begin(running_platform, tmp_path_factory.mktemp("other") / "app")


def test_bytes_are_kept_and_come_back(app: ObjectApp) -> None:
    app.send(app.upload_url("a/♥.png", b"harbour"), b"harbour", **{"Content-Type": "image/png"})
    told = app.ok("metadata", {"key": "a/♥.png"})
    created = told.pop("createdAt")
    assert created.endswith("Z")
    assert told == {
        "key": "a/♥.png",
        "checksum": sha256_of(b"harbour"),
        "size": 7,
        "contentType": "image/png",
    }
    url = app.ok("download-url", {"key": "a/♥.png"})["url"]
    read = app.fetch(url)
    assert (read.status, read.data) == (200, b"harbour")
    assert read.headers["content-type"] == "image/png"
    some = app.fetch(url, Range="bytes=1-3")
    assert (some.status, some.data) == (206, b"arb")
    assert some.headers["content-range"] == "bytes 1-3/7"
    assert app.fetch(url, Range="bytes=7-").status == 416
    head = app.fetch(url, "HEAD")
    assert (head.status, head.headers["content-length"], head.data) == (200, "7", b"")


def test_an_object_in_parts_and_an_empty_one_come_back(app: ObjectApp) -> None:
    large = bytes(range(256)) * (33 << 10)  # more than a part
    for key, data in (("large", large), ("empty", b"")):
        app.put(key, data)
        assert app.get(key) == data


def test_an_object_replaces_that_of_its_key(app: ObjectApp) -> None:
    app.put("again", b"old")
    read = app.ok("download-url", {"key": "again"})["url"]
    once = app.upload_url("again", b"new one")
    refused = {"length": 1, "checksum": sha256_of(b"x"), "checksumType": "SHA256"}
    assert app.refused("upload-url", {"key": "again", **refused, "overwrite": False}) == (
        409,
        "OBJECT_EXISTS",
    )
    assert app.send(once, b"new one").status == 200
    assert app.fetch(read).data == b"new one"
    assert app.send(once, b"new one").status == 200  # a URL is for an hour, not for once


def test_an_object_that_came_meanwhile_is_not_replaced(app: ObjectApp) -> None:
    first, second = (app.upload_url("once", data, overwrite=False) for data in (b"1", b"22"))
    assert app.send(first, b"1").status == 200
    late = app.send(second, b"22")
    assert (late.status, late.json()["code"]) == (409, "os_object_exists")
    assert app.get("once") == b"1"


def test_the_buckets_are_two(app: ObjectApp) -> None:
    app.put("logo", b"plain")
    app.put("logo", b"cdn", cdn=True)
    assert app.get("logo") == b"plain"
    assert app.fetch(app.ok("cdn-url", {"key": "logo"})["url"]).data == b"cdn"
    app.ok("delete", {"key": "logo"})
    assert app.get("logo", cdn=True) == b"cdn"
    app.ok("delete", {"key": "logo", "cdn": True})


def test_nothing_is_there_once_it_is_deleted(app: ObjectApp) -> None:
    app.put("gone", b"x")
    url = app.ok("download-url", {"key": "gone"})["url"]
    for _ in range(2):
        assert app.call("delete", {"key": "gone"}).status == 204
    # The package takes 404 for undefined.
    for path in ("metadata", "download-url", "public-download-url", "cdn-url"):
        assert app.refused(path, {"key": "gone"}) == (404, "OBJECT_NOT_FOUND")
    assert app.fetch(url).status == 404


def test_nothing_is_seen_of_another_app(app: ObjectApp, other: ObjectApp) -> None:
    app.put("shared", b"mine")
    assert other.refused("metadata", {"key": "shared"}) == (404, "OBJECT_NOT_FOUND")
    other.put("shared", b"yours")
    assert (app.get("shared"), other.get("shared")) == (b"mine", b"yours")
    assert [each["key"] for each in other.listed()] == ["shared"]


CHECKSUMS = {
    "SHA1": "IAdN8qM6kP+IkgSWIjw5aDGI4mY=",
    "CRC32": base64.b64encode(zlib.crc32(b"harbour").to_bytes(4)).decode(),
    "CRC32C": base64.b64encode(crc32c(b"harbour").to_bytes(4)).decode(),
}


@pytest.mark.parametrize("kind", ["CRC32", "CRC32C"])
def test_every_checksum_is_compared(app: ObjectApp, kind: str) -> None:
    right = {"checksum": CHECKSUMS[kind], "checksumType": kind}
    app.put(kind, b"harbour", **right)
    wrong = app.send(app.upload_url(kind, b"harbour", **right), b"Harbour")
    assert (wrong.status, wrong.json()["code"]) == (400, "os_checksum_mismatch")
    assert app.get(kind) == b"harbour"


@pytest.mark.parametrize("data", [b"harbou", b"harbours", b""])
def test_other_bytes_than_announced_are_refused(app: ObjectApp, data: bytes) -> None:
    reply = app.send(app.upload_url("size", b"harbour"), data)
    assert (reply.status, reply.json()["code"]) == (400, "os_size_mismatch")
    assert app.refused("metadata", {"key": "size"}) == (404, "OBJECT_NOT_FOUND")


UPLOAD = {"key": "k", "length": 1, "checksum": sha256_of(b"x"), "checksumType": "SHA256"}
REFUSED: tuple[tuple[str, object, tuple[int, str]], ...] = (
    ("upload-url", {**UPLOAD, "length": OBJECT_BYTES + 1}, (400, "OBJECT_TOO_LARGE")),
    ("upload-url", {**UPLOAD, "length": -1}, (400, "INVALID_LENGTH")),
    ("upload-url", {**UPLOAD, "checksum": "eA=="}, (400, "INVALID_CHECKSUM")),
    ("upload-url", {**UPLOAD, "checksumType": "MD5"}, (400, "INVALID_REQUEST")),
    ("upload-url", {**UPLOAD, "ttlSeconds": 3_601}, (400, "INVALID_TTL")),
    ("public-upload-url", {**UPLOAD, "ttlSeconds": 0}, (400, "INVALID_TTL")),
    ("upload-url", {**UPLOAD, "key": ""}, (400, "INVALID_KEY")),
    ("metadata", {"key": "k" * OBJECT_REQUEST_BYTES}, (400, "REQUEST_TOO_LARGE")),
    ("metadata", {"key": ""}, (400, "INVALID_KEY")),
    ("metadata", {"key": "a\ud800"}, (400, "INVALID_KEY")),
    ("metadata", {}, (400, "INVALID_REQUEST")),
    ("delete", [], (400, "INVALID_REQUEST")),
    ("cdn-url", {"key": "k", "ttlSeconds": "1"}, (400, "INVALID_REQUEST")),
)


@pytest.mark.parametrize(("path", "body", "expected"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_beyond_a_limit_is_refused_by_a_code(
    app: ObjectApp, path: str, body: object, expected: tuple[int, str]
) -> None:
    assert app.refused(path, body) == expected


def test_a_url_is_for_one_key_and_method_until_its_end(app: ObjectApp) -> None:
    app.put("signed", b"x")
    read = app.ok("public-download-url", {"key": "signed", "ttlSeconds": 60})["url"]
    send = app.upload_url("signed", b"y", ttlSeconds=60)
    assert app.send(read, b"x").json()["code"] == "signature_invalid"
    assert app.fetch(send).json()["code"] == "signature_invalid"
    for wrong in (read[:-1], read + "A", read[:-2] + ("AA" if read[-2:] != "AA" else "BB")):
        assert app.fetch(wrong).status == 403
    app.migration.admin.ok("POST", "/admin/v1/clock/advance", {"seconds": 61})
    for reply in (app.fetch(read), app.send(send, b"y")):
        assert (reply.status, reply.json()["code"]) == (403, "url_expired")


def test_pages_of_any_site_may_use_a_url(app: ObjectApp) -> None:
    """But what is shown from it acts as no page of the platform."""
    url = app.upload_url("page", b"<script>", cdn=True)
    preflight = app.fetch(url, "OPTIONS", Origin="https://cloud.example")
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    sent = app.send(url, b"<script>", **{"Content-Type": "text/html"})
    assert sent.headers["access-control-allow-origin"] == "*"
    read = app.fetch(app.ok("cdn-url", {"key": "page"})["url"])
    assert read.headers["access-control-allow-origin"] == "*"
    assert read.headers["content-security-policy"] == "sandbox"
    assert app.send(url, b"").headers["access-control-allow-origin"] == "*"


def test_the_operator_sees_and_resets_what_is_there(other: ObjectApp) -> None:
    for key in ("b", "a"):
        other.put(key, b"x")
    other.put("a", b"xx", cdn=True)
    seen = [(each["cdn"], each["key"], each["size"]) for each in other.listed()]
    assert [each for each in seen if each[1] in "ab"] == [
        (False, "a", 1),
        (False, "b", 1),
        (True, "a", 2),
    ]
    path = f"/admin/v1/apps/{other.name}/state/objects"
    keys: list[tuple[bool, str, int]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = other.migration.admin.ok("GET", f"{path}?pageSize=1{cursor}")
        keys += [(each["cdn"], each["key"], each["size"]) for each in page["items"]]
        following = page["nextCursor"]
        cursor = None if following is None else f"&cursor={following}"
    assert keys == seen
    done = other.migration.admin.ok("POST", f"/admin/v1/apps/{other.name}/state/reset", {})
    assert done["objects"] == len(seen)
    assert other.listed() == []
    assert other.refused("metadata", {"key": "a"}) == (404, "OBJECT_NOT_FOUND")


def test_only_a_token_of_an_event_opens_it(app: ObjectApp) -> None:
    caller = app.migration.platform.caller(app.migration.tokens["cloudToken"])
    reply = caller.call("POST", f"{PATH}/metadata", raw=json.dumps({"key": "k"}).encode())
    assert reply.status == 403
    assert "token that came with an event" in reply.json["message"]


def test_an_app_without_the_module_is_told(
    running_platform: PlatformProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("without") / "app"
    without = ObjectApp.begin(running_platform, folder, module=False)
    reply = without.call("metadata", {"key": "k"})
    assert (reply.status, reply.json["code"]) == (403, "APP_NOT_ENABLED")
    assert "objectStore" in reply.json["suggestion"]
