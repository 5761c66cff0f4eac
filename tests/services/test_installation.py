"""Handing a secret over where things break: the app is a function here, the database is real."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from ferryman.domain.outcome import Outcome, failed, succeeded
from ferryman.errors import Conflict, OutsideError
from ferryman.services import app as app_service
from ferryman.services import installation
from ferryman.services.installation import GRACE
from ferryman.services.key_ring import KeyRing
from ferryman.services.lifecycle import Lifecycle
from ferryman.tokens import SigningKey
from ferryman.vocab import AppKind, FailureCause, InstallationState
from ferryman.wire.app import AppRegistration
from tests.kit.services import Services

KEY = SigningKey.generate()
APP = "connect-app"
DESCRIPTOR = {
    "key": APP,
    "baseUrl": "https://app.example",
    "authentication": {"type": "jwt"},
    "lifecycle": {"installed": "/installed", "uninstalled": "/uninstalled"},
}
TAKEN = succeeded(duration=0.0, status=200)
REFUSED = failed(
    "after", FailureCause.APP_FAILED, "The app answered 500.", duration=0.0, status=500
)
UNREACHED = failed("before", FailureCause.CONNECTION_REFUSED, "No connection.", duration=0.0)
UNANSWERED = failed(
    "during", FailureCause.NOT_ANSWERED_IN_TIME, "The app had not answered.", duration=0.0
)


class DeadError(Exception):
    """The process died while the app was called."""


class StubApp:
    """An app that answers as it is told, and the secrets it was sent."""

    def __init__(self, services: Services) -> None:
        self.services, self.platform = services, services.platform
        self.answer: Outcome | Exception = TAKEN
        self.sent: list[str] = []
        self.calls: list[str] = []
        self.entered, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()
        self.lifecycle = Lifecycle(KeyRing(KEY), self.post)

    async def post(
        self, url: str, payload: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Outcome:
        self.calls.append(url)
        self.sent += [payload["sharedSecret"]] if "sharedSecret" in payload else []
        self.entered.set()
        await self.go_on.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def register(self) -> Any:
        request = AppRegistration(
            kind=AppKind.CONNECT, server_app_key="s", cloud_app_key=APP, descriptor=DESCRIPTOR
        )
        return await installation.register(self.platform, self.lifecycle, request)

    async def install(self, answer: Outcome | Exception) -> Any:
        self.answer = answer
        return await installation.install(self.platform, self.lifecycle, APP)

    async def good(self) -> set[str]:
        """The secrets that open the Connect surface now."""
        return set(await app_service.by_issuer(self.platform, APP))

    async def current(self) -> str | None:
        async with self.platform.database.transaction() as tx:
            return (await app_service.find(tx, APP)).shared_secret

    async def sign_with(self, secret: str) -> None:
        """What the guard does with a token that verified."""
        app = (await app_service.by_issuer(self.platform, APP))[secret]
        if app.shared_secret != secret:
            await installation.used(self.platform, app, secret)


@pytest.fixture
async def app(services: Services) -> StubApp:
    return StubApp(services)


async def test_a_rotation_overlaps(app: StubApp) -> None:
    """Two secrets are good for the length of the grace, then the new one alone."""
    await app.register()
    await app.install(TAKEN)
    one, two = app.sent
    assert await app.current() == two
    assert await app.good() == {one, two}
    await app.services.advance(GRACE / 2)
    assert await app.good() == {one, two}
    await app.services.advance(GRACE / 2)
    assert await app.good() == {two}


@pytest.mark.parametrize("answer", [REFUSED, UNREACHED])
async def test_an_app_that_did_not_take_it_keeps_what_it_had(app: StubApp, answer: Outcome) -> None:
    """Nothing is changed, and the next try offers another secret."""
    await app.register()
    before = await app.good()
    with pytest.raises(OutsideError, match="install_refused"):
        await app.install(answer)
    assert await app.good() == before
    await app.install(TAKEN)
    assert len(set(app.sent)) == len(app.sent)


@pytest.mark.parametrize("end", [UNANSWERED, DeadError()])
async def test_what_may_have_been_taken_is_never_lost(
    app: StubApp, end: Outcome | Exception
) -> None:
    """Both secrets are good; the same one is offered again, even if the app refuses in between."""
    await app.register()
    with pytest.raises((OutsideError, DeadError)):
        await app.install(end)
    first, offered = app.sent
    assert await app.current() == first
    assert await app.good() == {first, offered}
    await app.services.advance(timedelta(minutes=1))
    with pytest.raises(OutsideError, match="install_refused"):
        await app.install(REFUSED)
    assert await app.good() == {first, offered}
    await app.install(TAKEN)
    assert app.sent == [first, offered, offered, offered]
    assert await app.current() == offered


async def test_an_app_that_signs_with_an_offer_has_taken_it(app: StubApp) -> None:
    """Once nobody waits for its answer any more; an old secret proves nothing."""
    await app.register()
    with pytest.raises(DeadError):
        await app.install(DeadError())
    first, offered = app.sent
    await app.sign_with(offered)
    assert await app.current() == first, "the answer may still come"
    await app.services.advance(timedelta(minutes=1))
    await app.sign_with(offered)
    assert await app.current() == offered
    assert await app.good() == {first, offered}
    await app.sign_with(first)
    assert await app.current() == offered


async def test_one_call_at_a_time(app: StubApp) -> None:
    """Another is refused while one is under way; one that comes back too late changes nothing."""
    await app.register()
    app.go_on.clear()
    app.entered.clear()
    slow = asyncio.create_task(app.install(TAKEN))
    await app.entered.wait()
    for act in (installation.install, installation.uninstall):
        with pytest.raises(Conflict, match="installation_in_progress"):
            await act(app.platform, app.lifecycle, APP)
    await app.services.advance(timedelta(minutes=1))
    app.go_on.set()
    view = await installation.uninstall(app.platform, app.lifecycle, APP)
    assert view.installation is not None
    assert view.installation.state is InstallationState.UNINSTALLED
    with pytest.raises(Conflict, match="installation_in_progress"):
        await slow
    assert await app.good() == set()


async def test_calls_of_many_operators(app: StubApp) -> None:
    """Of those at the same time one is made, and what is current is what the app took last."""
    await app.register()
    done = await asyncio.gather(*(app.install(TAKEN) for _ in range(20)), return_exceptions=True)
    assert all(not isinstance(each, BaseException) or isinstance(each, Conflict) for each in done)
    taken = [each for each in done if not isinstance(each, BaseException)]
    assert len(taken) == len(app.sent) - 1
    assert await app.current() == app.sent[-1]


async def test_secrets_are_shown_nowhere(app: StubApp) -> None:
    """Not even if the app answers with what it was sent."""
    await app.register()

    async def echo(url: str, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Outcome:
        app.sent.append(payload["sharedSecret"])
        return failed("after", FailureCause.APP_FAILED, f"no: {payload}", duration=0.0, status=400)

    with pytest.raises(OutsideError) as refused:
        await installation.install(app.platform, Lifecycle(KeyRing(KEY), echo), APP)
    view = await app_service.view(app.platform, APP)
    for secret in app.sent:
        assert secret not in str(refused.value)
        assert secret not in str(view)
