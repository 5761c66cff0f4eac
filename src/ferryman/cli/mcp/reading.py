"""The tools that change nothing."""

import json
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import msgspec

from ferryman.archive_vocab import Archived
from ferryman.cli.mcp import documents
from ferryman.cli.mcp.answer import Own
from ferryman.cli.mcp.tool import (
    AppName,
    Arguments,
    Call,
    Cursor,
    Limit,
    MessageId,
    Tool,
    TransferId,
    described,
)
from ferryman.client.explanation import first_broken
from ferryman.client.filters import MessageFilters, TransferFilters
from ferryman.devtools.schemas import SchemaName, schema_text
from ferryman.vocab import Acknowledged, IdKind, ListSort, MessageState, TransferStatus

_NOTHING = Own("nothing is broken")


class Nothing(Arguments, frozen=True):
    """No arguments."""


class TransferList(Arguments, frozen=True):
    """Which transfers to list."""

    app: AppName | None = None
    status: TransferStatus | None = None
    stuck: Annotated[bool, described("Only those that make no progress.")] = False
    archived: Annotated[bool, described("Only those of archived migrations.")] = False
    limit: Limit = 20
    cursor: Cursor | None = None


class OneTransfer(Arguments, frozen=True):
    """One transfer."""

    transfer: TransferId


class MessageList(Arguments, frozen=True):
    """Which messages to list."""

    transfer: TransferId | None = None
    app: AppName | None = None
    state: MessageState | None = None
    acknowledged: Acknowledged | None = None
    text: Annotated[
        str | None, described("Only where the label begins with it, or the error has its words.")
    ] = None
    limit: Limit = 10
    cursor: Cursor | None = None


class OneMessage(Arguments, frozen=True):
    """One message."""

    message: MessageId


class Timeline(Arguments, frozen=True):
    """Which part of a timeline."""

    transfer: TransferId
    kind: Annotated[
        str | None, described("Only this kind, such as attempt.failed, or a noun, such as log.")
    ] = None
    newest_first: bool = False
    limit: Limit = 50
    cursor: Cursor | None = None


class AppList(Arguments, frozen=True):
    """Which apps to list."""

    app: AppName | None = None
    limit: Limit = 20
    cursor: Cursor | None = None


class MissingMappings(Arguments, frozen=True):
    """Which missing mappings."""

    transfer: TransferId
    namespace: str | None = None
    limit: Limit = 20
    cursor: Cursor | None = None


class AppFolder(Arguments, frozen=True):
    """The folder of an app."""

    folder: Annotated[str, described("Folder of the app, from the server's own folder.")] = "."
    environment: Annotated[str | None, described("Environment that the app will run in.")] = None


class Words(Arguments, frozen=True):
    """A text to search for."""

    text: Annotated[str, described("An id, key, name, label, or words of an error.")]


class Question(Arguments, frozen=True):
    """What to look for in the documentation."""

    text: Annotated[str, described("Words of a question, a command, an option or an error code.")]
    limit: Annotated[int, msgspec.Meta(ge=1, le=20)] = 6


class Schema(Arguments, frozen=True):
    """The name of a schema."""

    name: SchemaName


def overview(call: Call, _given: Nothing) -> dict[str, Any]:
    """Say what needs attention, most urgent first, which transfers run, and the platform's time."""
    found = call.admin.overview()
    return call.answers.whole(overview=found, clock=call.admin.clock.get())


def list_transfers(call: Call, given: TransferList) -> dict[str, Any]:
    """List transfers, newest first, with their status and progress."""
    wanted = TransferFilters(
        status=given.status,
        app=call.session.resolve_some(IdKind.APP, given.app),
        stuck=given.stuck,
        archived=Archived.ONLY if given.archived else None,
    )
    fetch = partial(call.admin.transfers.list, wanted=wanted)
    return call.answers.page(fetch, given.cursor, given.limit)


def explain_transfer(call: Call, given: OneTransfer) -> dict[str, Any]:
    """Say why a transfer is where it is: its state, the first broken link and the fix."""
    transfer = call.transfer(given.transfer)
    explanation = call.admin.transfers.explain(transfer)
    return call.answers.whole(
        diagnosis=first_broken(explanation) or _NOTHING,
        links=explanation.links,
        runningAttempts=explanation.running_attempts,
        transfer=call.admin.transfers.get(transfer),
    )


