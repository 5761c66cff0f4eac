"""Search ids, keys, names, labels and errors, limited to what the caller may see."""

import re
from collections.abc import Sequence

from ferryman import refusals
from ferryman.domain.access import PLATFORM, Actor, Reach
from ferryman.domain.limits import LABEL_CHARACTERS
from ferryman.services import finding, list_filter
from ferryman.services.platform import Platform, check_text
from ferryman.store import app as app_store
from ferryman.store import listing, message_view
from ferryman.store import message_list as message_list_store
from ferryman.store import migration_list as migration_list_store
from ferryman.store import transfer_list as transfer_list_store
from ferryman.store.app import AppFilter
from ferryman.store.database import Transaction
from ferryman.store.message_list import MessageListFilter
from ferryman.store.migration_list import MigrationFilter
from ferryman.store.transfer_list import Listed, TransferFilter
from ferryman.vocab import IdKind, ListSort, TransferSort
from ferryman.wire.search import Hit, SearchAnswer
from ferryman.wire.transfer import AttemptView, MessageView

_EACH = 10
"""Hits of each kind."""

_APPS = 1_000
_SHOWN = 300
_PART_OF_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,35}", re.IGNORECASE)


async def search(platform: Platform, text: str, by: Actor = PLATFORM) -> SearchAnswer:
    """Return the matches of an id, a key, a name, a label or an error.

    Raises ``Invalid`` (``search_empty``) for a text of blanks.
    """
    text = check_text("text", text, longest=LABEL_CHARACTERS).strip()
    if not text:
        raise refusals.request.SEARCH_EMPTY()
    by_id = await _ids(platform, text, by)
    async with platform.database.transaction() as tx:
        app_ids = await list_filter.app_ids(tx, by.reach, None)
        apps = await _apps(tx, text, by.reach)
        await listing.plan_by_values(tx)
        migrations = [] if by.reach.apps is not None else await _migrations(tx, text, by.reach)
        transfers = await _transfers(
            tx, TransferFilter(text=text, customers=by.reach.customers, app_ids=app_ids)
        )
        messages = await _messages(
            tx,
            MessageListFilter(
                text=text,
                label=list_filter.beginning(text),
                customers=by.reach.customers,
                app_ids=app_ids,
            ),
        )
    found: dict[tuple[IdKind, str], Hit] = {}
    for hit in (*by_id, *apps, *migrations, *transfers, *messages):
        found.setdefault((hit.kind, hit.id), hit)
    full = any(len(each) >= _EACH for each in (by_id, apps, migrations, transfers, messages))
    return SearchAnswer(items=list(found.values()), more=full)


async def _ids(platform: Platform, text: str, by: Actor) -> list[Hit]:
    if not _PART_OF_ID.fullmatch(text) or len(text.replace("-", "")) > 32:
        return []
    hits = []
    for kind in IdKind:
        found = await finding.find(platform, kind, by, prefix=text, suffix=None)
        hits += [
            Hit(kind=kind, id=each.id, name=each.name, matched="id", text=each.id)
            for each in found.items[:_EACH]
        ]
    return hits


async def _apps(tx: Transaction, text: str, reach: Reach) -> list[Hit]:
    """Search all apps: there are few."""
    every = AppFilter(kind=None, cloud_app_key=None, app_id=None, environments=[], apps=reach.apps)
    hits = []
    for app in await app_store.page(tx, every, after=None, size=_APPS):
        keys = (app.cloud_app_key, app.server_app_key, app.forge_app_id or "")
        key = next((each for each in keys if text.lower() in each.lower()), None)
        if key is not None:
            name = f"{app.cloud_app_key}@{app.environment}"
            hits.append(
                Hit(
                    kind=IdKind.APP,
                    id=str(app.app_id),
                    name=name,
                    matched="key",
                    text=key,
                    key=name,
                )
            )
    return hits[:_EACH]


async def _migrations(tx: Transaction, text: str, reach: Reach) -> list[Hit]:
    choice = MigrationFilter(text=text, customers=reach.customers)
    choice = await migration_list_store.narrowed(tx, choice)
    found = await migration_list_store.page(tx, choice, ListSort.NEWEST, after=None, size=_EACH)
    return [
        Hit(
            kind=IdKind.MIGRATION,
            id=str(each.migration_id),
            name=each.name,
            matched="name",
            text=each.name[:_SHOWN],
            customer=each.customer,
            migration_id=str(each.migration_id),
        )
        for each in found
    ]


async def _transfers(tx: Transaction, choice: TransferFilter) -> list[Hit]:
    choice = await transfer_list_store.narrowed(tx, choice)
    found = await transfer_list_store.page(tx, choice, TransferSort.NEWEST, after=None, size=_EACH)
    return [_transfer(each) for each in found]


def _transfer(each: Listed) -> Hit:
    stored = each.stored
    key = f"{stored.cloud_app_key}@{stored.environment}"
    name = " ".join(filter(None, (stored.details.name, stored.transfer_name)))
    return Hit(
        kind=IdKind.TRANSFER,
        id=str(stored.transfer_id),
        name=name[:_SHOWN],
        matched="name",
        text=f"{name[:_SHOWN]} {key} {stored.details.cloud_url}",
        status=stored.state.status,
        key=key,
        customer=each.customer,
        transfer_id=str(stored.transfer_id),
        migration_id=str(stored.migration_id),
    )


async def _messages(tx: Transaction, choice: MessageListFilter) -> list[Hit]:
    choice = await message_list_store.narrowed(tx, choice)
    found = await message_list_store.page(tx, choice, ListSort.NEWEST, position=None, size=_EACH)
    return [_message(each, choice.text or "") for each in await message_view.views(tx, found)]


def _message(view: MessageView, text: str) -> Hit:
    labelled = (view.label or "").lower().startswith(text.lower())
    shown = view.label if labelled else _error(view.attempts)
    return Hit(
        kind=IdKind.MESSAGE,
        id=view.message_id,
        name=view.label or view.event_type,
        matched="label" if labelled else "error",
        text=(shown or "")[:_SHOWN],
        status=view.state,
        key=f"{view.cloud_app_key}@{view.environment}",
        customer=view.customer,
        transfer_id=view.transfer_id,
        migration_id=view.migration_id,
    )


def _error(attempts: Sequence[AttemptView]) -> str | None:
    last = attempts[-1] if attempts else None
    return None if last is None else last.error_message or last.error
