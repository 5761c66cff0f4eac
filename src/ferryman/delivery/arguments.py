"""The ids and the event that an app's code gets with a message."""

import json
from typing import Any

import msgspec

from ferryman.functions.manifest import parse_manifest
from ferryman.ids import derived_id
from ferryman.services.delivery import Delivery
from ferryman.store.app import AppRow
from ferryman.store.delivery import ClaimedMessage


def event_of(message: ClaimedMessage) -> Any:
    """Return a function's argument: the payload, and the context its last call left for a retry."""
    event = msgspec.json.decode(message.payload)
    if message.retry_context is not None:
        # Not msgspec: a function may pass half a surrogate pair.
        asked = json.loads(message.retry_context)
        event["retryContext"] = {"retryCount": message.retry_count, **asked}
    return event


class _Details(msgspec.Struct, rename="camel"):
    cloud_url: str


class _Event(msgspec.Struct, rename="camel"):
    migration_details: _Details


_EVENT = msgspec.json.Decoder(_Event)


def site_of(delivery: Delivery) -> str:
    """Return the URL of the site that the message is about."""
    return _EVENT.decode(delivery.message.payload).migration_details.cloud_url


def forge_app_id_of(app: AppRow) -> str | None:
    """Return the Forge id of an app, registered or in its manifest."""
    return app.forge_app_id or parse_manifest(app.manifest or {}).app_id


def installation_id_of(app: AppRow, site: str) -> str:
    """Return the id of the app's installation on a site."""
    return str(derived_id("installation", str(app.app_id), site))


def site_ari(site: str) -> str:
    """Return the resource identifier of a site."""
    return f"ari:cloud:ferryman::site/{derived_id('cloud', site)}"
