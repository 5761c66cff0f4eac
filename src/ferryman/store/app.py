"""Registered apps and their tokens."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from ferryman.store.database import SQL, Transaction
from ferryman.vocab import AppKind, Audience

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One app in one environment."""

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
    site: str | None = None
    """The only site that the caller's token is good for; None when it is good for all."""
    claim: int | None = None
    """Of a call of the server app: the number of the claim it is made under, 0 where it names
    none; None for all other callers."""


async def save(tx: Transaction, app: App) -> App:
    """Register an app, or replace the definition of the one with its key and environment."""
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
        shared_secret=app.shared_secret,
        now=tx.now,
    )
    return _app(row)


async def add_token(tx: Transaction, app_id: UUID, audience: Audience, digest: bytes) -> None:
    """Let a token open one surface for one app."""
    await SQL.insert_token(
        tx.connection, digest=digest, app_id=app_id, audience=audience, now=tx.now
    )


async def by_token(tx: Transaction, digest: bytes, audience: Audience) -> App | None:
    """Whose token this is, if it opens that surface."""
    row = await SQL.app_of_token(tx.connection, digest=digest, audience=audience)
    return None if row is None else _app(row)


async def by_id(tx: Transaction, app_id: UUID) -> App | None:
    """One app."""
    row = await SQL.app_by_id(tx.connection, app_id=app_id)
    return None if row is None else _app(row)


async def by_ids(tx: Transaction, app_ids: Collection[UUID]) -> list[App]:
    """Several apps."""
    rows = SQL.apps_by_ids(tx.connection, app_ids=list(app_ids))
    return [_app(row) async for row in rows]


async def versions(tx: Transaction, app_ids: Collection[UUID]) -> dict[UUID, str]:
    """Something of each app that is another after each change of it."""
    rows = SQL.app_versions(tx.connection, app_ids=list(app_ids))
    return {row["app_id"]: row["version"] async for row in rows}


async def by_id_shared(tx: Transaction, app_id: UUID) -> App | None:
    """One app, which nobody changes until the transaction ends."""
    row = await SQL.app_by_id_shared(tx.connection, app_id=app_id)
    return None if row is None else _app(row)


async def hold(tx: Transaction, app_ids: Collection[UUID]) -> None:
    """Have whoever changes one of these apps wait until the transaction ends."""
    await SQL.hold_apps(tx.connection, app_ids=list(app_ids))


async def by_cloud_key(tx: Transaction, cloud_app_key: str) -> list[App]:
    """The app in all its environments."""
    rows = SQL.apps_by_cloud_key(tx.connection, cloud_app_key=cloud_app_key)
    return [_app(row) async for row in rows]


async def set_webhooks(tx: Transaction, app_id: UUID, webhooks: list[str]) -> None:
    """Replace the addresses that get the app's events."""
    await SQL.set_webhooks(tx.connection, app_id=app_id, webhooks=webhooks)


async def page(tx: Transaction, after: App | None, size: int) -> list[App]:
    """Apps registered after ``after``, oldest first."""
    rows = SQL.app_page(
        tx.connection,
        after_at=after.created_at if after else _BEGINNING,
        after_id=after.app_id if after else UUID(int=0),
        size=size,
    )
    return [_app(row) async for row in rows]


def _app(row: Any) -> App:
    fields = {name: row[name] for name in App.__dataclass_fields__ if name not in ("site", "claim")}
    fields["kind"] = AppKind(row["kind"])
    for name in ("manifest", "descriptor"):
        fields[name] = None if row[name] is None else msgspec.json.decode(row[name])
    return App(**fields)


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
