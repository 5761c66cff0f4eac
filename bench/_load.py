"""The load of the request benchmark, in a process of its own.

    python -m bench._load PORT CONNECTIONS FILE

Sends the requests of FILE, one JSON object a line, each once, over so many connections that are
kept open, and prints requests a second. Written on asyncio's protocols: an HTTP client would
take more of the processor than what is measured. Anything but 200 ends it.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from bench._batches import send


def raw(line: str, port: int) -> bytes:
    """Return a request as it goes over the wire."""
    request = json.loads(line)
    body = json.dumps(request["body"]).encode() if "body" in request else b""
    head = (
        f"{request['method']} {request['path']} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"authorization: Bearer {request['token']}\r\naccept: application/json\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def rate(port: int, connections: int, requests: list[bytes]) -> float:
    """Requests a second."""
    started = time.perf_counter()
    await send(f"127.0.0.1:{port}", requests, parallel=connections)
    return len(requests) / (time.perf_counter() - started)


def main(port: str, connections: str, file: str) -> None:
    """Send what the file says."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    requests = [raw(line, int(port)) for line in lines]
    print(asyncio.run(rate(int(port), int(connections), requests)))


if __name__ == "__main__":
    main(*sys.argv[1:])
