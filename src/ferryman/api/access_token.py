"""Access tokens of people and programs, for admins."""

from litestar import get, post
from litestar.params import JSONBody

from ferryman.api.parameters import Author, Cursor, Id, OwnPlatform, PageSize
from ferryman.services import access_token as access_token_service
from ferryman.wire.access_token import IssuedToken, TokenPage, TokenRequest, TokenRotation


@post("/tokens", status_code=200)
async def create_token(
    platform: OwnPlatform, actor: Author, data: JSONBody[TokenRequest]
) -> IssuedToken:
    """Issue an access token with a role; its secret is shown only here."""
    return await access_token_service.create(platform, data, actor)


@get("/tokens")
async def list_tokens(
    platform: OwnPlatform, cursor: Cursor = None, size: PageSize = None
) -> TokenPage:
    """List access tokens, oldest first: roles, limits, last use and expiry, but no secrets."""
    return await access_token_service.page(platform, cursor=cursor, size=size)


@post("/tokens/{token_name:str}/rotate", status_code=200)
async def rotate_token(
    platform: OwnPlatform, actor: Author, token_name: Id, data: JSONBody[TokenRotation]
) -> IssuedToken:
    """Give a token a new secret; the old one works until the overlap ends."""
    return await access_token_service.rotate(platform, token_name, data, actor)


@post("/tokens/{token_name:str}/revoke", status_code=200)
async def revoke_token(platform: OwnPlatform, actor: Author, token_name: Id) -> TokenPage:
    """Revoke all secrets of a token; every replica refuses them within 5 seconds."""
    return await access_token_service.revoke(platform, token_name, actor)
