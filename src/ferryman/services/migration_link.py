"""Make, list and revoke links to one migration, and show it to who has one (ADR 77).

The code of a link is its id with a signature, so that nothing that opens it is stored, and a
guessed one needs no look-up.
"""

import base64
import binascii
import hmac
from datetime import timedelta
from functools import partial
from hashlib import sha256
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE
from ferryman.ids import new_id, new_secret
from ferryman.services import audit
from ferryman.services import report as report_service
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import (
    Platform,
    check_text,
    encode_cursor,
    page_size,
    parse_id,
    row_of_cursor,
)
from ferryman.services.report import Report
from ferryman.store import migration as migration_store
from ferryman.store import migration_link as link_store
from ferryman.store import secret as secret_store
from ferryman.store.database import Transaction
from ferryman.store.migration_link import MigrationLink, PartRow
from ferryman.text import instant
from ferryman.vocab import IdKind, Role
from ferryman.wire.link import (
    IssuedLink,
    LinkPage,
    LinkRequest,
    MigrationLinkView,
    SharedMigration,
    SharedPart,
)

_KEY = "migration-links"
_PREFIX = "fm_shared_"
_SIGNATURE_BYTES = 26
"""208 bits, so that id and signature are a multiple of three bytes."""

_LEAST, _LONGEST = 60, 90 * 86_400
_MOST = 100
_NOTE_CHARACTERS = 200


async def create(
    platform: Platform, migration_id: str, request: LinkRequest, by: Actor = PLATFORM
) -> IssuedLink:
    """Make a link to a migration; what opens it is only in the answer."""
    if not _LEAST <= request.seconds <= _LONGEST:
        raise refusals.link.SECONDS_INVALID(
            greatest=_LONGEST, days=_LONGEST // 86_400, seconds=request.seconds
        )
    note = check_text("note", request.note or "", longest=_NOTE_CHARACTERS).strip() or None
    migration = parse_id(refusals.migration.NOT_FOUND, migration_id)
    async with platform.database.transaction() as tx:
        await _check_known(tx, migration)
        count = await link_store.working(tx, migration)
        if count >= _MOST:
            raise refusals.link.TOO_MANY(most=_MOST, count=count)
        link = MigrationLink(
            link_id=new_id(),
            migration_id=migration,
            note=note,
            created_at=tx.now,
            created_by=by.name,
            expires_at=tx.now + timedelta(seconds=request.seconds),
            report=request.report,
        )
        await link_store.insert(tx, link)
        view = _view(tx, link)
        after = {
            "linkId": view.link_id,
            "note": note,
            "expiresAt": view.expires_at,
            "report": view.report,
        }
        await audit.record_of(
            tx, by, "create_migration_link", IdKind.MIGRATION, migration, after=after
        )
        code = _code(await _key(tx), link.link_id)
    return IssuedLink(url=f"{platform.settings.base_url}/console/shared/{code}", link=view)


