"""A real store behind a proxy that gives it the habits of stores which are not at hand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import urllib3

from tests.kit.http_server import serving

from .s3_servers import S3Server


@dataclass(frozen=True)
class Asked:
    """A request as it came; ``closed`` are the uploads that were completed before."""

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    body: bytes
    closed: frozenset[str]
    behind: Any
    """A client of the real store."""

    @property
    def part(self) -> int:
        """The number of the part that is sent; 0 for other requests."""
        return int(self.query.get("partNumber", 0)) if self.method == "PUT" else 0

    @property
    def late(self) -> bool:
        """Whether it is a part of an upload that is complete."""
        return self.part > 0 and self.query["uploadId"] in self.closed

    @property
    def completes(self) -> bool:
        """Whether it completes an upload."""
        return self.method == "POST" and "uploadId" in self.query

    def put(self, body: bytes) -> str:
        """Replace the object; its etag."""
        done = self.behind.put_object(Bucket=self.bucket, Key=self.key, Body=body)
        return str(done["ETag"])


Said = tuple[int, dict[str, str], bytes]
Twist = Callable[[Asked], Said | None]
"""What is answered in the store's place; None lets the store answer."""


def refusal(status: int, code: str) -> Said:
    return status, {}, f"<Error><Code>{code}</Code></Error>".encode()


def takes_late_parts(asked: Asked) -> Said | None:
    """As OpenStack Swift: a late part goes into the object, and a closed upload is no key."""
    if asked.method == "DELETE" and asked.query.get("uploadId") in asked.closed:
        return refusal(404, "NoSuchKey")
    return (200, {"ETag": asked.put(asked.body)}, b"") if asked.late else None


def refuses_late_parts_and_is_harmed(asked: Asked) -> Said | None:
    if not asked.late:
        return None
    asked.put(asked.body)
    return refusal(404, "NoSuchUpload")


def takes_parts(most: int) -> Twist:
    """As OpenStack Swift, whose limit is a setting, 1,000 unless changed."""
    return lambda asked: refusal(400, "InvalidArgument") if asked.part > most else None


def mixes_parts(asked: Asked) -> Said | None:
    if not asked.completes:
        return None
    asked.put(b"all that it holds")
    return 200, {}, b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"


def refuses_parts(asked: Asked) -> Said | None:
    return refusal(403, "SignatureDoesNotMatch") if asked.part else None


def busy_at_first(times: int) -> Twist:
    left = [None] * times

    def twist(asked: Asked) -> Said | None:
        if not asked.part or not left:
            return None
        left.pop()
        return refusal(503, "SlowDown")

    return twist


class TakesAnyPart:
    """Once it is ``switched`` on, parts are taken whatever their digest, with bytes ``changed``."""

    def __init__(self) -> None:
        self.switched = False
        self.changed: dict[bytes, bytes] = {}

    def __call__(self, asked: Asked) -> Said | None:
        if not self.switched or not asked.part:
            return None
        done = asked.behind.upload_part(
            Bucket=asked.bucket,
            Key=asked.key,
            UploadId=asked.query["uploadId"],
            PartNumber=asked.part,
            Body=self.changed.get(asked.body, asked.body),
        )
        return 200, {"ETag": done["ETag"]}, b""


def refuses_sha256(asked: Asked) -> Said | None:
    """As OpenStack Swift 2.30, which takes the signature of such a URL for a wrong one."""
    signed = asked.query.get("X-Amz-SignedHeaders", "").split(";")
    return refusal(403, "SignatureDoesNotMatch") if "x-amz-content-sha256" in signed else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target: str
    behind: Any
    twist: Twist
    drops: str
    closed: set[str]
    pool: urllib3.PoolManager

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        bucket, _, key = parts.path.removeprefix("/").partition("/")
        closed = frozenset(self.closed)
        asked = Asked(self.command, bucket, key, query, body, closed, self.behind)
        said = type(self).twist(asked) or self.forward(body, query)
        if asked.completes and said[0] == 200:
            self.closed.add(query["uploadId"])
        self.answer(*said)

    def forward(self, body: bytes, query: dict[str, str]) -> Said:
        # The platform's own calls carry the same header, and would not work at all.
        lost = self.drops if "X-Amz-Signature" in query else ""
        # The host stays: it is in the signature.
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", lost)}
        there = self.pool.request(self.command, self.target + self.path, body=body, headers=headers)
        return there.status, dict(there.headers), there.data

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


for _method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
    setattr(_Handler, f"do_{_method}", _Handler.handle_any)


@contextmanager
def odd_store(server: S3Server, twist: Twist, *, drops: str = "") -> Iterator[S3Server]:
    """``server`` with another habit, for as long as this lasts.

    Requests to signed URLs lose the header ``drops``.
    """
    keys = server.environment
    behind = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name=keys["AWS_REGION"],
    )
    pool = urllib3.PoolManager(retries=False, maxsize=8)
    own = {"target": server.endpoint, "behind": behind, "closed": set(), "pool": pool}
    own["drops"] = drops
    handler = type("Handler", (_Handler,), {**own, "twist": staticmethod(twist)})
    with serving(handler) as url:
        try:
            yield replace(server, endpoint=url)
        finally:
            pool.clear()
