"""Register apps, and find the app that a token or name stands for."""

import asyncio
from datetime import datetime
from difflib import get_close_matches
from hashlib import sha256
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.domain import sql as sql_rules
from ferryman.domain.access import PLATFORM, WHOLE, Actor, Reach
from ferryman.domain.app_owner import FIXED
from ferryman.domain.app_owner import check_registration as check_owner
from ferryman.functions.descriptor import parse_descriptor
from ferryman.functions.hosting import TRUSTED
from ferryman.ids import new_id, new_token, token_digest
from ferryman.services import audit
from ferryman.services.app_registration import check_registration
from ferryman.services.app_view import view_of
from ferryman.services.delivery import on_definition_changed
from ferryman.services.platform import Platform, parse_id
from ferryman.store import app as app_store
from ferryman.store import breaker as breaker_store
from ferryman.store import installation as installation_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.vocab import AccessScope, AppKind, Audience
from ferryman.wire.app import AppCredentials, AppRegistration, AppView


async def register(
    platform: Platform, request: AppRegistration, by: Actor = PLATFORM
) -> AppCredentials:
    """Register an app, or replace its definition in that environment.

    Definitions with events that could never be routed are refused here, instead of failing days
    later. Tokens of earlier registrations stay valid. Raises :class:`Invalid` with the first
    mistake.
    """
    # In a thread, as functions in JavaScript are compiled.
    hosting = await platform.hostings.find() if request.source else TRUSTED
    await asyncio.to_thread(check_registration, request, hosting)
    server_token, cloud_token = new_token("server"), new_token("cloud")
    by_hand = request.kind is AppKind.CONNECT and not installs(request)
    secret = new_token("shared") if by_hand else None
    async with platform.database.transaction() as tx:
        new = _app(request, secret, tx.now)
        before = await _registered(tx, request)
        facts = None if before is None else _facts(before)
        check_owner(by.reach, new.cloud_app_key, facts, _facts(new))
        app = await app_store.save(tx, new)
        await on_definition_changed(tx, app.app_id)
        await app_store.add_token(tx, app.app_id, Audience.SERVER, token_digest(server_token))
        await app_store.add_token(tx, app.app_id, Audience.CLOUD, token_digest(cloud_token))
        await audit.record(
            tx, by, "register_app", app.app_id, before=_audited(before), after=_audited(app)
        )
    if sql_rules.enabled(app.manifest):
        # So that no function has to wait for it.
        platform.app_databases.begin()
    return AppCredentials(
        app_id=str(app.app_id),
        server_token=server_token,
        cloud_token=cloud_token,
        shared_secret=app.shared_secret,
    )


async def authenticate(platform: Platform, token: str, audience: Audience) -> AppRow:
    """Return the app of an opaque token; raise :class:`NotAuthenticated` if it is unknown."""
    async with platform.database.reading() as tx:
        app = await app_store.by_token(tx, token_digest(token), audience)
    return _taking_part(app, audience)


async def by_claims(platform: Platform, app_id: str) -> AppRow:
    """Return the app that a signed token names."""
    async with platform.database.reading() as tx:
        app = await app_store.by_id(tx, parse_id(refusals.app.NOT_FOUND, app_id))
    return _taking_part(app, Audience.CLOUD)


def _taking_part(app: AppRow | None, audience: Audience) -> AppRow:
    if app is None or app.removed_at is not None:
        raise refusals.access.TOKEN_INVALID(audience=audience)
    check_active(app)
    return app


async def check_taking_part(tx: Transaction, app: AppRow) -> None:
    """Refuse an app that was suspended or removed since the caller's token was checked."""
    _taking_part(await app_store.by_id(tx, app.app_id), Audience.SERVER)


def check_active(app: AppRow) -> None:
    """Refuse a suspended app; raises :class:`NotAllowed` (``app_suspended``)."""
    if app.suspended_at is not None:
        raise refusals.app.SUSPENDED(app=app.cloud_app_key)


async def by_issuer(platform: Platform, issuer: str) -> dict[str, AppRow]:
    """Return the Connect apps that sign as ``issuer``, by each secret valid now.

    These are the current secret, the previous one during its grace period, and an offered one,
    which an app may use before its answer to the offer arrives.
    """
    async with platform.database.transaction() as tx:
        apps = await app_store.by_cloud_key(tx, issuer)
        if not apps and (app := await _by_id(tx, issuer)):
            apps = [app]
        apps = [app for app in apps if app.kind is AppKind.CONNECT and app.removed_at is None]
        installations = await installation_store.of(tx, [app.app_id for app in apps])
    secrets: dict[str, AppRow] = {}
    for app in apps:
        valid = [app.shared_secret]
        if row := installations.get(app.app_id):
            valid.append(row.offered_secret)
            if row.previous_until is not None and tx.now < row.previous_until:
                valid.append(row.previous_secret)
        secrets |= {secret: app for secret in valid if secret is not None}
    return secrets


