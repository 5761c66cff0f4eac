"""Ferryman carries an app's data from a self-hosted server into the cloud.

The names below are the SDK. Each is imported on first use, so that a program loads only what it
needs: the synchronous clients need urllib3, the asynchronous ones ``ferryman[async]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferryman.sdk.async_migration import (
        AsyncConnectMigration,
        AsyncMigration,
        AsyncQueryBuilder,
    )
    from ferryman.sdk.bandwidth import Throttle
    from ferryman.sdk.errors import (
        CertificateError,
        ClientError,
        ConflictError,
        ExpiredError,
        FerrymanError,
        GatewayError,
        InvalidRequestError,
        MigrationAPIError,
        NotAllowedError,
        NotAuthenticatedError,
        NotFoundError,
        ProxyError,
        RateLimitedError,
        ServerError,
        SettledError,
        SignatureInvalid,
        TooLargeError,
        TransportError,
    )
    from ferryman.sdk.gateway import Gateway
    from ferryman.sdk.listener import TransferDefinition
    from ferryman.sdk.migration import ConnectMigration, Migration, QueryBuilder
    from ferryman.sdk.operations.cloud import AppData, AppDataListResponse, MappingResponse
    from ferryman.sdk.pagination import ListResults, PaginatedContainers, PaginatedMapping, Result
    from ferryman.sdk.payload import AsyncPayload, Payload
    from ferryman.sdk.run_agent import run_agent
    from ferryman.sdk.signature import verify_webhook
    from ferryman.sdk.stream import AppDataStream
    from ferryman.vocab import AccessScope, ContainerType, EventType, ReportedStatus
    from ferryman.wire.connect import ConnectDetails, ProgressReport, RecentTransfer
    from ferryman.wire.listener import ListenerError
    from ferryman.wire.migration import Container, MigrationDetails
    from ferryman.wire.problem import Problem
    from ferryman.wire.upload import AppDataReceipt

# Type checkers need a literal list and the imports above; the rest is for run time.
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
    "CertificateError",
    "ClientError",
    "ConflictError",
    "ConnectDetails",
    "ConnectMigration",
    "Container",
    "ContainerType",
    "EventType",
    "ExpiredError",
    "FerrymanError",
    "Gateway",
    "GatewayError",
    "InvalidRequestError",
    "ListResults",
    "ListenerError",
    "MappingResponse",
    "Migration",
    "MigrationAPIError",
    "MigrationDetails",
    "NotAllowedError",
    "NotAuthenticatedError",
    "NotFoundError",
    "PaginatedContainers",
    "PaginatedMapping",
    "Payload",
    "Problem",
    "ProgressReport",
    "ProxyError",
    "QueryBuilder",
    "RateLimitedError",
    "RecentTransfer",
    "ReportedStatus",
    "Result",
    "ServerError",
    "SettledError",
    "SignatureInvalid",
    "Throttle",
    "TooLargeError",
    "TransferDefinition",
    "TransportError",
    "run_agent",
    "verify_webhook",
]

_HOMES = {
    "AccessScope": "ferryman.vocab",
    "AppData": "ferryman.sdk.operations.cloud",
    "AppDataListResponse": "ferryman.sdk.operations.cloud",
    "AppDataReceipt": "ferryman.wire.upload",
    "AppDataStream": "ferryman.sdk.stream",
    "AsyncConnectMigration": "ferryman.sdk.async_migration",
    "AsyncMigration": "ferryman.sdk.async_migration",
    "AsyncPayload": "ferryman.sdk.payload",
    "AsyncQueryBuilder": "ferryman.sdk.async_migration",
    "CertificateError": "ferryman.sdk.errors",
    "ClientError": "ferryman.sdk.errors",
    "ConflictError": "ferryman.sdk.errors",
    "ConnectDetails": "ferryman.wire.connect",
    "ConnectMigration": "ferryman.sdk.migration",
    "Container": "ferryman.wire.migration",
    "ContainerType": "ferryman.vocab",
    "EventType": "ferryman.vocab",
    "ExpiredError": "ferryman.sdk.errors",
    "FerrymanError": "ferryman.sdk.errors",
    "Gateway": "ferryman.sdk.gateway",
    "GatewayError": "ferryman.sdk.errors",
    "InvalidRequestError": "ferryman.sdk.errors",
    "ListResults": "ferryman.sdk.pagination",
    "ListenerError": "ferryman.wire.listener",
    "MappingResponse": "ferryman.sdk.operations.cloud",
    "Migration": "ferryman.sdk.migration",
    "MigrationAPIError": "ferryman.sdk.errors",
    "MigrationDetails": "ferryman.wire.migration",
    "NotAllowedError": "ferryman.sdk.errors",
    "NotAuthenticatedError": "ferryman.sdk.errors",
    "NotFoundError": "ferryman.sdk.errors",
    "PaginatedContainers": "ferryman.sdk.pagination",
    "PaginatedMapping": "ferryman.sdk.pagination",
    "Payload": "ferryman.sdk.payload",
    "Problem": "ferryman.wire.problem",
    "ProgressReport": "ferryman.wire.connect",
    "QueryBuilder": "ferryman.sdk.migration",
    "ProxyError": "ferryman.sdk.errors",
    "RateLimitedError": "ferryman.sdk.errors",
    "RecentTransfer": "ferryman.wire.connect",
    "ReportedStatus": "ferryman.vocab",
    "Result": "ferryman.sdk.pagination",
    "ServerError": "ferryman.sdk.errors",
    "SettledError": "ferryman.sdk.errors",
    "SignatureInvalid": "ferryman.sdk.errors",
    "Throttle": "ferryman.sdk.bandwidth",
    "TooLargeError": "ferryman.sdk.errors",
    "TransferDefinition": "ferryman.sdk.listener",
    "TransportError": "ferryman.sdk.errors",
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
