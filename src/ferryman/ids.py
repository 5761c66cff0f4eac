"""The home of randomness: identifiers, tokens and jitter come from here and nowhere else."""

import random
import secrets
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5


def new_id() -> UUID:
    """A fresh identifier."""
    return uuid4()


def new_token(prefix: str) -> str:
    """A secret of 256 bits that says by its prefix what it opens, e.g. ``fm_server_…``."""
    return f"fm_{prefix}_{secrets.token_urlsafe(32)}"


def new_secret() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(32)


def token_digest(token: str) -> bytes:
    """What is kept of a token: it has 256 random bits, so a plain hash is enough."""
    return sha256(token.encode()).digest()


def jitter() -> float:
    """A number in [0, 1)."""
    return random.random()  # noqa: S311 - spreads retries, guards nothing


def derived_id(*parts: str) -> UUID:
    """The same identifier for the same parts, always: for things that have no row of their own."""
    return uuid5(NAMESPACE_URL, "\x1f".join(parts))