def installs(request: AppRegistration) -> bool:
    """Return whether the app receives its secret in an ``installed`` call."""
    if request.kind is not AppKind.CONNECT or request.descriptor is None:
        return False
    return parse_descriptor(request.descriptor).installed is not None


async def _by_id(tx: Transaction, text: str) -> AppRow | None:
    try:
        return await app_store.by_id(tx, UUID(text))
    except ValueError:
        return None


async def find(tx: Transaction, name: str, reach: Reach = WHOLE) -> AppRow:
    """Return the visible app with a ``cloudAppKey``, ``cloudAppKey@environment`` or an id."""
    if "\0" in name or name.encode(errors="replace").decode() != name:
        raise refusals.app.NOT_FOUND(id=name)
    if (app := await _by_id(tx, name)) and _visible(app, reach):
        return app
    key, _, environment = name.partition("@")
    matches = [app for app in await app_store.by_cloud_key(tx, key) if _visible(app, reach)]
    matching = [app for app in matches if environment in ("", app.environment)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise refusals.app.AMBIGUOUS(
            name=name,
            environments=", ".join(app.environment for app in matching),
            example=f"{key}@{matching[0].environment}",
        )
    if matches:
        known = [app.environment for app in matches]
        values = {"key": key, "known": ", ".join(known), "environment": environment}
        if near := get_close_matches(environment.lower(), known, n=1, cutoff=0.5):
            raise refusals.app.ENVIRONMENT_UNKNOWN_BUT_NEAR(near=f"{key}@{near[0]}", **values)
        raise refusals.app.ENVIRONMENT_UNKNOWN(example=f"{key}@{known[0]}", **values)
    raise refusals.app.NOT_FOUND(id=name)


def _visible(app: AppRow, reach: Reach) -> bool:
    return app.removed_at is None and reach.has_app(app.cloud_app_key)


async def view(platform: Platform, name: str, by: Actor = PLATFORM) -> AppView:
    """Return an app, by key, by key and environment, or by id."""
    async with platform.database.transaction() as tx:
        app = await find(tx, name, by.reach)
        return await _view(tx, app)


async def retry(platform: Platform, name: str, by: Actor = PLATFORM) -> AppView:
    """Close the breakers of an app's endpoints by hand; waiting messages are due at once."""
    async with platform.database.transaction() as tx:
        app = await find(tx, name, by.reach)
        before = await _view(tx, app)
        await breaker_store.close(tx, app.app_id)
        after = await _view(tx, app)
        failing = [endpoint.endpoint for endpoint in before.failing]
        await audit.record(
            tx, by, "retry_app", app.app_id, before={"failing": failing}, after={"failing": []}
        )
    return after


async def _view(tx: Transaction, app: AppRow) -> AppView:
    around = await installation_store.of(tx, [app.app_id])
    return view_of(app, around.get(app.app_id), await breaker_store.of_app(tx, app.app_id), tx.now)


async def _registered(tx: Transaction, request: AppRegistration) -> AppRow | None:
    apps = await app_store.by_cloud_key(tx, request.cloud_app_key)
    known = (app for app in apps if app.removed_at is None)
    return next((app for app in known if app.environment == request.environment), None)


def _facts(app: AppRow) -> dict[str, object]:
    return {name: getattr(app, name) for name in FIXED}


def _audited(app: AppRow | None) -> dict[str, object] | None:
    """Return the fields of a registration that the audit log records; definitions by digest."""
    if app is None:
        return None
    definition = app.descriptor if app.manifest is None else app.manifest
    return {
        **_facts(app),
        "cloudAppKey": app.cloud_app_key,
        "environment": app.environment,
        "kind": app.kind,
        "windowSeconds": app.window_seconds,
        "definition": sha256(msgspec.json.encode(definition, order="sorted")).hexdigest(),
    }


def _app(request: AppRegistration, shared_secret: str | None, now: datetime) -> AppRow:
    return AppRow(
        app_id=new_id(),
        kind=request.kind,
        server_app_key=request.server_app_key,
        cloud_app_key=request.cloud_app_key,
        environment=request.environment,
        forge_app_id=request.forge_app_id,
        manifest=request.manifest,
        source=request.source,
        descriptor=request.descriptor,
        access_scopes=(
            list(AccessScope) if request.access_scopes is None else request.access_scopes
        ),
        window_seconds=request.window_seconds,
        shared_secret=shared_secret,
        created_at=now,
    )
