#!/usr/bin/env bash
# httpx 0.28.1 (Python): of a body with Content-Encoding gzip that has several members, the caller
# gets the first alone, without an error; one in zstd with several frames may raise DecodingError.
#
# A gzip file is a series of members (RFC 1952, section 2.2), and the coding gzip is that format
# (RFC 9110, section 8.4.1.3). Exports that are compressed in blocks or appended to, and logs that
# were joined, have several; a store that keeps them with their coding sends them as they are.
# zstd is the same with its frames (RFC 8878, section 3). In httpx one object of zlib decodes the
# body, stops at the end of the first member, and keeps what follows as unused data that nobody
# reads. For zstd there is a loop over frames, but a frame that ends just where a chunk ends leaves
# a used-up object behind. Whether that happens depends on how the network cut the same bytes.
#
# Seen with Python 3.11.7, three members or frames of 3,960 bytes in all, one to a chunk:
#     urllib3  gzip 3960 of 3960   zstd 3960 of 3960
#     aiohttp  gzip 3960 of 3960   zstd 3960 of 3960
#     httpx    gzip 2500 of 3960   zstd DecodingError
#
# Fails if httpx returns all of either, or one of the others less.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check httpx==0.28.1 urllib3==2.8.0 \
  aiohttp==3.14.5 zstandard==0.25.0 backports.zstd==1.8.0 2>/dev/null
cat >"$folder/try.py" <<'PYTHON'
import asyncio
import gzip
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import urllib3
import zstandard

PARTS = [b"first line of the export\n" * 100, b"second member\n" * 100, b"third\n" * 10]
COMPRESS = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}


class Store(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        coding = self.path[1:]
        self.send_response(200)
        self.send_header("Content-Encoding", coding)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in [*map(COMPRESS[coding], PARTS), b""]:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()


async def by_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.read()


CLIENTS = {
    "urllib3": lambda url: urllib3.PoolManager().request("GET", url).data,
    "aiohttp": lambda url: asyncio.run(by_aiohttp(url)),
    "httpx": lambda url: httpx.get(url, trust_env=False).content,
}
server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
whole = b"".join(PARTS)
complete = {}
for name, get in CLIENTS.items():
    told = []
    for coding in COMPRESS:
        try:
            body = get(f"http://127.0.0.1:{server.server_port}/{coding}")
        except httpx.DecodingError as error:
            body, said = None, type(error).__name__
        else:
            said = f"{len(body)} of {len(whole)}"
        complete[name, coding] = body == whole
        told.append(f"{coding} {said:14}")
    print(f"{name:8}", *told)
server.shutdown()
expected = {(name, coding): name != "httpx" for name, coding in complete}
sys.exit(0 if complete == expected else 1)
PYTHON
"$folder/venv/bin/python" "$folder/try.py"
