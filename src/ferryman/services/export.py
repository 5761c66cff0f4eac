"""End an export: completed, returned or failed with an exception."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from ferryman import refusals
from ferryman.domain import export as export_rules
from ferryman.domain.limits import LOG_CHARACTERS
from ferryman.services import transfer as transfer_service
from ferryman.services.changes import apply, count_unfinished
from ferryman.services.platform import Platform, check_text
from ferryman.store import timeline as timeline_store
from ferryman.store import transfer as transfer_store
from ferryman.store import upload as upload_store
from ferryman.store.app import AppRow
from ferryman.store.database import Transaction
from ferryman.store.upload import UnfinishedUpload
from ferryman.text import plural
from ferryman.vocab import GivenUp
from ferryman.wire.listener import ListenerError
from ferryman.wire.message import TransferError

_NAMED_FILES = 10
"""Most unfinished files that a refusal names."""


async def complete(
    platform: Platform, app: AppRow, transfer_id: str, *, abandon: bool = False
) -> None:
    """Record that the server app exported everything, or that a Connect app's listener returned.

    Unfinished files of this claim refuse the call unless ``abandon`` gives them up. Files of
    earlier claims that the listener did not resume are not part of the export.
    """
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, transfer_id)
        exported = stored.state.export_completed_at is not None
        if exported and not abandon:
            return
        if abandon:
            await upload_store.hold_intake(tx, stored.transfer_id)
            keys = await upload_store.abandon_unfinished(tx, stored.transfer_id, stored.claims)
            await record_given_up(tx, stored.transfer_id, keys, GivenUp.DELIBERATE)
        stored = await count_unfinished(tx, stored)
        if stored.state.unfinished and not stored.state.status.final:
            export_rules.check_exporting(stored.state, "completing the export")
            files = await upload_store.unfinished(tx, stored.transfer_id, _NAMED_FILES)
            unfinished = _in_words(files, stored.state.unfinished)
            raise refusals.transfer.EXPORT_INCOMPLETE(found=unfinished)
        decide = export_rules.give_up_file if exported else export_rules.complete_export
        change = decide(stored.state, tx.now)
        old = await upload_store.supersede(tx, stored.transfer_id, stored.claims, resumable=True)
        await record_given_up(tx, stored.transfer_id, old, GivenUp.SUPERSEDED)
        if change.transfer != stored.state and not change.events:
            await timeline_store.write(tx, stored.transfer_id, "listener.returned")
        await apply(tx, stored, change)


async def record_return(platform: Platform, app: AppRow, transfer_id: str) -> None:
    """Record that the listener returned without an exception, its export complete or not."""
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, transfer_id)
        change = export_rules.record_return(stored.state, tx.now)
        if change.transfer != stored.state:
            await timeline_store.write(tx, stored.transfer_id, "listener.returned")
        await apply(tx, stored, change)


async def record_given_up(
    tx: Transaction, transfer_id: UUID, keys: Iterable[UUID], reason: GivenUp
) -> None:
    """Write to the timeline which files were given up, and why."""
    entries = [("upload.aborted", {"key": str(key), "reason": reason}) for key in keys]
    if entries:
        await timeline_store.write_many(tx, transfer_id, entries)


def _in_words(files: Sequence[UnfinishedUpload], count: int) -> str:
    named = [
        f"{file.label!r}"[:80] if file.label is not None else f"upload {file.upload_id}"
        for file in files
    ]
    whys = [
        f"writer failed{'' if file.detail is None else f' with {file.detail}'}"
        if file.failed
        else "still open"
        if file.label is None
        else f"still open as upload {file.upload_id}"
        for file in files
    ]
    words = [f"{name} ({why})" for name, why in zip(named, whys, strict=True)]
    more = f" and {count - len(files)} more" if count > len(files) else ""
    return f"{plural(count, 'file')} unfinished: {', '.join(words)}{more}"


async def record_error(
    platform: Platform, app: AppRow, transfer_id: str, error: ListenerError
) -> None:
    """Record that the listener threw, and tell the cloud app."""
    check_text("exception_type", error.exception_type, longest=LOG_CHARACTERS)
    check_text("stack_trace", error.safe_stack_trace, longest=LOG_CHARACTERS)
    for name, text in (("frame", error.frame), ("message", error.message)):
        if text is not None:
            check_text(name, text, longest=LOG_CHARACTERS)
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, transfer_id)
        change = export_rules.record_error(stored.state, tx.now)
        await transfer_store.record_listener_error(
            tx, stored.transfer_id, {k: v for k, v in msgspec.to_builtins(error).items() if v}
        )
        transfer_error = TransferError(
            exception_type=error.exception_type, safe_stack_trace=error.safe_stack_trace
        )
        await timeline_store.write(
            tx,
            stored.transfer_id,
            "listener.threw",
            exceptionType=error.exception_type,
            **_reason(error),
            error=error.safe_stack_trace,
        )
        await apply(tx, stored, change, fields=[{"transfer_error": transfer_error}])


def _reason(error: ListenerError) -> dict[str, str]:
    place = None if error.frame is None else f"at {error.frame}"
    reason = ", ".join(filter(None, (error.message, place)))
    return {"reason": reason} if reason else {}
