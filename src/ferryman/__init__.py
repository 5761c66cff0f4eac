"""Ferryman carries an app's data from a self-hosted server into the cloud.

The names below are the SDK. Each is imported when it is first used, so that a program pays only
for what it needs: the synchronous client needs urllib3, the asynchronous one ``ferryman[async]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferryman.sdk.async_migration import AsyncMigration as AsyncMigration
    from ferryman.sdk.cloud_calls import AppData as AppData
    from ferryman.sdk.errors import ClientError as ClientError
    from ferryman.sdk.errors import GatewayError as GatewayError
    from ferryman.sdk.errors import MigrationAPIError as MigrationAPIError
    from ferryman.sdk.gateway import Gateway as Gateway
    from ferryman.sdk.migration import Migration as Migration
    from ferryman.sdk.run_agent import run_agent as run_agent
    from ferryman.vocab import ContainerType as ContainerType
    from ferryman.vocab import EventType as EventType
    from ferryman.wire.migration import Container as Container
    from ferryman.wire.migration import MigrationDetails as MigrationDetails
    from ferryman.wire.upload import AppDataReceipt as AppDataReceipt

_HOMES = {
    "AppData": "ferryman.sdk.cloud_calls",
    "AppDataReceipt": "ferryman.wire.upload",
    "AsyncMigration": "ferryman.sdk.async_migration",
    "ClientError": "ferryman.sdk.errors",
    "Container": "ferryman.wire.migration",
    "ContainerType": "ferryman.vocab",
    "EventType": "ferryman.vocab",
    "Gateway": "ferryman.sdk.gateway",
    "GatewayError": "ferryman.sdk.errors",
    "Migration": "ferryman.sdk.migration",
    "MigrationAPIError": "ferryman.sdk.errors",
    "MigrationDetails": "ferryman.wire.migration",
    "run_agent": "ferryman.sdk.run_agent",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605 - one list of the public names, not two


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ferryman' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
