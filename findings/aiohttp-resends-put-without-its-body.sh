#!/usr/bin/env bash
# aiohttp 3.14.3: a PUT whose body is an async generator may arrive empty and be reported as 200.
#
# A server may close a kept-alive connection at any moment, also when it has read a request and not
# answered yet: a restart does this. The client then sends an idempotent request again on a new
# connection, as RFC 9112 section 9.3.1 allows. aiohttp does so for PUT although the generator of
# its body is used up: the second request has the same headers and no bytes, and its 200 is what
# the caller sees. An object store would now hold an empty file under a good answer.
#
# Seen with Python 3.11.7 (aiohttp 3.14.3, PyPI):
#     the server read: PUT 4000 bytes, then PUT 0 bytes
#     the caller saw:  200
# A body of type bytes is sent whole both times:
#     the server read: PUT 4000 bytes, then PUT 4000 bytes
#     the caller saw:  200
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiohttp==3.14.3 2>/dev/null
cat >"$folder/try.py" <<'PYTHON'
import asyncio

import aiohttp

read = []


async def chunks(reader):
    size = 0
    while piece := int(await reader.readline(), 16):
        size += len(await reader.readexactly(piece))
        await reader.readline()
    await reader.readline()
    return size


async def serve(reader, writer):
    """Answer, but close after reading the second request of a connection."""
    for number in (1, 2):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        except asyncio.IncompleteReadError:
            break  # the client is done
        size = 0
        if "transfer-encoding: chunked" in head:
            size = await chunks(reader)
        elif "content-length: " in head:
            size = len(await reader.readexactly(int(head.split("content-length: ")[1].split()[0])))
        if head.startswith("put"):
            read.append(size)
        if number == 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
    writer.close()


async def body():
    for _ in range(4):
        yield b"x" * 1000


async def put(data):
    read.clear()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with asyncio.timeout(20), aiohttp.ClientSession() as client:
        async with client.get(url):
            pass
        async with client.put(url, data=data) as answer:
            print("the server read: " + ", then ".join(f"PUT {size} bytes" for size in read))
            print("the caller saw: ", answer.status)
            return answer.status, list(read)


streamed = asyncio.run(put(body()))
whole = asyncio.run(put(b"x" * 4000))
assert streamed == (200, [4000, 0]), streamed
assert whole == (200, [4000, 4000]), whole
PYTHON
"$folder/venv/bin/python" "$folder/try.py"
