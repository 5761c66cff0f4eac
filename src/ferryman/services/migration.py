"""Create, start and view migrations."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.dependency import DependentTransfer, app_status
from ferryman.domain.limits import LABEL_CHARACTERS
from ferryman.ids import derived_id, new_id
from ferryman.services import app as app_service
from ferryman.services import audit
from ferryman.services import customer as customer_service
from ferryman.services.platform import Platform, check_text, parse_id
from ferryman.store import migration as migration_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.store.migration import MigrationRow
from ferryman.vocab import ContainerType
from ferryman.wire.migration import (
    AppStatus,
    MigrationRequest,
    MigrationView,
    TransferBrief,
)

_APPS = 1_000
_CONTAINERS = 10_000


async def create(
    platform: Platform,
    request: MigrationRequest,
    by: Actor = PLATFORM,
    *,
    copy_of: str | None = None,
) -> MigrationView:
    """Create a migration with one READY transfer per app; nothing runs before it is started.

    A request that is repeated with its key creates nothing, and has the first one's migration.
    """
    check(request)
    async with platform.database.transaction() as tx:
        app_rows = [await app_service.find(tx, name) for name in request.apps]
        # The same app may be named with and without its environment.
        apps = list({app.app_id: app for app in app_rows}.values())
        customer = await customer_service.of_call(tx, by, request.customer)
        scope = await migration_store.save_scope(
            tx, request.source_id, request.cloud_url.rstrip("/"), customer=customer
        )
        migration_id = _migration_id(request, customer)
        if not await migration_store.insert(tx, scope, request.name, migration_id):
            return await _view(tx, migration_id)
        for position, container in enumerate(request.containers):
            await migration_store.insert_container(tx, migration_id, position, container)
        for app in apps:
            seconds = app.window_seconds
            window = timedelta(seconds=seconds) if seconds else platform.settings.window
            transfer_id = new_id()
            await transfer_store.insert(
                tx,
                transfer_id=transfer_id,
                migration_id=migration_id,
                app_id=app.app_id,
                window=window,
            )
            await timeline_store.write(tx, transfer_id, "transfer.created", app=app.cloud_app_key)
        made = await _view(tx, migration_id)
        await audit.record(
            tx,
            by,
            "create_migration" if copy_of is None else "copy_migration",
            migration_id,
            customer=customer,
            after={
                "name": made.name,
                "cloudUrl": made.cloud_url,
                "sourceId": made.source_id,
                "apps": [f"{each.cloud_app_key}@{each.environment}" for each in made.apps],
                "containers": len(request.containers),
                **({} if copy_of is None else {"copyOf": copy_of}),
            },
        )
    return made


def _migration_id(request: MigrationRequest, customer: str) -> UUID:
    """Return a new id, or that of all requests with this key and content."""
    if not request.request_key:
        return new_id()
    return derived_id("migration", customer, msgspec.json.encode(request).decode())


async def start(platform: Platform, migration_id: str, by: Actor = PLATFORM) -> MigrationView:
    """Offer the transfers to agents; starting a migration twice changes nothing."""
    parsed_id = parse_id(refusals.migration.NOT_FOUND, migration_id)
    async with platform.database.transaction() as tx:
        return await start_in(tx, parsed_id, by)


async def start_in(tx: Transaction, migration_id: UUID, by: Actor) -> MigrationView:
    """Like :func:`start`, in an open transaction."""
    row = await migration_store.by_id(tx, migration_id)
    if row is None:
        raise refusals.migration.NOT_FOUND(id=str(migration_id))
    await migration_store.start(tx, migration_id)
    released = await transfer_store.release(tx, migration_id)
    for transfer_id in released:
        await timeline_store.write(tx, transfer_id, "transfer.released")
    started = await _view(tx, migration_id)
    await audit.record(
        tx,
        by,
        "start_migration",
        migration_id,
        customer=row.customer,
        before={"started": row.started_at is not None},
        after={"started": True, "released": [str(transfer) for transfer in released]},
    )
    return started


async def view(platform: Platform, migration_id: str) -> MigrationView:
    """Return a migration with its transfers."""
    parsed_id = parse_id(refusals.migration.NOT_FOUND, migration_id)
    async with platform.database.transaction() as tx:
        if await migration_store.by_id(tx, parsed_id) is None:
            raise refusals.migration.NOT_FOUND(id=migration_id)
        return await _view(tx, parsed_id)


async def _view(tx: Transaction, migration_id: UUID) -> MigrationView:
    migration = await migration_store.by_id(tx, migration_id)
    if migration is None:
        raise refusals.migration.NOT_FOUND(id=migration_id)
    return (await views(tx, [migration]))[0]


async def views(tx: Transaction, migrations: Sequence[MigrationRow]) -> list[MigrationView]:
    """Return migrations with their transfers, as admins see them."""
    ids = [each.migration_id for each in migrations]
    briefs = await transfer_store.of_migrations(tx, ids)
    return [view_of(each, briefs[each.migration_id]) for each in migrations]


def view_of(migration: MigrationRow, briefs: list[TransferBrief]) -> MigrationView:
    """Return a migration with its transfers, as admins see it."""
    repeated = {each.original_transfer_id for each in briefs}
    counted = [each for each in briefs if each.transfer_id not in repeated]
    return MigrationView(
        migration_id=str(migration.migration_id),
        migration_scope_id=str(migration.migration_scope_id),
        name=migration.name,
        customer=migration.customer,
        cloud_url=migration.cloud_url,
        source_id=migration.source_id,
        created_at=epoch_ms(migration.created_at),
        started_at=None if migration.started_at is None else epoch_ms(migration.started_at),
        start_at=_start_at(migration),
        archived_at=None if migration.archived_at is None else epoch_ms(migration.archived_at),
        transfers=briefs,
        apps=_apps(briefs),
        statuses=dict(Counter(each.status.value for each in counted)),
        progress=sum(each.progress for each in counted) // max(1, len(counted)),
        files=sum(each.files for each in counted),
        bytes=sum(each.bytes for each in counted),
    )


def _start_at(migration: MigrationRow) -> int | None:
    if migration.started_at is not None or migration.start_at is None:
        return None
    return epoch_ms(migration.start_at)


def _apps(briefs: list[TransferBrief]) -> list[AppStatus]:
    """Return one status per app, from the newest transfer of each name; these come last."""
    newest: dict[tuple[str, str], dict[str | None, DependentTransfer]] = {}
    for brief in briefs:
        members = newest.setdefault((brief.cloud_app_key, brief.environment), {})
        members[brief.transfer_name] = DependentTransfer(brief.status, brief.blocking)
    return [
        AppStatus(
            cloud_app_key=key, environment=environment, status=app_status([*members.values()])
        )
        for (key, environment), members in newest.items()
    ]


def check(request: MigrationRequest) -> None:
    """Refuse a malformed plan."""
    for name, text in (("name", request.name), ("source_id", request.source_id)):
        check_text(name, text, longest=LABEL_CHARACTERS)
        if not text.strip():
            raise refusals.migration.EMPTY[name](text=text)
    check_text("cloud_url", request.cloud_url, longest=LABEL_CHARACTERS)
    check_text("key", request.request_key or "", longest=LABEL_CHARACTERS)
    if not _is_site(request.cloud_url):
        raise refusals.migration.CLOUD_URL_INVALID(url=request.cloud_url)
    if not 1 <= len(request.apps) <= _APPS or len(set(request.apps)) != len(request.apps):
        raise refusals.migration.APPS_INVALID(limit=_APPS, count=len(request.apps))
    if len(request.containers) > _CONTAINERS:
        raise refusals.migration.TOO_MANY_CONTAINERS(
            limit=_CONTAINERS, count=len(request.containers)
        )
    for container in request.containers:
        users = container.selected_users
        for value in (container.key, container.source_id, container.name, users):
            check_text("container", value or "", longest=LABEL_CHARACTERS)
        if users is not None and container.type is not ContainerType.SITE:
            raise refusals.migration.SELECTED_USERS_MISPLACED(type=container.type, users=users)


def _is_site(url: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for one that is no port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and not parts.query
        and not parts.fragment
    )
