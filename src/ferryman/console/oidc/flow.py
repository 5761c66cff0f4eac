"""Send a browser to the identity provider, take it back, and end sessions that it ends.

What a sign-in began with is sealed in a cookie of that browser, so any replica takes the answer.
"""

import base64
import hmac
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.response import Redirect

from ferryman import refusals
from ferryman.clock import wall_now
from ferryman.console.oidc.id_token import TokenRefused, check_id_token, check_logout_token
from ferryman.console.oidc.provider import IdentityProvider
from ferryman.console.session import Sessions, SignInDesk
from ferryman.console.sign_in import OWN_FOLDER, Next, entered
from ferryman.console.visit import cookie_of, inner_page, origin_of
from ferryman.domain.person import Person, groups_of, person_of
from ferryman.ids import new_nonce

_STATE_LIFE = timedelta(minutes=10)
_SESSION_LIFE = timedelta(hours=1)
"""After this time the provider is asked again, so a person whom it now refuses is signed out."""

_NONCE_BYTES = 32


@get("/provider")
async def to_provider(
    provider: NamedDependency[Any],
    sessions: NamedDependency[Sessions],
    secure: NamedDependency[bool],
    next_page: Next = "",
) -> Redirect:
    """Send the browser to the identity provider."""
    known, now = _configured(provider), wall_now()
    own = known.settings
    metadata = await known.metadata(now)
    state, nonce, verifier = (_random() for _ in range(3))
    challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code",
        "client_id": own.client_id,
        "redirect_uri": own.redirect_uri,
        "scope": own.scopes,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    place = metadata.authorization_endpoint
    answer = Redirect(f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}", status_code=303)
    answer.set_cookie(
        key=await _cookie(sessions, state),
        value=await sessions.seal_facts([state, nonce, verifier, inner_page(next_page)], now),
        max_age=int(_STATE_LIFE.total_seconds()),
        path=OWN_FOLDER,
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return answer


@get("/signed-in")
async def from_provider(
    request: Request[Any, Any, Any],
    provider: NamedDependency[Any],
    sessions: NamedDependency[Sessions],
    sign_ins: NamedDependency[SignInDesk],
    secure: NamedDependency[bool],
) -> Response[Any]:
    """Begin the session of whom the provider vouches for."""
    known, now = _configured(provider), wall_now()
    state = request.query_params.get("state", "")
    cookie = await _cookie(sessions, state)
    begun = await sessions.open_facts(cookie_of(request, cookie), _STATE_LIFE, now)
    if begun is None or len(begun) != 4 or not _same(begun[0], state):
        raise _state_refused("one that was not begun in this browser, or long ago")
    _, nonce, verifier, page = begun
    await _check_issuer(request, known)
    if error := request.query_params.get("error"):
        await _leave(request, sessions, sign_ins)
        raise refusals.sign_in.PROVIDER_REFUSED(error=error)
    code = request.query_params.get("code", "")
    if not code:
        raise _state_refused("an answer without a code")
    person = await _person(known, code, nonce, verifier)
    secret = await sign_ins.begin_person(person, origin_of(request), _SESSION_LIFE)
    answer = await entered(sessions, secret, inner_page(page), secure=secure)
    answer.set_cookie(key=cookie, value="", max_age=0, path=OWN_FOLDER)
    return answer


@post("/provider-logout", status_code=200)
async def provider_logout(
    request: Request[Any, Any, Any],
    provider: NamedDependency[Any],
    sign_ins: NamedDependency[SignInDesk],
) -> Response[Any]:
    """End sessions because the provider says so (OpenID Connect Back-Channel Logout 1.0)."""
    known, now = _configured(provider), wall_now()
    own, sent = known.settings, str((await request.form()).get("logout_token", ""))
    try:
        claims = await known.check(
            lambda keys: check_logout_token(
                sent, keys, issuer=own.issuer, client_id=own.client_id, now=now
            ),
            now,
            from_provider=False,
        )
    except TokenRefused as refused:
        raise refusals.sign_in.LOGOUT_INVALID(issuer=own.issuer, found=refused) from None
    session = claims.get("sid")
    await sign_ins.end_of_provider(
        own.issuer,
        origin_of(request),
        subject=claims.get("sub"),
        provider_session=session if isinstance(session, str) else None,
    )
    return Response(b"", status_code=200, media_type="text/plain")


async def _person(known: IdentityProvider, code: str, nonce: str, verifier: str) -> Person:
    """Return the person of a code, with their rights."""
    own, now = known.settings, wall_now()
    id_token, access_token = await known.exchange(code, verifier, now)
    try:
        claims = await known.check(
            lambda keys: check_id_token(
                id_token,
                keys,
                issuer=own.issuer,
                client_id=own.client_id,
                nonce=nonce,
                now=now,
            ),
            now,
            from_provider=True,
        )
    except TokenRefused as refused:
        raise refusals.sign_in.ID_TOKEN_INVALID(issuer=own.issuer, found=refused) from None
    if not groups_of(claims, own.claim):
        # Many providers keep the id token short, and tell groups here alone.
        more = await known.userinfo(access_token, now)
        if more.get("sub") == claims.get("sub"):
            claims = {**more, **claims}
    return person_of(claims, own.roles, own.claim, own.issuer)


async def _check_issuer(request: Request[Any, Any, Any], known: IdentityProvider) -> None:
    """Refuse the answer of another provider (RFC 9207)."""
    said = request.query_params.get("iss")
    metadata = await known.metadata(wall_now())
    needed = metadata.authorization_response_iss_parameter_supported
    if said != known.settings.issuer and (said is not None or needed):
        raise _state_refused("the answer of another provider")


async def _leave(request: Request[Any, Any, Any], sessions: Sessions, sign_ins: SignInDesk) -> None:
    """End the session of a browser whose person the provider has refused."""
    cookie = cookie_of(request, await sessions.cookie_name())
    session = await sessions.open(cookie, wall_now())
    if session is not None:
        await sign_ins.end(session.secret, origin_of(request))


async def _cookie(sessions: Sessions, state: str) -> str:
    """Return a unique cookie name for each sign-in: a browser may begin several."""
    return f"{await sessions.cookie_name()}_{sha256(state.encode()).hexdigest()[:8]}"


def _configured(provider: Any) -> IdentityProvider:
    if not isinstance(provider, IdentityProvider):
        raise NotFoundException
    return provider


def _same(one: str, other: str) -> bool:
    # As bytes: texts that are compared so must be ASCII, and a query may hold anything.
    return hmac.compare_digest(one.encode(), other.encode())


def _state_refused(found: str) -> Exception:
    minutes = int(_STATE_LIFE.total_seconds() // 60)
    return refusals.sign_in.STATE_INVALID(minutes=minutes, found=found)


def _random() -> str:
    return base64.urlsafe_b64encode(new_nonce(_NONCE_BYTES)).decode().rstrip("=")


OIDC_HANDLERS = [to_provider, from_provider, provider_logout]
