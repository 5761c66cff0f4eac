"""Call functions in a sandbox, beside everything they must not reach; run as root or as a user.

Reads a JSON object on standard input: ``source``, ``calls`` (each with ``handler`` and ``event``),
``data_dir``, and what may differ: ``memory_bytes``, ``scratch_bytes``, ``granted``,
``private``, ``folder``, ``cgroups`` (false: as where none can be made), ``equal_seconds`` (for
which a start and a call compete as equals), ``secure`` (a file with key and certificate of a server
with TLS, and ``names`` that lead to this machine, as in /etc/hosts).
Prints one: ``found`` (the sandbox in words),
``refusal``, ``outcomes``, and ``weights``: those of the functions' control groups, as parts of an
equal's, each time when a function asked the platform.
"""

import asyncio
import json
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ferryman.errors import PlatformError
from ferryman.functions import process
from ferryman.functions.call import FunctionCall
from ferryman.functions.hosting import Hostings
from ferryman.functions.pool import FunctionPool
from ferryman.functions.sandbox.access import access
from ferryman.functions.sandbox.cgroups import NONE, Cgroups
from ferryman.functions.sandbox.sandbox import Sandbox
from ferryman.vocab import FunctionMode

CALL_SECONDS = 200
"""Longer than any call takes, however busy the machine."""

SECRET = "secret-of-the-operator"
NEIGHBOUR = "def run(event, context):\n    import os, time\n    print(os.getpid(), flush=True)\n"


def listening(address: str, stack: ExitStack) -> socket.socket:
    """Return a UNIX socket that listens at a path, or at an abstract name."""
    Path(address).unlink(missing_ok=True) if address[0] == "/" else None
    server = stack.enter_context(socket.socket(socket.AF_UNIX))
    server.bind(address)
    server.listen()
    return server


@asynccontextmanager
async def served(
    word: bytes,
    security: ssl.SSLContext | None = None,
    asked: Callable[[], object] = lambda: None,
) -> AsyncIterator[int]:
    """Answer HTTP requests on a port of this machine: ``/N`` with N bytes, others with ``word``."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].strip(b"/")
            asked()
            body = b"x" * int(path) if path else word
            head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            writer.write(head % len(body) + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=security)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def know(names: list[str]) -> None:
    """Let the worker find these names at this machine, as a line of /etc/hosts does."""
    ask = socket.getaddrinfo

    def asked(host: Any, *rest: Any, **more: Any) -> Any:
        return ask("127.0.0.1" if host in names else host, *rest, **more)

    socket.getaddrinfo = asked


def weights(cgroups: Cgroups) -> list[float]:
    """Return the weights of this process's control groups, as parts of an equal's."""
    files = {"cpu.shares": 1024, "cpu.weight": 100}
    return [
        int(file.read_text()) / equal
        for parent in cgroups.folders
        for name, equal in files.items()
        for file in parent.glob(f"ferryman-{os.getpid()}-*/{name}")
    ]


def processes() -> list[int]:
    """Return the processes of this machine, less those with numbers that a sandbox has too."""
    numbers = (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())
    return [number for number in numbers if number > 300]


async def main() -> None:
    """Make what must not be reached, then make the calls one after the other."""
    spec = json.load(sys.stdin)
    data_dir = Path(spec["data_dir"])
    os.environ["FERRYMAN_OPERATOR_TOKEN"] = SECRET
    wanted = Sandbox(
        user_id=1_900_000_000,
        hidden=(data_dir, Path("/usr/share/doc")),
        scratch_bytes=spec.get("scratch_bytes", 64 << 20),
        private=spec.get("private", False),
    )
    security = None
    if "secure" in spec:
        security = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        security.load_cert_chain(spec["secure"])
        know(spec["names"])
    if "equal_seconds" in spec:
        seconds = spec["equal_seconds"]
        vars(process).update(EQUAL_SECONDS=seconds, EQUAL_START_SECONDS=seconds)
    hosting = await Hostings(FunctionMode.SANDBOXED, wanted).find()
    said: dict[str, Any] = {"found": hosting.found, "outcomes": [], "weights": []}
    said["refusal"] = str(hosting.refusal) if hosting.refusal else None
    if hosting.sandbox is None:
        print(json.dumps(said))
        return
    if not spec.get("cgroups", True):
        hosting = replace(hosting, sandbox=replace(hosting.sandbox, cgroups=NONE))
    neighbour = data_dir.parent / "neighbour"

    def look() -> None:
        assert hosting.sandbox is not None
        said["weights"].append(weights(hosting.sandbox.cgroups))

    with ExitStack() as stack:
        listening(str(data_dir / "database.sock"), stack)
        listening(f"\0{data_dir}", stack)
        async with (
            served(b"platform", asked=look) as api,
            served(b"other") as other,
            served(b"secure", security) as secure,
            FunctionPool(
                concurrency=2,
                memory_bytes=spec.get("memory_bytes", 256 << 20),
                log_bytes=1 << 16,
                sandbox=hosting.sandbox,
                bundler=hosting.bundler,
            ) as pool,
        ):
            granted = spec.get("granted", ["https://granted.test", "*.wild.test"])
            named = [each.format(port=other, secure=secure) for each in granted]
            folder = Path(spec["folder"]) if "folder" in spec else None
            reach = access([f"http://127.0.0.1:{api}"], named, folder)
            kept = FunctionCall(
                source=neighbour, handler="index.run", event={}, context={}, environment={},
                owner="neighbour", access=reach,
            )  # fmt: skip
            assert folder or (await pool.run(kept)).ok
            targets = {
                "worker": os.getpid(),
                "processes": processes(),
                "data": str(data_dir),
                "neighbour": str(neighbour),
                "platform": api,
                "port": other,
                "secure": secure,
                "secret": SECRET,
            }
            for call in spec["calls"]:
                outcome = await pool.run(
                    FunctionCall(
                        source=Path(spec["source"]),
                        handler=call["handler"],
                        event={**call.get("event", {}), "targets": targets},
                        context={},
                        environment={"FERRYMAN_TOKEN": "the-app's-own"},
                        timeout=CALL_SECONDS,
                        owner="app",
                        access=reach,
                    )
                )
                said["outcomes"].append(
                    {
                        "ok": outcome.ok,
                        "error": outcome.error,
                        "cause": outcome.cause,
                        "output": outcome.output,
                    }
                )
    print(json.dumps(said))


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except PlatformError as error:
        sys.exit(str(error))
