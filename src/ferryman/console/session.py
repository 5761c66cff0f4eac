"""Sessions: a cookie that seals the secret of a session, whose digest the platform stores.

Each call of a page shows the secret again. So a session ends on every replica when it is ended, or
when the token that it has its rights from expires or is revoked.
"""

import base64
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol, runtime_checkable

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from ferryman.domain.access import RequestOrigin
from ferryman.domain.person import Person
from ferryman.ids import new_nonce

LIFE = timedelta(hours=12)
"""After which people sign in again, even if their token lives on."""

_NONCE_BYTES = 18


@runtime_checkable  # the framework checks what handlers depend on
class SignInDesk(Protocol):
    """Interface of the platform with which the console signs people in and out."""

    async def key(self) -> bytes:
        """Return the secret of 32 bytes that seals cookies on all replicas."""

    async def begin(self, token: str, origin: RequestOrigin) -> str:
        """Begin a session with the rights of a token; return its secret."""

    async def make_link(self, token: str) -> str:
        """Return the code of a new link that signs a person in once, with a token's rights."""

    async def take_link(self, code: str, origin: RequestOrigin) -> str | None:
        """Begin the session of a link; None if it was used or is too old."""

    async def begin_person(self, person: Person, origin: RequestOrigin, life: timedelta) -> str:
        """Begin the session of a person whom the identity provider vouched for."""

    async def end(self, secret: str, origin: RequestOrigin) -> None:
        """End a session, for every browser that holds its secret; repeatable."""

    async def end_of_provider(
        self,
        issuer: str,
        origin: RequestOrigin,
        *,
        subject: str | None,
        provider_session: str | None,
    ) -> int:
        """End the sessions of a person, or of one sign-in at the provider; return how many."""


@dataclass(frozen=True, slots=True, repr=False)
class ConsoleSession:
    """The secret of a session, and the CSRF token that every form of the session sends back."""

    secret: str
    csrf: str

    def accepts(self, csrf: str) -> bool:
        """Return whether a form was made for this session."""
        return hmac.compare_digest(csrf.encode(), self.csrf.encode())


class Sessions:
    """Seal and open sessions; ``read_key`` returns the secret that all replicas share."""

    def __init__(self, read_key: Callable[[], Awaitable[bytes]]) -> None:
        self._read_key = read_key
        self._key: bytes | None = None

    async def cookie_name(self) -> str:
        """Return a name of the platform's own: browsers share cookies between ports."""
        return f"ferryman_{sha256(b'console cookie' + await self._secret()).hexdigest()[:8]}"

    async def seal(self, secret: str, now: datetime) -> str:
        """Return the value of the cookie of a session that begins."""
        csrf = base64.urlsafe_b64encode(new_nonce(_NONCE_BYTES)).decode()
        return await self.seal_facts([secret, csrf], now)

    async def open(self, cookie: str | None, now: datetime) -> ConsoleSession | None:
        """Return the session of a cookie; None if it is foreign or too old."""
        facts = await self.open_facts(cookie, LIFE, now)
        return None if facts is None or len(facts) != 2 else ConsoleSession(*facts)

    async def seal_facts(self, facts: list[str], now: datetime) -> str:
        """Return the value of a cookie that only the platform can read or make."""
        raw = msgspec.json.encode(facts)
        return (await self._box()).encrypt_at_time(raw, int(now.timestamp())).decode()

    async def open_facts(
        self, cookie: str | None, life: timedelta, now: datetime
    ) -> list[str] | None:
        """Return the content of a sealed cookie; None if it is foreign, or has expired."""
        if not cookie:
            return None
        try:
            raw = (await self._box()).decrypt_at_time(
                cookie.encode(), int(life.total_seconds()), int(now.timestamp())
            )
        except InvalidToken:
            return None
        return msgspec.json.decode(raw, type=list[str])

    async def _secret(self) -> bytes:
        if self._key is None:
            self._key = await self._read_key()
        return self._key

    async def _box(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(await self._secret()))
