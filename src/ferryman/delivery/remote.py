"""Handing a message to a remote: one HTTP POST, bounded in time and in what is read."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

import aiohttp

from ferryman.domain.outcome import Outcome, Stage, failed, succeeded

_BODY_BYTES = 1 << 16


class RemoteSender:
    """Posts events. The session is shared, so it must keep no cookies (``DummyCookieJar``)."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post(
        self,
        url: str,
        payload: str,
        headers: Mapping[str, str],
        timeout: float = 5.0,  # noqa: ASYNC109 - the whole attempt's limit, part of the contract
    ) -> Outcome:
        """One attempt; any 2xx within ``timeout`` seconds, body included, is a success.

        Redirects are not followed: the signed token is meant for the address in the manifest
        alone. At most 64 KiB of the answer are read. Whatever the remote does raises nothing.
        """
        clock = asyncio.get_running_loop()
        began = clock.time()
        request = _Body(payload.encode())
        try:
            async with asyncio.timeout(timeout):
                status, location, body = await self._exchange(url, request, headers)
        except TimeoutError:
            return failed(
                request.stage,
                f"The remote had not answered in full after {timeout:g} s.",
                duration=clock.time() - began,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: an address or an answer that the client cannot make sense of.
            return failed(request.stage, _reason(error), duration=clock.time() - began)
        duration, text = clock.time() - began, body.decode("utf-8", "replace")
        if 200 <= status < 300:
            return succeeded(duration=duration, status=status, output=text)
        reason = f"The remote answered {status}"
        if 300 <= status < 400:
            reason += (
                f", a redirect to {location[:500]!r}, which is not followed: "
                "put the final address into the manifest's remotes[].baseUrl"
            )
        return failed("after", f"{reason}.\n{text}", duration=duration, status=status)

    async def _exchange(
        self, url: str, request: "_Body", headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        async with self._session.post(
            url,
            data=request.chunks(),
            headers={
                # A compressed answer could be small on the wire and huge in memory.
                "Accept-Encoding": "identity",
                "User-Agent": "Ferryman",
                **headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(request.data)),
            },
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as response:
            body = bytearray()
            while len(body) < _BODY_BYTES:
                chunk = await response.content.read(_BODY_BYTES - len(body))
                if not chunk:
                    break
                body += chunk
            else:
                # More may be coming; without this the client would read on to reuse the line.
                response.close()
            return response.status, response.headers.get("Location", ""), bytes(body)


class _Body:
    """The request's bytes, and whether the client came as far as asking for them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.stage: Stage = "before"

    async def chunks(self) -> AsyncIterator[bytes]:
        self.stage = "during"
        yield self.data


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            kind = "The name of the remote could not be resolved"
        case aiohttp.ClientSSLError():
            kind = "No secure connection to the remote could be made"
        case aiohttp.ClientConnectorError():
            kind = "No connection to the remote could be made"
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            kind = "The address of the remote is not usable"
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError():
            kind = "The remote closed the connection before its answer was complete"
        case aiohttp.ClientOSError():
            kind = "The connection to the remote broke"
        case _:
            kind = f"The exchange with the remote failed ({type(error).__name__})"
    return f"{kind}: {error}"
