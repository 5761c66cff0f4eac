"""Record refused calls, so that a stuck transfer can be explained."""

from dataclasses import dataclass, replace
from uuid import UUID

from ferryman import connect_token
from ferryman.domain.outcome import bounded
from ferryman.errors import PlatformError
from ferryman.ids import token_digest
from ferryman.services import app as app_service
from ferryman.services.platform import Platform
from ferryman.store import app as app_store
from ferryman.store import refused_call as refused_call_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction

_TEXT_BYTES = 500


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A refused call and the reason; ``named`` is the id in its path, if there is one."""

    call: str
    named: str | None
    code: str
    found: str
    fix: str


async def record_refusal(platform: Platform, app_id: UUID, refused: RefusedCall) -> None:
    """Record a refused call of a known app."""
    async with platform.database.transaction() as tx:
        await _record(tx, app_id, refused)


async def record_stranger(
    platform: Platform, scheme: str, token: str, refused: RefusedCall
) -> None:
    """Record a refused call without valid credentials, if they reveal the app it may come from.

    A token of the app for another surface does, and so does the issuer in a token with a wrong
    signature. Tokens themselves are never stored.
    """
    async with platform.database.transaction() as tx:
        if owner := await refused_call_store.owner(tx, token_digest(token)):
            app_id, audience = owner
            if refused.code == "token_invalid":
                found = f"the app's {audience}Token, which is for the {audience} surface"
                refused = replace(refused, found=found)
            await _record(tx, app_id, refused)
            return
        for app in await _named_by(tx, scheme, token):
            await _record(tx, app.app_id, refused)


async def _named_by(tx: Transaction, scheme: str, token: str) -> list[AppRow]:
    if scheme != "jwt":
        return []
    try:
        issuer = connect_token.issuer_of(token)
        return [await app_service.find(tx, issuer)]
    except PlatformError:
        return []


async def _record(tx: Transaction, app_id: UUID, refused: RefusedCall) -> None:
    if await app_store.by_id(tx, app_id) is None:
        return
    await refused_call_store.record(
        tx,
        app_id,
        named=_uuid(refused.named),
        call=refused.call,
        code=refused.code,
        found=bounded(refused.found, _TEXT_BYTES),
        fix=bounded(refused.fix, _TEXT_BYTES),
    )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
