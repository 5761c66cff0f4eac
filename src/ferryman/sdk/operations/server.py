"""The calls of the server surface, for gateways and agents."""

from collections.abc import Iterable
from typing import Any

from ferryman.sdk.errors import NotFoundError
from ferryman.sdk.exchange import Exchange, Flow
from ferryman.sdk.operation import (
    Operation,
    json_operation,
    plain_operation,
    segment,
)
from ferryman.sdk.operations.mapping import find_mappings
from ferryman.vocab import ContainerType, GivenUp
from ferryman.wire.check import CheckBegun, CheckComplete, CheckRequest, CheckUrl
from ferryman.wire.listener import ClaimAnswer, ClaimRequest, HeartbeatAnswer, ListenerError
from ferryman.wire.mapping import ContainerPage, MappingPage
from ferryman.wire.upload import (
    AppDataReceipt,
    BeginBatch,
    BegunBatch,
    BegunFile,
    CompleteBatch,
    CompletedBatch,
    CompletedFile,
    CompleteFile,
    CompleteRequest,
    PartRequest,
    PartsRequest,
    PartUrls,
    StoredPart,
    UploadRequest,
    UploadState,
    UploadView,
)


def claim(request: ClaimRequest) -> Operation[ClaimAnswer]:
    """Take a transfer whose listener is due; the answer may take ``wait_seconds``."""
    return json_operation(
        "POST",
        "/server/v1/listeners/claim",
        ClaimAnswer,
        body=request,
        timeout=request.wait_seconds + 15.0,
    )


def begin_upload(
    transfer_id: str,
    label: str | None,
    resume_key: str | None = None,
    part: PartRequest | None = None,
) -> Operation[UploadView]:
    """Begin a file, or find the one that was begun under the same resume key.

    ``part`` when it is to be the only one: the answer then tells where it goes.
    """
    path = f"{_transfer(transfer_id)}/app-data"
    body = UploadRequest(label=label, resume_key=resume_key, part=part)
    return json_operation("POST", path, UploadView, body=body)


def begin_batch(transfer_id: str, files: list[UploadRequest]) -> Operation[list[BegunFile]]:
    """Begin up to 500 files in one call; the answers are in the order of ``files``."""
    path = f"{_transfer(transfer_id)}/app-data/batch"
    call = json_operation("POST", path, BegunBatch, body=BeginBatch(files=files))
    return Operation(request=call.request, parse=lambda answer: call.parse(answer).files)


def complete_batch(files: list[CompleteFile]) -> Operation[list[CompletedFile]]:
    """Register up to 500 files in one call; the answers are in the order of ``files``."""
    path = "/server/v1/uploads/complete"
    call = json_operation("POST", path, CompletedBatch, body=CompleteBatch(files=files))
    return Operation(request=call.request, parse=lambda answer: call.parse(answer).files)


def upload_state(upload_id: str) -> Operation[UploadState]:
    """Ask which parts of a file the store holds."""
    return json_operation("GET", _upload(upload_id), UploadState)


def part_urls(
    upload_id: str, parts: list[PartRequest], first_sha256: str | None = None
) -> Operation[PartUrls]:
    """Ask where to send parts.

    With the digest of the file's first part, those that an earlier transfer sent are not asked for.
    """
    body = PartsRequest(parts=parts, first_sha256=first_sha256)
    return json_operation("POST", f"{_upload(upload_id)}/parts", PartUrls, body=body)


def complete_upload(upload_id: str, request: CompleteRequest) -> Operation[AppDataReceipt]:
    """Register the file; may be repeated, and may take long where the store must join parts."""
    return json_operation(
        "POST", f"{_upload(upload_id)}/complete", AppDataReceipt, body=request, timeout=600.0
    )


def give_up_upload(upload_id: str, reason: GivenUp, detail: str | None = None) -> Operation[None]:
    """Give up a file that was begun; ``detail`` says what its writer failed with."""
    return plain_operation(
        "DELETE", _upload(upload_id), query={"reason": reason, "detail": detail}, timeout=10.0
    )


def complete_export(transfer_id: str, *, abandon_unfinished: bool = False) -> Operation[None]:
    """Declare that no more files follow; refused while a file is unfinished."""
    return plain_operation(
        "POST",
        f"{_transfer(transfer_id)}/complete-export",
        query={"unfinished": "abandon" if abandon_unfinished else None},
    )


def heartbeat(transfer_id: str) -> Operation[HeartbeatAnswer]:
    """Say that the listener runs."""
    path = f"{_transfer(transfer_id)}/heartbeat"
    return json_operation("POST", path, HeartbeatAnswer, timeout=10.0)


def returned(transfer_id: str) -> Operation[None]:
    """Say that the listener came back without an exception."""
    return plain_operation("POST", f"{_transfer(transfer_id)}/returned")


def report_error(transfer_id: str, error: ListenerError) -> Operation[None]:
    """Say that the listener failed."""
    return plain_operation("POST", f"{_transfer(transfer_id)}/error", body=error)


def feedback(exchange: Exchange, transfer_id: str) -> Flow[dict[str, Any] | None]:
    """Read what the cloud app left for the server app; None if there is nothing."""
    path = f"{_transfer(transfer_id)}/feedback"
    try:
        return (yield from exchange.call(json_operation("GET", path, dict[str, Any])))
    except NotFoundError as refused:
        if refused.code == "feedback_not_found":
            return None
        raise


def mapping_page(
    transfer_id: str, namespace: str, page_size: int | None, last_entity: str | None
) -> Operation[MappingPage]:
    """Read a page of the mappings of a namespace."""
    return json_operation(
        "GET",
        f"{_transfer(transfer_id)}/mappings/page",
        MappingPage,
        query={"namespace": namespace, "pageSize": page_size, "lastEntity": last_entity},
    )


def container_page(
    transfer_id: str,
    container_type: ContainerType | str,
    page_size: int | None,
    last_entity: str | None,
) -> Operation[ContainerPage]:
    """Read a page of what the admin selected."""
    return json_operation(
        "GET",
        f"{_transfer(transfer_id)}/containers/page",
        ContainerPage,
        query={
            "containerType": str(container_type),
            "pageSize": page_size,
            "lastEntity": last_entity,
        },
    )


def mapping_by_id(
    exchange: Exchange, transfer_id: str, namespace: str, keys: Iterable[str]
) -> Flow[dict[str, str]]:
    """Translate server ids; one without a mapping is absent from the result."""
    path = f"{_transfer(transfer_id)}/mappings/find"
    return (yield from find_mappings(exchange, path, namespace, keys))


def _transfer(transfer_id: str) -> str:
    return f"/server/v1/transfers/{segment(transfer_id)}"


def _upload(upload_id: str) -> str:
    return f"/server/v1/uploads/{segment(upload_id)}"


def begin_check(part: PartRequest) -> Operation[CheckBegun]:
    """Begin a trial of the network; the answer tells where the part goes."""
    return json_operation("POST", "/server/v1/checks", CheckBegun, body=CheckRequest(part=part))


def complete_check(check: CheckBegun, part: StoredPart) -> Operation[CheckUrl]:
    """Have the part of a trial assembled; the answer tells where it can be read."""
    path = f"/server/v1/checks/{segment(check.check_id)}/complete"
    body = CheckComplete(upload_ref=check.upload_ref, part=part)
    return json_operation("POST", path, CheckUrl, body=body)


def remove_check(check: CheckBegun) -> Operation[None]:
    """Delete the file that a trial stored."""
    path = f"/server/v1/checks/{segment(check.check_id)}"
    return plain_operation("DELETE", path, query={"uploadRef": check.upload_ref})
