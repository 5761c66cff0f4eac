"""Tokens that were checked a moment ago: asked for once, kept no longer than they are good."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ferryman import refusals
from ferryman.api import token_cache
from ferryman.api.token_cache import MEMORY, TokenCache
from ferryman.errors import NotAuthenticated
from ferryman.store.app import AppRow
from ferryman.vocab import AppKind, Audience

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Checks:
    """Counts what is asked; an ``expires_at`` is told with each app."""

    def __init__(self, expires_at: datetime | None = None) -> None:
        self.count = 0
        self.expires_at = expires_at

    async def __call__(self) -> tuple[AppRow, datetime | None]:
        self.count += 1
        app = AppRow(
            app_id=UUID(int=self.count),
            kind=AppKind.FORGE,
            server_app_key="s",
            cloud_app_key="c",
            environment="production",
            forge_app_id=None,
            manifest=None,
            source=None,
            descriptor=None,
            access_scopes=[],
            window_seconds=None,
            shared_secret=None,
            created_at=NOW,
        )
        return app, self.expires_at


def ask(tokens: TokenCache[AppRow], check: Checks, *asked: tuple[str, timedelta]) -> list[int]:
    async def scene() -> list[int]:
        return [
            (await tokens.holder_of(token, NOW + after, check)).app_id.int for token, after in asked
        ]

    return asyncio.run(scene())


@pytest.mark.parametrize("life", [None, timedelta(days=1), timedelta(seconds=2)])
def test_a_token_is_asked_for_again_when_its_time_is_over(life: timedelta | None) -> None:
    check = Checks(None if life is None else NOW + life)
    over = min(MEMORY, life or MEMORY)
    moments = (timedelta(0), over - timedelta(microseconds=1), over)
    assert ask(TokenCache[AppRow](), check, *(("a", moment) for moment in moments)) == [1, 1, 2]


def test_tokens_are_told_apart() -> None:
    found = ask(TokenCache[AppRow](), Checks(), *((token, timedelta(0)) for token in "abab"))
    assert found == [1, 2, 1, 2]


def test_a_refusal_is_not_kept() -> None:
    tokens, check = TokenCache[AppRow](), Checks()

    async def refuse() -> tuple[AppRow, datetime | None]:
        raise refusals.access.TOKEN_INVALID(audience=Audience.CLOUD)

    with pytest.raises(NotAuthenticated):
        asyncio.run(tokens.holder_of("a", NOW, refuse))
    assert ask(tokens, check, ("a", timedelta(0))) == [1]


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_cache, "_MOST", 3)
    asked = [(token, timedelta(0)) for token in "abcabcda"]
    assert ask(TokenCache[AppRow](), Checks(), *asked) == [1, 2, 3, 1, 2, 3, 4, 5]
