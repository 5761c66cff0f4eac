"""The only source of randomness: identifiers, tokens and jitter.

A platform for tests can be seeded, so that two runs of one plan yield the same identifiers. Secrets
and ids that nobody sees again are always random.
"""

import random
import secrets
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

_source: random.Random = random.SystemRandom()
"""Source of identifiers for the whole process."""


def seed(text: str) -> None:
    """Draw this process's identifiers from ``text`` from now on. For tests only."""
    global _source  # noqa: PLW0603 - as with the seed of the standard library
    _source = random.Random(text)  # noqa: S311 - secrets do not come from it


def new_id() -> UUID:
    """Return a new identifier for something that is stored and shown."""
    return UUID(bytes=_source.randbytes(16), version=4)


def new_ids(count: int) -> list[UUID]:
    """Return new identifiers that share their first 48 bits, and so are adjacent wherever sorted.

    The files of a batch have such keys: one page of a store's list shows them all (ADR 0058).
    """
    shared = _source.randbytes(6)
    return [UUID(bytes=shared + _source.randbytes(10), version=4) for _ in range(count)]


def ephemeral_id() -> UUID:
    """Return a new identifier for something short-lived: a request, a process, a draft.

    Their number differs from run to run, so they take nothing from the seed.
    """
    return uuid4()


def new_span_id() -> str:
    """Return an identifier for a span of a trace, 16 hexadecimal digits: cheaper than a UUID."""
    return secrets.token_hex(8)


def new_token(prefix: str) -> str:
    """Return a 256-bit secret whose prefix names its purpose, such as ``fm_server_…``."""
    return f"fm_{prefix}_{secrets.token_urlsafe(32)}"


def new_secret() -> bytes:
    """Return 32 random bytes."""
    return secrets.token_bytes(32)


def new_nonce(size: int) -> bytes:
    """Return random bytes that are used once, with one message."""
    return secrets.token_bytes(size)


def token_digest(token: str) -> bytes:
    """Return the digest of a token that is stored; for 256 random bits a plain hash is enough."""
    return sha256(token.encode()).digest()


def jitter(*parts: str) -> float:
    """Return a pseudo-random number in [0, 1), always the same for the same parts.

    So a replayed transfer has the same waits, however many others are waiting.
    """
    return int.from_bytes(derived_id(*parts).bytes[:6]) / (1 << 48)


def derived_id(*parts: str) -> UUID:
    """Return an identifier that is always the same for the same parts, for things without a row."""
    return uuid5(NAMESPACE_URL, "\x1f".join(parts))


def derived_id_with_prefix(whole: UUID, *parts: str) -> UUID:
    """Return a :func:`derived_id` that begins with the first 48 bits of ``whole``.

    So the parts of ``whole`` are adjacent in an index, however large it is (ADR 0048).
    """
    own = derived_id(str(whole), *parts)
    return UUID(bytes=whole.bytes[:6] + own.bytes[6:])
