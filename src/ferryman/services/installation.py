"""Install Connect apps: hand over, rotate and revoke the shared secret.

    begin (transaction) ──▶ POST to the app ──▶ end (transaction)

A secret is stored as *offered* before it is sent, so a secret that an app accepted is never lost,
whenever the platform or the connection failed (connect-lifecycle).
"""

from datetime import timedelta
from uuid import UUID

import msgspec
import structlog

from ferryman import refusals
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.outcome import Outcome
from ferryman.errors import Conflict, PlatformError
from ferryman.functions.descriptor import Descriptor, parse_descriptor
from ferryman.ids import new_id, new_token
from ferryman.services import app as app_service
from ferryman.services import audit
from ferryman.services.app_view import installation_of
from ferryman.services.delivery import on_definition_changed
from ferryman.services.lifecycle import Lifecycle, OutgoingCall, error_of, failure, post_event
from ferryman.services.platform import Platform
from ferryman.store import app as app_store
from ferryman.store import installation as installation_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.installation import Installation
from ferryman.vocab import AppKind
from ferryman.wire.app import AppCredentials, AppRegistration, AppView

GRACE = timedelta(minutes=15)
"""How long the previous secret stays valid, for requests in flight and apps that cache it."""

_CALL = timedelta(minutes=1)
"""After this, a lifecycle call whose process died no longer blocks the next one."""

log = structlog.get_logger("ferryman.installation")


async def register(
    platform: Platform, lifecycle: Lifecycle, request: AppRegistration, by: Actor = PLATFORM
) -> AppCredentials:
    """Register an app, and install it if its descriptor names an ``installed`` path.

    A failed installation does not undo the registration; the answer reports it.
    """
    credentials = await app_service.register(platform, request, by)
    if request.kind is not AppKind.CONNECT:
        return credentials
    if app_service.installs(request):
        try:
            async with platform.database.transaction() as tx:
                call = await _begin_install(tx, credentials.app_id, by)
            await _install(platform, lifecycle, call)
        except PlatformError as error:
            log.warning("installation.failed", app=request.cloud_app_key, code=error.code)
    async with platform.database.transaction() as tx:
        app, row = await _locked(tx, credentials.app_id)
    view = installation_of(app, row)
    return msgspec.structs.replace(credentials, shared_secret=app.shared_secret, installation=view)


async def install(
    platform: Platform, lifecycle: Lifecycle, name: str, by: Actor = PLATFORM
) -> AppView:
    """Send an app a new shared secret, valid from when the app accepts it.

    For an installed app this rotates the secret: the previous one stays valid for :data:`GRACE`. If
    the app refuses, nothing changes. Raises :class:`OutsideError` with the app's answer.
    """
    async with platform.database.transaction() as tx:
        call = await _begin_install(tx, name, by)
        await _recorded(tx, by, "install_app", call.app)
    return await _install(platform, lifecycle, call)


async def _install(platform: Platform, lifecycle: Lifecycle, call: OutgoingCall) -> AppView:
    outcome = await post_event(platform, lifecycle, call, "installed", call.descriptor.installed)
    async with platform.database.transaction() as tx:
        await _end(tx, call, "installed", outcome)
        if outcome.ok and call.secret is not None:
            await _take(tx, call.app.app_id, call.secret)
        elif call.fresh and (outcome.status is not None or outcome.stage == "before"):
            await installation_store.drop_offer(tx, call.app.app_id)
    if not outcome.ok:
        raise failure(call, outcome)
    if call.descriptor.enabled is not None:
        enabled = await post_event(platform, lifecycle, call, "enabled", call.descriptor.enabled)
        async with platform.database.transaction() as tx:
            await _record(tx, call, "enabled", enabled)
    return await app_service.view(platform, name=str(call.app.app_id))


