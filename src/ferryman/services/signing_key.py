"""Create, read and rotate the keys that sign the platform's tokens."""

from datetime import timedelta

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.services import audit
from ferryman.services.platform import Platform
from ferryman.store import notice_sink as sink_store
from ferryman.store import secret as secret_store
from ferryman.store.database import Transaction
from ferryman.tokens import SYSTEM_LIFETIME, SigningKey
from ferryman.wire.key import KeyRotation, KeySet, KeyView, SealedSecrets

_NAME = "signing-key"
_LONGEST = timedelta(days=365)


async def load(tx: Transaction) -> list[SigningKey]:
    """Return the keys whose signatures count, the current one first; create it if there is none."""
    await secret_store.get_or_create(tx, _NAME, lambda: _stored(SigningKey.generate()))
    return [_parsed(value) for value, _ in (await secret_store.all_of(tx, _NAME)).values()]


async def read(platform: Platform) -> list[SigningKey]:
    """Like :func:`load`, in a transaction of its own."""
    async with platform.database.reading() as tx:
        return await load(tx)


async def rotate(platform: Platform, request: KeyRotation, by: Actor = PLATFORM) -> KeySet:
    """Sign with a new key from now on; the old one counts for a grace period.

    The period is at least the lifetime of a system token, unless the old key is known to others:
    0 makes it count no more. Both keys are in the JWK set meanwhile.
    """
    seconds = request.grace_seconds
    if seconds and not SYSTEM_LIFETIME.total_seconds() <= seconds <= _LONGEST.total_seconds():
        raise refusals.request.GRACE_INVALID(
            least=SYSTEM_LIFETIME.total_seconds(),
            greatest=_LONGEST.total_seconds(),
            found=request.grace_seconds,
        )
    grace = timedelta(seconds=seconds)
    new = SigningKey.generate()
    async with platform.database.transaction() as tx:
        await secret_store.get_or_create(tx, _NAME, lambda: _stored(SigningKey.generate()))
        value = await secret_store.lock(tx, _NAME) or b""
        old = _parsed(value)
        if grace:
            await secret_store.keep(tx, f"{_NAME} {old.kid}", value, tx.now + grace)
        await secret_store.replace(tx, _NAME, _stored(new))
        keys = await _views(tx)
        await audit.record(
            tx,
            by,
            "rotate_signing_key",
            new.kid,
            before={"kid": old.kid},
            after={"kid": new.kid, "graceSeconds": request.grace_seconds},
        )
    return KeySet(keys=keys)


async def seal_again(platform: Platform, by: Actor = PLATFORM) -> SealedSecrets:
    """Encrypt all stored secrets with the first key of the settings; without one, decrypt them."""
    async with platform.database.transaction() as tx:
        count = await secret_store.seal_again(tx) + await sink_store.seal_again(tx)
        await audit.record(tx, by, "seal_secrets", after={"secrets": count})
    return SealedSecrets(secrets=count, encrypted=bool(tx.secrets.keys))


async def view(platform: Platform) -> KeySet:
    """Return which keys count, and until when."""
    async with platform.database.reading() as tx:
        return KeySet(keys=await _views(tx))


async def _views(tx: Transaction) -> list[KeyView]:
    keys = await secret_store.all_of(tx, _NAME)
    return [
        KeyView(
            kid=_parsed(value).kid,
            signs=name == _NAME,
            expires_at=None if until is None else epoch_ms(until),
        )
        for name, (value, until) in keys.items()
    ]


def _stored(key: SigningKey) -> bytes:
    return key.kid.encode() + b"\n" + key.private_pem


def _parsed(stored: bytes) -> SigningKey:
    kid, _, pem = stored.partition(b"\n")
    return SigningKey(kid.decode(), pem)
