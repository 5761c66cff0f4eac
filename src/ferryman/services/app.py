"""Registering apps, and who a token speaks for."""

import asyncio
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from uuid import UUID

from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.errors import Conflict, Invalid, NotAuthenticated, NotFound, not_found
from ferryman.functions.descriptor import check_key, parse_descriptor
from ferryman.functions.manifest import (
    check_environment,
    check_events,
    event_names,
    parse_manifest,
)
from ferryman.functions.source import check_source
from ferryman.ids import new_id, new_token, token_digest
from ferryman.services.app_view import view_of
from ferryman.services.delivery import redefined
from ferryman.services.platform import (
    Platform,
    bad_cursor,
    check_json,
    check_text,
    decode_cursor,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import app as apps
from ferryman.store import breaker as breakers
from ferryman.store import installation as installations
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.vocab import AccessScope, AppKind, Audience
from ferryman.wire.app import AppCredentials, AppPage, AppRegistration, AppView

_PATH_CHARACTERS = 4_096
_LONGEST_WINDOW = 366 * 86_400


async def register(platform: Platform, request: AppRegistration) -> AppCredentials:
    """Register an app, or replace the definition it has in that environment.

    Everything that could never be routed is refused here, not found out days later. Tokens of
    an earlier registration stay valid. Raises :class:`Invalid` with the first mistake.
    """
    # In a thread: functions in JavaScript are compiled.
    await asyncio.to_thread(_check, request)
    server_token, cloud_token = new_token("server"), new_token("cloud")
    by_hand = request.kind is AppKind.CONNECT and not installs(request)
    secret = new_token("shared") if by_hand else None
    async with platform.database.transaction() as tx:
        app = await apps.save(tx, _app(request, secret, tx.now))
        await redefined(tx, app.app_id)
        await apps.add_token(tx, app.app_id, Audience.SERVER, token_digest(server_token))
        await apps.add_token(tx, app.app_id, Audience.CLOUD, token_digest(cloud_token))
    return AppCredentials(
        app_id=str(app.app_id),
        server_token=server_token,
        cloud_token=cloud_token,
        shared_secret=app.shared_secret,
    )


async def authenticate(platform: Platform, token: str, audience: Audience) -> App:
    """Whose opaque token this is, for that surface."""
    async with platform.database.reading() as tx:
        app = await apps.by_token(tx, token_digest(token), audience)
    if app is None:
        raise unknown_token(audience)
    return app


async def by_claims(platform: Platform, app_id: str) -> App:
    """The app that a signed token names."""
    async with platform.database.reading() as tx:
        app = await apps.by_id(tx, parse_id("app", app_id))
    if app is None:
        raise unknown_token(Audience.CLOUD)
    return app


async def by_issuer(platform: Platform, issuer: str) -> dict[str, App]:
    """The Connect apps that sign as ``issuer``, by each secret that is good for them now.

    Besides the current one that is the one before, for a while, and one that was offered: an
    app may use it before its answer to the offer is here.
    """
    async with platform.database.transaction() as tx:
        found = await apps.by_cloud_key(tx, issuer)
        if not found and (app := await _by_id(tx, issuer)):
            found = [app]
        found = [app for app in found if app.kind is AppKind.CONNECT]
        around = await installations.of(tx, [app.app_id for app in found])
    secrets: dict[str, App] = {}
    for app in found:
        kept = [app.shared_secret]
        if row := around.get(app.app_id):
            kept.append(row.offered_secret)
            if row.previous_until is not None and tx.now < row.previous_until:
                kept.append(row.previous_secret)
        secrets |= {secret: app for secret in kept if secret is not None}
    return secrets


def installs(request: AppRegistration) -> bool:
    """Whether the app takes its secret by an ``installed`` call."""
    if request.kind is not AppKind.CONNECT or request.descriptor is None:
        return False
    return parse_descriptor(request.descriptor).installed is not None


async def _by_id(tx: Transaction, text: str) -> App | None:
    try:
        return await apps.by_id(tx, UUID(text))
    except ValueError:
        return None


def unknown_token(audience: Audience) -> NotAuthenticated:
    """The one answer to a token that opens nothing here."""
    return NotAuthenticated(
        "token_invalid",
        expected=f"a valid {audience} token in `Authorization: Bearer …`",
        found="a token that is unknown, expired or for another surface",
        fix=f"Use the {audience}Token that registering the app gave.",
    )


async def find(tx: Transaction, name: str) -> App:
    """The app of a ``cloudAppKey``, a ``cloudAppKey@environment`` or an id."""
    if "\0" in name or name.encode(errors="replace").decode() != name:
        raise not_found("app", name)
    if app := await _by_id(tx, name):
        return app
    key, _, environment = name.partition("@")
    found = await apps.by_cloud_key(tx, key)
    matching = [app for app in found if environment in ("", app.environment)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise Conflict(
            "app_ambiguous",
            expected=f"one app for {name!r}",
            found="environments " + ", ".join(app.environment for app in matching),
            fix=f"Say {key}@{matching[0].environment}, for instance.",
        )
    if found:
        raise _unknown_environment(key, environment, [app.environment for app in found])
    raise not_found("app", name)


def _unknown_environment(key: str, environment: str, known: list[str]) -> NotFound:
    """An app that is registered, only not there: told from one that is not registered at all."""
    near = get_close_matches(environment.lower(), known, n=1, cutoff=0.5)
    return NotFound(
        "environment_unknown",
        expected=f"{key} in one of its environments: {', '.join(known)[:200]}",
        found=repr(environment)[:80],
        fix=f"Did you mean {key}@{near[0]}?"
        if near
        else f"Say {key}@{known[0]}, for instance, or register the app in that environment.",
    )


async def page(platform: Platform, cursor: str | None, size: int | None) -> AppPage:
    """Registered apps, oldest first."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    text = decode_cursor(cursor, "apps")
    async with platform.database.transaction() as tx:
        after = None
        if text is not None:
            try:
                after = await apps.by_id(tx, UUID(text))
            except ValueError:
                after = None
            if after is None:
                raise bad_cursor(cursor or "")
        found = await apps.page(tx, after, limit + 1)
        around = await installations.of(tx, [app.app_id for app in found])
        failing = await breakers.of_apps(tx, [app.app_id for app in found])
    items = [
        view_of(app, around.get(app.app_id), failing.get(app.app_id, []), tx.now)
        for app in found[:limit]
    ]
    more = len(found) > limit
    return AppPage(
        items=items, next_cursor=encode_cursor(items[-1].app_id, "apps") if more else None
    )


async def view(platform: Platform, name: str) -> AppView:
    """One app, by key, by key and environment, or by id."""
    async with platform.database.transaction() as tx:
        app = await find(tx, name)
        return await _view(tx, app)


async def retry(platform: Platform, name: str) -> AppView:
    """Close the breakers of an app's endpoints by hand; what they kept back is due at once."""
    async with platform.database.transaction() as tx:
        app = await find(tx, name)
        await breakers.close(tx, app.app_id)
        return await _view(tx, app)


async def _view(tx: Transaction, app: App) -> AppView:
    around = await installations.of(tx, [app.app_id])
    return view_of(app, around.get(app.app_id), await breakers.of_app(tx, app.app_id), tx.now)


def _check(request: AppRegistration) -> None:
    for name, text in (
        ("server_app_key", request.server_app_key),
        ("cloud_app_key", request.cloud_app_key),
        ("environment", request.environment),
    ):
        check_text(name, text, longest=LABEL_CHARACTERS)
        if not text.strip() or "@" in text:
            raise Invalid(
                f"{name}_invalid",
                expected=f"a {name.replace('_', ' ')} that is not empty and holds no @",
                found=repr(text),
                fix="Give the key as the app's own definition has it.",
            )
    check_environment(request.environment)
    check_text("source", request.source or "", longest=_PATH_CHARACTERS)
    check_text("forge_app_id", request.forge_app_id or "", longest=LABEL_CHARACTERS)
    check_json("manifest", request.manifest)
    check_json("descriptor", request.descriptor)
    if unknown := sorted(set(request.access_scopes or []) - {scope.value for scope in AccessScope}):
        raise Invalid(
            "access_scope_unknown",
            expected="scopes out of " + ", ".join(AccessScope),
            found=", ".join(map(ascii, unknown))[:200],
            fix="Correct the spelling, or leave accessScopes out for all of them.",
        )
    if request.window_seconds is not None and not 0 < request.window_seconds <= _LONGEST_WINDOW:
        raise Invalid(
            "window_invalid",
            expected=f"windowSeconds from 1 to {_LONGEST_WINDOW}",
            found=str(request.window_seconds),
            fix="Leave it out for 15 minutes.",
        )
    if request.kind is AppKind.CONNECT and request.descriptor is not None:
        check_key(parse_descriptor(request.descriptor), request.cloud_app_key)
    if request.manifest is not None:
        manifest = parse_manifest(request.manifest)
        if request.kind is AppKind.FORGE:
            check_events(event_names(request.manifest))
        if manifest.functions:
            check_source(manifest, _source(request))


def _source(request: AppRegistration) -> Path:
    if not request.source or not Path(request.source).is_absolute():
        raise Invalid(
            "source_missing",
            expected="source: the absolute path of the folder that holds the functions",
            found=repr(request.source),
            fix="Add it; the workers load the functions from there.",
        )
    return Path(request.source)


def _app(request: AppRegistration, shared_secret: str | None, now: datetime) -> App:
    return App(
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
