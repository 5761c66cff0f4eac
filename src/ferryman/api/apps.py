"""Registering and installing apps, for the operator; and the key that installs are signed by."""

from litestar import MediaType, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from ferryman.api.parameters import Cursor, Id, OwnPlatform, PageSize
from ferryman.errors import not_found
from ferryman.services import app, installation
from ferryman.services.lifecycle import Lifecycle
from ferryman.tokens import public_pem
from ferryman.wire.app import AppCredentials, AppPage, AppRegistration, AppView

OwnLifecycle = NamedDependency[Lifecycle]


@post("/apps", status_code=200)
async def register_app(
    platform: OwnPlatform, lifecycle: OwnLifecycle, data: JSONBody[AppRegistration]
) -> AppCredentials:
    """Register an app; its tokens are shown this once. A Connect app is installed too."""
    return await installation.register(platform, lifecycle, data)


@get("/apps")
async def list_apps(platform: OwnPlatform, cursor: Cursor = None, size: PageSize = None) -> AppPage:
    """Registered apps, oldest first."""
    return await app.page(platform, cursor, size)


@get("/apps/{app_id:str}")
async def get_app(platform: OwnPlatform, app_id: Id) -> AppView:
    """One app, by its id, its cloudAppKey, or cloudAppKey@environment."""
    return await app.view(platform, app_id)


@post("/apps/{app_id:str}/retry", status_code=200)
async def retry_app(platform: OwnPlatform, app_id: Id) -> AppView:
    """Close the circuit breakers of its endpoints: what waits for them is sent at once."""
    return await app.retry(platform, app_id)


@post("/apps/{app_id:str}/install", status_code=200)
async def install_app(platform: OwnPlatform, lifecycle: OwnLifecycle, app_id: Id) -> AppView:
    """Hand a new shared secret to a Connect app; the one before holds for 15 minutes."""
    return await installation.install(platform, lifecycle, app_id)


@post("/apps/{app_id:str}/uninstall", status_code=200)
async def uninstall_app(platform: OwnPlatform, lifecycle: OwnLifecycle, app_id: Id) -> AppView:
    """Take its secrets and webhooks from a Connect app, and tell it; repeatable."""
    return await installation.uninstall(platform, lifecycle, app_id)


@get("/connect/install-keys/{kid:str}", media_type=MediaType.TEXT, include_in_schema=False)
async def install_key(lifecycle: OwnLifecycle, kid: Id) -> bytes:
    """The public key that the ``kid`` of an install's token names, as PEM."""
    if kid != lifecycle.key.kid:
        raise not_found("install key", kid)
    return public_pem(lifecycle.key)
