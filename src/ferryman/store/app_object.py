"""Metadata of the objects that Forge apps keep; the object store has their bytes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ferryman.domain.app_object import NewObject, ObjectName
from ferryman.object_vocab import ChecksumType
from ferryman.store.database import SQL, Transaction
from ferryman.store.key_value import AppSite

FIRST = ("", False, "")
"""The position before the first object: its site, bucket and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRow:
    """A complete object; ``checksum`` is in base64, as the app gave it."""

    file_key: UUID
    name: ObjectName
    size: int
    checksum: str
    content_type: str
    sha256: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedObject:
    """An object of an app, with its site."""

    site: str
    name: ObjectName
    size: int
    checksum: str
    checksum_type: ChecksumType
    content_type: str
    created_at: datetime


async def begin(
    tx: Transaction, where: AppSite, file_key: UUID, new: NewObject, content_type: str
) -> bool:
    """Note an object before its first byte comes; False if the app has nothing on that site."""
    begun = await SQL.begin_app_object(
        tx.connection,
        app_id=where.app_id,
        site=where.site,
        file_key=file_key,
        cdn=new.name.cdn,
        key=new.name.key,
        size=new.size,
        checksum=new.checksum,
        checksum_type=new.checksum_type,
        content_type=content_type,
        now=tx.now,
    )
    return begun is not None


async def hold_site(tx: Transaction, where: AppSite) -> int | None:
    """Lock the objects of an app's site until the commit; return the site's id, or None."""
    held: int | None = await SQL.hold_app_site_for_objects(
        tx.connection, app_id=where.app_id, site=where.site
    )
    return held


async def keep(tx: Transaction, file_key: UUID, sha256: str) -> bool:
    """Make a complete file the object of its key; False if the file has been given up."""
    kept = await SQL.keep_app_object(tx.connection, file_key=file_key, sha256=sha256, now=tx.now)
    return kept is not None


async def end(tx: Transaction, app_site_id: int, name: ObjectName) -> UUID | None:
    """Let go of the object of a key, of a site that the caller holds; return its file, if any."""
    ended: UUID | None = await SQL.end_app_object(
        tx.connection, app_site_id=app_site_id, cdn=name.cdn, key=name.key
    )
    return ended


async def give_up(tx: Transaction, file_key: UUID) -> bool:
    """Let go of an object that did not become complete; False if it did, or is gone."""
    return await SQL.give_up_app_object(tx.connection, file_key=file_key) is not None


async def find(tx: Transaction, where: AppSite, name: ObjectName) -> ObjectRow | None:
    """Return the object of a key; or None."""
    row: Any = await SQL.app_object(
        tx.connection, app_id=where.app_id, site=where.site, cdn=name.cdn, key=name.key
    )
    if row is None:
        return None
    return ObjectRow(
        file_key=row["file_key"],
        name=name,
        size=row["size"],
        checksum=row["checksum"],
        content_type=row["content_type"],
        sha256=row["sha256"],
        created_at=row["since"],
    )


async def page(
    tx: Transaction, app_id: UUID, site: str | None, *, after: tuple[str, bool, str], size: int
) -> list[ListedObject]:
    """Return up to ``size`` objects of an app by site, bucket and key."""
    rows = SQL.page_of_app_objects(
        tx.connection,
        app_id=app_id,
        site=site,
        after_site=after[0],
        after_cdn=after[1],
        after_key=after[2],
        size=size,
    )
    return [
        ListedObject(
            site=row["site"],
            name=ObjectName(row["key"], cdn=row["cdn"]),
            size=row["size"],
            checksum=row["checksum"],
            checksum_type=ChecksumType(row["checksum_type"]),
            content_type=row["content_type"],
            created_at=row["since"],
        )
        async for row in rows
    ]


async def any_of(tx: Transaction, app_site_ids: Sequence[int]) -> bool:
    """Return whether anything is, or comes, on these sites."""
    return bool(await SQL.any_app_object(tx.connection, app_site_ids=list(app_site_ids)))


async def end_all(tx: Transaction, app_site_ids: Sequence[int], size: int) -> tuple[int, int]:
    """Release up to ``size`` objects of sites that the caller has locked.

    Returns their number, and how many of them were complete.
    """
    row: Any = await SQL.end_app_objects(tx.connection, app_site_ids=list(app_site_ids), size=size)
    return row["ended"], row["kept"]


async def end_unfinished(tx: Transaction, before: datetime, size: int) -> None:
    """Let go of up to ``size`` objects that were begun by ``before`` and never became complete."""
    await SQL.end_unfinished_app_objects(tx.connection, before=before, size=size)


async def gone(tx: Transaction, after: UUID, size: int) -> list[UUID]:
    """Return up to ``size`` files that nothing leads to, in the order of their keys."""
    rows = SQL.gone_app_objects(tx.connection, after=after, size=size)
    return [row["file_key"] async for row in rows]


async def forget(tx: Transaction, file_keys: Collection[UUID]) -> None:
    """Forget files that were deleted."""
    await SQL.forget_app_objects(tx.connection, file_keys=list(file_keys))
