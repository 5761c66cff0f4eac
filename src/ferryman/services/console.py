"""Sign people in to the console, by a secret whose digest alone is stored (ADR 77).

Times are those of the wall: a virtual clock that moves signs nobody out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ferryman import refusals
from ferryman.clock import wall_now
from ferryman.domain.access import OPERATOR, Actor, Reach, RequestOrigin
from ferryman.domain.person import Person
from ferryman.ids import new_id, new_secret, new_token, token_digest
from ferryman.services import audit
from ferryman.services.platform import Platform
from ferryman.store import access_token as token_store
from ferryman.store import console_session as session_store
from ferryman.store import secret as secret_store
from ferryman.store.access_token import AccessToken
from ferryman.store.console_session import Rights, SessionRow
from ferryman.store.database import Transaction
from ferryman.vocab import SignInMethod

PREFIX = "fm_session_"
_KEY = "console-sessions"
_LIFE = timedelta(hours=12)
_LINK_LIFE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class SignIns:
    """The part of the platform with which the console signs people in and out."""

    platform: Platform
    operator_token: str
    now: Callable[[], datetime] = wall_now

    async def key(self) -> bytes:
        """Return the secret of 32 bytes that seals cookies on all replicas."""
        async with self.platform.database.transaction() as tx:
            return await secret_store.get_or_create(tx, _KEY, new_secret)

    async def begin(self, token: str, origin: RequestOrigin) -> str:
        """Begin a session with the rights of a token; return its secret."""
        async with self.platform.database.transaction() as tx:
            rights = await self._rights(tx, token)
            begun = await self._begin(tx, SignInMethod.TOKEN, rights, origin)
        return _valid(begun)

    async def make_link(self, token: str) -> str:
        """Return the code of a new link that signs a person in once, with a token's rights."""
        code, until = new_token("link"), self.now() + _LINK_LIFE
        async with self.platform.database.transaction() as tx:
            rights = await self._rights(tx, token)
            await session_store.insert_link(tx, token_digest(code), rights, until)
        return code

    async def take_link(self, code: str, origin: RequestOrigin) -> str | None:
        """Begin the session of a link, on any replica; None if it was used or is too old."""
        async with self.platform.database.transaction() as tx:
            rights = await session_store.take_link(tx, token_digest(code), self.now())
            if rights is None:
                return None
            return await self._begin(tx, SignInMethod.LINK, rights, origin)

    async def begin_person(self, person: Person, origin: RequestOrigin, life: timedelta) -> str:
        """Begin the session of a person whom the identity provider vouched for."""
        async with self.platform.database.transaction() as tx:
            begun = await self._begin(tx, SignInMethod.PROVIDER, person, origin, life)
        return _valid(begun)

    async def end(self, secret: str, origin: RequestOrigin) -> None:
        """End a session, for every browser that holds its secret; repeatable."""
        now = self.now()
        async with self.platform.database.transaction() as tx:
            session = await session_store.by_digest(tx, token_digest(secret), now)
            if session is None or not await session_store.end(tx, session.session_id, now):
                return
            found = await _holder(tx, session.of, token_digest(self.operator_token))
            if found is not None:
                await audit.record(tx, origin.of(found[0]), "sign_out", session.session_id)

    async def end_of_provider(
        self,
        issuer: str,
        origin: RequestOrigin,
        *,
        subject: str | None,
        provider_session: str | None,
    ) -> int:
        """End the sessions of a person, or of one sign-in at the provider; return how many."""
        async with self.platform.database.transaction() as tx:
            ended = await session_store.end_of_provider(
                tx, issuer, subject=subject, provider_session=provider_session
            )
            for session in ended:
                if isinstance(session.of, Person):
                    actor = origin.of(session.of.actor)
                    facts = {"by": issuer}
                    await audit.record(tx, actor, "sign_out", session.session_id, after=facts)
        return len(ended)

    async def _rights(self, tx: Transaction, token: str) -> Rights:
        digest = token_digest(token)
        if digest == token_digest(self.operator_token):
            return Rights(operator_digest=digest)
        row = await token_store.by_digest(tx, digest)
        if row is None or not row.valid(tx.now):
            raise refusals.access.OPERATOR_TOKEN_INVALID()
        return Rights(token_id=row.token_id)

    async def _begin(
        self,
        tx: Transaction,
        method: SignInMethod,
        of: Rights | Person,
        origin: RequestOrigin,
        life: timedelta = _LIFE,
    ) -> str | None:
        """Begin a session; None if whose rights it was to have has lost them."""
        found = await _holder(tx, of, token_digest(self.operator_token))
        if found is None:
            return None
        secret, now = new_token("session"), self.now()
        session = SessionRow(
            session_id=new_id(),
            method=method,
            of=of,
            address=origin.address,
            created_at=now,
            expires_at=now + life,
        )
        await session_store.insert(tx, session, token_digest(secret))
        by, facts = origin.of(found[0]), {"method": method.value}
        await audit.record(tx, by, "sign_in", session.session_id, after=facts)
        return secret


async def authenticate(
    platform: Platform, secret: str, operator_token: str, now: datetime
) -> tuple[Actor, datetime]:
    """Return whose session a secret belongs to, and when it has to be asked again.

    Raises :class:`NotAuthenticated` if the session, or what it has its rights from, has ended.
    """
    async with platform.database.reading() as tx:
        session = await session_store.by_digest(tx, token_digest(secret), now)
        if session is None:
            raise refusals.access.OPERATOR_TOKEN_INVALID()
        found = await _holder(tx, session.of, token_digest(operator_token))
        if found is None:
            raise refusals.access.OPERATOR_TOKEN_INVALID()
        actor, token = found
        if token is not None:
            await token_store.used(tx, token.token_id)
    ends = session.expires_at
    if token is not None and token.expires_at is not None and not platform.database.virtual:
        ends = min(ends, token.expires_at)
    return actor, ends


def _valid(secret: str | None) -> str:
    if secret is None:
        raise refusals.access.OPERATOR_TOKEN_INVALID()
    return secret


def holder_of_token(token: AccessToken) -> Actor:
    """Return the holder of an access token as the caller of the admin surface."""
    reach = Reach(
        None if token.customers is None else tuple(token.customers),
        None if token.apps is None else tuple(token.apps),
    )
    return Actor(name=token.name, role=token.role, reach=reach)


async def _holder(
    tx: Transaction, of: Rights | Person, operator_digest: bytes
) -> tuple[Actor, AccessToken | None] | None:
    """Return whose rights they are, with the token if it is one; None if they have ended."""
    if isinstance(of, Person):
        return of.actor, None
    if of.token_id is None:
        return (OPERATOR, None) if of.operator_digest == operator_digest else None
    token = await token_store.by_id(tx, of.token_id)
    return None if token is None or not token.valid(tx.now) else (holder_of_token(token), token)
