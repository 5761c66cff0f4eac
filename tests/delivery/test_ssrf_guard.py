"""Addresses that only the platform can reach are not connected to on behalf of an app."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from ferryman.config import Settings
from ferryman.delivery.remote import RemoteSender, open_session
from ferryman.domain.outcome import Outcome
from tests.kit.receiver import receiving
from tests.kit.services import open_services

from .test_remote import serving
from .test_traces import have_listen_at


class Changing(AbstractResolver):
    """Names a host that is nowhere at first, and then this machine."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        if self.asked == 1:
            raise OSError("nowhere")
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


async def post(
    *hosts: str, names: AbstractResolver | None = None, private: bool = False
) -> list[str]:
    """Errors of posts to a remote of this machine by these names; what came to it, at last."""
    came: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        came.append(request.host)
        return web.Response()

    async def run() -> list[Outcome]:
        async with serving(answer) as url, open_session(private=private, names=names) as session:
            remote = RemoteSender(session)
            return [
                await remote.post(url.replace("127.0.0.1", host), "{}", {}, 60) for host in hosts
            ]

    outcomes = await run()
    for outcome in outcomes:
        guarded = "not an address of the public internet" in (outcome.error or "")
        assert (outcome.cause == "address_refused") is guarded
    errors = [outcome.error or "" for outcome in outcomes]
    return [*errors, *came]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:0:127.0.0.1]"),
        *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "2130706433", "0x7f.1"),
    ],
)
async def test_a_remote_inside_gets_nothing(host: str) -> None:
    [error] = await post(host)
    assert error, "nothing came, and it failed"
    if "x" not in host and not host.isdigit():  # no names of hosts, and no addresses
        assert "may not be connected to" in error


async def test_a_name_that_changes_its_answer_gains_nothing() -> None:
    names = Changing()
    nowhere, inside = await post("rebinding.example", "rebinding.example", names=names)
    assert names.asked == 2
    assert "could not be resolved" in nowhere
    assert "127.0.0.1 is not an address of the public internet" in inside


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could reach what the platform may not, and would be handed the tokens."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        assert (await post("127.0.0.1", private=True))[0] == ""
        with pytest.raises(BlockingIOError):
            proxy.accept()


@pytest.mark.parametrize(
    ("chosen", "allowed"),
    [
        ({}, True),
        ({"host": "0.0.0.0"}, False),  # noqa: S104
        ({"public_url": "https://ferryman.example"}, False),
        ({"public_url": "https://ferryman.example", "private_addresses": "allow"}, True),
        ({"private_addresses": "refuse"}, False),
    ],
)
def test_what_a_setting_leaves_open_is_decided_by_who_can_reach_the_platform(
    chosen: dict[str, str], allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PUBLIC_URL", "HOST", "PRIVATE_ADDRESSES"):
        monkeypatch.delenv(f"FERRYMAN_{name}", raising=False)
    assert Settings.model_validate(chosen).posts_to_private_addresses is allowed


async def test_a_worker_that_was_started_by_itself_connects_to_nothing_inside(
    database: str, tmp_path: Path
) -> None:
    """It does not know who can reach the platform, so it has to be told that it may."""

    async def scene(url: str) -> str:
        async with open_services(database, tmp_path) as services:
            await have_listen_at(services, url)
            await services.start_transfer()
            own = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
            own |= {"FERRYMAN_DATABASE_URL": database, "FERRYMAN_CLOCK": "virtual"}
            own |= {"FERRYMAN_DATA_DIR": str(tmp_path)}
            command = (sys.executable, "-m", "ferryman", "worker")
            worker = await asyncio.create_subprocess_exec(*command, env=own)
            query = "SELECT error FROM attempt"
            try:
                async with asyncio.timeout(100):
                    # The database tells nobody.
                    while not (found := await services.fetch(query)):  # noqa: ASYNC110
                        await asyncio.sleep(0.1)
            finally:
                worker.terminate()
                await worker.wait()
            return str(found[0]["error"])

    with receiving() as receiver:
        error = await scene(receiver.url)
    assert "may not be connected to" in error
    assert receiver.received == []
