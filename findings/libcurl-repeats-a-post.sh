#!/usr/bin/env bash
# libcurl 8.23.0 (in pycurl 7.49.0 and curl_cffi 0.17.0): a POST that the server has read and not
# answered is sent a second time, and the caller is told 200.
#
# A client should not repeat a POST by itself unless it knows that the first was never applied (RFC
# 9110, section 9.2.2). A server that restarts may have applied it, and closes the connection
# without an answer. On a connection that has served before, libcurl takes this for one that was
# closed while idle, and sends the request again on a new one, whatever its method. So a payment or
# a message is made twice, unless it carries a key by which the server knows it again. The other
# clients raise, and leave it to the caller whether to repeat.
#
# Seen with Python 3.11.7 and Node.js 20.20.2, the requests as the server read them:
#     pycurl     GET, POST, POST  the caller saw 200
#     curl_cffi  GET, POST, POST  the caller saw 200
#     urllib3    GET, POST        the caller saw ProtocolError
#     httpx      GET, POST        the caller saw RemoteProtocolError
#     aiohttp    GET, POST        the caller saw ServerDisconnectedError
#     fetch      GET, POST        the caller saw TypeError
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pycurl==7.49.0 curl_cffi==0.17.0 \
  urllib3==2.8.0 httpx==0.28.1 aiohttp==3.14.5 2>/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts undici@7.30.2 >/dev/null
cat >post.mjs <<'NODE'
import { fetch } from 'undici';
const url = process.argv[2];
await (await fetch(url)).text();
try {
  console.log((await fetch(url, { method: 'POST', body: 'amount=5' })).status);
} catch (error) {
  console.log(error.name);
}
NODE
cat >try.py <<'PYTHON'
import asyncio
import io
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import curl_cffi
import httpx
import pycurl
import urllib3

BODY = b"amount=5"
read = []


class Server(BaseHTTPRequestHandler):
    """Reads the first POST whole, and closes without an answer; answers all else."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        read.append("GET")
        self.answer()

    def do_POST(self):
        assert self.rfile.read(int(self.headers["Content-Length"])) == BODY
        read.append("POST")
        if read.count("POST") == 1:
            self.close_connection = True
        else:
            self.answer()

    def answer(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


def by_pycurl(url):
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.WRITEDATA, io.BytesIO())
    curl.perform()
    curl.setopt(pycurl.POSTFIELDS, BODY)
    curl.perform()
    return curl.getinfo(pycurl.RESPONSE_CODE)


def by_curl_cffi(url):
    with curl_cffi.Session() as client:
        client.get(url)
        return client.post(url, data=BODY).status_code


def by_urllib3(url):
    pool = urllib3.PoolManager()
    pool.request("GET", url)
    return pool.request("POST", url, body=BODY).status


def by_httpx(url):
    with httpx.Client(trust_env=False) as client:
        client.get(url)
        return client.post(url, content=BODY).status_code


async def by_aiohttp(url):
    async with aiohttp.ClientSession() as client:
        async with client.get(url) as answer:
            await answer.read()
        async with client.post(url, data=BODY) as answer:
            return answer.status


def by_fetch(url):
    command = ["node", "post.mjs", url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


SEEN = {
    "pycurl": (by_pycurl, "GET, POST, POST", "200"),
    "curl_cffi": (by_curl_cffi, "GET, POST, POST", "200"),
    "urllib3": (by_urllib3, "GET, POST", "ProtocolError"),
    "httpx": (by_httpx, "GET, POST", "RemoteProtocolError"),
    "aiohttp": (lambda url: asyncio.run(by_aiohttp(url)), "GET, POST", "ServerDisconnectedError"),
    "fetch": (by_fetch, "GET, POST", "TypeError"),
}
server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
good = "libcurl/8.23.0" in pycurl.version and "libcurl/8.23.0" in curl_cffi.__curl_version__
for name, (post, requests, outcome) in SEEN.items():
    read.clear()
    try:
        saw = str(post(f"http://127.0.0.1:{server.server_port}/"))
    except Exception as error:
        saw = type(error).__name__
    print(f"{name:10} {', '.join(read):16} the caller saw {saw}", flush=True)
    good &= (", ".join(read), saw) == (requests, outcome)
server.shutdown()
sys.exit(0 if good else 1)
PYTHON
venv/bin/python try.py
