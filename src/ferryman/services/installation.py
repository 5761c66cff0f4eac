"""Installing Connect apps: the shared secret is handed over, changed and taken back.

    begin (transaction) ──▶ POST to the app ──▶ end (transaction)

A secret is written down as *offered* before it leaves, so that one which an app took is never
lost, wherever the platform or the connection broke (connect-lifecycle).
"""

from datetime import timedelta
from uuid import UUID

import msgspec
import structlog

from ferryman.domain.outcome import Outcome
from ferryman.errors import Conflict, Invalid, PlatformError
from ferryman.functions.descriptor import Descriptor, parse_descriptor
from ferryman.ids import new_id, new_token
from ferryman.services import app as app_service
from ferryman.services.app_view import installation_of
from ferryman.services.delivery import redefined
from ferryman.services.lifecycle import Call, Lifecycle, error_of, failure, post_event
from ferryman.services.platform import Platform
from ferryman.store import app as apps
from ferryman.store import installation as installations
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.store.installation import Installation
from ferryman.vocab import AppKind
from ferryman.wire.app import AppCredentials, AppRegistration, AppView

GRACE = timedelta(minutes=15)
"""How long the secret before holds, for requests in flight and apps that keep it for a while."""

_CALL = timedelta(minutes=1)
"""After this a call whose process died no longer keeps the next one out."""

log = structlog.get_logger("ferryman.installation")


async def register(
    platform: Platform, lifecycle: Lifecycle, request: AppRegistration
) -> AppCredentials:
    """Register an app, and install it if its descriptor says how.

    An app that does not take its installation is registered all the same; the answer says why.
    """
    credentials = await app_service.register(platform, request)
    if request.kind is not AppKind.CONNECT:
        return credentials
    if app_service.installs(request):
        try:
            await install(platform, lifecycle, credentials.app_id)
        except PlatformError as error:
            log.warning("installation.failed", app=request.cloud_app_key, code=error.code)
    async with platform.database.transaction() as tx:
        app, row = await _locked(tx, credentials.app_id)
    view = installation_of(app, row)
    return msgspec.structs.replace(credentials, shared_secret=app.shared_secret, installation=view)


async def install(platform: Platform, lifecycle: Lifecycle, name: str) -> AppView:
    """Hand a new shared secret to an app, and have it hold from when the app took it.

    For an installed app that is the rotation of its secret: the one before holds for
    :data:`GRACE`. An app that refuses keeps what it has. Raises :class:`OutsideError` with
    what the app answered.
    """
    async with platform.database.transaction() as tx:
        call = await _begin_install(tx, name)
    outcome = await post_event(platform, lifecycle, call, "installed", call.descriptor.installed)
    async with platform.database.transaction() as tx:
        await _end(tx, call, "installed", outcome)
        if outcome.ok and call.secret is not None:
            await _take(tx, call.app.app_id, call.secret)
        elif call.fresh and (outcome.status is not None or outcome.stage == "before"):
            await installations.drop_offer(tx, call.app.app_id)
    if not outcome.ok:
        raise failure(call, outcome)
    if call.descriptor.enabled is not None:
        told = await post_event(platform, lifecycle, call, "enabled", call.descriptor.enabled)
        async with platform.database.transaction() as tx:
            await _record(tx, call, "enabled", told)
    return await app_service.view(platform, name=str(call.app.app_id))


async def uninstall(platform: Platform, lifecycle: Lifecycle, name: str) -> AppView:
    """Take its secrets and webhooks from an app at once, then tell it; repeatable.

    That the app could not be told changes nothing; the answer says so.
    """
    async with platform.database.transaction() as tx:
        app, row = await _locked(tx, name)
        _check_free(app, row, tx)
        descriptor = _descriptor(app)
        call = Call(new_id(), app, descriptor)
        await installations.cut_off(tx, app.app_id)
        await redefined(tx, app.app_id)
        if descriptor.uninstalled is not None:
            await _begin(tx, call)
    if descriptor.uninstalled is not None:
        outcome = await post_event(platform, lifecycle, call, "uninstalled", descriptor.uninstalled)
        async with platform.database.transaction() as tx:
            await _end(tx, call, "uninstalled", outcome)
    return await app_service.view(platform, name=str(app.app_id))


async def used(platform: Platform, app: App, secret: str) -> None:
    """The app signed with a secret that is not its current one.

    If that was offered by a call that nobody waits for any more, the app has taken it.
    """
    async with platform.database.transaction() as tx:
        row = await installations.lock(tx, app.app_id)
        if row.offered_secret == secret and not row.calling(tx.now):
            await _take(tx, app.app_id, secret)


async def _take(tx: Transaction, app_id: UUID, secret: str) -> None:
    await installations.accept_offer(tx, app_id, secret, previous_until=tx.now + GRACE)
    await redefined(tx, app_id)


async def _locked(tx: Transaction, name: str) -> tuple[App, Installation]:
    app = await app_service.find(tx, name)
    if app.kind is not AppKind.CONNECT:
        raise Conflict(
            "app_not_connect",
            expected="a Connect app: only those are installed",
            found=f"the {app.kind} app {app.cloud_app_key}",
            fix="Register it with kind connect and its descriptor, if it is one.",
        )
    row = await installations.lock(tx, app.app_id)
    return await apps.by_id(tx, app.app_id) or app, row


async def _begin_install(tx: Transaction, name: str) -> Call:
    app, row = await _locked(tx, name)
    descriptor = _descriptor(app)
    if descriptor.installed is None:
        raise Invalid(
            "installed_path_missing",
            expected="a descriptor that names lifecycle.installed, where the secret is sent",
            found="none in the descriptor of " + app.cloud_app_key,
            fix="Register the app with one, or use the sharedSecret that registering gave.",
        )
    _check_free(app, row, tx)
    if app.shared_secret is None:
        await apps.set_webhooks(tx, app.app_id, [])
    # One that may have been taken is offered again, so that the app never holds two.
    secret = row.offered_secret or new_token("shared")
    call = Call(new_id(), app, descriptor, secret, fresh=row.offered_secret is None)
    await _begin(tx, call)
    return call


async def _begin(tx: Transaction, call: Call) -> None:
    await installations.begin_call(
        tx, call.app.app_id, call_id=call.call_id, until=tx.now + _CALL, offered=call.secret
    )


def _check_free(app: App, row: Installation, tx: Transaction) -> None:
    if row.calling(tx.now):
        raise _busy(app)


async def _end(tx: Transaction, call: Call, event: str, outcome: Outcome) -> None:
    row = await installations.lock(tx, call.app.app_id)
    if row.call_id != call.call_id:
        raise _busy(call.app)
    await installations.end_call(tx, call.app.app_id)
    await _record(tx, call, event, outcome)


async def _record(tx: Transaction, call: Call, event: str, outcome: Outcome) -> None:
    error = None if outcome.ok else error_of(call, outcome)
    await installations.record_call(tx, call.app.app_id, event, status=outcome.status, error=error)
    log.info("lifecycle.called", app=call.app.cloud_app_key, event_type=event, ok=outcome.ok)


def _descriptor(app: App) -> Descriptor:
    if app.descriptor is None:
        return Descriptor(app.cloud_app_key, "")
    return parse_descriptor(app.descriptor)


def _busy(app: App) -> Conflict:
    return Conflict(
        "installation_in_progress",
        expected=f"no other lifecycle call to {app.cloud_app_key} under way",
        found="one that has not ended yet",
        fix="Look at the app, and try again if it is still needed.",
    )
