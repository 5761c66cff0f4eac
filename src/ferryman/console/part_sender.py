"""Send parts of files to the object store, on behalf of a browser.

The browser sends to a store of the platform's own by itself. Any other store would have to allow
the console's address in its CORS rules, so those parts go through the platform.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
import structlog

from ferryman import refusals
from ferryman.console.calls import AdminCalls, CallRefused
from ferryman.errors import ConfigError
from ferryman.wire.problem import Problem
from ferryman.wire.upload import PartUrl

log = structlog.get_logger("ferryman.console")

LARGEST_PART = 64 << 20
"""The largest part, in bytes, that is taken from a browser; each is held in memory."""

_SECONDS = 120.0
_MOST_BYTES = 64 << 10


class BrowserParts:
    """Sends bytes to signed URLs; ``own`` says that they lead to the platform itself."""

    def __init__(self, *, own: bool) -> None:
        self.own = own

    async def put(self, calls: AdminCalls, signed: PartUrl, data: bytes) -> str:
        """Return the ETag of the part; raise :class:`CallRefused` if it was not stored."""
        if self.own:
            status, headers, raw = await calls.put_object(signed.url, signed.headers, data)
        else:
            status, headers, raw = await self._put(signed, data)
        if status != 200:
            raise self._refused(signed.url, status, raw)
        return headers.get("etag", "").strip('"')

    async def _put(self, signed: PartUrl, data: bytes) -> tuple[int, Mapping[str, str], bytes]:
        # Imported only here: most platforms start without ever needing it.
        import aiohttp
        from yarl import URL

        from ferryman.network.aiohttp_client import AsyncNetwork

        limit, network = aiohttp.ClientTimeout(total=_SECONDS), AsyncNetwork()
        try:
            async with (
                aiohttp.ClientSession(timeout=limit, cookie_jar=aiohttp.DummyCookieJar()) as http,
                http.request(
                    signed.method,
                    # As it was signed, to the letter.
                    URL(signed.url, encoded=True),
                    data=data,
                    headers=signed.headers,
                    # A signature is for bytes of this type alone.
                    skip_auto_headers=("Content-Type",),
                    allow_redirects=False,
                    **network.arguments(signed.url),
                ) as answer,
            ):
                raw = await answer.content.read(_MOST_BYTES)
                headers = {name.lower(): each for name, each in answer.headers.items()}
                return answer.status, headers, raw
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            reason = await network.failure(error, signed.url)
            found = reason.found if reason else type(error).__name__
            raise _unavailable(signed.url, found) from None
        except ConfigError as error:
            raise _unavailable(signed.url, error.found) from None

    def _refused(self, url: str, status: int, raw: bytes) -> CallRefused:
        try:
            return CallRefused(msgspec.json.decode(raw, type=Problem))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _unavailable(url, f"status {status}")


def _unavailable(url: str, found: str) -> CallRefused:
    # The rest of the URL is a secret.
    host = urlsplit(url).netloc
    log.warning("part.failed", host=host, reason=found)
    error = refusals.object_store.UNAVAILABLE(found=f"{found} from {host}")
    return CallRefused(
        Problem(
            type=f"urn:ferryman:error:{error.code}",
            title="The file was not stored",
            status=503,
            detail=f"Expected {error.expected}; found {error.found}. {error.fix}",
            code=error.code,
            expected=error.expected,
            found=error.found,
            fix=error.fix,
        )
    )
