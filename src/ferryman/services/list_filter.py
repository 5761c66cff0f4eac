"""Resolve the filters that lists have in common: which apps, which sites, whose."""

import re
from collections.abc import Sequence
from uuid import UUID

from ferryman import refusals
from ferryman.archive_vocab import Archived
from ferryman.domain.access import Reach
from ferryman.domain.limits import LABEL_CHARACTERS
from ferryman.services import app as app_service
from ferryman.services import reach as reach_service
from ferryman.services.platform import check_text, parse_id
from ferryman.store import app as app_store
from ferryman.store import migration as migration_store
from ferryman.store import transfer as transfer_store
from ferryman.store.database import Transaction
from ferryman.vocab import IdKind


async def app_ids(
    tx: Transaction, reach: Reach, name: str | None, environment: str | None = None
) -> Sequence[UUID] | None:
    """Return the visible apps of a name and an environment; None if every app fits.

    Raises ``NotFound`` for a name that no visible app has.
    """
    check_text("environment", environment or "", longest=LABEL_CHARACTERS)
    if name is not None:
        app = await app_service.find(tx, name, reach)
        return [app.app_id] if environment in (None, app.environment) else []
    if environment is None and reach.apps is None:
        return None
    return await app_store.ids(tx, apps=reach.apps, environment=environment)


async def migration_id(tx: Transaction, reach: Reach, text: str | None) -> UUID | None:
    """Return the id of a visible migration; raises ``NotFound`` for any other."""
    if text is None:
        return None
    wanted = parse_id(refusals.migration.NOT_FOUND, text)
    await reach_service.check_in(tx, reach, IdKind.MIGRATION, text)
    if await migration_store.by_id(tx, wanted) is None:
        raise refusals.migration.NOT_FOUND(id=text)
    return wanted


async def transfer_id(tx: Transaction, reach: Reach, text: str | None) -> UUID | None:
    """Return the id of a visible transfer; raises ``NotFound`` for any other."""
    if text is None:
        return None
    wanted = parse_id(refusals.transfer.NOT_FOUND, text)
    await reach_service.check_in(tx, reach, IdKind.TRANSFER, text)
    if await transfer_store.by_id(tx, wanted) is None:
        raise refusals.transfer.NOT_FOUND(id=text)
    return wanted


async def scope_ids(tx: Transaction, reach: Reach, site: str | None) -> Sequence[UUID] | None:
    """Return the visible migration scopes of a site, given as its URL or just its host.

    None if every site fits. Whether there is such a site, only its rows tell.
    """
    if site is None:
        return None
    check_text("cloud_url", site, longest=LABEL_CHARACTERS)
    plain = site.rstrip("/")
    urls = [plain] if "://" in plain else [plain, f"https://{plain}", f"http://{plain}"]
    return await migration_store.scopes_of_site(tx, urls, customers=reach.customers)


def archived(wanted: Archived) -> bool | None:
    """Return whether only archived migrations fit, or only others; None if both do."""
    return None if wanted is Archived.ANY else wanted is Archived.ONLY


def beginning(text: str) -> str:
    """Return the pattern of LIKE for labels that begin with a text, in lower case."""
    escaped = re.sub(r"([\\%_])", r"\\\1", text.lower()[:100])
    return f"{escaped}%"
