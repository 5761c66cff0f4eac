"""An app's object store on the site that a call is for (ADR 91): what there is, and URLs to it."""

from datetime import UTC, datetime
from uuid import UUID

from ferryman import refusals
from ferryman.domain import app_object as object_rules
from ferryman.domain.app_object import NewObject, ObjectName
from ferryman.ids import new_secret
from ferryman.objects.app_object_url import ObjectGrant, signed_path, verified
from ferryman.services import app_object_bytes
from ferryman.services import key_value as key_value_service
from ferryman.services.platform import Platform
from ferryman.store import app_object as object_store
from ferryman.store import secret as secret_store
from ferryman.store.app import AppRow
from ferryman.store.app_object import ObjectRow
from ferryman.store.database import Transaction
from ferryman.store.key_value import AppSite, SiteRow


async def find(platform: Platform, app: AppRow, name: ObjectName) -> ObjectRow:
    """Return the metadata of an object; raise :class:`NotFound` (``os_object_not_found``)."""
    where = _place(app, name)
    async with platform.database.reading() as tx:
        found = await object_store.find(tx, where, name)
    if found is None:
        raise refusals.app_object.NOT_FOUND()
    return found


async def delete(platform: Platform, app: AppRow, name: ObjectName) -> None:
    """Delete an object, if there is one."""
    where = _place(app, name)
    async with platform.database.transaction() as tx:
        site = await object_store.hold_site(tx, where)
        ended = None if site is None else await object_store.end(tx, site, name)
    if ended is not None:
        await app_object_bytes.remove(platform, [ended])


async def upload_url(platform: Platform, app: AppRow, new: NewObject, seconds: float | None) -> str:
    """Return a URL to send an object to.

    Raises what :func:`ferryman.domain.app_object.check_new` does, ``os_object_exists``,
    ``app_bytes_exceeded`` and ``kvs_installation_gone``.
    """
    where = _place(app, new.name)
    object_rules.check_new(new)

    async def check(tx: Transaction, _: SiteRow) -> datetime:
        if not new.overwrite and await object_store.find(tx, where, new.name):
            raise refusals.app_object.EXISTS()
        return object_rules.expiry(tx.now, seconds)

    async with key_value_service.admitted(platform, app, new.size):
        expires = await key_value_service.in_transaction(platform, app, check, placed=False)
    return await _url(
        platform,
        ObjectGrant(
            app_id=str(where.app_id),
            site=where.site,
            key=new.name.key,
            cdn=new.name.cdn,
            expires=int(expires.timestamp()),
            size=new.size,
            checksum=new.checksum,
            checksum_type=new.checksum_type,
            overwrite=new.overwrite,
        ),
    )


async def download_url(
    platform: Platform, app: AppRow, name: ObjectName, seconds: float | None
) -> str:
    """Return a URL that reads an object; raise :class:`NotFound` (``os_object_not_found``)."""
    where = _place(app, name)
    async with platform.database.reading() as tx:
        expires = object_rules.expiry(tx.now, seconds)
        if await object_store.find(tx, where, name) is None:
            raise refusals.app_object.NOT_FOUND()
    return await _url(
        platform,
        ObjectGrant(
            app_id=str(where.app_id),
            site=where.site,
            key=name.key,
            cdn=name.cdn,
            expires=int(expires.timestamp()),
        ),
    )


async def allowed(platform: Platform, token: str, *, sends: bool) -> ObjectGrant:
    """Return what a URL allows, read from the last part of its path.

    Raises :class:`NotAllowed` (``signature_invalid``) and :class:`Expired` (``url_expired``).
    """
    grant = verified(await _secret(platform), token)
    if grant.sends is not sends:
        raise refusals.upload.SIGNATURE_INVALID(found="a signature for another method")
    now = await platform.database.now()
    if int(now.timestamp()) >= grant.expires:
        raise refusals.upload.URL_EXPIRED(
            expires_at=datetime.fromtimestamp(grant.expires, UTC).isoformat(),
            now=now.isoformat(timespec="seconds"),
        )
    return grant


async def to_read(platform: Platform, grant: ObjectGrant) -> ObjectRow:
    """Return the object that a URL reads; raise :class:`NotFound` (``os_object_not_found``)."""
    name = ObjectName(grant.key, cdn=grant.cdn)
    async with platform.database.reading() as tx:
        found = await object_store.find(tx, AppSite(UUID(grant.app_id), grant.site), name)
    if found is None:
        raise refusals.app_object.NOT_FOUND()
    return found


def _place(app: AppRow, name: ObjectName) -> AppSite:
    if not object_rules.enabled(app.manifest):
        raise refusals.app_object.APP_NOT_ENABLED()
    object_rules.check_name(name)
    return key_value_service.site_of(app)


async def _url(platform: Platform, grant: ObjectGrant) -> str:
    base = platform.settings.base_url.rstrip("/")
    return f"{base}{signed_path(await _secret(platform), grant)}"


async def _secret(platform: Platform) -> bytes:
    """Return the secret that signs URLs, which is read once."""
    kept = platform.app_objects
    if kept.secret is None:
        async with platform.database.transaction() as tx:
            kept.secret = await secret_store.get_or_create(tx, "app-object-urls", new_secret)
    return kept.secret
