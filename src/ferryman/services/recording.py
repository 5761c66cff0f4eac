"""A recording of a transfer, line by line: all that its app saw and did, without any secret."""

import os
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from uuid import UUID

from ferryman.clock import epoch_ms
from ferryman.domain.mapping import life
from ferryman.errors import Conflict, not_found
from ferryman.services import transfer as transfer_service
from ferryman.services.platform import Platform, parse_id
from ferryman.services.recorded_line import Secrets, leaving
from ferryman.store import app as apps
from ferryman.store import app_data, migration, proof, recording, storage, timeline
from ferryman.store import message as messages
from ferryman.store import transfer as transfers
from ferryman.store.app import App
from ferryman.store.recording import AppCall, Span
from ferryman.store.transfer import StoredTransfer
from ferryman.wire.app import AppRegistration
from ferryman.wire.recording import (
    VERSION,
    RecordedEnd,
    RecordedEntry,
    RecordedFile,
    RecordedLine,
    RecordedMapping,
    RecordedMessage,
    RecordedRun,
)

_PAGE = 500


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whose recording it is."""

    stored: StoredTransfer
    app: App
    span: Span

    @property
    def transfer_id(self) -> UUID:
        return self.stored.transfer_id


async def lines(platform: Platform, transfer_id: str) -> AsyncIterator[bytes]:
    """The recording of a transfer that is over, a JSON object a line.

    Raises ``NotFound``, and ``Conflict`` while it runs, before the first line.
    """
    subject = await _subject(platform, transfer_id)
    first = await _run(platform, subject, transfer_id)
    return _encoded(first, _rest(platform, subject), subject.app.shared_secret)


async def payload(
    platform: Platform, transfer_id: str, key: str
) -> tuple[int, AsyncIterator[bytes]]:
    """Size and bytes of a file of that transfer, for the operator."""
    wanted = parse_id("transfer", transfer_id)
    async with platform.database.reading() as tx:
        file = await app_data.by_key(tx, parse_id("file", key))
        if file is None or file.transfer_id != wanted or not await storage.is_kept(tx, file.key):
            raise not_found("file", key)
    return file.size, platform.objects.stream(str(file.key))


async def keep(platform: Platform, call: AppCall) -> None:
    """Keep a call, if it is about a transfer or file of the app that made it."""
    async with platform.database.transaction() as tx:
        await recording.insert_call(tx, call)


async def _subject(platform: Platform, transfer_id: str) -> _Subject:
    async with platform.database.reading() as tx:
        stored = await transfers.by_id(tx, parse_id("transfer", transfer_id))
        app = None if stored is None else await apps.by_id(tx, stored.app_id)
        if stored is None or app is None:
            raise not_found("transfer", transfer_id)
        state = stored.state
        if state.settled_at is None:
            raise Conflict(
                "transfer_running",
                expected="a transfer that has its final status",
                found=f"status {state.status}",
                fix="Wait, cancel it, or move a virtual clock: `ferryman clock until deadline`.",
            )
        span = Span(
            stored.migration_scope_id,
            await recording.writer(tx, stored.migration_id),
            state.started_at or state.settled_at,
            state.settled_at,
        )
    return _Subject(stored, app, span)


async def _run(platform: Platform, subject: _Subject, transfer_id: str) -> RecordedRun:
    stored, app = subject.stored, subject.app
    view = await transfer_service.view(platform, transfer_id)
    async with platform.database.reading() as tx:
        migrated = await migration.by_id(tx, stored.migration_id)
        containers = await recording.containers(tx, stored.migration_id)
        unsure, now = await recording.unsure_mappings(tx, subject.span), tx.now
    if migrated is None:
        raise not_found("transfer", transfer_id)
    return RecordedRun(
        version=VERSION,
        ferryman=version("ferryman"),
        recorded_at=epoch_ms(now),
        calls_recorded=platform.database.virtual,
        transfer=view,
        source_id=migrated.source_id,
        server_app_version=stored.server_app_version,
        window_seconds=stored.state.window.total_seconds(),
        app=AppRegistration(
            kind=app.kind,
            server_app_key=app.server_app_key,
            cloud_app_key=app.cloud_app_key,
            forge_app_id=app.forge_app_id,
            environment=app.environment,
            manifest=app.manifest,
            descriptor=app.descriptor,
            access_scopes=app.access_scopes,
            window_seconds=app.window_seconds,
        ),
        containers=containers,
        unsure_mappings=unsure,
        listener_error=stored.listener_error,
        feedback=stored.feedback,
    )


async def _rest(platform: Platform, subject: _Subject) -> AsyncGenerator[RecordedLine, None]:
    for each in (_messages, _files, _calls, _mappings, _entries):
        async for line in each(platform, subject):
            yield line
    yield RecordedEnd()


async def _messages(platform: Platform, subject: _Subject) -> AsyncIterator[RecordedLine]:
    after = recording.BEGINNING
    while True:
        async with platform.database.transaction() as tx:
            found = await recording.messages(tx, subject.transfer_id, after=after, size=_PAGE)
            views = await messages.views(tx, [message for _, message in found])
        for (_, message), view in zip(found, views, strict=True):
            yield RecordedMessage(
                message_id=view.message_id,
                event_type=view.event_type,
                body=message.payload,
                state=view.state,
                reason=view.reason,
                created_at=view.created_at,
                acknowledgement=view.acknowledgement,
                acknowledged_at=view.acknowledged_at,
                attempts=view.attempts,
            )
        if len(found) < _PAGE:
            return
        after = found[-1][0]


async def _files(platform: Platform, subject: _Subject) -> AsyncIterator[RecordedLine]:
    after, more = UUID(int=0), True
    while more:
        async with platform.database.reading() as tx:
            found, more = await proof.files(tx, subject.transfer_id, after=after, size=_PAGE)
        for file in found:
            after = file.key
            yield RecordedFile(
                key=str(file.key),
                label=file.label,
                size=file.size,
                sha256=file.sha256,
                created_at=epoch_ms(file.created_at),
                kept=file.deleted_at is None,
            )


async def _calls(platform: Platform, subject: _Subject) -> AsyncIterator[RecordedLine]:
    after = 0
    while True:
        async with platform.database.reading() as tx:
            found = await recording.calls(tx, subject.transfer_id, after=after, size=_PAGE)
        for _, call in found:
            yield call
        if len(found) < _PAGE:
            return
        after = found[-1][0]


async def _mappings(platform: Platform, subject: _Subject) -> AsyncIterator[RecordedLine]:
    async with platform.database.reading() as tx:
        names = await recording.namespaces(tx, subject.span.scope_id)
    for name in names:
        after = ""
        while True:
            async with platform.database.transaction() as tx:
                found = await recording.mappings(
                    tx, subject.span, name, after=after, size=_PAGE, life=life(name)
                )
            for after, cloud_key in found:
                yield RecordedMapping(namespace=name, server_key=after, cloud_key=cloud_key)
            if len(found) < _PAGE:
                break


async def _entries(platform: Platform, subject: _Subject) -> AsyncIterator[RecordedLine]:
    after = 0
    while True:
        async with platform.database.reading() as tx:
            found = await timeline.page(tx, subject.transfer_id, after=after, size=_PAGE)
        for entry in found:
            after = entry.seq
            yield RecordedEntry(at=entry.at, kind=entry.kind, data=entry.data)
        if len(found) < _PAGE:
            return


async def _encoded(
    first: RecordedRun, rest: AsyncGenerator[RecordedLine, None], secret: str | None
) -> AsyncIterator[bytes]:
    secrets = Secrets.of(os.environ, secret)
    yield leaving(first, secrets) + b"\n"
    async for line in rest:
        yield leaving(line, secrets) + b"\n"
