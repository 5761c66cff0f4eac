"""The other pages of a transfer: explanation, files, messages, log, mappings, refused calls."""

from asyncio import gather
from typing import Annotated, TypeVar

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Stream, Template

from ferryman.console.pages.parameters import Cursor, Id, OwnVisit, State
from ferryman.console.pages.transfer_frame import transfer_template
from ferryman.console.pages.verify import READ_AT_ONCE
from ferryman.console.visit import Visit
from ferryman.wire.mapping import MissingPage
from ferryman.wire.refused_call import RefusedCallPage
from ferryman.wire.storage import FilePage
from ferryman.wire.transfer import (
    MessagePage,
    TimelinePage,
    TransferExplanation,
    TransferView,
)

T = TypeVar("T")

Label = Annotated[str, QueryParameter(name="label")]
Acknowledged = Annotated[str, QueryParameter(name="acknowledgement")]

_ROWS = 200


@get("/transfers/{transfer_id:str}/explain")
async def explain_page(visit: OwnVisit, transfer_id: Id) -> Template:
    """Show the chain from the migration to its end, and the first broken link."""
    view, explanation = await _with_view(
        visit, transfer_id, "explain", TransferExplanation, maxAge=visit.count_age
    )
    return await transfer_template(visit, view, "explain", explanation=explanation)


@get("/transfers/{transfer_id:str}/files")
async def files_page(
    visit: OwnVisit,
    transfer_id: Id,
    *,
    label: Label = "",
    acknowledgement: Acknowledged = "",
    cursor: Cursor = "",
) -> Template:
    """List the files with their digests."""
    view, files = await _with_view(
        visit,
        transfer_id,
        "app-data",
        FilePage,
        label=label,
        acknowledgement=acknowledgement,
        cursor=cursor,
    )
    return await transfer_template(
        visit,
        view,
        "files",
        files=files,
        label=label,
        acknowledgement=acknowledgement,
        can_verify=bool(files.items) and visit.may("verify_transfer"),
        at_once=view.bytes <= READ_AT_ONCE,
    )


@get("/transfers/{transfer_id:str}/messages")
async def messages_page(
    visit: OwnVisit,
    transfer_id: Id,
    *,
    message_state: State = "",
    acknowledgement: Acknowledged = "",
    cursor: Cursor = "",
) -> Template:
    """List the messages with their attempts."""
    view, messages = await _with_view(
        visit,
        transfer_id,
        "messages",
        MessagePage,
        state=message_state,
        acknowledgement=acknowledgement,
        cursor=cursor,
    )
    return await transfer_template(
        visit,
        view,
        "messages",
        messages=messages,
        state=message_state,
        acknowledgement=acknowledgement,
    )


@get("/transfers/{transfer_id:str}/log")
async def log_page(visit: OwnVisit, transfer_id: Id, cursor: Cursor = "") -> Template:
    """Show the app's log."""
    view, rows = await _with_view(
        visit, transfer_id, "timeline", TimelinePage, kind="log", cursor=cursor, pageSize=_ROWS
    )
    return await transfer_template(visit, view, "log", rows=rows)


@get("/transfers/{transfer_id:str}/missing")
async def missing_page(visit: OwnVisit, transfer_id: Id, cursor: Cursor = "") -> Template:
    """List the keys that the app looked up and did not find."""
    view, missing = await _with_view(
        visit, transfer_id, "mappings/missing", MissingPage, cursor=cursor
    )
    return await transfer_template(visit, view, "missing", missing=missing)


@get("/transfers/{transfer_id:str}/refused")
async def refused_page(visit: OwnVisit, transfer_id: Id, cursor: Cursor = "") -> Template:
    """List the calls that were refused to the app."""
    view, refused = await _with_view(
        visit, transfer_id, "refused-calls", RefusedCallPage, cursor=cursor
    )
    return await transfer_template(visit, view, "refused", refused=refused)


@get("/transfers/{transfer_id:str}/manifest.json")
async def download_manifest(visit: OwnVisit, transfer_id: Id) -> Stream:
    """Return the manifest of all files as a file."""
    path = f"/transfers/{transfer_id}"
    view = await visit.calls.get(path, TransferView)  # refuse before the file has begun
    name = f'attachment; filename="manifest-{view.transfer_id}.json"'
    return Stream(
        visit.calls.stream(f"{path}/manifest", ""),
        media_type="application/json",
        headers={"Content-Disposition": name},
    )


async def _with_view(
    visit: Visit, transfer_id: str, call: str, kind: type[T], /, **query: object
) -> tuple[TransferView, T]:
    """Return a transfer, and the answer of a call below it."""
    path = f"/transfers/{transfer_id}"
    return await gather(
        visit.calls.get(path, TransferView, maxAge=visit.count_age),
        visit.calls.get(f"{path}/{call}", kind, **query),
    )


TRANSFER_TABS = [
    explain_page,
    files_page,
    messages_page,
    log_page,
    missing_page,
    refused_page,
    download_manifest,
]
