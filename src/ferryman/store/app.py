"""Registered apps and their tokens."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman.store.database import SQL, Transaction
from ferryman.vocab import AppKind, Audience

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRow:
    """An app, as registered for one environment."""

    app_id: UUID
    kind: AppKind
    server_app_key: str
    cloud_app_key: str
    environment: str
    forge_app_id: str | None
    manifest: dict[str, Any] | None
    source: str | None
    descriptor: dict[str, Any] | None
    access_scopes: list[str]
    window_seconds: int | None
    shared_secret: str | None
    created_at: datetime
    webhooks: list[str] = field(default_factory=list)
    suspended_at: datetime | None = None
    removed_at: datetime | None = None
    site: str | None = None
    """The only site the caller's token is valid for, or None if it is valid for all."""
    claim: int | None = None
    """The claim number a server app's call was made under, 0 if the call named none.

    None for all other callers.
    """


async def save(tx: Transaction, app: AppRow) -> AppRow:
    """Register an app, or replace the one with the same key and environment."""
    row = await SQL.upsert_app(
        tx.connection,
        app_id=app.app_id,
        kind=app.kind,
        server_app_key=app.server_app_key,
        cloud_app_key=app.cloud_app_key,
        environment=app.environment,
        forge_app_id=app.forge_app_id,
        manifest=_json(app.manifest),
        source=app.source,
        descriptor=_json(app.descriptor),
        access_scopes=app.access_scopes,
        window_seconds=app.window_seconds,
        shared_secret=tx.secrets.seal_text(app.shared_secret),
        now=tx.now,
    )
    return _app(tx, row)


async def add_token(tx: Transaction, app_id: UUID, audience: Audience, digest: bytes) -> None:
    """Add a token that opens one surface for one app."""
    await SQL.insert_token(
        tx.connection, digest=digest, app_id=app_id, audience=audience, now=tx.now
    )


async def revoke_older_tokens(tx: Transaction, app_id: UUID) -> int:
    """Delete the tokens of all registrations of an app but the last; return their number."""
    return int(await SQL.revoke_older_tokens(tx.connection, app_id=app_id))


async def by_token(tx: Transaction, digest: bytes, audience: Audience) -> AppRow | None:
    """Return the app the token belongs to, or None if it does not open that surface."""
    row = await SQL.app_of_token(tx.connection, digest=digest, audience=audience)
    return None if row is None else _app(tx, row)


async def by_id(tx: Transaction, app_id: UUID) -> AppRow | None:
    """Return the app, or None if the id is unknown."""
    row = await SQL.app_by_id(tx.connection, app_id=app_id)
    return None if row is None else _app(tx, row)


async def by_ids(tx: Transaction, app_ids: Collection[UUID]) -> list[AppRow]:
    """Return the apps with these ids; unknown ids are skipped."""
    rows = SQL.apps_by_ids(tx.connection, app_ids=list(app_ids))
    return [_app(tx, row) async for row in rows]


async def versions(tx: Transaction, app_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return a version tag per app that differs after every change to the app."""
    rows = SQL.app_versions(tx.connection, app_ids=list(app_ids))
    return {row["app_id"]: row["version"] async for row in rows}


async def by_id_shared(tx: Transaction, app_id: UUID) -> AppRow | None:
    """Return the app, locked against changes until the transaction ends."""
    row = await SQL.app_by_id_shared(tx.connection, app_id=app_id)
    return None if row is None else _app(tx, row)


async def hold(tx: Transaction, app_ids: Collection[UUID]) -> None:
    """Block changes to these apps until the transaction ends."""
    await SQL.hold_apps(tx.connection, app_ids=list(app_ids))


async def by_cloud_key(tx: Transaction, cloud_app_key: str) -> list[AppRow]:
    """Return the app's registrations, one per environment."""
    rows = SQL.apps_by_cloud_key(tx.connection, cloud_app_key=cloud_app_key)
    return [_app(tx, row) async for row in rows]


async def ids(
    tx: Transaction, *, apps: Sequence[str] | None = None, environment: str | None = None
) -> list[UUID]:
    """Return the ids of apps with these cloud app keys and environment, removed ones included."""
    rows = SQL.app_ids(tx.connection, apps=apps, environment=environment)
    return [row["app_id"] async for row in rows]


async def set_webhooks(tx: Transaction, app_id: UUID, webhooks: list[str]) -> None:
    """Replace the webhook URLs that receive the app's events."""
    await SQL.set_webhooks(tx.connection, app_id=app_id, webhooks=webhooks)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFilter:
    """Criteria for apps, combined with AND; ``app_id`` is an alternative to ``cloud_app_key``.

    ``environments`` must all equal the app's, so two different ones match nothing.
    """

    kind: AppKind | None = None
    cloud_app_key: str | None = None
    app_id: UUID | None = None
    environments: list[str] = field(default_factory=list)
    apps: Sequence[str] | None = None


async def page(
    tx: Transaction, choice: AppFilter, *, after: AppRow | None, size: int
) -> list[AppRow]:
    """Return up to ``size`` apps registered after ``after``, oldest first."""
    rows = SQL.app_page(
        tx.connection,
        **asdict(choice),
        after_at=after.created_at if after else _BEGINNING,
        after_id=after.app_id if after else UUID(int=0),
        size=size,
    )
    return [_app(tx, row) async for row in rows]


def _app(tx: Transaction, row: Any) -> AppRow:
    fields = {
        name: row[name] for name in AppRow.__dataclass_fields__ if name not in ("site", "claim")
    }
    fields["kind"] = AppKind(row["kind"])
    fields["shared_secret"] = tx.secrets.open_text(row["shared_secret"])
    for name in ("manifest", "descriptor"):
        fields[name] = None if row[name] is None else msgspec.json.decode(row[name])
    return AppRow(**fields)


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
