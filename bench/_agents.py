"""Agents that wait for work: ``python -m bench._agents URL COUNT``, tokens on standard input.

It prints a line when all of them wait, and goes on until it is killed.
"""

import asyncio
import itertools
import sys

import aiohttp


async def wait(session: aiohttp.ClientSession, url: str, number: int, token: str) -> None:
    """Claim again and again, as an agent does."""
    body = {"serverAppKeys": ["bench.server"], "agentId": f"agent-{number}"}
    while True:
        async with session.post(
            f"{url}/server/v1/listeners/claim",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
        ) as answer:
            await answer.read()
        if answer.status != 200:
            await asyncio.sleep(float(answer.headers.get("Retry-After", 1)))


async def main(url: str, count: int) -> None:
    """Begin over ten seconds, so that their long polls do not all end at once."""
    tokens = itertools.cycle(sys.stdin.read().split())
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncio.TaskGroup() as group,
    ):
        for number in range(count):
            group.create_task(wait(session, url, number, next(tokens)))
            await asyncio.sleep(10 / count)
        print("waiting", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
