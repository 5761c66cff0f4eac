#!/usr/bin/env bash
# google-cloud-storage 3.17.1 (Python): an upload whose size is not given ends at the first read
# that returns fewer bytes than asked for. The object is cut short, and no error is raised.
#
# Python's documentation of io.RawIOBase lets read(size) return fewer bytes than asked for, as it
# does for pipes, sockets and terminals; only an empty answer is the end. Blob.upload_from_file()
# takes any binary file object. Without size= it uploads in chunks, of 100 MiB by default, and takes
# a chunk that comes out shorter for the last: its Content-Range names the total, the store makes an
# object of that size, and its checksum is right for the bytes that were read. io.BufferedReader
# around the same source reads on.
#
# Seen with Python 3.11.7, a source of 8 MiB that gives 64 KiB at a time:
#     raw       sent bytes 0-65535/65536        stored 65536 of 8388608
#     buffered  sent bytes 0-8388607/8388608    stored 8388608 of 8388608
#
# Fails if the raw source is stored whole, is refused, or the buffered one is cut too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check google-cloud-storage==3.17.1 2>/dev/null
cat >"$folder/try.py" <<'PYTHON'
import base64
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import google_crc32c
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

SIZE = 8 << 20


class Source(io.RawIOBase):
    """Bytes that come 64 KiB at a time, as those of a pipe do."""

    def __init__(self):
        self.place = 0

    def readable(self):
        return True

    def tell(self):
        return self.place

    def readinto(self, buffer):
        count = min(len(buffer), 64 << 10, SIZE - self.place)
        buffer[:count] = b"x" * count
        self.place += count
        return count


class Store(BaseHTTPRequestHandler):
    """Answers a resumable upload as the JSON API documents it."""

    protocol_version = "HTTP/1.1"
    held = bytearray()
    ranges = []

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.answer(200, {"Location": f"http://127.0.0.1:{self.server.server_port}/session"})

    def do_PUT(self):
        self.held.extend(self.rfile.read(int(self.headers["Content-Length"])))
        self.ranges.append(self.headers["Content-Range"])
        if self.ranges[-1].endswith("/*"):
            self.answer(308, {"Range": f"bytes=0-{len(self.held) - 1}"})
            return
        checksum = google_crc32c.Checksum(bytes(self.held)).digest()
        crc32c = base64.b64encode(checksum).decode()
        item = {"name": "export", "bucket": "b", "size": str(len(self.held)), "crc32c": crc32c}
        self.answer(200, {"Content-Type": "application/json"}, json.dumps(item).encode())

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = storage.Client(
    project="p",
    credentials=AnonymousCredentials(),
    client_options={"api_endpoint": f"http://127.0.0.1:{server.server_port}"},
)
stored = {}
for name, source in {"raw": Source(), "buffered": io.BufferedReader(Source())}.items():
    Store.held.clear()
    client.bucket("b").blob("export").upload_from_file(source)
    stored[name] = len(Store.held)
    print(f"{name:9} sent {Store.ranges[-1]:26} stored {stored[name]} of {SIZE}")
server.shutdown()
sys.exit(0 if stored["raw"] < SIZE == stored["buffered"] else 1)
PYTHON
"$folder/venv/bin/python" "$folder/try.py"
