"""The calls of the admin surface, as values. What they mean is in the reference of the API."""

import msgspec

from ferryman.sdk.operation import Answer, Operation, Request, json_operation, segment
from ferryman.wire.app import AppCredentials, AppPage, AppRegistration, AppView
from ferryman.wire.clock import ClockAdvance, ClockView
from ferryman.wire.mapping import DifferencePage, MissingPage
from ferryman.wire.migration import MappingCounts, MigrationPage, MigrationRequest, MigrationView
from ferryman.wire.recording import ReplayedFile, ReplayRequest
from ferryman.wire.redelivery import RedeliveryAnswer, RedeliveryRequest
from ferryman.wire.storage import FilePage, StorageView, SweepReport, SweepRequest
from ferryman.wire.transfer import (
    Explanation,
    MessagePage,
    MessageView,
    RerunAnswer,
    TimelinePage,
    TransferExplanation,
    TransferView,
)
from ferryman.wire.upload import UploadView

_BASE = "/admin/v1"

ADVANCE_SECONDS = 600.0
"""Everything that falls due is done before the answer comes."""

SWEEP_SECONDS = 3600.0
READ_SECONDS = 600.0


def register_app(registration: AppRegistration) -> Operation[AppCredentials]:
    """Register an app, or replace the definition it has in that environment."""
    return json_operation("POST", f"{_BASE}/apps", AppCredentials, body=registration)


def list_apps(cursor: str | None, size: int) -> Operation[AppPage]:
    """Registered apps, oldest first."""
    query = {"cursor": cursor, "pageSize": size}
    return json_operation("GET", f"{_BASE}/apps", AppPage, query=query)


def get_app(name: str) -> Operation[AppView]:
    """One app, by key, key and environment, or id."""
    return json_operation("GET", f"{_BASE}/apps/{segment(name)}", AppView)


def retry_app(name: str) -> Operation[AppView]:
    """Close the circuit breakers of an app's endpoints."""
    return json_operation("POST", f"{_BASE}/apps/{segment(name)}/retry", AppView)


def install_app(name: str) -> Operation[AppView]:
    """Hand a new shared secret to a Connect app."""
    return json_operation("POST", f"{_BASE}/apps/{segment(name)}/install", AppView)


def uninstall_app(name: str) -> Operation[AppView]:
    """Take its secrets and webhooks from a Connect app."""
    return json_operation("POST", f"{_BASE}/apps/{segment(name)}/uninstall", AppView)


def create_migration(request: MigrationRequest) -> Operation[MigrationView]:
    """Create a migration with a READY transfer for each app."""
    return json_operation("POST", f"{_BASE}/migrations", MigrationView, body=request)


def list_migrations(cursor: str | None, size: int) -> Operation[MigrationPage]:
    """Migrations, newest first."""
    query = {"cursor": cursor, "pageSize": size}
    return json_operation("GET", f"{_BASE}/migrations", MigrationPage, query=query)


def get_migration(migration_id: str) -> Operation[MigrationView]:
    """One migration with its transfers."""
    return json_operation("GET", f"{_BASE}/migrations/{segment(migration_id)}", MigrationView)


def start_migration(migration_id: str) -> Operation[MigrationView]:
    """Offer the transfers to their agents; repeatable."""
    path = f"{_BASE}/migrations/{segment(migration_id)}/start"
    return json_operation("POST", path, MigrationView)


def load_mappings(migration_id: str, content_type: str) -> Operation[MappingCounts]:
    """Load mapping rows; the caller gives the body, which need not fit into memory."""
    return Operation(
        request=Request(
            method="PUT",
            url=f"{_BASE}/migrations/{segment(migration_id)}/mappings",
            headers={"accept": "application/json", "content-type": content_type},
            timeout=600.0,
        ),
        parse=_mapping_counts,
    )


def diff_mappings(
    migration_id: str, against: str, cursor: str | None, size: int
) -> Operation[DifferencePage]:
    """Mappings that differ from those of another migration of the scope."""
    path = f"{_BASE}/migrations/{segment(migration_id)}/mappings/diff"
    query = {"against": against, "cursor": cursor, "pageSize": size}
    return json_operation("GET", path, DifferencePage, query=query)


def missing_mappings(transfer_id: str, cursor: str | None, size: int) -> Operation[MissingPage]:
    """Keys that were looked up and not found, by namespace."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/mappings/missing"
    return json_operation("GET", path, MissingPage, query={"cursor": cursor, "pageSize": size})


def get_transfer(transfer_id: str) -> Operation[TransferView]:
    """Status, progress, deadline and what last moved it, counts, bytes."""
    return json_operation("GET", f"{_BASE}/transfers/{segment(transfer_id)}", TransferView)


def get_timeline(transfer_id: str, cursor: str | None, size: int) -> Operation[TimelinePage]:
    """What happened, in order."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/timeline"
    return json_operation("GET", path, TimelinePage, query={"cursor": cursor, "pageSize": size})


def follow_timeline(transfer_id: str, after: int, quiet: float) -> Request:
    """The timeline as a stream of events; ``quiet`` seconds without one break it."""
    return Request(
        method="GET",
        url=f"{_BASE}/transfers/{segment(transfer_id)}/timeline",
        headers={"accept": "text/event-stream", "last-event-id": str(after)},
        timeout=quiet,
    )


