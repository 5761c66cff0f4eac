"""Opening the store on S3: one client for the process, its keys by the usual AWS chain."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from ferryman.errors import ConfigError
from ferryman.objects.s3.address import S3Address, plain_endpoint
from ferryman.objects.s3.presign import Keys
from ferryman.objects.s3.refusals import store_errors
from ferryman.objects.s3.sockets import prompt_socket
from ferryman.objects.s3.store import S3Store

_CONNECTIONS = 64
_KEEP_SECONDS = 12
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@asynccontextmanager
async def s3_store(
    address: S3Address,
    *,
    part_size: int = 8 << 20,
    connect_seconds: float = 5.0,
    read_seconds: float = 60.0,
    attempts: int = 4,
) -> AsyncIterator[S3Store]:
    """A store whose connections are closed at the end; nothing is sent before its first call.

    A call that fails on the way or is told to slow down is tried ``attempts`` times, with pauses
    that grow; then it raises. Raises ``ConfigError`` (``store_keys_missing``).
    """
    address = replace(address, style=_style(address))
    session = get_session()
    with store_errors():
        credentials = await session.get_credentials()
    if credentials is None:
        raise ConfigError(
            "store_keys_missing",
            expected="keys of the object store, found by the usual AWS chain",
            found="none",
            fix="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the "
            "machine a role.",
        )

    async def keys() -> Keys:
        # Temporary keys are renewed in here, when their time is nearly over.
        frozen = await credentials.get_frozen_credentials()
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    config = AioConfig(
        signature_version="s3v4",
        s3={"addressing_style": address.style},
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=_CONNECTIONS,
        connector_args={"socket_factory": prompt_socket, "keepalive_timeout": _KEEP_SECONDS},
        # Other services than AWS know no CRC trailers; parts carry their md5.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    region = (
        address.region
        or os.environ.get("AWS_REGION")
        or session.get_config_variable("region")
        or "us-east-1"
    )
    async with AsyncExitStack() as stack:
        with store_errors():
            client: Any = await stack.enter_async_context(
                session.create_client(
                    "s3", region_name=region, endpoint_url=address.endpoint, config=config
                )
            )
        endpoint = _endpoint(client.meta.endpoint_url)
        yield S3Store(
            client,
            keys,
            address,
            region=region,
            endpoint=endpoint,
            public_endpoint=address.public_endpoint or endpoint,
            part_size=part_size,
        )


def _style(address: S3Address) -> str:
    """As chosen, else by host name on AWS itself, unless dots would break its certificate."""
    elsewhere = address.endpoint or any(name in os.environ for name in _ENDPOINTS)
    return address.style or ("path" if elsewhere or "." in address.bucket else "virtual")


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    return plain_endpoint(parts.scheme, parts.hostname or "", parts.port)
