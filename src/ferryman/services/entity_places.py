"""Put all values of entities into the indexes of an app's present manifest (ADR 88)."""

import msgspec

from ferryman.domain import entity as entity_rules
from ferryman.domain.key_value import Name
from ferryman.functions.manifest_entities import Entities
from ferryman.services.platform import Platform
from ferryman.store import entity as entity_store
from ferryman.store.key_value import AppSite

_VALUES = 100
"""As many as are read at a time."""

_FIRST: Name = ("", "")


async def place_all(platform: Platform, where: AppSite, entities: Entities) -> None:
    """Index the values of a site again, unless they are indexed by these entities already.

    It runs in one transaction, during which no other one writes values of the site.
    """
    async with platform.database.transaction() as tx:
        site = await entity_store.hold_all(tx, where)
        if site is None or site.placed_by == entities.digest:
            return
        await entity_store.clear(tx, site.app_site_id)
        after = _FIRST
        while values := await entity_store.values_to_place(
            tx, site.app_site_id, after=after, size=_VALUES
        ):
            placed = [
                (name, entity_rules.places(entities.by_name[name[0]], msgspec.json.decode(value)))
                for name, value in values
                if name[0] in entities.by_name
            ]
            await entity_store.add(tx, site.app_site_id, placed)
            after = values[-1][0]
        await entity_store.set_placed_by(tx, site.app_site_id, entities.digest)
