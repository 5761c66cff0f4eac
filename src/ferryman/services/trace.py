"""Traces of refused calls, kept so that a transfer that stands still can be explained."""

from dataclasses import dataclass, replace
from uuid import UUID

from ferryman import connect_token
from ferryman.domain.outcome import bounded
from ferryman.errors import PlatformError
from ferryman.ids import token_digest
from ferryman.services import app as app_service
from ferryman.services.platform import Platform
from ferryman.store import app as apps
from ferryman.store import refusal as refusals
from ferryman.store.app import App
from ferryman.store.database import Transaction

_TEXT_BYTES = 500


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """What was called and why not; ``named`` is the id in its path, if it is one."""

    call: str
    named: str | None
    code: str
    found: str
    fix: str


async def record_refusal(platform: Platform, app_id: UUID, refused: RefusedCall) -> None:
    """Remember a call that was refused to a known app."""
    async with platform.database.transaction() as tx:
        await _record(tx, app_id, refused)


async def record_stranger(
    platform: Platform, scheme: str, token: str, refused: RefusedCall
) -> None:
    """The same for a caller without valid credentials, where they tell whose they may be.

    A token of the app for another surface does, and so does a name in a token that is signed
    wrongly. Nothing of a token is kept.
    """
    async with platform.database.transaction() as tx:
        if known := await refusals.owner(tx, token_digest(token)):
            app_id, audience = known
            if refused.code == "token_invalid":
                found = f"the app's {audience}Token, which is for the {audience} surface"
                refused = replace(refused, found=found)
            await _record(tx, app_id, refused)
            return
        for app in await _named_by(tx, scheme, token):
            await _record(tx, app.app_id, refused)


async def _named_by(tx: Transaction, scheme: str, token: str) -> list[App]:
    if scheme != "jwt":
        return []
    try:
        issuer = connect_token.issuer_of(token)
        return [await app_service.find(tx, issuer)]
    except PlatformError:
        return []


async def _record(tx: Transaction, app_id: UUID, refused: RefusedCall) -> None:
    if await apps.by_id(tx, app_id) is None:
        return
    await refusals.record(
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
