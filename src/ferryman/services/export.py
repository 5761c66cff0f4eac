"""How an export ends: it is complete, its listener came back, or its listener threw."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from ferryman.domain import transfer as rules
from ferryman.domain.limits import LOG_CHARACTERS
from ferryman.domain.text import plural
from ferryman.services import transfer as transfer_service
from ferryman.services.decision import apply, count_unfinished
from ferryman.services.platform import Platform, check_text
from ferryman.store import timeline
from ferryman.store import transfer as transfers
from ferryman.store import upload as uploads
from ferryman.store.app import App
from ferryman.store.database import Transaction
from ferryman.store.upload import Unfinished
from ferryman.vocab import GivenUp
from ferryman.wire.listener import ListenerError
from ferryman.wire.message import TransferError

_NAMED_FILES = 10
"""How many unfinished files a refusal names."""


async def complete(
    platform: Platform, app: App, transfer_id: str, *, abandon: bool = False
) -> None:
    """The server app has exported everything; of a Connect app: its listener returned.

    ``abandon`` does without the files of this claim that are unfinished; otherwise they refuse it.
    Files of earlier claims that the listener did not resume are not part of what it exported.
    """
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, transfer_id)
        exported = stored.state.export_completed_at is not None
        if exported and not abandon:
            return
        if abandon:
            await uploads.hold_intake(tx, stored.transfer_id)
            keys = await uploads.abandon_unfinished(tx, stored.transfer_id, stored.claims)
            await tell_given_up(tx, stored.transfer_id, keys, GivenUp.DELIBERATE)
        stored = await count_unfinished(tx, stored)
        if stored.state.unfinished and not stored.state.status.final:
            rules.check_exporting(stored.state, "completing the export")
            files = await uploads.unfinished(tx, stored.transfer_id, _NAMED_FILES)
            raise rules.export_incomplete(_in_words(files, stored.state.unfinished))
        decide = rules.give_up_file if exported else rules.complete_export
        change = decide(stored.state, tx.now)
        old = await uploads.supersede(tx, stored.transfer_id, stored.claims, resumable=True)
        await tell_given_up(tx, stored.transfer_id, old, GivenUp.SUPERSEDED)
        if change.transfer != stored.state and not change.events:
            await timeline.write(tx, stored.transfer_id, "listener.returned")
        await apply(tx, stored, change)


async def record_return(platform: Platform, app: App, transfer_id: str) -> None:
    """The listener came back without an exception, whether or not it completed its export."""
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, transfer_id)
        change = rules.record_return(stored.state, tx.now)
        if change.transfer != stored.state:
            await timeline.write(tx, stored.transfer_id, "listener.returned")
        await apply(tx, stored, change)


async def tell_given_up(
    tx: Transaction, transfer_id: UUID, keys: Iterable[UUID], reason: GivenUp
) -> None:
    """Note in the timeline which files will not come, and why."""
    told = [("upload.aborted", {"key": str(key), "reason": reason}) for key in keys]
    if told:
        await timeline.write_many(tx, transfer_id, told)


def _in_words(files: Sequence[Unfinished], count: int) -> str:
    named = [
        f"{each.label!r}"[:80] if each.label is not None else f"upload {each.upload_id}"
        for each in files
    ]
    whys = [
        f"writer failed{'' if each.detail is None else f' with {each.detail}'}"
        if each.failed
        else "still open"
        if each.label is None
        else f"still open as upload {each.upload_id}"
        for each in files
    ]
    words = [f"{name} ({why})" for name, why in zip(named, whys, strict=True)]
    more = f" and {count - len(files)} more" if count > len(files) else ""
    return f"{plural(count, 'file')} unfinished: {', '.join(words)}{more}"


async def record_error(
    platform: Platform, app: App, transfer_id: str, error: ListenerError
) -> None:
    """The listener threw."""
    check_text("exception_type", error.exception_type, longest=LOG_CHARACTERS)
    check_text("stack_trace", error.safe_stack_trace, longest=LOG_CHARACTERS)
    async with platform.database.transaction() as tx:
        stored = await transfer_service.lock_exporting(tx, app, transfer_id)
        change = rules.record_error(stored.state, tx.now)
        await transfers.record_listener_error(tx, stored.transfer_id, error)
        transfer_error = TransferError(
            exception_type=error.exception_type, safe_stack_trace=error.safe_stack_trace
        )
        await timeline.write(
            tx,
            stored.transfer_id,
            "listener.threw",
            exceptionType=error.exception_type,
            error=error.safe_stack_trace,
        )
        await apply(tx, stored, change, fields=[{"transfer_error": transfer_error}])