async def uninstall(
    platform: Platform, lifecycle: Lifecycle, name: str, by: Actor = PLATFORM
) -> AppView:
    """Revoke an app's secrets and webhooks at once, then notify it; repeatable.

    A failed notification changes nothing; the answer reports it.
    """
    async with platform.database.transaction() as tx:
        app, row = await _locked(tx, name, by)
        _check_free(app, row, tx)
        descriptor = _descriptor(app)
        call = OutgoingCall(new_id(), app, descriptor)
        await installation_store.remove_credentials(tx, app.app_id)
        await on_definition_changed(tx, app.app_id)
        if descriptor.uninstalled is not None:
            await _begin(tx, call)
        await _recorded(tx, by, "uninstall_app", app)
    if descriptor.uninstalled is not None:
        outcome = await post_event(platform, lifecycle, call, "uninstalled", descriptor.uninstalled)
        async with platform.database.transaction() as tx:
            await _end(tx, call, "uninstalled", outcome)
    return await app_service.view(platform, name=str(app.app_id))


async def used(platform: Platform, app: AppRow, secret: str) -> None:
    """Record that an app signed with a secret that is not its current one.

    If that secret was offered by a call that nobody waits for any more, the app has accepted it.
    """
    async with platform.database.transaction() as tx:
        row = await installation_store.lock(tx, app.app_id)
        if row.offered_secret == secret and not row.calling(tx.now):
            await _take(tx, app.app_id, secret)


async def _recorded(tx: Transaction, by: Actor, operation: str, app: AppRow) -> None:
    """Write the audit row when the call to the app begins; the answer to it may never come."""
    before = {"installed": app.shared_secret is not None}
    after = {"secret": "offered" if operation == "install_app" else "removed"}
    await audit.record(tx, by, operation, app.app_id, before=before, after=after)


async def _take(tx: Transaction, app_id: UUID, secret: str) -> None:
    await installation_store.accept_offer(tx, app_id, secret, previous_until=tx.now + GRACE)
    await on_definition_changed(tx, app_id)


async def _locked(tx: Transaction, name: str, by: Actor = PLATFORM) -> tuple[AppRow, Installation]:
    app = await app_service.find(tx, name, by.reach)
    if app.kind is not AppKind.CONNECT:
        raise refusals.app.NOT_CONNECT(kind=app.kind, app=app.cloud_app_key)
    row = await installation_store.lock(tx, app.app_id)
    return await app_store.by_id(tx, app.app_id) or app, row


async def _begin_install(tx: Transaction, name: str, by: Actor) -> OutgoingCall:
    app, row = await _locked(tx, name, by)
    descriptor = _descriptor(app)
    if descriptor.installed is None:
        raise refusals.app.INSTALLED_PATH_MISSING(app=app.cloud_app_key)
    _check_free(app, row, tx)
    if app.shared_secret is None:
        await app_store.set_webhooks(tx, app.app_id, [])
    # Re-offer a secret that the app may have accepted, so that it never holds two.
    secret = row.offered_secret or new_token("shared")
    call = OutgoingCall(new_id(), app, descriptor, secret, fresh=row.offered_secret is None)
    await _begin(tx, call)
    return call


async def _begin(tx: Transaction, call: OutgoingCall) -> None:
    await installation_store.begin_call(
        tx, call.app.app_id, call_id=call.call_id, until=tx.now + _CALL, offered=call.secret
    )


def _check_free(app: AppRow, row: Installation, tx: Transaction) -> None:
    if row.calling(tx.now):
        raise _busy(app)


async def _end(tx: Transaction, call: OutgoingCall, event: str, outcome: Outcome) -> None:
    row = await installation_store.lock(tx, call.app.app_id)
    if row.call_id != call.call_id:
        raise _busy(call.app)
    await installation_store.end_call(tx, call.app.app_id)
    await _record(tx, call, event, outcome)


async def _record(tx: Transaction, call: OutgoingCall, event: str, outcome: Outcome) -> None:
    error = None if outcome.ok else error_of(call, outcome)
    await installation_store.record_call(
        tx, call.app.app_id, event, status=outcome.status, error=error
    )
    log.info("lifecycle.called", app=call.app.cloud_app_key, event_type=event, ok=outcome.ok)


def _descriptor(app: AppRow) -> Descriptor:
    if app.descriptor is None:
        return Descriptor(app.cloud_app_key, "")
    return parse_descriptor(app.descriptor)


def _busy(app: AppRow) -> Conflict:
    return refusals.app.INSTALLATION_IN_PROGRESS(app=app.cloud_app_key)
