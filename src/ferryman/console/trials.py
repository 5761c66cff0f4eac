"""Try an app by hand: its trial, and files of it, by the calls of the admin surface."""

from hashlib import md5, sha256
from typing import Any

import msgspec

from ferryman.console.calls import AdminCalls
from ferryman.console.part_sender import BrowserParts
from ferryman.vocab import TransferStatus
from ferryman.wire.migration import MigrationRequest, MigrationView
from ferryman.wire.transfer import TransferPage, TransferView
from ferryman.wire.trial import TrialEvent, TrialStep
from ferryman.wire.upload import (
    AppDataReceipt,
    CompleteRequest,
    PartRequest,
    PartsRequest,
    PartUrls,
    StoredPart,
    UploadRequest,
    UploadView,
)

NAME = "Trial from the console"


async def open_trial(calls: AdminCalls, app: str, customer: str | None) -> str | None:
    """Return the newest trial of an app (``KEY@ENVIRONMENT``) that still runs for a customer."""
    key, _, environment = app.partition("@")
    found = await calls.get(
        "/transfers",
        TransferPage,
        cloudAppKey=key,
        environment=environment,
        customer=customer,
        status=TransferStatus.IN_PROGRESS,
        text=NAME,
        pageSize=1,
    )
    return found.items[0].transfer_id if found.items else None


async def new_trial(calls: AdminCalls, app: str, customer: str | None) -> str:
    """Create a migration of one app, and start its transfer.

    ``customer`` may be left out where the caller has only one.
    """
    plan = MigrationRequest(
        name=NAME,
        cloud_url="https://trial.example",
        source_id="console",
        apps=[app],
        customer=customer,
    )
    made = await calls.post("/migrations", MigrationView, plan)
    started = await calls.post(f"/migrations/{made.migration_id}/start", MigrationView)
    transfer_id = started.transfers[0].transfer_id
    await send(calls, transfer_id, TrialEvent(step=TrialStep.START))
    return transfer_id


async def send(calls: AdminCalls, transfer_id: str, event: TrialEvent) -> None:
    """Do what causes an event."""
    await calls.post(f"/trials/{transfer_id}/events", TransferView, event)


async def send_file(
    calls: AdminCalls, sender: BrowserParts, transfer_id: str, label: str, data: bytes
) -> AppDataReceipt:
    """Upload a small file in one part."""
    begun = await step(calls, transfer_id, "file", {"label": label or None})
    upload = begun["uploadId"]
    part = await send_part(calls, sender, transfer_id, upload, 1, data)
    answer = await step(calls, transfer_id, "complete", {"upload": upload, "parts": [part]})
    return msgspec.convert(answer, AppDataReceipt)


async def send_part(
    calls: AdminCalls, sender: BrowserParts, transfer_id: str, upload: str, number: int, data: bytes
) -> StoredPart:
    """Send one part of an upload to the store; return what completes the upload."""
    # The store may verify the md5, whatever it is worth otherwise.
    digest = md5(data, usedforsecurity=False).hexdigest()
    part = PartRequest(number=number, size=len(data), sha256=sha256(data).hexdigest(), md5=digest)
    path = f"/trials/{transfer_id}/files/{upload}/parts"
    [signed] = (await calls.post(path, PartUrls, PartsRequest(parts=[part]))).parts
    etag = await sender.put(calls, signed, data)
    return StoredPart(number=number, etag=etag, size=len(data), sha256=part.sha256)


async def step(calls: AdminCalls, transfer_id: str, name: str, data: Any) -> Any:
    """Do one step of an upload: ``file``, ``parts`` or ``complete``; return the answer as JSON."""
    given = msgspec.to_builtins(data)
    own = f"/trials/{transfer_id}/files"
    upload = f"{own}/{given.get('upload')}"
    answer: Any
    match name:
        case "file":
            request = msgspec.convert(given, UploadRequest)
            answer = await calls.post(own, UploadView, request)
        case "parts":
            answer = await calls.post(f"{upload}/parts", PartUrls, {"parts": given["parts"]})
        case "complete":
            parts = msgspec.convert(given["parts"], list[StoredPart])
            path = f"{upload}/complete"
            answer = await calls.post(path, AppDataReceipt, CompleteRequest(parts=parts))
        case _:
            raise ValueError(f"no step {name!r}")
    return msgspec.to_builtins(answer)
