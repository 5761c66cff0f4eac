"""One app under test, and one migration of it in a given weather."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ferryman.api.mapping_rows import read_rows
from ferryman.domain.weather import EVENT_NAMES, Script, lasting, longest_run
from ferryman.domain.weather_verdict import Complaint, Seen, Sent, canonical, judge
from ferryman.errors import ConfigError, OutsideError, PlatformError
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.pool import TOKEN_VARIABLE, FunctionCall
from ferryman.functions.source import app_variables
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.gateway import Gateway
from ferryman.services import app as apps
from ferryman.services import listener, mapping_load, message, migration, transfer
from ferryman.vocab import Audience, EventType, MessageState, TransferStatus
from ferryman.weather.folder import restore
from ferryman.weather.stage import Stage
from ferryman.wire.app import AppCredentials, AppRegistration
from ferryman.wire.listener import ClaimRequest
from ferryman.wire.migration import Container, MigrationRequest
from ferryman.wire.transfer import MessageView

_COMMAND_SECONDS = 60.0
_MOST_MESSAGES = 1000
_WINDOW_SECONDS = 86_400
"""A day to acknowledge: what is under test is the app, not its haste."""

_CUT = " bytes in all ...]"
_LAST_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried: the app in ``source``, and the migration that it is given.

    ``state`` is a command that prints what the app has stored, ``state_function`` a function
    (``file.name``) of the app that does; ``reset`` is run before each run, in the app's folder.
    ``unordered``: lines of the state may come in any order. ``patience`` is how many real seconds
    a remote may do nothing before time goes on. ``ignored`` are kinds of complaints to leave out.
    """

    source: Path
    work: Path
    registration: AppRegistration
    files: tuple[tuple[Path, str], ...]
    mappings: Path | None = None
    containers: tuple[Container, ...] = ()
    state: str | None = None
    state_function: str | None = None
    reset: str | None = None
    unordered: bool = False
    patience: float = 10.0
    ignored: frozenset[str] = frozenset()

    @property
    def runs_by_itself(self) -> bool:
        """Whether it is a remote, which may answer before it has done its work."""
        return bool((self.registration.manifest or {}).get("remotes"))


