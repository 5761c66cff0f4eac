"""Ferryman carries an app's data from a self-hosted server into the cloud.

The names below are the SDK. Each is imported when it is first used, so that a program pays only
for what it needs: the synchronous clients need urllib3, the asynchronous ones ``ferryman[async]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferryman.sdk.async_cloud_client import AsyncQueryBuilder
    from ferryman.sdk.async_connect_migration import AsyncConnectMigration
    from ferryman.sdk.async_migration import AsyncMigration
    from ferryman.sdk.async_payload import AsyncPayload
    from ferryman.sdk.cloud_calls import AppData, AppDataListResponse, MappingResponse
    from ferryman.sdk.cloud_client import QueryBuilder
    from ferryman.sdk.connect_migration import ConnectMigration
    from ferryman.sdk.definition import TransferDefinition
    from ferryman.sdk.errors import ClientError, GatewayError, MigrationAPIError
    from ferryman.sdk.gateway import Gateway
    from ferryman.sdk.migration import Migration
    from ferryman.sdk.pages import PaginatedContainers, PaginatedMapping
    from ferryman.sdk.payload import Payload
    from ferryman.sdk.query import ListResults, Result
    from ferryman.sdk.run_agent import run_agent
    from ferryman.sdk.signature import SignatureInvalid, verify_webhook
    from ferryman.sdk.stream import AppDataStream
    from ferryman.vocab import AccessScope, ContainerType, EventType, ReportedStatus
    from ferryman.wire.connect import ConnectDetails, ProgressReport, RecentTransfer
    from ferryman.wire.listener import ListenerError
    from ferryman.wire.migration import Container, MigrationDetails
    from ferryman.wire.problem import Problem
    from ferryman.wire.upload import AppDataReceipt

# Type checkers read a list that is written out, and the imports above; the rest is for running.
__all__ = [
    "AccessScope",
    "AppData",
    "AppDataListResponse",
    "AppDataReceipt",
    "AppDataStream",
    "AsyncConnectMigration",
    "AsyncMigration",
    "AsyncPayload",
    "AsyncQueryBuilder",
    "ClientError",
    "ConnectDetails",
    "ConnectMigration",
    "Container",
    "ContainerType",
    "EventType",
    "Gateway",
    "GatewayError",
    "ListResults",
    "ListenerError",
    "MappingResponse",
    "Migration",
    "MigrationAPIError",
    "MigrationDetails",
    "PaginatedContainers",
    "PaginatedMapping",
    "Payload",
    "Problem",
    "ProgressReport",
    "QueryBuilder",
    "RecentTransfer",
    "ReportedStatus",
    "Result",
    "SignatureInvalid",
    "TransferDefinition",
    "run_agent",
    "verify_webhook",
]

_HOMES = {
    "AccessScope": "ferryman.vocab",
    "AppData": "ferryman.sdk.cloud_calls",
    "AppDataListResponse": "ferryman.sdk.cloud_calls",
    "AppDataReceipt": "ferryman.wire.upload",
    "AppDataStream": "ferryman.sdk.stream",
    "AsyncConnectMigration": "ferryman.sdk.async_connect_migration",
    "AsyncMigration": "ferryman.sdk.async_migration",
    "AsyncPayload": "ferryman.sdk.async_payload",
    "AsyncQueryBuilder": "ferryman.sdk.async_cloud_client",
    "ClientError": "ferryman.sdk.errors",
    "ConnectDetails": "ferryman.wire.connect",
    "ConnectMigration": "ferryman.sdk.connect_migration",
    "Container": "ferryman.wire.migration",
    "ContainerType": "ferryman.vocab",
    "EventType": "ferryman.vocab",
    "Gateway": "ferryman.sdk.gateway",
    "GatewayError": "ferryman.sdk.errors",
    "ListResults": "ferryman.sdk.query",
    "ListenerError": "ferryman.wire.listener",
    "MappingResponse": "ferryman.sdk.cloud_calls",
    "Migration": "ferryman.sdk.migration",
    "MigrationAPIError": "ferryman.sdk.errors",
    "MigrationDetails": "ferryman.wire.migration",
    "PaginatedContainers": "ferryman.sdk.pages",
    "PaginatedMapping": "ferryman.sdk.pages",
    "Payload": "ferryman.sdk.payload",
    "Problem": "ferryman.wire.problem",
    "ProgressReport": "ferryman.wire.connect",
    "QueryBuilder": "ferryman.sdk.cloud_client",
    "RecentTransfer": "ferryman.wire.connect",
    "ReportedStatus": "ferryman.vocab",
    "Result": "ferryman.sdk.query",
    "SignatureInvalid": "ferryman.sdk.signature",
    "TransferDefinition": "ferryman.sdk.definition",
    "run_agent": "ferryman.sdk.run_agent",
    "verify_webhook": "ferryman.sdk.signature",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ferryman' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
