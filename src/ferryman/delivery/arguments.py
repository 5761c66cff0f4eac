"""The ids and the event that an app's code gets with a message."""

import json
from datetime import UTC
from typing import Any

import msgspec

from ferryman.domain.limits import QUEUE_WINDOW
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.routes import FunctionConsumer
from ferryman.ids import derived_id
from ferryman.services.delivery import Delivery
from ferryman.services.queue_delivery import QueueDelivery
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


def consumer_argument(delivery: QueueDelivery) -> dict[str, Any]:
    """Return the argument of a queue's consumer, in the form of a resolver if it is one.

    An endpoint gets as its body what a function gets as its argument.
    """
    event, route = delivery.event, delivery.route
    method = route.method if isinstance(route, FunctionConsumer) else None
    body = json.loads(event.body)
    retry = _retry_context(delivery)
    if method is not None:
        payload = {**body, **retry} if isinstance(body, dict) else body
        call = {"functionKey": method, "payload": payload, "jobId": event.job_id}
        return {"call": call, "context": {}}
    limit = event.concurrency
    return {
        "queueName": event.lane.queue,
        "jobId": event.job_id,
        "eventId": str(event.event_id),
        "body": body,
        **({} if event.delay is None else {"delayInSeconds": event.delay}),
        **({} if limit is None else {"concurrency": {"key": limit.key, "limit": limit.limit}}),
        **retry,
    }


def _retry_context(delivery: QueueDelivery) -> dict[str, Any]:
    event = delivery.event
    if event.retry_context is None:
        return {}
    left = event.pushed_at + QUEUE_WINDOW - delivery.claimed_at
    begin = event.pushed_at.astimezone(UTC).isoformat(timespec="milliseconds")
    window = {
        "startTime": begin.replace("+00:00", "Z"),
        "remainingTimeMs": max(0, round(left.total_seconds() * 1000)),
    }
    asked = json.loads(event.retry_context)
    return {"retryContext": {"retryCount": event.retry_count, **asked, "retentionWindow": window}}


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