class Bench:
    """An app on a stage. One run at a time."""

    def __init__(self, stage: Stage, trial: Trial) -> None:
        self._stage = stage
        self.trial = trial
        self._credentials: AppCredentials | None = None
        self.calm: Seen | None = None
        self.runs = 0

    async def judge(self, script: Script, seed: int) -> tuple[Seen, tuple[Complaint, ...]]:
        """A run in that weather, and what is wrong with it against the calm one."""
        if self.calm is None:
            raise RuntimeError("there was no calm run yet")
        seen = await self.run(script, seed)
        complaints = judge(self.calm, seen, lasting=lasting(script))
        return seen, tuple(each for each in complaints if each.kind not in self.trial.ignored)

    async def begin(self) -> Seen:
        """Two calm runs, which must end well and alike; raises ``PlatformError`` otherwise."""
        first, second = await self.run((), 0), await self.run((), 0)
        if first.status is not TransferStatus.SUCCESS:
            raise OutsideError(
                "calm_run_failed",
                expected="SUCCESS at the end of a run without any bad weather",
                found=f"{first.status.value}\n" + "\n".join(first.timeline[-40:]),
                fix="Mend that first; `ferryman dev` and `ferryman migrate` show more of it.",
            )
        if first.state != second.state:
            raise ConfigError(
                "state_unstable",
                expected="the same state after two runs without any bad weather",
                found=f"first {_short(first.state)}, then {_short(second.state)}",
                fix="Print what does not change from run to run (no times, no random ids), begin "
                "each run with nothing (--reset), or say --unordered if only the order differs.",
            )
        self.calm = first
        return first

    async def run(self, script: Script, seed: int) -> Seen:
        """One migration from its beginning to its end, and what it came to."""
        self.runs += 1
        stage, trial = self._stage, self.trial
        stage.conductor.shut()
        stage.sky.begin(script, seed)
        await asyncio.to_thread(restore, trial.source, trial.work)
        if trial.reset is not None:
            await self._command(trial.reset, "reset")
        credentials = await self._registered()
        transfer_id, names = await self._exported(credentials)
        patience = trial.patience if trial.runs_by_itself else 0.0
        limit = stage.platform.settings.function_seconds + patience
        longest = longest_run(len(trial.files), limit)
        stage.conductor.open(transfer_id, patience=patience)
        try:
            async with asyncio.timeout(longest):
                await stage.conductor.finished.wait()
        except TimeoutError:
            raise OutsideError(
                "run_not_ended",
                expected=f"a run to end within {longest:.0f} s",
                found="\n".join(stage.sky.lines[-20:]),
                fix="See what the handler waits for; --limit shortens what a function may take.",
            ) from None
        messages = await self._messages(transfer_id)
        sent, more = _sent(messages)
        state = await self._state(credentials)
        await stage.pool.close()
        if state is not None:
            state = canonical(state, {**names, **more}, unordered=trial.unordered)
        view = await transfer.view(stage.platform, transfer_id)
        return Seen(
            status=view.status,
            sent=sent,
            state=state,
            threw=tuple(stage.conductor.threw),
            counts=dict(stage.sky.counts),
            timeline=tuple(stage.sky.lines),
            struck=tuple(stage.sky.struck),
            refused=tuple(stage.sky.refused),
        )

    async def _registered(self) -> AppCredentials:
        if self._credentials is None:
            registration = msgspec.structs.replace(
                self.trial.registration,
                source=str(self.trial.work),
                window_seconds=_WINDOW_SECONDS,
            )
            self._credentials = await apps.register(self._stage.platform, registration)
        return self._credentials

    async def _exported(self, credentials: AppCredentials) -> tuple[str, dict[str, str]]:
        """Bring a migration to where all its files are up; ids that are new in each run."""
        platform, trial = self._stage.platform, self.trial
        registration = trial.registration
        view = await migration.create(
            platform,
            MigrationRequest(
                name="Bad weather",
                cloud_url="https://cloud.example",
                source_id="server-1",
                apps=[f"{registration.cloud_app_key}@{registration.environment}"],
                containers=list(trial.containers),
            ),
        )
        transfer_id = view.transfers[0].transfer_id
        if trial.mappings is not None:
            form = trial.mappings.suffix.lower() == ".csv"
            rows = read_rows(_chunks(trial.mappings), csv_form=form)
            await mapping_load.load(platform, view.migration_id, rows)
        await migration.start(platform, view.migration_id)
        app = await apps.authenticate(platform, credentials.server_token, Audience.SERVER)
        request = ClaimRequest(
            server_app_keys=[registration.server_app_key], agent_id="weather", wait_seconds=0
        )
        await listener.claim(platform, app, request)
        await asyncio.to_thread(self._export, credentials.server_token, transfer_id)
        return transfer_id, {
            transfer_id: "<transfer>",
            view.migration_id: "<migration>",
            view.migration_scope_id: "<scope>",
        }

    def _export(self, token: str, transfer_id: str) -> None:
        with Gateway(self._stage.url, token, transfer_id, patience=10.0) as gateway:
            for file, label in self.trial.files:
                with gateway.create_app_data(label) as data:
                    data.write(file.read_bytes())
            try:
                gateway.complete_export()
            except GatewayError as refused:
                if not refused.settled:
                    raise

    async def _messages(self, transfer_id: str) -> list[MessageView]:
        platform = self._stage.platform
        return (await message.page(platform, transfer_id, cursor=None, size=_MOST_MESSAGES)).items

    async def _state(self, credentials: AppCredentials) -> str | None:
        trial = self.trial
        if trial.state is not None:
            return await self._command(trial.state, "state")
        if trial.state_function is None:
            return None
        manifest = parse_manifest(trial.registration.manifest or {})
        call = FunctionCall(
            source=trial.work,
            handler=trial.state_function,
            event={},
            context={},
            environment={
                **app_variables(manifest, self._stage.environ),
                "FERRYMAN_URL": self._stage.door_url,
                TOKEN_VARIABLE: credentials.cloud_token,
            },
            owner=credentials.app_id,
        )
        outcome = await self._stage.pool.invoke(call)
        if not outcome.ok or _CUT in outcome.output:
            raise _state_failed(
                trial.state_function,
                outcome.reason or "more than 8 KiB: print less, or a digest",
            )
        return outcome.output

    async def _command(self, command: str, purpose: str) -> str:
        def run() -> subprocess.CompletedProcess[str]:
            # The developer's own command, from their own command line.
            return subprocess.run(  # noqa: S602
                command,
                shell=True,
                cwd=self.trial.work,
                env={**os.environ},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_COMMAND_SECONDS,
                check=False,
            )

        try:
            done = await asyncio.to_thread(run)
        except subprocess.TimeoutExpired:
            raise _state_failed(command, f"no end after {_COMMAND_SECONDS:.0f} s") from None
        if done.returncode != 0:
            last = "\n".join(done.stderr.splitlines()[-_LAST_LINES:])
            raise _state_failed(command, f"exit status {done.returncode} of {purpose}: {last}")
        return done.stdout


def _state_failed(what: str, found: str) -> PlatformError:
    return ConfigError(
        "state_failed",
        expected=f"{what[:200]} to succeed, in a copy of the app's folder",
        found=found[:1000],
        fix="Run it by hand; `--state` and `--reset` are shell commands, `--state-function` is "
        "FILE.NAME as in the manifest.",
    )


def _sent(messages: list[MessageView]) -> tuple[tuple[Sent, ...], dict[str, str]]:
    """How each event ended, by its place; and names for the ids that are in them."""
    counts: dict[str, int] = {}
    sent, names = [], {}
    for view in messages:
        name = EVENT_NAMES[EventType(view.event_type)]
        counts[name] = counts.get(name, 0) + 1
        place = f"{name}:{counts[name]}"
        names[view.message_id] = f"<message {place}>"
        if view.key is not None:
            names[view.key] = f"<file {counts[name]}>"
        status = None if view.acknowledgement is None else view.acknowledgement.value
        sent.append(Sent(place, view.state is MessageState.DELIVERED, status))
    return tuple(sent), names


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    yield await asyncio.to_thread(file.read_bytes)


def _short(state: Any) -> str:
    text = str(state)
    return repr(text if len(text) <= 400 else f"{text[:200]} … {text[-200:]}")
