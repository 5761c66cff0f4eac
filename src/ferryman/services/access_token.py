"""Issue, rotate, revoke and list the access tokens of people and programs (ADR 0062)."""

import re
from collections.abc import Collection
from datetime import timedelta
from functools import partial

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.access import PLATFORM, Actor
from ferryman.domain.limits import ADMIN_PAGE, LABEL_CHARACTERS
from ferryman.ids import new_id, new_token, token_digest
from ferryman.services import audit
from ferryman.services import customer as customer_service
from ferryman.services.platform import (
    Platform,
    check_text,
    encode_cursor,
    page_size,
    row_of_cursor,
)
from ferryman.store import access_token as token_store
from ferryman.store.access_token import AccessToken
from ferryman.store.database import Transaction
from ferryman.vocab import Role
from ferryman.wire.access_token import (
    IssuedToken,
    TokenPage,
    TokenRequest,
    TokenRotation,
    TokenView,
)

_NAME_CHARACTERS = 100
_NAME = re.compile(r"[^\W_]([\w@.+ -]*[\w@.+-])?")
_LIMITS = 100
"""Most customers or apps of one token."""

_LONGEST = 10 * 366 * 86_400
_LONGEST_OVERLAP = 30 * 86_400


async def authenticate(platform: Platform, token: str) -> AccessToken:
    """Return a token that is valid now, and note its use; raise :class:`NotAuthenticated`."""
    async with platform.database.reading() as tx:
        token_row = await token_store.by_digest(tx, token_digest(token))
        if token_row is None or not token_row.valid(tx.now):
            raise refusals.access.OPERATOR_TOKEN_INVALID()
        await token_store.used(tx, token_row.token_id)
    return token_row


async def known(platform: Platform, digests: Collection[bytes]) -> set[bytes]:
    """Return which digests are of tokens, of people or of apps, that were not revoked."""
    async with platform.database.reading() as tx:
        return await token_store.known(tx, digests)


async def create(platform: Platform, request: TokenRequest, by: Actor = PLATFORM) -> IssuedToken:
    """Issue a token; its secret is only in the answer."""
    _check(request)
    async with platform.database.transaction() as tx:
        await customer_service.check_known(tx, request.customers or [])
        issued = await _issue(tx, request, by)
        await audit.record(tx, by, "create_token", request.name, after=_facts(issued.access))
    return issued


async def rotate(
    platform: Platform, name: str, request: TokenRotation, by: Actor = PLATFORM
) -> IssuedToken:
    """Issue a new secret for a token; the old one expires after an overlap."""
    _check_seconds("seconds", request.seconds, 1, _LONGEST)
    _check_seconds("overlap", request.overlap, 0, _LONGEST_OVERLAP)
    async with platform.database.transaction() as tx:
        old = await token_store.lock_current(tx, check_text("name", name, longest=_NAME_CHARACTERS))
        if old is None:
            raise refusals.access_token.NOT_FOUND(id=name)
        life = None if old.expires_at is None else old.expires_at - old.created_at
        seconds = request.seconds or (None if life is None else int(life.total_seconds()))
        await token_store.replace(tx, old.token_id, tx.now + timedelta(seconds=request.overlap))
        again = TokenRequest(
            name=name, role=old.role, customers=old.customers, apps=old.apps, seconds=seconds
        )
        issued = await _issue(tx, again, by)
        await audit.record(
            tx,
            by,
            "rotate_token",
            name,
            before=_facts(_view(old)),
            after={**_facts(issued.access), "overlapSeconds": request.overlap},
        )
    return issued


async def revoke(platform: Platform, name: str, by: Actor = PLATFORM) -> TokenPage:
    """Revoke all secrets of a name; every replica refuses them within 5 seconds."""
    async with platform.database.transaction() as tx:
        revoked = await token_store.revoke(tx, check_text("name", name, longest=_NAME_CHARACTERS))
        if not revoked:
            raise refusals.access_token.NOT_FOUND(id=name)
        items = [_view(token) for token in revoked]
        await audit.record(
            tx, by, "revoke_token", name, before=_facts(items[0]), after={"secrets": len(items)}
        )
    return TokenPage(items=items)


async def page(platform: Platform, *, cursor: str | None, size: int | None) -> TokenPage:
    """Return a page of all tokens, also revoked ones, oldest first."""
    limit = page_size(size, default=100, greatest=ADMIN_PAGE)
    async with platform.database.transaction() as tx:
        after = await row_of_cursor(cursor, partial(token_store.by_id, tx), "tokens")
        rows = await token_store.page(tx, after=after, size=limit + 1)
    items = [_view(token) for token in rows[:limit]]
    more = len(rows) > limit
    return TokenPage(
        items=items, next_cursor=encode_cursor(items[-1].token_id, "tokens") if more else None
    )


async def _issue(tx: Transaction, request: TokenRequest, by: Actor) -> IssuedToken:
    secret = new_token(request.role.replace("-", ""))
    seconds = request.seconds
    token = AccessToken(
        token_id=new_id(),
        name=request.name,
        role=request.role,
        customers=request.customers,
        apps=request.apps,
        created_at=tx.now,
        created_by=by.name,
        expires_at=None if seconds is None else tx.now + timedelta(seconds=seconds),
    )
    stored = await token_store.insert(tx, token, token_digest(secret))
    if stored is None:
        raise refusals.access_token.NAME_TAKEN(name=request.name)
    return IssuedToken(token=secret, access=_view(stored))


def _facts(view: TokenView) -> dict[str, object]:
    """Return the fields of a token that the audit log records."""
    return {
        "role": view.role,
        "customers": view.customers,
        "apps": view.apps,
        "expiresAt": view.expires_at,
    }


def _check(request: TokenRequest) -> None:
    name = check_text("name", request.name, longest=_NAME_CHARACTERS)
    if _NAME.fullmatch(name) is None:
        raise refusals.access_token.NAME_INVALID(longest=_NAME_CHARACTERS, name=name)
    _check_seconds("seconds", request.seconds, 1, _LONGEST)
    owner, limited = request.role is Role.APP_OWNER, request.role in (Role.VIEWER, Role.OPERATOR)
    for what, given, fits, needed in (
        ("customers", request.customers, limited, False),
        ("apps", request.apps, owner, owner),
    ):
        if given is None and not needed:
            continue
        expected = f"1 to {_LIMITS} {what}, each once," if fits else f"no {what}"
        if not fits or not given or not len(set(given)) == len(given) <= _LIMITS:
            found = "none" if not given else f"{len(given)} {what}"
            raise refusals.access_token.LIMITS_INVALID(
                expected=expected, role=request.role, found=found
            )
        for value in given:
            check_text("key", value, longest=LABEL_CHARACTERS)


def _check_seconds(name: str, seconds: int | None, least: int, greatest: int) -> None:
    if seconds is not None and not least <= seconds <= greatest:
        raise refusals.access_token.SECONDS_INVALID(
            name=name, least=least, greatest=greatest, seconds=seconds
        )


def _view(token: AccessToken) -> TokenView:
    times = {
        name: None if at is None else epoch_ms(at)
        for name in ("last_used_at", "expires_at", "replaced_at", "revoked_at")
        for at in [getattr(token, name)]
    }
    return TokenView(
        token_id=str(token.token_id),
        name=token.name,
        role=token.role,
        customers=token.customers,
        apps=token.apps,
        created_at=epoch_ms(token.created_at),
        created_by=token.created_by,
        current=token.replaced_at is None and token.revoked_at is None,
        **times,
    )
