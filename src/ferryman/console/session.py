"""Sessions: a cookie that seals the access token of whoever signed in.

Nothing is stored on the platform. Each call of a page shows the token again, so a session ends
when its token expires or is revoked, on every replica.
"""

import base64
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from ferryman.ids import new_nonce

LIFE = timedelta(hours=12)
"""After which people sign in again, even if their token lives on."""

_NONCE_BYTES = 18


@dataclass(frozen=True, slots=True, repr=False)
class ConsoleSession:
    """An access token, and the value that every form of the session sends back."""

    token: str
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

    async def seal(self, token: str, now: datetime) -> str:
        """Begin a session of a token; return the value of its cookie."""
        csrf = base64.urlsafe_b64encode(new_nonce(_NONCE_BYTES)).decode()
        facts = msgspec.json.encode([token, csrf])
        return (await self._box()).encrypt_at_time(facts, int(now.timestamp())).decode()

    async def open(self, cookie: str | None, now: datetime) -> ConsoleSession | None:
        """Return the session of a cookie; None if it is none of ours or too old."""
        if not cookie:
            return None
        try:
            facts = (await self._box()).decrypt_at_time(
                cookie.encode(), int(LIFE.total_seconds()), int(now.timestamp())
            )
        except InvalidToken:
            return None
        token, csrf = msgspec.json.decode(facts, type=tuple[str, str])
        return ConsoleSession(token, csrf)

    async def _secret(self) -> bytes:
        if self._key is None:
            self._key = await self._read_key()
        return self._key

    async def _box(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(await self._secret()))
