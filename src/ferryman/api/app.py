"""Register and install apps, for the operator; serve the key that install tokens name."""

from typing import Annotated

from litestar import MediaType, get, post
from litestar.params import JSONBody, QueryParameter

from ferryman import refusals
from ferryman.api.parameters import Author, Cursor, Id, OfApp, OwnLifecycle, OwnPlatform, PageSize
from ferryman.services import app as app_service
from ferryman.services import app_list, app_removal, installation
from ferryman.tokens import public_pem
from ferryman.vocab import AppKind
from ferryman.wire.app import (
    AppCredentials,
    AppPage,
    AppRegistration,
    AppView,
    RemovedApp,
    RevokedTokens,
)

_Kind = Annotated[
    AppKind | None, QueryParameter(name="kind", description="Only apps of this kind.")
]
_Environment = Annotated[
    str | None,
    QueryParameter(name="environment", min_length=1, description="Only apps in this environment."),
]


@post("/apps", status_code=200)
async def register_app(
    platform: OwnPlatform, actor: Author, lifecycle: OwnLifecycle, data: JSONBody[AppRegistration]
) -> AppCredentials:
    """Register an app; its tokens are shown only here. A Connect app is also installed."""
    return await installation.register(platform, lifecycle, data, actor)


@get("/apps")
async def list_apps(
    platform: OwnPlatform,
    actor: Author,
    kind: _Kind = None,
    cloud_app_key: OfApp = None,
    environment: _Environment = None,
    cursor: Cursor = None,
    size: PageSize = None,
) -> AppPage:
    """List registered apps, oldest first, by kind, key or environment."""
    query = app_list.AppQuery(kind=kind, name=cloud_app_key, environment=environment)
    return await app_list.page(platform, query, actor, cursor=cursor, size=size)


@get("/apps/{app_id:str}")
async def get_app(platform: OwnPlatform, actor: Author, app_id: Id) -> AppView:
    """Return an app, by its id, its cloudAppKey, or cloudAppKey@environment."""
    return await app_service.view(platform, app_id, actor)


@post("/apps/{app_id:str}/retry", status_code=200)
async def retry_app(platform: OwnPlatform, actor: Author, app_id: Id) -> AppView:
    """Close the circuit breakers of the app's endpoints; waiting messages are sent at once."""
    return await app_service.retry(platform, app_id, actor)


@post("/apps/{app_id:str}/install", status_code=200)
async def install_app(
    platform: OwnPlatform, actor: Author, lifecycle: OwnLifecycle, app_id: Id
) -> AppView:
    """Give a Connect app a new shared secret; the previous one stays valid for 15 minutes."""
    return await installation.install(platform, lifecycle, app_id, actor)


@post("/apps/{app_id:str}/uninstall", status_code=200)
async def uninstall_app(
    platform: OwnPlatform, actor: Author, lifecycle: OwnLifecycle, app_id: Id
) -> AppView:
    """Remove the secrets and webhooks of a Connect app, and notify it; repeatable."""
    return await installation.uninstall(platform, lifecycle, app_id, actor)


@post("/apps/{app_id:str}/revoke-older-tokens", status_code=200)
async def revoke_older_tokens(platform: OwnPlatform, actor: Author, app_id: Id) -> RevokedTokens:
    """Revoke the tokens of the app's earlier registrations within 5 seconds."""
    return await app_removal.revoke_older_tokens(platform, app_id, actor)


@post("/apps/{app_id:str}/suspend", status_code=200)
async def suspend_app(platform: OwnPlatform, actor: Author, app_id: Id) -> AppView:
    """Refuse the app's calls within 5 seconds, and hold its events until it is resumed."""
    return await app_removal.suspend(platform, app_id, actor)


@post("/apps/{app_id:str}/resume", status_code=200)
async def resume_app(platform: OwnPlatform, actor: Author, app_id: Id) -> AppView:
    """Let a suspended app take part again, and deliver the events that were held."""
    return await app_removal.resume(platform, app_id, actor)


@post("/apps/{app_id:str}/remove", status_code=200)
async def remove_app(platform: OwnPlatform, actor: Author, app_id: Id) -> RemovedApp:
    """Remove an app whose transfers have settled: tokens, secrets, webhooks, code and files."""
    return await app_removal.remove(platform, app_id, actor)


@get("/connect/install-keys/{kid:str}", media_type=MediaType.TEXT, include_in_schema=False)
async def install_key(lifecycle: OwnLifecycle, kid: Id) -> bytes:
    """Return the public key named by the ``kid`` of an install token, as PEM."""
    await lifecycle.keys.refresh()
    for key in lifecycle.keys.keys:
        if key.kid == kid:
            return public_pem(key)
    raise refusals.app.INSTALL_KEY_NOT_FOUND(id=kid)
