"""Repeat on a platform what happened to a recorded transfer, at the same times."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from hashlib import new
from typing import Any

import msgspec

from ferryman import refusals
from ferryman.client import state_file
from ferryman.client.admin import AdminClient
from ferryman.client.migrations import NDJSON
from ferryman.devtools.recording.comparison import ComparisonReport, RunSummary, compare, summarize
from ferryman.devtools.recording.kept import (
    FROM_NOTHING,
    ReplayedState,
    compare_kept,
    earlier,
    kept_lines,
)
from ferryman.devtools.recording.reading import Recording
from ferryman.devtools.recording.record import recorded_lines
from ferryman.devtools.recording.redaction import FILLER_PIECE, filler
from ferryman.devtools.recording.steps import RecordedStep, steps
from ferryman.sdk.errors import ClientError
from ferryman.sdk.gateway import Gateway
from ferryman.sdk.http import HttpTransport
from ferryman.sdk.operation import Operation
from ferryman.sdk.operations import server
from ferryman.vocab import AppKind, GivenUp, TransferStatus
from ferryman.wire.listener import ClaimRequest, ListenerError
from ferryman.wire.recording import RecordedFile, ReplayedFile, ReplayRequest
from ferryman.wire.transfer import TransferView
from ferryman.wire.upload import PartRequest

_POLL_SECONDS = 0.1
_AFTERWARDS_SECONDS = 900.0
"""Platform time for the event that the transfer settled, and its attempts."""
_MOST_ROUNDS = 50


_OWN_CALLS: Mapping[str, Callable[[str], Operation[Any]]] = {
    "run": server.heartbeat,
    "return": server.returned,
    "complete": server.complete_export,
}
"""Steps that are a single call by the listener."""


class Replay:
    """A replay on a platform; ``patience`` is the real seconds that a remote app may take."""

    def __init__(
        self,
        admin: AdminClient,
        server_token: str,
        recording: Recording,
        patience: float,
        state: ReplayedState = FROM_NOTHING,
    ) -> None:
        self._admin = admin
        self._token = server_token
        self._recording = recording
        self._patience = patience
        self._state = state
        self._id = recording.run.transfer.transfer_id
        self._refused: list[str] = []

    def run(self) -> ComparisonReport:
        """Run the replay, and return what the app did differently."""
        run, recording = self._recording.run, self._recording
        self._begin()
        with ExitStack() as stack:
            transport = HttpTransport(self._admin.url, self._token, retry_seconds=10.0)
            stack.callback(transport.close)
            gateway = stack.enter_context(Gateway(self._admin.url, self._token, self._id))
            for step in steps(recording):
                self._advance_to(step.at)
                self._do(step, transport, gateway)
        self._end()
        before = RunSummary(run, recording.messages, recording.calls)
        after = summarize(recorded_lines(self._admin, self._id))
        bare = bool(recording.redacted)
        report = compare(before, after, bare=bare, refused=self._refused, filled=recording.absent)
        return self._with_state(report)

    def _with_state(self, report: ComparisonReport) -> ComparisonReport:
        recording, run = self._recording, self._recording.run
        kept = kept_lines(self._admin, run) if self._state.compared else None
        if kept is None or not recording.with_state:
            return report
        different = compare_kept(recording.state(), recording.state(), kept)
        began = run.transfer.migration_details.created_at
        return msgspec.structs.replace(
            report,
            same=report.same and not different,
            state=different,
            state_compared=True,
            earlier_state=0 if self._state.file else earlier(recording.state(), began),
        )

    def _begin(self) -> None:
        run = self._recording.run
        details, app = run.transfer.migration_details, run.app
        request = ReplayRequest(
            migration_id=details.migration_id,
            migration_scope_id=details.migration_scope_id,
            transfer_id=self._id,
            name=details.name,
            cloud_url=details.cloud_url,
            source_id=run.source_id,
            created_at=details.created_at,
            app=f"{app.cloud_app_key}@{app.environment}",
            window_seconds=run.window_seconds,
            containers=run.containers,
            original_transfer_id=run.transfer.original_transfer_id,
            transfer_name=run.transfer.transfer_name,
        )
        self._admin.recordings.begin_replay(request)
        if self._state.file is not None:
            state_file.load(self._admin.state, request.app, self._state.file, request.cloud_url)
        rows = (
            msgspec.json.encode(
                {
                    "namespace": mapping.namespace,
                    "serverKey": mapping.server_key,
                    "cloudKey": mapping.cloud_key,
                }
            )
            + b"\n"
            for mapping in self._recording.mappings()
        )
        self._admin.migrations.load_mappings(details.migration_id, NDJSON, rows)

    def _do(self, step: RecordedStep, transport: HttpTransport, gateway: Gateway) -> None:
        try:
            if (own := _OWN_CALLS.get(step.kind)) is not None:
                transport.call(own(self._id))
                return
            match step.kind:
                case "claim":
                    self._claim(transport)
                case "upload" if step.file is not None:
                    self._upload(step.file, gateway)
                case "touch":
                    self._touch(transport)
                case "begin" | "fail":
                    self._leave_unfinished(step, transport)
                case "error":
                    error = msgspec.convert(self._recording.run.listener_error, ListenerError)
                    transport.call(server.report_error(self._id, error))
                case "cancel":
                    self._admin.transfers.cancel(self._id)
                case _:
                    self._admin.messages.redeliver(step.message_id)
        except ClientError as refused:
            if refused.problem is None:
                raise
            # The app has changed the course of the transfer; later steps may still succeed.
            what = f" of {step.file.key}" if step.file is not None else ""
            self._refused.append(f"{step.kind}{what}: {refused.problem.code}")

    def _claim(self, transport: HttpTransport) -> None:
        run = self._recording.run
        request = ClaimRequest(
            server_app_keys=[run.app.server_app_key],
            agent_id="ferryman-replay",
            wait_seconds=5,
            server_app_version=run.server_app_version,
            access_scopes=run.transfer.access_scopes,
        )
        claimed = transport.call(server.claim(request)).transfer
        if claimed is None or claimed.transfer_id != self._id:
            raise refusals.command.TRANSFER_NOT_OFFERED_FOR_REPLAY(
                transfer=f"the transfer {self._id}"
            )

    def _upload(self, file: RecordedFile, gateway: Gateway) -> None:
        opening = ReplayedFile(key=file.key, label=file.label)
        self._admin.recordings.replay_file(self._id, opening)
        with gateway.create_app_data(file.label, resume_key=file.key) as data:
            for piece in self._bytes(file):
                data.write(piece)
            data.complete()  # before the next step

    def _touch(self, transport: HttpTransport) -> None:
        """Ask for upload URLs, which keeps the transfer alive as a long upload does."""
        begun = transport.call(server.begin_upload(self._id, None))
        digests = {name: new(name, b"-").hexdigest() for name in ("sha256", "md5")}
        part = PartRequest(number=1, size=1, **digests)
        transport.call(server.part_urls(begun.upload_id, [part]))
        transport.call(server.give_up_upload(begun.upload_id, GivenUp.SUPERSEDED))

    def _leave_unfinished(self, step: RecordedStep, transport: HttpTransport) -> None:
        begun = transport.call(server.begin_upload(self._id, step.label))
        if step.kind == "fail":
            failed = GivenUp.WRITER_FAILED
            transport.call(server.give_up_upload(begun.upload_id, failed))

    def _bytes(self, file: RecordedFile) -> Iterator[bytes]:
        if file.key in self._recording.payloads:
            yield from self._recording.payload(file.key)
            return
        for begin in range(0, file.size, FILLER_PIECE):
            yield filler(min(FILLER_PIECE, file.size - begin))

    def _advance_to(self, at: int) -> None:
        now = self._admin.clock.get().now
        self._admin.clock.advance(max(0.0, (at - now) / 1000))

    def _end(self) -> None:
        """Move time until the transfer has settled and its app has been notified."""
        self._await_app()
        recorded_end = self._recording.run.transfer.settled_at
        view = self._view()
        if recorded_end is not None and not view.status.final:
            self._advance_to(recorded_end)
        for _ in range(_MOST_ROUNDS):
            view = self._view()
            if view.status.final:
                break
            due = view.deadline or view.expires_at
            if view.status is TransferStatus.CANCELLATION_REQUESTED or due is None:
                self._admin.clock.advance(3600.0)
            else:
                self._advance_to(due + 1)
        self._admin.clock.advance(_AFTERWARDS_SECONDS)

    def _await_app(self) -> None:
        """Wait, with time frozen, until a remote app has repeated what it did before."""
        run = self._recording.run
        manifest = run.app.manifest or {}
        if run.app.kind is AppKind.FORGE and not manifest.get("remotes"):
            return
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            self._admin.clock.advance(0.0)
            view = self._view()
            if view.status.final or (
                run.transfer.acknowledged and view.acknowledged >= run.transfer.acknowledged
            ):
                return
            time.sleep(_POLL_SECONDS)

    def _view(self) -> TransferView:
        return self._admin.transfers.get(self._id)
