"""Make one lifecycle call to a Connect app, and explain its failure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from ferryman import connect_token, refusals
from ferryman.clock import wall_now
from ferryman.domain.outcome import Outcome
from ferryman.errors import OutsideError
from ferryman.functions.descriptor import Descriptor, product_of
from ferryman.services.key_ring import KeyRing
from ferryman.services.platform import Platform
from ferryman.services.routing import client_key
from ferryman.store.app import AppRow
from ferryman.tokens import install_token


class Post(Protocol):
    """A function that posts one JSON body; it never raises, whatever the receiver does."""

    async def __call__(
        self, url: str, payload: Mapping[str, object], headers: Mapping[str, str]
    ) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The signing keys and HTTP client of lifecycle calls."""

    keys: KeyRing
    post: Post


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A lifecycle call; ``secret`` is handed over, and ``fresh`` if it was never sent before."""

    call_id: UUID
    app: AppRow
    descriptor: Descriptor
    secret: str | None = None
    fresh: bool = False


async def post_event(
    platform: Platform, lifecycle: Lifecycle, call: OutgoingCall, event: str, path: str | None
) -> Outcome:
    """Post one lifecycle event, signed RS256 while no secret is shared, otherwise HS256."""
    app, url = call.app, call.descriptor.url(path or "/")
    request = connect_token.SignedRequest("POST", *call.descriptor.hashed(url), context="")
    if event == "enabled" and call.secret is not None:
        token = connect_token.sign(call.secret, client_key(app), request, wall_now())
    else:
        await lifecycle.keys.refresh()
        token = install_token(
            lifecycle.keys.current,
            client_key=client_key(app),
            audience=str((app.descriptor or {}).get("baseUrl")),
            qsh=request.qsh,
            now=wall_now(),
        )
    site = platform.settings.base_url
    payload: dict[str, object] = {
        "key": app.cloud_app_key,
        "clientKey": client_key(app),
        "baseUrl": site,
        "displayUrl": site,
        "productType": product_of(app.descriptor or {}),
        "description": "Ferryman",
        "eventType": event,
    }
    if event == "installed":
        payload["sharedSecret"] = call.secret
    outcome = await lifecycle.post(url, payload, {"Authorization": f"JWT {token}"})
    return replace(outcome, output="")


def error_of(call: OutgoingCall, outcome: Outcome) -> str:
    """Return the error text, with the secret masked in case the app echoed it."""
    text = outcome.error or "no reason given"
    return text if call.secret is None else text.replace(call.secret, "(secret)")


def failure(call: OutgoingCall, outcome: Outcome) -> OutsideError:
    """Return the error to raise for a failed call: ``install_unanswered`` or
    ``install_refused``."""
    url = call.descriptor.url(call.descriptor.installed or "/").partition("?")[0]
    unanswered = outcome.status is None and outcome.stage != "before"
    row = refusals.app.INSTALL_UNANSWERED if unanswered else refusals.app.INSTALL_REFUSED
    return row(url=url, found=error_of(call, outcome))
