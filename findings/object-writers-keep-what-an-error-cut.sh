#!/usr/bin/env bash
# s3fs 2026.9.0, pyarrow 26.0.1 and opendal 0.47.12 (Python): when an exception leaves the block of
# "with store.open(...) as file", what has been written so far replaces the object that was there.
#
# A store replaces an object as a whole, at the moment its upload is completed. A copy whose source
# breaks off could leave the old object in place by not completing the upload, and the with statement
# passes the exception on to __exit__ (PEP 343). These three complete it all the same, as after a
# good end, and nothing at the key shows that the rest is missing; pyarrow and opendal have no call
# to give a file up either. fsspec, on which s3fs builds, has transactions for that, off by default.
# smart_open 9.0.2 and obstore 0.12.1 do not complete the upload, and the old object stays.
#
# Seen with Python 3.11.7, an object of 9,000,000 bytes, and a source that raises after 1,000,000:
#     s3fs        holds 1000000 bytes
#     pyarrow     holds 1000000 bytes
#     opendal     holds 1000000 bytes
#     smart_open  holds 9000000 bytes
#     obstore     holds 9000000 bytes
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check s3fs==2026.9.0 pyarrow==26.0.1 \
  opendal==0.47.12 smart_open==9.0.2 obstore==0.12.1 boto3==1.43.117 2>/dev/null
cat >"$folder/try.py" <<'PYTHON'
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import obstore.store
import opendal
import pyarrow.fs
import s3fs
import smart_open

WHOLE, CUT = 9_000_000, 1_000_000
XML = '<?xml version="1.0"?><{0} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{1}</{0}>'


class Store(BaseHTTPRequestHandler):
    """The size of one object, and the sizes of the parts of one upload, as S3 takes them."""

    protocol_version = "HTTP/1.1"
    held = WHOLE
    parts = {}

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(length=Store.held)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        if "uploads" in self.path:
            self.answer("InitiateMultipartUploadResult", "<UploadId>u</UploadId>")
        else:
            Store.held = sum(Store.parts.values())
            self.answer("CompleteMultipartUploadResult", "<Key>export</Key><ETag>e</ETag>")

    def do_PUT(self):
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        if "partNumber" in self.path:
            Store.parts[self.path] = size
        else:
            Store.held = size
        self.answer()

    def do_DELETE(self):
        self.answer()

    def answer(self, name="", text="", length=0):
        body = XML.format(name, text).encode() if name else b""
        self.send_response(200)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)


def source():
    for _ in range(CUT // 1000):
        yield b"x" * 1000
    raise ConnectionError("the source broke off")


server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
os.environ.update(
    AWS_ACCESS_KEY_ID="k",
    AWS_SECRET_ACCESS_KEY="s",
    AWS_REGION="us-east-1",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ENDPOINT_URL=url,
    AWS_REQUEST_CHECKSUM_CALCULATION="when_required",
)
plain = {"allow_http": True}
rust = obstore.store.S3Store("bucket", client_options=plain, virtual_hosted_style_request=False)
arrow = pyarrow.fs.S3FileSystem(endpoint_override=url, scheme="http", region="us-east-1")
client = {"client": boto3.client("s3")}
writers = {
    "s3fs": lambda: s3fs.S3FileSystem().open("bucket/export", "wb"),
    "pyarrow": lambda: arrow.open_output_stream("bucket/export"),
    "opendal": lambda: opendal.Operator("s3", bucket="bucket").open("export", "wb"),
    "smart_open": lambda: smart_open.open("s3://bucket/export", "wb", transport_params=client),
    "obstore": lambda: obstore.open_writer(rust, "export"),
}
good = True
for name, write in writers.items():
    Store.held, Store.parts = WHOLE, {}
    raised = False
    try:
        with write() as file:
            for piece in source():
                file.write(piece)
    except ConnectionError:
        raised = True
    good &= raised and Store.held == (WHOLE if name in ("smart_open", "obstore") else CUT)
    print(f"{name:11} holds {Store.held} bytes", flush=True)
server.shutdown()
sys.exit(0 if good else 1)
PYTHON
"$folder/venv/bin/python" "$folder/try.py"
