"""Manifests of Forge apps, and the events that they can ask for."""

from collections.abc import Sequence
from typing import Any

from ferryman.vocab import EventType

PREFIX = "avi:ecosystem.migration:"
TRIGGERED = PREFIX + "triggered:listener"
UPLOADED = PREFIX + "uploaded:app_data"
CANCELLATION = PREFIX + "requested:transfer_cancellation"
ERRORED = PREFIX + "errored:listener"
EXPORTED = PREFIX + "completed:export_phase"
SETTLED = PREFIX + "settled:transfer"
EVENTS = [TRIGGERED, UPLOADED, CANCELLATION, ERRORED, EXPORTED, SETTLED]

_APP = {"id": "ari:cloud:ecosystem::app/6f1d6a2e-94d9-4c5c-8f4e-1f2f9d3a7b10"}


def function_manifest(
    handler: str = "index.run", events: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return a manifest with one function for ``events``, or for all of them."""
    names = [event.value for event in EventType] if events is None else list(events)
    return {
        "app": dict(_APP),
        "modules": {
            "function": [{"key": "fn", "handler": handler}],
            "trigger": [{"key": "on-migration", "function": "fn", "events": names}],
        },
    }


def remote_manifest(url: str, events: Sequence[str] = EVENTS) -> dict[str, Any]:
    """Return a manifest with one remote for ``events``, below ``url``."""
    return {
        "app": dict(_APP),
        "modules": {
            "trigger": [{"key": "on", "endpoint": "events", "events": list(events)}],
            "endpoint": [
                {
                    "key": "events",
                    "remote": "backend",
                    "route": {"path": "/events"},
                    "auth": {"appSystemToken": {"enabled": True}},
                }
            ],
        },
        "remotes": [{"key": "backend", "baseUrl": url, "operations": ["compute"]}],
    }
