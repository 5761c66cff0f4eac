"""Suspend, resume and remove apps, and revoke their tokens (ADR 0062)."""

from ferryman import refusals
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services import app as app_service
from ferryman.services import audit, purge
from ferryman.services.platform import Platform
from ferryman.store import app as app_store
from ferryman.store import delivery as delivery_store
from ferryman.store import installation as installation_store
from ferryman.store import purge as purge_store
from ferryman.store import queue_delivery as queue_delivery_store
from ferryman.store.purge import Whose
from ferryman.vocab import AppKind
from ferryman.wire.app import AppView, RemovedApp, RevokedTokens


async def suspend(platform: Platform, name: str, by: Actor = PLATFORM) -> AppView:
    """Refuse an app's calls within 5 seconds, and hold its events; repeatable.

    Attempts that run are not stopped.
    """
    return await _set_suspended(platform, name, by, suspended=True)


async def resume(platform: Platform, name: str, by: Actor = PLATFORM) -> AppView:
    """Let a suspended app take part again, and deliver its held events; repeatable."""
    return await _set_suspended(platform, name, by, suspended=False)


async def _set_suspended(platform: Platform, name: str, by: Actor, *, suspended: bool) -> AppView:
    async with platform.database.transaction() as tx:
        app = await app_service.find(tx, name, by.reach)
        await app_store.hold(tx, [app.app_id])
        since = app.suspended_at or tx.now
        await purge_store.set_suspended(tx, app.app_id, since if suspended else None)
        if not suspended:
            await delivery_store.unpark(tx, app.app_id)
            await queue_delivery_store.notify_workers(tx)
        operation = "suspend_app" if suspended else "resume_app"
        before, after = {"suspended": app.suspended_at is not None}, {"suspended": suspended}
        await audit.record(tx, by, operation, app.app_id, before=before, after=after)
    return await app_service.view(platform, str(app.app_id))


async def revoke_older_tokens(platform: Platform, name: str, by: Actor = PLATFORM) -> RevokedTokens:
    """Revoke the tokens of all registrations of an app but the last."""
    async with platform.database.transaction() as tx:
        app = await app_service.find(tx, name, by.reach)
        revoked = await app_store.revoke_older_tokens(tx, app.app_id)
        await audit.record(tx, by, "revoke_older_tokens", app.app_id, after={"revoked": revoked})
    return RevokedTokens(app_id=str(app.app_id), revoked=revoked)


async def remove(platform: Platform, name: str, by: Actor = PLATFORM) -> RemovedApp:
    """Remove an app: its tokens, secrets, webhooks, definition, files and stored values.

    Its transfers and messages stay as the customers' history. Raises :class:`Conflict`
    (``app_has_transfers``) while one of its transfers has not settled.
    """
    async with platform.database.transaction() as tx:
        app = await app_service.find(tx, name, by.reach)
        await app_store.hold(tx, [app.app_id])
        whose = Whose(app_id=app.app_id)
        if live := await purge_store.live_transfers(tx, whose):
            raise refusals.app.HAS_TRANSFERS(app=app.cloud_app_key, live=live)
        if app.kind is AppKind.CONNECT:
            await installation_store.remove_credentials(tx, app.app_id)
        await purge_store.remove_app(tx, app.app_id)
        before = {"cloudAppKey": app.cloud_app_key, "environment": app.environment}
        await audit.record(tx, by, "remove_app", app.app_id, before=before, after=None)
    # If this is interrupted, maintenance deletes the values and the sweep the files.
    await purge.delete_state(platform, app.app_id)
    removed = await purge.delete_files(platform, whose)
    return RemovedApp(
        app_id=str(app.app_id),
        cloud_app_key=app.cloud_app_key,
        environment=app.environment,
        deleted_files=removed["files"],
        deleted_bytes=removed["bytes"],
    )
