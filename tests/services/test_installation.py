"""Handing a secret over where things break: the app is a function here, the database is real."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from ferryman.domain.outcome import Outcome, failed, succeeded
from ferryman.errors import Conflict, OutsideError
from ferryman.services import app as app_service
from ferryman.services import installation
from ferryman.services.installation import GRACE
from ferryman.services.lifecycle import Lifecycle
from ferryman.tokens import SigningKey
from ferryman.vocab import AppKind, FailureCause, InstallationState
from ferryman.wire.app import AppRegistration
from tests.services.conftest import Play
from tests.services.stage import Stage

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


class Ground:
    """An app that answers as it is told, and the secrets it was sent."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.platform = stage, stage.platform
        self.answer: Outcome | Exception = TAKEN
        self.sent: list[str] = []
        self.calls: list[str] = []
        self.entered, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()
        self.lifecycle = Lifecycle(KEY, self.post)

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


Scene = Callable[[Ground], Awaitable[None]]


@pytest.fixture
def on_ground(play: Play[None]) -> Callable[[Scene], None]:
    return lambda scene: play(lambda stage: scene(Ground(stage)))


def test_a_rotation_overlaps(on_ground: Callable[[Scene], None]) -> None:
    """Two secrets are good for the length of the grace, then the new one alone."""

    async def scene(ground: Ground) -> None:
        await ground.register()
        await ground.install(TAKEN)
        one, two = ground.sent
        assert await ground.current() == two
        assert await ground.good() == {one, two}
        await ground.stage.pass_time(GRACE / 2)
        assert await ground.good() == {one, two}
        await ground.stage.pass_time(GRACE / 2)
        assert await ground.good() == {two}

    on_ground(scene)


@pytest.mark.parametrize("answer", [REFUSED, UNREACHED])
def test_an_app_that_did_not_take_it_keeps_what_it_had(
    on_ground: Callable[[Scene], None], answer: Outcome
) -> None:
    """Nothing is changed, and the next try offers another secret."""

    async def scene(ground: Ground) -> None:
        await ground.register()
        before = await ground.good()
        with pytest.raises(OutsideError, match="install_refused"):
            await ground.install(answer)
        assert await ground.good() == before
        await ground.install(TAKEN)
        assert len(set(ground.sent)) == len(ground.sent)

    on_ground(scene)


@pytest.mark.parametrize("end", [UNANSWERED, DeadError()])
def test_what_may_have_been_taken_is_never_lost(
    on_ground: Callable[[Scene], None], end: Outcome | Exception
) -> None:
    """Both secrets are good; the same one is offered again, even if the app refuses in between."""

    async def scene(ground: Ground) -> None:
        await ground.register()
        with pytest.raises((OutsideError, DeadError)):
            await ground.install(end)
        first, offered = ground.sent
        assert await ground.current() == first
        assert await ground.good() == {first, offered}
        await ground.stage.pass_time(timedelta(minutes=1))
        with pytest.raises(OutsideError, match="install_refused"):
            await ground.install(REFUSED)
        assert await ground.good() == {first, offered}
        await ground.install(TAKEN)
        assert ground.sent == [first, offered, offered, offered]
        assert await ground.current() == offered

    on_ground(scene)


def test_an_app_that_signs_with_an_offer_has_taken_it(on_ground: Callable[[Scene], None]) -> None:
    """Once nobody waits for its answer any more; an old secret proves nothing."""

    async def scene(ground: Ground) -> None:
        await ground.register()
        with pytest.raises(DeadError):
            await ground.install(DeadError())
        first, offered = ground.sent
        await ground.sign_with(offered)
        assert await ground.current() == first, "the answer may still come"
        await ground.stage.pass_time(timedelta(minutes=1))
        await ground.sign_with(offered)
        assert await ground.current() == offered
        assert await ground.good() == {first, offered}
        await ground.sign_with(first)
        assert await ground.current() == offered

    on_ground(scene)


def test_one_call_at_a_time(on_ground: Callable[[Scene], None]) -> None:
    """Another is refused while one is under way; one that comes back too late changes nothing."""

    async def scene(ground: Ground) -> None:
        await ground.register()
        ground.go_on.clear()
        ground.entered.clear()
        slow = asyncio.create_task(ground.install(TAKEN))
        await ground.entered.wait()
        for act in (installation.install, installation.uninstall):
            with pytest.raises(Conflict, match="installation_in_progress"):
                await act(ground.platform, ground.lifecycle, APP)
        await ground.stage.pass_time(timedelta(minutes=1))
        ground.go_on.set()
        view = await installation.uninstall(ground.platform, ground.lifecycle, APP)
        assert view.installation is not None
        assert view.installation.state is InstallationState.UNINSTALLED
        with pytest.raises(Conflict, match="installation_in_progress"):
            await slow
        assert await ground.good() == set()

    on_ground(scene)


def test_calls_of_many_operators(on_ground: Callable[[Scene], None]) -> None:
    """Of those at the same time one is made, and what is current is what the app took last."""

    async def scene(ground: Ground) -> None:
        await ground.register()
        done = await asyncio.gather(
            *(ground.install(TAKEN) for _ in range(20)), return_exceptions=True
        )
        assert all(
            not isinstance(each, BaseException) or isinstance(each, Conflict) for each in done
        )
        taken = [each for each in done if not isinstance(each, BaseException)]
        assert len(taken) == len(ground.sent) - 1
        assert await ground.current() == ground.sent[-1]

    on_ground(scene)


def test_secrets_are_shown_nowhere(on_ground: Callable[[Scene], None]) -> None:
    """Not even if the app answers with what it was sent."""

    async def scene(ground: Ground) -> None:
        await ground.register()

        async def echo(url: str, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Outcome:
            ground.sent.append(payload["sharedSecret"])
            return failed(
                "after", FailureCause.APP_FAILED, f"no: {payload}", duration=0.0, status=400
            )

        with pytest.raises(OutsideError) as refused:
            await installation.install(ground.platform, Lifecycle(KEY, echo), APP)
        view = await app_service.view(ground.platform, APP)
        for secret in ground.sent:
            assert secret not in str(refused.value)
            assert secret not in str(view)

    on_ground(scene)
