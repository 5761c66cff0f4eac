"""Talk to the identity provider: its discovery document, its keys, and a code for a token."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import structlog

from ferryman import refusals
from ferryman.console.oidc.id_token import Claims, KeyUnknown
from ferryman.console.oidc.settings import ProviderSettings

log = structlog.get_logger("ferryman.console")

_SECONDS = 10.0
_MOST_BYTES = 256 << 10
_DISCOVERY_LIFE = timedelta(hours=1)
_KEYS_LIFE = timedelta(hours=1)
_KEYS_PAUSE = timedelta(seconds=5)
"""Keys are read again for an unknown one, but not for each of a flood of forged logout tokens."""

Keys = list[Mapping[str, Any]]


class ProviderMetadata(msgspec.Struct, frozen=True):
    """Metadata of a provider (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class IdentityProvider:
    """One provider; what it publishes is kept for an hour, in each process."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        # Imported only for a platform that has a provider: most start without one.
        from ferryman.network.aiohttp_client import AsyncNetwork

        self._network = AsyncNetwork()
        self._metadata: tuple[ProviderMetadata, datetime] | None = None
        self._keys: tuple[Keys, datetime] | None = None
        self._turn = asyncio.Lock()

    async def metadata(self, now: datetime) -> ProviderMetadata:
        """Return the discovery document; raise :class:`OutsideError` if it is not to be had."""
        async with self._turn:
            if self._metadata is None or self._metadata[1] + _DISCOVERY_LIFE <= now:
                url = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
                found = self._decoded(await self._get(url), ProviderMetadata, "discovery document")
                self._check(found)
                self._metadata = found, now
            return self._metadata[0]

    async def keys(self, now: datetime, kept: timedelta = _KEYS_LIFE) -> Keys:
        """Return the keys that sign, read again if that was longer ago than ``kept``."""
        metadata = await self.metadata(now)
        async with self._turn:
            if self._keys is None or self._keys[1] + kept <= now:
                raw = await self._get(metadata.jwks_uri)
                found: _KeySet = self._decoded(raw, _KeySet, "key set")
                self._keys = [*found.keys], now
            return self._keys[0]

    async def exchange(self, code: str, verifier: str, now: datetime) -> tuple[str, str]:
        """Return the id token and the access token that a code stands for.

        Raises :class:`NotAuthenticated` (``sign_in_code_refused``) if the provider refuses it.
        """
        own, metadata = self.settings, await self.metadata(now)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": own.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if own.client_secret is None:
            form["client_id"] = own.client_id
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            from aiohttp import BasicAuth

            headers["Authorization"] = BasicAuth(
                quote(own.client_id, safe=""), quote(own.client_secret, safe="")
            ).encode()
        else:
            form |= {"client_id": own.client_id, "client_secret": own.client_secret}
        status, raw = await self._call("POST", metadata.token_endpoint, headers, form)
        if status in (400, 401, 403):
            raise refusals.sign_in.CODE_REFUSED(error=_error_of(raw))
        self._check_status(metadata.token_endpoint, status)
        tokens = self._decoded(raw, _Tokens, "answer with an id token")
        return tokens.id_token, tokens.access_token

    async def userinfo(self, access_token: str, now: datetime) -> dict[str, Any]:
        """Return the claims of a person besides the id token; often their groups."""
        url = (await self.metadata(now)).userinfo_endpoint
        if url is None or not access_token:
            return {}
        headers = {"Authorization": f"Bearer {access_token}"}
        status, raw = await self._call("GET", url, headers)
        self._check_status(url, status)
        found: dict[str, Any] = self._decoded(raw, dict[str, Any], "answer about the person")
        return found

    async def check(
        self, check: Callable[[Keys], Claims], now: datetime, *, from_provider: bool
    ) -> Claims:
        """Return what ``check(keys)`` returns, with keys that are read again if one is unknown.

        That is at once for a token ``from_provider`` itself, and at most every 5 seconds for one
        that anybody may have sent. Raises :class:`TokenRefused`.
        """
        try:
            return check(await self.keys(now))
        except KeyUnknown:
            return check(await self.keys(now, timedelta(0) if from_provider else _KEYS_PAUSE))

    def _check(self, found: ProviderMetadata) -> None:
        own = self.settings.issuer
        if found.issuer != own:
            raise refusals.sign_in.PROVIDER_UNFIT(
                expected=f"the issuer {own} in its discovery document", found=found.issuer
            )
        places = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri)
        for url in (*places, found.userinfo_endpoint or own):
            if urlsplit(url).scheme != "https" and not own.startswith("http:"):
                raise refusals.sign_in.PROVIDER_UNFIT(
                    expected="https in all addresses of its discovery document", found=url
                )

    async def _get(self, url: str) -> bytes:
        status, raw = await self._call("GET", url, {})
        self._check_status(url, status)
        return raw

    def _check_status(self, url: str, status: int) -> None:
        if status != 200:
            raise self._unavailable(url, f"status {status}")

    async def _call(
        self, method: str, url: str, headers: Mapping[str, str], form: object = None
    ) -> tuple[int, bytes]:
        import aiohttp

        limit = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit, cookie_jar=aiohttp.DummyCookieJar()) as http,
                http.request(
                    method,
                    url,
                    data=form,
                    headers={"Accept": "application/json", **headers},
                    allow_redirects=False,
                    **self._network.arguments(url),
                ) as answer,
            ):
                raw = await answer.content.read(_MOST_BYTES)
                while len(raw) < _MOST_BYTES and (more := await answer.content.read(_MOST_BYTES)):
                    raw += more
                return answer.status, raw
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            reason = await self._network.failure(error, url)
            found = reason.found if reason else type(error).__name__
            raise self._unavailable(url, found) from None

    def _unavailable(self, url: str, found: str) -> Exception:
        host = urlsplit(url).netloc
        log.warning("provider.failed", host=host, reason=found)
        return refusals.sign_in.PROVIDER_UNAVAILABLE(host=host, seconds=_SECONDS, found=found)

    def _decoded(self, raw: bytes, kind: Any, what: str) -> Any:
        try:
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise refusals.sign_in.PROVIDER_UNFIT(
                expected=f"a {what} of OpenID Connect from {self.settings.issuer}",
                found="something else",
            ) from None


def _error_of(raw: bytes) -> str:
    """Return the code of an error in the provider's answer, which is not a secret."""
    try:
        return str(msgspec.json.decode(raw, type=dict[str, Any]).get("error", "no reason"))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "no reason"