async def page(
    platform: Platform, migration_id: str, *, cursor: str | None, size: int | None
) -> LinkPage:
    """Return a page of the links to a migration, including those that no longer work."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    migration = parse_id(refusals.migration.NOT_FOUND, migration_id)
    cursor_key = ("links", migration)
    async with platform.database.transaction() as tx:
        await _check_known(tx, migration)
        after = await row_of_cursor(cursor, partial(link_store.by_id, tx), *cursor_key)
        rows = await link_store.page(tx, migration, after=after, size=limit + 1)
        items = [_view(tx, row) for row in rows[:limit]]
    more = len(rows) > limit
    return LinkPage(
        items=items, next_cursor=encode_cursor(items[-1].link_id, *cursor_key) if more else None
    )


async def revoke(
    platform: Platform, migration_id: str, link_id: str, by: Actor = PLATFORM
) -> MigrationLinkView:
    """Revoke a link; it opens nothing from now on, on any replica. Repeatable."""
    migration = parse_id(refusals.migration.NOT_FOUND, migration_id)
    wanted = parse_id(refusals.link.NOT_FOUND, link_id)
    async with platform.database.transaction() as tx:
        await _check_known(tx, migration)
        link = await link_store.revoke(tx, migration, wanted)
        if link is None:
            raise refusals.link.NOT_FOUND(id=link_id)
        view = _view(tx, link)
        before = {"linkId": view.link_id, "note": view.note}
        await audit.record_of(
            tx, by, "revoke_migration_link", IdKind.MIGRATION, migration, before=before
        )
    return view


async def shared(platform: Platform, code: str) -> SharedMigration:
    """Return what a link shows of its migration to the customer's people.

    Raises :class:`NotAuthenticated` (``link_invalid``) or :class:`Expired` (``link_ended``).
    """
    async with platform.database.transaction() as tx:
        link = await _working(tx, code)
        migration = await migration_store.by_id(tx, link.migration_id)
        assert migration is not None, "links go with their migration"  # noqa: S101
        rows = await link_store.parts(tx, link.migration_id)
    return SharedMigration(
        name=migration.name,
        site=migration.cloud_url,
        created_at=epoch_ms(migration.created_at),
        started_at=None if migration.started_at is None else epoch_ms(migration.started_at),
        progress=sum(row.progress for row in rows) // max(1, len(rows)),
        parts=[_part(row) for row in rows],
        now=epoch_ms(tx.now),
        link_expires_at=epoch_ms(link.expires_at),
        report=link.report,
    )


async def report(platform: Platform, keys: KeyRing, code: str) -> Report:
    """Make the report of the migration that a link is to; one at a time.

    Raises as :func:`shared` does, and :class:`NotAllowed` (``link_without_report``).
    """
    async with platform.database.transaction() as tx:
        link = await _working(tx, code)
    if not link.report:
        raise refusals.link.WITHOUT_REPORT()
    by = Actor(name=f"link {link.link_id}", role=Role.VIEWER)
    async with platform.shared_reports:
        return await report_service.make(platform, keys, str(link.migration_id), by)


async def _working(tx: Transaction, code: str) -> MigrationLink:
    link = await link_store.by_id(tx, _opened(await _key(tx), code))
    if link is None:
        raise refusals.link.ENDED(ended="was to a migration that was deleted")
    if link.revoked_at is not None:
        raise refusals.link.ENDED(ended="was withdrawn")
    if not link.works(tx.now):
        raise refusals.link.ENDED(ended=f"worked until {instant(link.expires_at)}")
    return link


async def _check_known(tx: Transaction, migration: UUID) -> None:
    if await migration_store.by_id(tx, migration) is None:
        raise refusals.migration.NOT_FOUND(id=str(migration))


async def _key(tx: Transaction) -> bytes:
    return await secret_store.get_or_create(tx, _KEY, new_secret)


def _code(key: bytes, link_id: UUID) -> str:
    return _PREFIX + base64.urlsafe_b64encode(link_id.bytes + _signature(key, link_id)).decode()


def _opened(key: bytes, code: str) -> UUID:
    try:
        raw = base64.b64decode(code.removeprefix(_PREFIX), altchars=b"-_", validate=True)
        link_id = UUID(bytes=raw[:16])
    except (binascii.Error, ValueError):
        raise refusals.link.INVALID(found="a code that is cut or misspelt") from None
    right = hmac.compare_digest(raw[16:], _signature(key, link_id))
    if not right or not code.startswith(_PREFIX):
        raise refusals.link.INVALID(found="a code that this platform has not made")
    return link_id


def _signature(key: bytes, link_id: UUID) -> bytes:
    return hmac.digest(key, b"migration link\0" + link_id.bytes, sha256)[:_SIGNATURE_BYTES]


def _view(tx: Transaction, link: MigrationLink) -> MigrationLinkView:
    return MigrationLinkView(
        link_id=str(link.link_id),
        migration_id=str(link.migration_id),
        note=link.note,
        created_at=epoch_ms(link.created_at),
        created_by=link.created_by,
        expires_at=epoch_ms(link.expires_at),
        revoked_at=None if link.revoked_at is None else epoch_ms(link.revoked_at),
        works=link.works(tx.now),
        report=link.report,
    )


def _part(row: PartRow) -> SharedPart:
    times = {
        name: None if at is None else epoch_ms(at)
        for name in ("started_at", "settled_at", "deadline")
        for at in [getattr(row, name)]
    }
    return SharedPart(
        app=row.cloud_app_key,
        name=row.transfer_name,
        status=row.status,
        progress=row.progress,
        files=row.files,
        processed=row.succeeded,
        failed=row.failed,
        bytes=row.bytes,
        **times,
    )
