import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from .stage import Stage, staged

T = TypeVar("T")

Play = Callable[[Callable[[Stage], Awaitable[T]]], T]


@pytest.fixture
def play(database: str, tmp_path: Path) -> Play[T]:
    """Runs a coroutine function over a stage of its own."""

    def run(scene: Callable[[Stage], Awaitable[T]]) -> T:
        async def whole() -> T:
            async with staged(database, tmp_path) as stage:
                return await scene(stage)

        return asyncio.run(whole())

    return run
