"""The home of randomness: identifiers, tokens and jitter come from here and nowhere else.

A platform for tests can be seeded, so that two runs of one plan give the same identifiers. What
has to be secret, and what nobody sees again, is random in every case.
"""

import random
import secrets
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

_source: random.Random = random.SystemRandom()
"""Of identifiers, for the whole process."""


def seed(text: str) -> None:
    """Draw identifiers of this process from ``text`` from now on. For tests only."""
    global _source  # noqa: PLW0603 - as with the seed of the standard library
    _source = random.Random(text)  # noqa: S311 - secrets do not come from it


def new_id() -> UUID:
    """A fresh identifier of something that is kept and shown."""
    return UUID(bytes=_source.randbytes(16), version=4)


def passing_id() -> UUID:
    """A fresh identifier of something that passes: a request, a process, a draft.

    How many of those there are differs from run to run, so they take nothing from the seed.
    """
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


def jitter(*parts: str) -> float:
    """A number in [0, 1): the same one for the same parts, always, and as if by chance.

    So a transfer that is replayed under its ids has the same waits, however many others wait.
    """
    return int.from_bytes(derived_id(*parts).bytes[:6]) / (1 << 48)


def derived_id(*parts: str) -> UUID:
    """The same identifier for the same parts, always: for things that have no row of their own."""
    return uuid5(NAMESPACE_URL, "\x1f".join(parts))


def derived_within(whole: UUID, *parts: str) -> UUID:
    """As :func:`derived_id`, of a part of ``whole``: it begins with the same 48 bits.

    So the parts stand side by side in an index, however many others are in it (ADR 0032).
    """
    own = derived_id(str(whole), *parts)
    return UUID(bytes=whole.bytes[:6] + own.bytes[6:])