def list_messages(transfer_id: str, cursor: str | None, size: int) -> Operation[MessagePage]:
    """Messages of a transfer with their attempts, oldest first."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/messages"
    return json_operation("GET", path, MessagePage, query={"cursor": cursor, "pageSize": size})


def list_files(transfer_id: str, cursor: str | None, size: int) -> Operation[FilePage]:
    """Files of a transfer with the digests of their parts."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/app-data"
    return json_operation("GET", path, FilePage, query={"cursor": cursor, "pageSize": size})


def read_manifest(transfer_id: str) -> Request:
    """The manifest of a transfer, as a stream."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/manifest"
    return Request(method="GET", url=path, timeout=READ_SECONDS)


def verify_transfer(transfer_id: str) -> Request:
    """Read the transfer's files again; a stream of lines."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/verify"
    return Request(method="GET", url=path, timeout=READ_SECONDS)


def get_storage() -> Operation[StorageView]:
    """How much is stored, and what the last sweep did and found."""
    return json_operation("GET", f"{_BASE}/storage", StorageView)


def sweep_storage(*, remove_unknown: bool) -> Operation[SweepReport]:
    """Sweep now; answered at its end."""
    path, body = f"{_BASE}/storage/sweep", SweepRequest(remove_unknown=remove_unknown)
    return json_operation("POST", path, SweepReport, body=body, timeout=SWEEP_SECONDS)


def cancel_transfer(transfer_id: str) -> Operation[TransferView]:
    """Ask for cancellation."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/cancel"
    return json_operation("POST", path, TransferView)


def rerun_transfer(transfer_id: str) -> Operation[RerunAnswer]:
    """Run a FAILED or INCOMPLETE transfer again, under a new id."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/rerun"
    return json_operation("POST", path, RerunAnswer)


def get_message(message_id: str) -> Operation[MessageView]:
    """One message with its attempts."""
    return json_operation("GET", f"{_BASE}/messages/{segment(message_id)}", MessageView)


def redeliver_message(message_id: str) -> Operation[MessageView]:
    """Deliver a message again, under the same id."""
    path = f"{_BASE}/messages/{segment(message_id)}/redeliver"
    return json_operation("POST", path, MessageView)


def list_undelivered(
    wanted: RedeliveryRequest, cursor: str | None, size: int
) -> Operation[MessagePage]:
    """Messages that were given up, oldest first."""
    query = {
        "state": "UNDELIVERED",
        "transferId": wanted.transfer_id,
        "cloudAppKey": wanted.cloud_app_key,
        "from": wanted.since,
        "to": wanted.to,
        "cursor": cursor,
        "pageSize": size,
    }
    return json_operation("GET", f"{_BASE}/messages", MessagePage, query=query)


def redeliver_all(wanted: RedeliveryRequest) -> Operation[RedeliveryAnswer]:
    """Deliver again all that fit; answered when they are owed again."""
    path = f"{_BASE}/redeliver"
    return json_operation("POST", path, RedeliveryAnswer, body=wanted, timeout=READ_SECONDS)


def explain_message(message_id: str) -> Operation[Explanation]:
    """Why a message went where it went."""
    path = f"{_BASE}/messages/{segment(message_id)}/explain"
    return json_operation("GET", path, Explanation)


def explain_transfer(transfer_id: str) -> Operation[TransferExplanation]:
    """Why a transfer is where it is."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/explain"
    return json_operation("GET", path, TransferExplanation)


def get_clock() -> Operation[ClockView]:
    """The platform's time."""
    return json_operation("GET", f"{_BASE}/clock", ClockView)


def advance_clock(seconds: float) -> Operation[ClockView]:
    """Move the virtual clock; answered when all that fell due is done."""
    path, body = f"{_BASE}/clock/advance", ClockAdvance(seconds=seconds)
    return json_operation("POST", path, ClockView, body=body, timeout=ADVANCE_SECONDS)


def freeze_clock() -> Operation[ClockView]:
    """Have the virtual clock stand still."""
    return json_operation("POST", f"{_BASE}/clock/freeze", ClockView)


def resume_clock() -> Operation[ClockView]:
    """Have the virtual clock go on."""
    return json_operation("POST", f"{_BASE}/clock/resume", ClockView)


def read_recording(transfer_id: str) -> Request:
    """All that the app of a transfer saw and did, line by line."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/recording"
    return Request(method="GET", url=path, timeout=READ_SECONDS)


def read_recorded_payload(transfer_id: str, key: str) -> Request:
    """The bytes of one file of a transfer."""
    path = f"{_BASE}/transfers/{segment(transfer_id)}/recording/{segment(key)}"
    return Request(method="GET", url=path, timeout=READ_SECONDS)


def begin_replay(request: ReplayRequest) -> Operation[MigrationView]:
    """Begin a transfer under the ids of a recorded one."""
    return json_operation("POST", f"{_BASE}/replays", MigrationView, body=request)


def replay_file(transfer_id: str, file: ReplayedFile) -> Operation[UploadView]:
    """Open the upload of a recorded file under its key."""
    path = f"{_BASE}/replays/{segment(transfer_id)}/files"
    return json_operation("POST", path, UploadView, body=file)


def _mapping_counts(answer: Answer) -> MappingCounts:
    return msgspec.json.decode(answer.body, type=MappingCounts)
