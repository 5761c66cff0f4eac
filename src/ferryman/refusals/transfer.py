"""Refused calls on transfers: their state, claims, re-runs, definitions and lifetimes."""

from ferryman.errors import (
    Conflict,
    Expired,
    Invalid,
    LimitExceeded,
    OutsideError,
    Settled,
)
from ferryman.refusals.row import Refusal, not_found

NOT_FOUND = not_found("transfer")
LISTENER_ERROR_NOT_FOUND = not_found("listener error")

NOT_STARTED = Refusal(
    "transfer_not_started",
    Conflict,
    expected="a transfer that is IN_PROGRESS, for {action}",
    found="status READY",
    fix="Start the migration (`ferryman migration start`), then claim the transfer.",
)
NOT_STARTED_FOR_PROGRESS = Refusal(
    "transfer_not_started",
    Conflict,
    expected="a transfer that has started, for reporting progress",
    found="status READY",
    fix="Wait for the event saying that the listener was triggered.",
)
CANCELLED = Refusal(
    "transfer_cancelled",
    Conflict,
    expected="a transfer that is IN_PROGRESS, for {action}",
    found="one that an administrator cancelled",
    fix="Stop exporting; the transfer ends as CANCELLED after its cleanup time.",
)
CANCELLED_FOR_OPERATOR = Refusal(
    "transfer_cancelled",
    Conflict,
    expected="a transfer that goes on, for {action}",
    found="one that an administrator cancelled",
    fix="Wait until it ends as CANCELLED after its cleanup time.",
)
PAUSED = Refusal(
    "transfer_paused",
    Conflict,
    expected="a transfer that is not paused, for {action}",
    found="one that an operator paused at {at}",
    fix="Resume it: `ferryman transfer resume`.",
)
EXTENSION_INVALID = Refusal(
    "extension_invalid",
    Invalid,
    expected="a time after {now} and at most {farthest} days after it",
    found="{until}",
    fix="Choose a time in between; a transfer can be extended again later.",
)
SETTLED = Refusal(
    "transfer_settled",
    Settled,
    expected="a transfer that is not settled, for {action}",
    found="status {status}",
    fix="Re-run it to continue under a new id. Nothing more is possible for this transfer.",
)
RUNNING = Refusal(
    "transfer_running",
    Conflict,
    expected="a transfer with a final status",
    found="status {status}",
    fix="Wait, cancel it, or move a virtual clock: `ferryman clock until deadline`.",
)
EXPIRED = Refusal(
    "transfer_expired",
    Expired,
    expected="a report within 14 days of the first notification",
    found="a transfer whose time ended at {expiry:%Y-%m-%d %H:%M} UTC",
    fix="Stop reporting, and migrate the data again.",
)
PERCENT_INVALID = Refusal(
    "percent_invalid",
    Invalid,
    expected="a percent from 0 to 100",
    found="{percent!s:.32}",
    fix="Leave it out, or send 0, to keep the last value.",
)
EXPORT_INCOMPLETE = Refusal(
    "export_incomplete",
    Conflict,
    expected="every file of this export to be complete",
    found="{found}",
    fix="Complete the uploads that are still open, or DELETE them. Write each failed file "
    "again under its label, or its resume key if it has one, and close it outside any "
    "except block; complete() registers a file that you closed while an exception was handled. "
    "To leave a file out, call abandon() on its stream. To leave all of them out, complete "
    "the export with unfinished=abandon (`ferryman data complete --abandon-unfinished`).",
)
UNFINISHED_INVALID = Refusal(
    "unfinished_invalid",
    Invalid,
    expected="unfinished=abandon, or no such parameter",
    found="{unfinished!r:.48}",
    fix="Leave it out to be told about unfinished files.",
)

