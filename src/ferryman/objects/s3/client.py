"""Open the store on S3, with one client per process and keys from the usual AWS chain."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from ferryman import refusals
from ferryman.objects.s3.address import S3Address, plain_endpoint
from ferryman.objects.s3.bucket import S3Bucket
from ferryman.objects.s3.errors import store_errors
from ferryman.objects.s3.presign import AccessKeys
from ferryman.objects.s3.session import NetworkSession, read_time
from ferryman.objects.s3.store import S3Store

_CONNECTIONS = 64
_KEEP_SECONDS = 12
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)


@asynccontextmanager
async def s3_store(
    address: S3Address,
    *,
    part_size: int = 8 << 20,
    connect_seconds: float = 5.0,
    read_seconds: float = 60.0,
    attempts: int = 4,
) -> AsyncIterator[S3Store]:
    """Open a store; see :func:`s3_bucket`."""
    async with s3_bucket(
        address, connect_seconds=connect_seconds, read_seconds=read_seconds, attempts=attempts
    ) as bucket:
        yield S3Store(bucket, part_size=part_size)


@asynccontextmanager
async def s3_bucket(
    address: S3Address,
    *,
    connect_seconds: float = 5.0,
    read_seconds: float = 60.0,
    attempts: int = 4,
) -> AsyncIterator[S3Bucket]:
    """Open a bucket; its connections are closed on exit, and nothing is sent before its first call.

    A call that fails on the network or is told to slow down is tried ``attempts`` times with
    growing pauses; then it raises. Raises ``ConfigError`` (``store_keys_missing``).
    """
    address = replace(address, style=_style(address))
    session = get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    with store_errors():
        credentials = await session.get_credentials()
    if credentials is None:
        raise refusals.object_store.KEYS_MISSING()

    async def keys() -> AccessKeys:
        # This renews temporary keys shortly before they expire.
        frozen = await credentials.get_frozen_credentials()
        return AccessKeys(frozen.access_key, frozen.secret_key, frozen.token)

    config = AioConfig(
        signature_version="s3v4",
        s3={"addressing_style": address.style},
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=_CONNECTIONS,
        http_session_cls=NetworkSession,
        connector_args={"socket_factory": prompt_socket, "keepalive_timeout": _KEEP_SECONDS},
        # Services other than AWS do not support CRC trailers; parts carry their md5.
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
        yield S3Bucket(
            client,
            keys,
            address,
            region=region,
            endpoint=endpoint,
            public_endpoint=address.public_endpoint or endpoint,
        )


def _style(address: S3Address) -> str:
    """Return the style set; by default the host name on AWS, unless dots break its certificate."""
    elsewhere = address.endpoint or any(name in os.environ for name in _ENDPOINTS)
    return address.style or ("path" if elsewhere or "." in address.bucket else "virtual")


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    return plain_endpoint(parts.scheme, parts.hostname or "", parts.port)


class PromptSocket(socket.socket):
    """A socket that acknowledges received data at once.

    TCP_QUICKACK is set again after each read, because the kernel resets it. Stores that leave
    Nagle's algorithm on, such as Ceph RGW, send the end of a short answer only after its beginning
    is acknowledged, and Linux delays that by 40 ms. Most answers to the platform are short: without
    the delay they measured 3 to 6 ms instead of 50.
    """

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Receive, then acknowledge."""
        data = super().recv(bufsize, flags)
        self._acknowledge()
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive, then acknowledge."""
        size = super().recv_into(buffer, nbytes, flags)
        self._acknowledge()
        return size

    def _acknowledge(self) -> None:
        if _QUICKACK is not None:
            self.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def prompt_socket(address: tuple[Any, ...]) -> PromptSocket:
    """Create a socket from an address returned by ``getaddrinfo``."""
    family, kind, protocol, _, _ = address
    return PromptSocket(family, kind, protocol)
