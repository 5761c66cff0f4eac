#!/usr/bin/env bash
# smart_open 9.0.2, pyarrow 26.0.1, obstore 0.12.1 and fsspec 2026.9.0 (http): reading an object that
# is replaced meanwhile returns the start of one version and the rest of the other, without an error.
#
# A store replaces objects as a whole and says by ETag which one it sent. These readers ask range by
# range, pyarrow for open_input_stream() too, and see the ETag in each answer, but do not send it
# back in If-Match (RFC 9110, section 13.1.1), nor compare it. When a job writes its export again, at
# the same size, a reader copies a file that never existed. s3fs and boto3 send If-Match, and raise.
#
# Seen with Python 3.11.7, 12 MiB read in steps, replaced behind the first:
#     smart_open  old  4 MiB, new  8 MiB    (range_chunk_size of 4 MiB)
#     pyarrow     old  1 MiB, new 11 MiB    (open_input_stream)
#     obstore     old  1 MiB, new 11 MiB    (open_reader)
#     fsspec      old  6 MiB, new  6 MiB    (http)
#     s3fs        raised                    (block_size of 2 MiB)
#     boto3       raised                    (download_fileobj)
#
# Fails if one of the first four raises or returns one version, or one of the others mixes them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check smart_open==9.0.2 pyarrow==26.0.1 \
  obstore==0.12.1 fsspec==2026.9.0 s3fs==2026.9.0 boto3==1.43.117 aiohttp==3.14.5 2>/dev/null
cat >"$folder/try.py" <<'PYTHON'
import io
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import fsspec
import obstore.store
import pyarrow.fs
import s3fs
import smart_open
from boto3.s3.transfer import TransferConfig

MIB = 1 << 20
SIZE = 12 * MIB


class Store(BaseHTTPRequestHandler):
    """One object, as S3 answers HEAD and GET: with Range, ETag and If-Match."""

    protocol_version = "HTTP/1.1"
    version = "old"

    def log_message(self, *_):
        pass

    def do_GET(self):
        held = {"old": b"o", "new": b"n"}[Store.version] * SIZE
        etag = f'"{Store.version}"'
        span = re.match(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        start, last = (int(span[1]), min(int(span[2] or SIZE), SIZE - 1)) if span else (0, SIZE - 1)
        status = 206 if span else 200
        if self.headers["If-Match"] not in (None, etag):
            status, held, start, last = 412, b"", 0, -1
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Last-Modified", "Tue, 01 Dec 2026 10:00:00 GMT")
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{last}/{SIZE}")
        self.send_header("Content-Length", str(last + 1 - start))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(held[start : last + 1])

    do_HEAD = do_GET


class Sink(io.BytesIO):
    def write(self, data):
        Store.version = "new"
        return super().write(data)


def steps(file):
    parts = []
    while part := bytes(file.read(MIB)):
        parts.append(part)
        Store.version = "new"
    return b"".join(parts)


def by_boto3():
    sink = Sink()
    one = TransferConfig(multipart_threshold=MIB, multipart_chunksize=2 * MIB, max_concurrency=1)
    s3.download_fileobj("bucket", "export", sink, Config=one)
    return sink.getvalue()


server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"127.0.0.1:{server.server_port}"
url = f"http://{host}"
keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
arrow = pyarrow.fs.S3FileSystem(
    access_key="k", secret_key="s", endpoint_override=url, scheme="http", region="us-east-1"
)
plain = {"allow_http": True}
rust = obstore.store.S3Store("bucket", endpoint=url, region="us-east-1", client_options=plain,
                             virtual_hosted_style_request=False, **keys)  # fmt: skip
dask = s3fs.S3FileSystem(key="k", secret="s", endpoint_url=url)
ranges = {"client": s3, "range_chunk_size": 4 * MIB}
readers = {
    "smart_open": lambda: steps(smart_open.open("s3://bucket/export", "rb", transport_params=ranges)),
    "pyarrow": lambda: steps(arrow.open_input_stream("bucket/export")),
    "obstore": lambda: steps(obstore.open_reader(rust, "export")),
    "fsspec": lambda: steps(fsspec.filesystem("http").open(f"{url}/bucket/export", "rb")),
    "s3fs": lambda: steps(dask.open("bucket/export", "rb", block_size=2 * MIB, cache_type="bytes")),
    "boto3": by_boto3,
}
good = True
for name, read in readers.items():
    Store.version = "old"
    try:
        data = read()
    except Exception as error:
        mixed, said = False, f"raised {type(error).__name__}"
    else:
        old, new = data.count(b"o"), data.count(b"n")
        mixed, said = bool(old and new), f"old {old // MIB:2} MiB, new {new // MIB:2} MiB"
        good &= mixed and len(data) == SIZE
    good &= mixed == (name not in ("s3fs", "boto3"))
    print(f"{name:11} {said}", flush=True)
server.shutdown()
sys.exit(0 if good else 1)
PYTHON
"$folder/venv/bin/python" "$folder/try.py"
