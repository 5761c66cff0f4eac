"""The keys that sign the platform's tokens: the current one, and those it replaced (ADR 0062)."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ferryman.errors import OutsideError
from ferryman.tokens import SigningKey

_MEMORY_SECONDS = 4.0
"""How long keys count as current; a rotation reaches every process within 5 seconds."""


class KeyRing:
    """The signing keys, read again from time to time by ``read``; without it they stay."""

    def __init__(
        self,
        *keys: SigningKey,
        read: Callable[[], Awaitable[list[SigningKey]]] | None = None,
    ) -> None:
        self._keys = keys
        self._read = read
        self._until = monotonic() + _MEMORY_SECONDS

    @property
    def current(self) -> SigningKey:
        """Return the key that signs."""
        return self._keys[0]

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        """Return the keys whose signatures count, the current one first."""
        return self._keys

    @property
    def public(self) -> Mapping[str, RSAPublicKey]:
        """Return the public keys by their ``kid``."""
        return {key.kid: key.public for key in self._keys}

    async def refresh(self) -> None:
        """Read the keys again unless that was done a moment ago."""
        if self._read is None or monotonic() < self._until:
            return
        self._until = monotonic() + _MEMORY_SECONDS
        with suppress(OutsideError):  # the database is away: those known still count
            self._keys = tuple(await self._read())
