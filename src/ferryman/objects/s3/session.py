"""The connections of S3's client: through the proxies of this machine, to whom it trusts."""

import os
import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiobotocore.httpsession import AIOHTTPSession
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.exceptions import HTTPClientError
from botocore.utils import parse_timestamp

from ferryman.network.aiohttp_client import AsyncNetwork
from ferryman.network.proxies import Proxies
from ferryman.network.trust import new_tls_context


class NetworkSession(AIOHTTPSession):  # type: ignore[misc]
    """As the client's own, which has other rules for NO_PROXY and no store of the system's."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._proxy_config = _ProxyRules(os.environ)

    async def send(self, request: Any) -> Any:
        """Send a request; an error of the connection has the attribute ``failure``, if known."""
        try:
            return await super().send(request)
        except (HTTPClientError, NoConnectionError) as error:
            cause = error.__cause__ or error.__context__ or error
            error.failure = await AsyncNetwork(os.environ).failure(cause, request.url)
            raise

    def _get_ssl_context(self) -> ssl.SSLContext:
        return new_tls_context(os.environ)


class _ProxyRules:
    """Choose the proxy of each request for the S3 client."""

    settings: Mapping[str, Any] = {}

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._proxies = Proxies.from_environment(environ)

    def proxy_url_for(self, url: str) -> str | None:
        proxy = self._proxies.of(url)
        return None if proxy is None else proxy.url

    def proxy_headers_for(self, url: str) -> dict[str, str]:
        proxy = self._proxies.of(url)
        return {} if proxy is None else proxy.headers


def read_time(value: Any) -> datetime:
    """Return a time of an answer, in any form; the usual one of lists quickly.

    The client's own parser takes 30 microseconds for each object of a list.
    """
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is not None:
            return time
    except (TypeError, ValueError):
        pass
    return parse_timestamp(value)  # type: ignore[no-any-return]
