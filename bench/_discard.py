"""The part of S3 that an upload needs; it keeps only sizes and digests. For ``bench.stream``.

    python -m bench._discard PORT

Signatures are not checked, and the etag of a part is the md5 that its sender gave.
"""

import sys
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, urlsplit

PAGE = 1000
_XML = '<?xml version="1.0" encoding="UTF-8"?>'

parts: dict[int, tuple[int, str]] = {}
lock = Lock()


class Store(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # An answer goes in one packet, and is not held back for the next.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def do_PUT(self) -> None:
        """Take a part."""
        size = self._drain()
        query = self._query()
        digest = b64decode(self.headers.get("Content-MD5", "")).hex()
        if "partNumber" in query:
            with lock:
                parts[int(query["partNumber"])] = (size, digest)
        self._answer(200, "", {"ETag": f'"{digest}"'})

    def do_POST(self) -> None:
        """Begin or complete an upload."""
        self._drain()
        if "uploadId" in self._query():
            body = "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"
        else:
            body = (
                "<InitiateMultipartUploadResult><UploadId>only</UploadId>"
                "</InitiateMultipartUploadResult>"
            )
        self._answer(200, _XML + body)

    def do_GET(self) -> None:
        """List the parts, a page at a time; ``/count`` tells how many there are."""
        query = self._query()
        if urlsplit(self.path).path == "/count":
            self._answer(200, str(len(parts)))
            return
        if "uploadId" not in query:
            self._answer(200, f"{_XML}<ListBucketResult></ListBucketResult>")
            return
        after = int(query.get("part-number-marker", "0"))
        with lock:
            held = sorted((number, *part) for number, part in parts.items() if number > after)
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><Size>{size}</Size>"
            f'<ETag>"{digest}"</ETag></Part>'
            for number, size, digest in held[:PAGE]
        )
        more = len(held) > PAGE
        marker = held[PAGE - 1][0] if more else 0
        self._answer(
            200,
            f"{_XML}<ListPartsResult><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"<NextPartNumberMarker>{marker}</NextPartNumberMarker>{listed}</ListPartsResult>",
        )

    def do_DELETE(self) -> None:
        """Give an upload up."""
        self._answer(204, "")

    def do_HEAD(self) -> None:
        """Nothing is kept."""
        self._answer(404, "")

    def _query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    def _drain(self) -> int:
        size = left = int(self.headers.get("Content-Length", "0"))
        buffer = memoryview(bytearray(1 << 20))
        while left:
            got = self.rfile.readinto(buffer[: min(left, len(buffer))])
            if not got:
                raise ConnectionError("the sender went away")
            left -= got
        return size

    def _answer(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Store).serve_forever()