CLAIM_INVALID = Refusal(
    "claim_invalid",
    Invalid,
    expected="Ferryman-Claim: the number `claims` from the response to the claim",
    found="{claim!r:.34}",
    fix="Send the number as you got it, or leave the header out.",
)
CLAIM_UNKNOWN = Refusal(
    "claim_invalid",
    Invalid,
    expected="Ferryman-Claim: the number `claims` from the response to the claim of this transfer, "
    "at most {claims}",
    found="{claim}",
    fix="Send the number as you got it, or leave the header out.",
)
CLAIM_SUPERSEDED = Refusal(
    "claim_superseded",
    Conflict,
    expected="a call under claim {current}, the current claim of this transfer",
    found="claim {claim}, which missed its heartbeats or was never confirmed",
    fix="Stop this export: the listener is running again elsewhere. To keep a claim, send a "
    "heartbeat at least once a minute: POST /server/v1/transfers/{{transferId}}/heartbeat.",
)

RERUN_NOT_POSSIBLE = Refusal(
    "rerun_not_possible",
    Conflict,
    expected="a transfer that ended as {statuses}",
    found="status {status}",
    fix="Create a new migration.",
)
RERUN_WINDOW_OVER = Refusal(
    "rerun_window_over",
    Conflict,
    expected="a re-run within 12 days of the original attempt",
    found="an original attempt at {started_at:%Y-%m-%d %H:%M} UTC",
    fix="Create a new migration.",
)
RERUN_RUNNING = Refusal(
    "rerun_running",
    Conflict,
    expected="no other re-run in progress",
    found="transfer {transfer}",
    fix="Watch that one; if it fails, you can re-run it.",
)

TOO_MANY_DEFINITIONS = Refusal(
    "too_many_transfer_definitions",
    LimitExceeded,
    expected="at most {limit} transfer definitions",
    found="{count}",
    fix="Export more in each transfer, and tell its files apart by their labels.",
)
NAME_INVALID = Refusal(
    "transfer_name_invalid",
    Invalid,
    expected="a transfer name that is not empty",
    found="{name!r:.80}",
    fix="Name each transfer definition.",
)
NAME_REPEATED = Refusal(
    "transfer_name_repeated",
    Invalid,
    expected="transfer definitions with different names",
    found="{name!r:.82} more than once",
    fix="Rename one of them.",
)
DEFINITION_CYCLE = Refusal(
    "transfer_definition_cycle",
    Invalid,
    expected="transfer definitions without circular dependencies",
    found="no way to start with {names:.400}",
    fix="Remove one of these dependencies.",
)
DEPENDENCY_UNKNOWN = Refusal(
    "transfer_dependency_unknown",
    Invalid,
    expected="dependencies on transfers of the same listener: {names:.400}",
    found="{dependency!r:.82}, for {name!r:.82}",
    fix="Correct the name, or declare a transfer definition with it.",
)
DEPENDENCY_RUNNING = Refusal(
    "transfer_dependency_running",
    Conflict,
    expected="a transfer whose dependencies are settled",
    found="{names:.200} not settled",
    fix="Claim transfers in a loop; each one is offered when its dependencies are settled.",
)
DEPENDENCY_FAILED = Refusal(
    "transfer_dependency_failed",
    Conflict,
    expected="a transfer whose blocking dependencies did not fail",
    found="{found:.200}",
    fix="Re-run those first.",
)

VERIFICATION_RUNNING = Refusal(
    "verification_running",
    Conflict,
    expected="no verification in progress",
    found="one that is reading the store now",
    fix="Wait for it to end. Only one runs at a time, so that migrations can use the store.",
)
FILES_UNREADABLE = Refusal(
    "store_unreadable",
    OutsideError,
    expected="readable files",
    found="{count} in a row that cannot be read",
    fix="Check that the object store is up, then verify again.",
)
FORECAST_SAMPLE_MISSING = Refusal(
    "forecast_sample_missing",
    Conflict,
    expected="a sample: a transfer of the same app and customer with {fewest} acknowledged files",
    found="none",
    fix="Export a small part first, or ask again when the transfer has more acknowledged files.",
)
FORECAST_AMOUNT_MISSING = Refusal(
    "forecast_amount_missing",
    Conflict,
    expected="files and bytes, or an earlier run of the app that succeeded",
    found="neither",
    fix="Give both; `ferryman migration check MIGRATION --listener MODULE:CLASS` counts them.",
)
