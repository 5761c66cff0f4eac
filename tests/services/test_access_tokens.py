"""Tokens of people and programs: their life from the first use to the last."""

from datetime import timedelta

import pytest

from ferryman.errors import Conflict, Invalid, NotAuthenticated, NotFound
from ferryman.services import access_token as access_token_service
from ferryman.services import clock
from ferryman.vocab import Role
from ferryman.wire.access_token import IssuedToken, TokenRequest, TokenRotation
from tests.kit.services import Services

BEN = TokenRequest(name="ben", role=Role.VIEWER)


async def issue(services: Services, request: TokenRequest = BEN) -> IssuedToken:
    return await access_token_service.create(services.platform, request)


async def opens(services: Services, token: str) -> bool:
    try:
        await access_token_service.authenticate(services.platform, token)
    except NotAuthenticated:
        return False
    return True


async def test_only_the_digest_is_stored(services: Services) -> None:
    issued = await issue(services)
    assert issued.token.startswith("fm_viewer_")
    [row] = await services.fetch("SELECT * FROM access_token")
    assert issued.token not in str(dict(row))
    assert await opens(services, issued.token)
    assert not await opens(services, issued.token + "x")


async def test_it_expires(services: Services) -> None:
    await clock.freeze(services.platform)  # or a slow machine passes the last second by itself
    issued = await issue(services, TokenRequest(name="ben", role=Role.VIEWER, seconds=60))
    await services.advance(timedelta(seconds=59))
    assert await opens(services, issued.token)
    await services.advance(timedelta(seconds=1))
    assert not await opens(services, issued.token)


async def test_its_last_use_is_noted_once_a_minute(services: Services) -> None:
    issued = await issue(services)

    async def last() -> int | None:
        page = await access_token_service.page(services.platform, cursor=None, size=None)
        return page.items[0].last_used_at

    assert await last() is None
    await opens(services, issued.token)
    first = await last()
    await services.advance(timedelta(seconds=30))
    await opens(services, issued.token)
    assert await last() == first
    await services.advance(timedelta(seconds=31))
    await opens(services, issued.token)
    assert (await last() or 0) >= (first or 0) + 61_000


async def test_a_rotation_overlaps(services: Services) -> None:
    old = await issue(services, TokenRequest(name="ben", role=Role.VIEWER, seconds=86_400))
    await services.advance(timedelta(hours=1))
    rotation = TokenRotation(overlap=600)
    new = await access_token_service.rotate(services.platform, "ben", rotation)
    assert new.access.role is Role.VIEWER
    assert (new.access.expires_at or 0) - new.access.created_at == 86_400_000
    assert await opens(services, old.token)
    assert await opens(services, new.token)
    await services.advance(timedelta(seconds=600))
    assert not await opens(services, old.token)
    assert await opens(services, new.token)


async def test_an_overlap_does_not_lengthen_a_life(services: Services) -> None:
    old = await issue(services, TokenRequest(name="ben", role=Role.VIEWER, seconds=60))
    await access_token_service.rotate(services.platform, "ben", TokenRotation(overlap=3600))
    await services.advance(timedelta(seconds=60))
    assert not await opens(services, old.token)


async def test_revoking_a_name_revokes_the_replaced_secret_too(services: Services) -> None:
    old = await issue(services)
    new = await access_token_service.rotate(services.platform, "ben", TokenRotation())
    assert len((await access_token_service.revoke(services.platform, "ben")).items) == 2
    assert not await opens(services, old.token)
    assert not await opens(services, new.token)
    for call in (
        access_token_service.revoke(services.platform, "ben"),
        access_token_service.rotate(services.platform, "ben", TokenRotation()),
    ):
        with pytest.raises(NotFound):
            await call
    # The name is free again.
    assert await opens(services, (await issue(services)).token)


async def test_a_name_has_one_current_token(services: Services) -> None:
    await issue(services)
    with pytest.raises(Conflict, match="token_name_taken"):
        await issue(services)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (TokenRequest(name="", role=Role.VIEWER), "token_name_invalid"),
        (TokenRequest(name=" ben", role=Role.VIEWER), "token_name_invalid"),
        (TokenRequest(name="a/b", role=Role.VIEWER), "token_name_invalid"),
        (TokenRequest(name="..", role=Role.VIEWER), "token_name_invalid"),
        (TokenRequest(name="ben ", role=Role.VIEWER), "token_name_invalid"),
        (TokenRequest(name="b\0", role=Role.VIEWER), "name_invalid"),
        (TokenRequest(name="b", role=Role.APP_OWNER), "token_limits_invalid"),
        (TokenRequest(name="b", role=Role.APP_OWNER, apps=[]), "token_limits_invalid"),
        (TokenRequest(name="b", role=Role.APP_OWNER, apps=["a", "a"]), "token_limits_invalid"),
        (TokenRequest(name="b", role=Role.ADMIN, apps=["a"]), "token_limits_invalid"),
        (TokenRequest(name="b", role=Role.ADMIN, customers=["default"]), "token_limits_invalid"),
        (TokenRequest(name="b", role=Role.METRICS, customers=["default"]), "token_limits_invalid"),
        (TokenRequest(name="b", role=Role.VIEWER, customers=[]), "token_limits_invalid"),
        (TokenRequest(name="b", role=Role.VIEWER, seconds=0), "token_seconds_invalid"),
        (TokenRequest(name="b", role=Role.VIEWER, seconds=2**40), "token_seconds_invalid"),
    ],
)
async def test_a_request_that_makes_no_sense(
    services: Services, request_: TokenRequest, code: str
) -> None:
    with pytest.raises(Invalid, match=code):
        await issue(services, request_)


async def test_a_customer_that_does_not_exist(services: Services) -> None:
    with pytest.raises(NotFound, match="customer_not_found"):
        await issue(services, TokenRequest(name="b", role=Role.VIEWER, customers=["nobody"]))
