"""One app under test, and one migration of it under a given fault plan."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.api.mapping_rows import read_rows
from ferryman.devtools.faults.app_folder import restore
from ferryman.devtools.faults.environment import Environment
from ferryman.devtools.faults.state import Trial, read_state, run_command
from ferryman.domain.fault_oracle import (
    EventOutcome,
    Observation,
    Violation,
    canonical,
    canonical_lines,
    judge,
)
from ferryman.domain.fault_plan import EVENT_NAMES, FaultPlan, lasting, longest_run
from ferryman.sdk.errors import GatewayError
from ferryman.sdk.gateway import Gateway
from ferryman.services import app as app_service
from ferryman.services import listener, mapping_load, purge
from ferryman.services import message as message_service
from ferryman.services import migration as migration_service
from ferryman.services import transfer as transfer_service
from ferryman.vocab import Audience, EventType, MessageState, TransferStatus
from ferryman.wire.app import AppCredentials
from ferryman.wire.listener import ClaimRequest
from ferryman.wire.migration import MigrationRequest
from ferryman.wire.transfer import MessageView

_MOST_MESSAGES = 1000
_WINDOW_SECONDS = 86_400
"""One day to acknowledge, because the app's speed is not under test."""


class TrialRunner:
    """An app in an environment, for one run at a time."""

    def __init__(self, environment: Environment, trial: Trial) -> None:
        self._environment = environment
        self.trial = trial
        self._credentials: AppCredentials | None = None
        self.calm: Observation | None = None
        self.runs = 0

    async def judge(self, plan: FaultPlan, seed: int) -> tuple[Observation, tuple[Violation, ...]]:
        """Run a fault plan; return what happened and the complaints, compared with the calm run."""
        if self.calm is None:
            raise RuntimeError("there was no calm run yet")
        seen = await self.run(plan, seed)
        complaints = judge(self.calm, seen, lasting=lasting(plan))
        return seen, tuple(
            complaint for complaint in complaints if complaint.kind not in self.trial.ignored
        )

    async def begin(self) -> Observation:
        """Make two calm runs, which must succeed with equal results; raises ``PlatformError``."""
        first, second = await self.run((), 0), await self.run((), 0)
        if first.status is not TransferStatus.SUCCESS:
            raise refusals.fault.CALM_RUN_FAILED(
                found=f"{first.status.value}\n" + "\n".join(first.timeline[-40:])
            )
        if first.state != second.state:
            raise refusals.fault.STATE_UNSTABLE(
                first=_short(first.state), second=_short(second.state)
            )
        self.calm = first
        return first

    async def run(self, plan: FaultPlan, seed: int) -> Observation:
        """Run one migration from beginning to end, and return what was observed."""
        self.runs += 1
        environment, trial = self._environment, self.trial
        environment.scheduler.close()
        environment.faults.begin(plan, seed)
        await asyncio.to_thread(restore, trial.source, trial.work)
        if trial.reset is not None:
            await run_command(trial, trial.reset, "reset")
        credentials = await self._registered()
        await purge.delete_state(environment.platform, UUID(credentials.app_id))
        transfer_id, names = await self._exported(credentials)
        patience = trial.patience if trial.runs_by_itself else 0.0
        limit = environment.platform.settings.function_seconds + patience
        longest = longest_run(len(trial.files), limit)
        environment.scheduler.open(transfer_id, patience=patience)
        try:
            async with asyncio.timeout(longest):
                await environment.scheduler.finished.wait()
        except TimeoutError:
            raise refusals.fault.RUN_NOT_ENDED(
                seconds=longest, found="\n".join(environment.faults.lines[-20:])
            ) from None
        messages = await self._messages(transfer_id)
        sent, more = _sent(messages)
        state = await read_state(trial, environment, credentials)
        if state is None and self.calm is not None and self.calm.state is not None:
            state = ""  # this time the app has stored nothing
        await environment.pool.close()
        if state is not None and trial.declares_state:
            state = canonical(state, {**names, **more}, unordered=trial.unordered)
        elif state is not None:
            state = canonical_lines(state, {**names, **more})
        view = await transfer_service.view(environment.platform, transfer_id)
        return Observation(
            status=view.status,
            sent=sent,
            state=state,
            threw=tuple(environment.scheduler.threw),
            counts=dict(environment.faults.counts),
            timeline=tuple(environment.faults.lines),
            struck=tuple(environment.faults.struck),
            refused=tuple(environment.faults.refused),
        )

    async def _registered(self) -> AppCredentials:
        if self._credentials is None:
            registration = msgspec.structs.replace(
                self.trial.registration,
                source=str(self.trial.work),
                window_seconds=_WINDOW_SECONDS,
            )
            self._credentials = await app_service.register(self._environment.platform, registration)
        return self._credentials

    async def _exported(self, credentials: AppCredentials) -> tuple[str, dict[str, str]]:
        """Run a migration until all its files are uploaded; its ids are new in each run."""
        platform, trial = self._environment.platform, self.trial
        registration = trial.registration
        view = await migration_service.create(
            platform,
            MigrationRequest(
                name="Fault injection",
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
        await migration_service.start(platform, view.migration_id)
        app = await app_service.authenticate(platform, credentials.server_token, Audience.SERVER)
        request = ClaimRequest(
            server_app_keys=[registration.server_app_key], agent_id="faults", wait_seconds=0
        )
        await listener.claim(platform, app, request)
        await asyncio.to_thread(self._export, credentials.server_token, transfer_id)
        return transfer_id, {
            transfer_id: "<transfer>",
            view.migration_id: "<migration>",
            view.migration_scope_id: "<scope>",
        }

    def _export(self, token: str, transfer_id: str) -> None:
        with Gateway(self._environment.url, token, transfer_id, retry_seconds=10.0) as gateway:
            for file, label in self.trial.files:
                with gateway.create_app_data(label) as data:
                    data.write(file.read_bytes())
                    data.complete()  # so that every trial has the same order of events
            try:
                gateway.complete_export()
            except GatewayError as refused:
                if not refused.settled:
                    raise

    async def _messages(self, transfer_id: str) -> list[MessageView]:
        platform = self._environment.platform
        return (
            await message_service.page(platform, transfer_id, cursor=None, size=_MOST_MESSAGES)
        ).items


def _sent(messages: list[MessageView]) -> tuple[tuple[EventOutcome, ...], dict[str, str]]:
    """Return how each event ended, by its place, and names for the ids in the events."""
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
        sent.append(EventOutcome(place, view.state is MessageState.DELIVERED, status))
    return tuple(sent), names


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    yield await asyncio.to_thread(file.read_bytes)


def _short(state: Any) -> str:
    text = str(state)
    return repr(text if len(text) <= 400 else f"{text[:200]} … {text[-200:]}")
