"""One lifecycle call to a Connect app: what is sent, and what it means that it failed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from ferryman import connect_token
from ferryman.clock import wall_now
from ferryman.domain.outcome import Outcome
from ferryman.errors import OutsideError
from ferryman.functions.descriptor import Descriptor
from ferryman.services.platform import Platform
from ferryman.services.routing import client_key
from ferryman.store.app import App
from ferryman.tokens import SigningKey, install_token


class Post(Protocol):
    """Sends one JSON body; whatever the receiver does, it raises nothing."""

    async def __call__(
        self, url: str, payload: Mapping[str, object], headers: Mapping[str, str]
    ) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What lifecycle calls are made with."""

    key: SigningKey
    post: Post


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was begun. ``secret`` is what it hands over, and ``fresh`` if never before."""

    call_id: UUID
    app: App
    descriptor: Descriptor
    secret: str | None = None
    fresh: bool = False


async def post_event(
    platform: Platform, lifecycle: Lifecycle, call: Call, event: str, path: str | None
) -> Outcome:
    """One lifecycle event: RS256 where no secret is shared yet or any more, else HS256."""
    app, url = call.app, call.descriptor.url(path or "/")
    request = connect_token.Request("POST", *call.descriptor.hashed(url), context="")
    if event == "enabled" and call.secret is not None:
        token = connect_token.sign(call.secret, client_key(app), request, wall_now())
    else:
        token = install_token(
            lifecycle.key,
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
        "productType": "jira",
        "description": "Ferryman",
        "eventType": event,
    }
    if event == "installed":
        payload["sharedSecret"] = call.secret
    outcome = await lifecycle.post(url, payload, {"Authorization": f"JWT {token}"})
    return replace(outcome, output="")


def error_of(call: Call, outcome: Outcome) -> str:
    """What went wrong; an app that answers with what it was sent shows no secret by it."""
    text = outcome.error or "no reason given"
    return text if call.secret is None else text.replace(call.secret, "(secret)")


def failure(call: Call, outcome: Outcome) -> OutsideError:
    url = call.descriptor.url(call.descriptor.installed or "/").partition("?")[0]
    expected, found = f"a 2xx answer from {url}", error_of(call, outcome)[:500]
    if outcome.status is None and outcome.stage != "before":
        return OutsideError(
            "install_unanswered",
            expected=expected,
            found=found,
            fix="Install again: the same secret is offered. Until then the app's calls with it "
            "are accepted, since it may have taken it.",
        )
    return OutsideError(
        "install_refused",
        expected=expected,
        found=found,
        fix="Nothing was changed. Mend the app or its baseUrl, and install it again.",
    )
