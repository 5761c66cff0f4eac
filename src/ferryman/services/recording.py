"""Record a transfer line by line: all that its app saw and did, without secrets."""

import os
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from uuid import UUID

from ferryman import refusals
from ferryman.clock import epoch_ms
from ferryman.domain.mapping import life
from ferryman.services import transfer as transfer_service
from ferryman.services.platform import Platform, parse_id
from ferryman.services.redaction import Secrets, redacted_line
from ferryman.store import app as app_store
from ferryman.store import app_data as app_data_store
from ferryman.store import message_view
from ferryman.store import migration as migration_store
from ferryman.store import proof as proof_store
from ferryman.store import recording as recording_store
from ferryman.store import storage as storage_store
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store.app import AppRow
from ferryman.store.recording import AppCall, Span
from ferryman.store.timeline import EntryFilter
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
    """The transfer being recorded, with its app."""

    stored: StoredTransfer
    app: AppRow
    span: Span

    @property
    def transfer_id(self) -> UUID:
        return self.stored.transfer_id


async def lines(platform: Platform, transfer_id: str) -> AsyncIterator[bytes]:
    """Stream the recording of a settled transfer, one JSON object per line.

    Raises ``NotFound``, or ``Conflict`` while the transfer runs, before the first line.
    """
    subject = await _subject(platform, transfer_id)
    first = await _run(platform, subject, transfer_id)
    return _encoded(first, _rest(platform, subject), subject.app.shared_secret)


async def payload(
    platform: Platform, transfer_id: str, key: str
) -> tuple[int, AsyncIterator[bytes]]:
    """Return size and bytes of a file of the transfer, for the operator."""
    parsed_id = parse_id(refusals.transfer.NOT_FOUND, transfer_id)
    async with platform.database.reading() as tx:
        file = await app_data_store.by_key(tx, parse_id(refusals.upload.FILE_NOT_FOUND, key))
        if (
            file is None
            or file.transfer_id != parsed_id
            or not await storage_store.is_kept(tx, file.key)
        ):
            raise refusals.upload.FILE_NOT_FOUND(id=key)
    return file.size, platform.objects.stream(str(file.key))


async def keep(platform: Platform, call: AppCall) -> None:
    """Store a call if it concerns a transfer or file of the app that made it."""
    async with platform.database.transaction() as tx:
        await recording_store.insert_call(tx, call)


async def _subject(platform: Platform, transfer_id: str) -> _Subject:
    async with platform.database.reading() as tx:
        stored = await transfer_store.by_id(tx, parse_id(refusals.transfer.NOT_FOUND, transfer_id))
        app = None if stored is None else await app_store.by_id(tx, stored.app_id)
        if stored is None or app is None:
            raise refusals.transfer.NOT_FOUND(id=transfer_id)
        state = stored.state
        if state.settled_at is None:
            raise refusals.transfer.RUNNING(status=state.status)
        span = Span(
            stored.migration_scope_id,
            await recording_store.writer(tx, stored.migration_id),
            state.started_at or state.settled_at,
            state.settled_at,
        )
    return _Subject(stored, app, span)


async def _run(platform: Platform, subject: _Subject, transfer_id: str) -> RecordedRun:
    stored, app = subject.stored, subject.app
    view = await transfer_service.view(platform, transfer_id)
    async with platform.database.reading() as tx:
        migrated = await migration_store.by_id(tx, stored.migration_id)
        containers = await recording_store.containers(tx, stored.migration_id)
        unsure, now = await recording_store.unsure_mappings(tx, subject.span), tx.now
    if migrated is None:
        raise refusals.transfer.NOT_FOUND(id=transfer_id)
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
        listener_error=_safe(stored.listener_error),
        feedback=stored.feedback,
    )


async def _rest(platform: Platform, subject: _Subject) -> AsyncGenerator[RecordedLine, None]:
    for read in (_messages, _files, _calls, _mappings, _entries):
        async for line in read(platform, subject):
            yield line
    yield RecordedEnd()


async def _messages(platform: Platform, subject: _Subject) -> AsyncIterator[RecordedLine]:
    after = recording_store.BEGINNING
    while True:
        async with platform.database.transaction() as tx:
            rows = await recording_store.messages(tx, subject.transfer_id, after=after, size=_PAGE)
            views = await message_view.views(tx, [message for _, message in rows])
        for (_, message), view in zip(rows, views, strict=True):
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
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


async def _files(platform: Platform, subject: _Subject) -> AsyncIterator[RecordedLine]:
    after, more = UUID(int=0), True
    while more:
        async with platform.database.reading() as tx:
            rows, more = await proof_store.files(tx, subject.transfer_id, after=after, size=_PAGE)
        for file in rows:
            after = file.key
            yield RecordedFile(
                key=str(file.key),
                label=file.label,
                size=file.size,
                sha256=file.sha256,
                parts_sha256=file.parts_sha256,
                part_sizes=[] if file.sha256 else [part.size for part in file.parts],
                created_at=epoch_ms(file.created_at),
                kept=file.deleted_at is None,
            )


async def _calls(platform: Platform, subject: _Subject) -> AsyncIterator[RecordedLine]:
    after = 0
    while True:
        async with platform.database.reading() as tx:
            rows = await recording_store.calls(tx, subject.transfer_id, after=after, size=_PAGE)
        for _, call in rows:
            yield call
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


async def _mappings(platform: Platform, subject: _Subject) -> AsyncIterator[RecordedLine]:
    async with platform.database.reading() as tx:
        names = await recording_store.namespaces(tx, subject.span.scope_id)
    for name in names:
        after = ""
        while True:
            async with platform.database.transaction() as tx:
                rows = await recording_store.mappings(
                    tx, subject.span, name, after=after, size=_PAGE, life=life(name)
                )
            for after, cloud_key in rows:
                yield RecordedMapping(namespace=name, server_key=after, cloud_key=cloud_key)
            if len(rows) < _PAGE:
                break


async def _entries(platform: Platform, subject: _Subject) -> AsyncIterator[RecordedLine]:
    after = 0
    while True:
        async with platform.database.reading() as tx:
            rows = await timeline_store.page(
                tx, subject.transfer_id, EntryFilter(after=after), size=_PAGE
            )
        for entry in rows:
            after = entry.seq
            yield RecordedEntry(at=entry.at, kind=entry.kind, data=entry.data)
        if len(rows) < _PAGE:
            return


async def _encoded(
    first: RecordedRun, rest: AsyncGenerator[RecordedLine, None], secret: str | None
) -> AsyncIterator[bytes]:
    secrets = Secrets.of(os.environ, secret)
    yield redacted_line(first, secrets) + b"\n"
    async for line in rest:
        yield redacted_line(line, secrets) + b"\n"


def _safe(error: dict[str, str] | None) -> dict[str, str] | None:
    """Return a listener's error without its message."""
    return error and {k: v for k, v in error.items() if k in ("exceptionType", "safeStackTrace")}