def list_messages(call: Call, given: MessageList) -> dict[str, Any]:
    """List messages, oldest first, with their attempts, errors and the output of functions."""
    wanted = MessageFilters(
        transfer_id=call.session.resolve_some(IdKind.TRANSFER, given.transfer),
        app=call.session.resolve_some(IdKind.APP, given.app),
        state=given.state,
        acknowledgement=given.acknowledged,
        text=given.text,
    )
    fetch = partial(call.admin.messages.list, wanted=wanted)
    return call.answers.page(fetch, given.cursor, given.limit)


def explain_message(call: Call, given: OneMessage) -> dict[str, Any]:
    """Say why a message went where it went, with the error and output of each attempt."""
    message = call.message(given.message)
    explanation = call.admin.messages.explain(message)
    return call.answers.whole(
        diagnosis=first_broken(explanation) or _NOTHING,
        links=explanation.links,
        message=call.admin.messages.get(message),
    )


def read_timeline(call: Call, given: Timeline) -> dict[str, Any]:
    """List what happened to a transfer, in order, with the app's log lines."""
    sort = ListSort.NEWEST if given.newest_first else None
    transfer = call.transfer(given.transfer)
    fetch = partial(call.admin.transfers.timeline, transfer, kind=given.kind, sort=sort)
    return call.answers.page(fetch, given.cursor, given.limit, transferId=transfer)


def list_apps(call: Call, given: AppList) -> dict[str, Any]:
    """List registered apps with the events they listen for and the endpoints that fail."""
    if given.app is not None:
        app = call.session.resolve(IdKind.APP, given.app)
        return call.answers.whole(items=[call.admin.apps.get(app)])
    return call.answers.page(call.admin.apps.list, given.cursor, given.limit)


def missing_mappings(call: Call, given: MissingMappings) -> dict[str, Any]:
    """Count the keys that a transfer looked up and did not find, by namespace, with samples."""
    transfer = call.transfer(given.transfer)
    fetch = partial(call.admin.transfers.missing_mappings, transfer, namespace=given.namespace)
    return call.answers.page(fetch, given.cursor, given.limit, transferId=transfer)


def check_app(call: Call, given: AppFolder) -> dict[str, Any]:
    """Check the manifest, sources and setup of an app in a folder, without running it."""
    from ferryman.devtools.doctor.check_app import check
    from ferryman.devtools.doctor.load_app import code_files, definition_files

    folder = call.path(given.folder)
    for file in (*definition_files(folder), *code_files(folder)):
        if file.is_symlink():  # a finding may quote it
            call.path(str(file))
    found = check(folder, given.environment)
    errors = sum(finding.severity.value == "error" for finding in found)
    return call.answers.whole(errors=errors, warnings=len(found) - errors, findings=found)


def search(call: Call, given: Words) -> dict[str, Any]:
    """Search transfers, messages, migrations and apps by id, key, name, label or error."""
    found = call.admin.search(given.text)
    return call.answers.whole(items=found.items, more=found.more)


def search_docs(_call: Call, given: Question) -> dict[str, Any]:
    """Search Ferryman's documentation; read a whole page as the resource at its address."""
    return {"items": [asdict(section) for section in documents.found(given.text, given.limit)]}


def get_schema(_call: Call, given: Schema) -> dict[str, Any]:
    """Return the JSON schema of an event, of plan.toml or of ferryman.toml."""
    return {"schema": json.loads(schema_text(given.name))}


READING: tuple[Tool[Any], ...] = (
    Tool("overview", Nothing, overview),
    Tool("list_transfers", TransferList, list_transfers),
    Tool("explain_transfer", OneTransfer, explain_transfer),
    Tool("read_timeline", Timeline, read_timeline),
    Tool("list_messages", MessageList, list_messages),
    Tool("explain_message", OneMessage, explain_message),
    Tool("missing_mappings", MissingMappings, missing_mappings),
    Tool("list_apps", AppList, list_apps),
    Tool("search", Words, search),
    Tool("check_app", AppFolder, check_app),
    Tool("search_docs", Question, search_docs),
    Tool("get_schema", Schema, get_schema),
)
