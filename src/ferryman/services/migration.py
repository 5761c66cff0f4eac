"""Migrations: create, start, read."""

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from ferryman.clock import epoch_ms
from ferryman.domain.dependency import Member, app_status
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.errors import Invalid, LimitExceeded, not_found
from ferryman.ids import new_id
from ferryman.services import app as app_service
from ferryman.services.platform import (
    Platform,
    bad_cursor,
    check_text,
    decode_cursor,
    encode_cursor,
    page_size,
    parse_id,
)
from ferryman.store import migration as migrations
from ferryman.store import timeline
from ferryman.store import transfer as transfers
from ferryman.store.database import Transaction
from ferryman.store.migration import Migration
from ferryman.wire.migration import (
    AppStatus,
    MigrationPage,
    MigrationRequest,
    MigrationView,
    TransferBrief,
)

_APPS = 1_000
_CONTAINERS = 10_000


async def create(platform: Platform, request: MigrationRequest) -> MigrationView:
    """A migration with one READY transfer for each app; nothing runs before it is started."""
    check(request)
    async with platform.database.transaction() as tx:
        found = [await app_service.find(tx, name) for name in request.apps]
        # The same app may be named with and without its environment.
        apps = list({app.app_id: app for app in found}.values())
        scope = await migrations.save_scope(tx, request.source_id, request.cloud_url.rstrip("/"))
        migration_id = await migrations.insert(tx, scope, request.name)
        for position, container in enumerate(request.containers):
            await migrations.insert_container(tx, migration_id, position, container)
        for app in apps:
            seconds = app.window_seconds
            window = timedelta(seconds=seconds) if seconds else platform.settings.window
            transfer_id = new_id()
            await transfers.insert(
                tx,
                transfer_id=transfer_id,
                migration_id=migration_id,
                app_id=app.app_id,
                window=window,
            )
            await timeline.write(tx, transfer_id, "transfer.created", app=app.cloud_app_key)
        return await _view(tx, migration_id)


async def start(platform: Platform, migration_id: str) -> MigrationView:
    """Offer the transfers to their agents; starting twice changes nothing."""
    wanted = parse_id("migration", migration_id)
    async with platform.database.transaction() as tx:
        if await migrations.by_id(tx, wanted) is None:
            raise not_found("migration", migration_id)
        await migrations.start(tx, wanted)
        for transfer_id in await transfers.release(tx, wanted):
            await timeline.write(tx, transfer_id, "transfer.released")
        return await _view(tx, wanted)


async def view(platform: Platform, migration_id: str) -> MigrationView:
    """One migration with its transfers."""
    wanted = parse_id("migration", migration_id)
    async with platform.database.transaction() as tx:
        if await migrations.by_id(tx, wanted) is None:
            raise not_found("migration", migration_id)
        return await _view(tx, wanted)


async def page(platform: Platform, cursor: str | None, size: int | None) -> MigrationPage:
    """Migrations, newest first."""
    limit = page_size(size, default=50, greatest=ADMIN_PAGE)
    text = decode_cursor(cursor, "migrations")
    async with platform.database.transaction() as tx:
        before = None
        if text is not None:
            before = await _of_cursor(tx, text)
            if before is None:
                raise bad_cursor(cursor or "")
        found = await migrations.page(tx, before, limit + 1)
        items = [await _view(tx, migration.migration_id) for migration in found[:limit]]
    more = len(found) > limit
    return MigrationPage(
        items=items,
        next_cursor=encode_cursor(items[-1].migration_id, "migrations") if more else None,
    )


async def _of_cursor(tx: Transaction, text: str) -> Migration | None:
    try:
        return await migrations.by_id(tx, UUID(text))
    except ValueError:
        return None


async def _view(tx: Transaction, migration_id: UUID) -> MigrationView:
    migration = await migrations.by_id(tx, migration_id)
    if migration is None:
        raise not_found("migration", migration_id)
    briefs = await transfers.of_migration(tx, migration_id)
    return MigrationView(
        migration_id=str(migration.migration_id),
        migration_scope_id=str(migration.migration_scope_id),
        name=migration.name,
        cloud_url=migration.cloud_url,
        source_id=migration.source_id,
        created_at=epoch_ms(migration.created_at),
        started_at=None if migration.started_at is None else epoch_ms(migration.started_at),
        transfers=briefs,
        apps=_apps(briefs),
    )


def _apps(briefs: list[TransferBrief]) -> list[AppStatus]:
    """One status for each app: of the newest transfer of each name, which come last."""
    newest: dict[tuple[str, str], dict[str | None, Member]] = {}
    for brief in briefs:
        members = newest.setdefault((brief.cloud_app_key, brief.environment), {})
        members[brief.transfer_name] = Member(brief.status, brief.blocking)
    return [
        AppStatus(
            cloud_app_key=key, environment=environment, status=app_status([*members.values()])
        )
        for (key, environment), members in newest.items()
    ]


def check(request: MigrationRequest) -> None:
    """Refuse a plan that does not have the form of one."""
    for name, text in (("name", request.name), ("source_id", request.source_id)):
        check_text(name, text, longest=LABEL_CHARACTERS)
        if not text.strip():
            raise Invalid(
                f"{name}_invalid",
                expected=f"a {name} that is not empty",
                found=repr(text),
                fix="Give the migration a name and name its source server.",
            )
    check_text("cloud_url", request.cloud_url, longest=LABEL_CHARACTERS)
    if not _is_site(request.cloud_url):
        raise Invalid(
            "cloud_url_invalid",
            expected="an absolute http(s) URL of the cloud site",
            found=repr(request.cloud_url)[:120],
            fix="Write it like https://your-site.example.",
        )
    if not 1 <= len(request.apps) <= _APPS or len(set(request.apps)) != len(request.apps):
        raise Invalid(
            "apps_invalid",
            expected=f"1 to {_APPS} cloud app keys, each once",
            found=f"{len(request.apps)} keys",
            fix="Name each app that takes part once.",
        )
    if len(request.containers) > _CONTAINERS:
        raise LimitExceeded(
            "too_many_containers",
            expected=f"at most {_CONTAINERS} containers",
            found=str(len(request.containers)),
            fix="Split the plan into several migrations.",
        )
    for container in request.containers:
        for value in (container.key, container.source_id, container.name):
            check_text("container", value or "", longest=LABEL_CHARACTERS)


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
