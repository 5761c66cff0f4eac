#!/usr/bin/env bash
# granian 2.8.9 (WSGI, and RSGI read by iteration), hypercorn 0.18.0 (WSGI) and a2wsgi 1.10.10: an
# upload in chunks that its sender breaks off looks whole to the app, which keeps what has come.
#
# A body in chunks is whole when its last chunk, of size 0, has come (RFC 9112, section 8). An ASGI
# server reports a sender that went away by the event http.disconnect; these end the body there
# as if it were complete, although granian also sets wsgi.input_terminated, by which frameworks leave
# it to the server to tell the end. There is no Content-Length to compare with, so a client that
# stops in the middle of its file leaves a short one under a good name. gunicorn, cheroot and gevent
# raise when the app reads on; so does granian where an RSGI app awaits the body as a whole.
#
# Seen with Python 3.11.7, sent "first half, " and then a closed connection:
#     granian       the app read 'first half, ' to the end
#     granian, RSGI the app read 'first half, ' to the end
#     hypercorn     the app read 'first half, ' to the end
#     a2wsgi        the app read 'first half, ' to the end
#     gunicorn      the app got NoMoreData
#     cheroot       the app got ValueError
#     gevent        the app got _InvalidClientInput
#
# Fails if one of the first four tells the app, or one of the others does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check granian==2.8.9 hypercorn==0.18.0 \
  a2wsgi==1.10.10 uvicorn==0.54.0 gunicorn==27.0.1 cheroot==11.1.2 gevent==26.9.0 2>/dev/null
cat >app.py <<'PYTHON'
from pathlib import Path

from a2wsgi import WSGIMiddleware


def note(seen):
    with Path("seen").open("a") as file:
        file.write(f"{seen}\n")


def app(environ, start_response):
    read = b""
    try:
        while piece := environ["wsgi.input"].read(4):
            read += piece
    except Exception as error:
        note(f"got {type(error).__name__}")
    else:
        note(f"read {read.decode()!r} to the end")
    start_response("200 OK", [("Content-Length", "0")])
    return []


async def rsgi(scope, protocol):
    read = b""
    try:
        async for piece in protocol:
            read += piece
    except Exception as error:
        note(f"got {type(error).__name__}")
    else:
        note(f"read {read.decode()!r} to the end")
    protocol.response_empty(200, [])


bridge = WSGIMiddleware(app)
PYTHON
cat >try.py <<'PYTHON'
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

HEAD = b"PUT /export HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
PART = b"c\r\nfirst half, \r\n"
SERVERS = {
    "granian": "granian --interface wsgi --port {} app:app",
    "granian, RSGI": "granian --interface rsgi --port {} app:rsgi",
    "hypercorn": "hypercorn --bind 127.0.0.1:{} wsgi:app:app",
    "a2wsgi": "uvicorn --port {} app:bridge",
    "gunicorn": "gunicorn --bind 127.0.0.1:{} app:app",
    "cheroot": "python -c from+cheroot.wsgi+import+Server;import+app;"
    "Server(('127.0.0.1',{}),app.app).start()",
    "gevent": "python -c from+gevent.pywsgi+import+WSGIServer;import+app;"
    "WSGIServer(('127.0.0.1',{}),app.app).serve_forever()",
}


def connect(port):
    until = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def uploads(port):
    """Send one upload whole, and one that breaks off; return what the app saw of each."""
    seen = Path("seen")
    seen.write_text("")
    with connect(port) as whole:
        whole.sendall(HEAD + PART + b"0\r\n\r\n")
        whole.recv(1000)
    with connect(port) as cut:
        cut.sendall(HEAD + PART)
        time.sleep(1)
    until = time.monotonic() + 30
    while len(lines := seen.read_text().splitlines()) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    return lines


good = True
for name, command in SERVERS.items():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [word.replace("+", " ") for word in command.format(port).split()]
    words[0] = f"venv/bin/{words[0]}"
    environment = {**os.environ, "PYTHONPATH": "."}
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(words, env=environment, stdout=quiet, stderr=quiet)
    try:
        whole, cut = uploads(port)
    finally:
        server.terminate()
        server.wait()
    print(f"{name:13} the app {cut}", flush=True)
    good &= whole == "read 'first half, ' to the end"
    good &= (cut == whole) == (name not in ("gunicorn", "cheroot", "gevent"))
sys.exit(0 if good else 1)
PYTHON
venv/bin/python try.py
