"""The causes of a broken chain: for each, a text for the finding and one for the fix.

The rule that finds a cause fills in the placeholders. Codes of refused calls are causes as well;
their texts come from the refusal itself.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ferryman.domain.diagnosis.delivery_causes import DELIVERY_CAUSES

CAUSES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # migration
        "migration_not_started": (
            "migration {migration} was created and not started",
            "Start it: `ferryman migration start {migration}`.",
        ),
        "paused": (
            "paused by an operator at {at}: nothing is sent, and its deadlines stand still",
            "Resume it: `ferryman transfer resume {transfer}`.",
        ),
        "dependency_failed": (
            "skipped, because transfer {transfer} did not succeed",
            "Fix that one first: `ferryman transfer explain {transfer}`; re-running it brings "
            "this one back.",
        ),
        "dependency_running": (
            "waits for {names}, on which it depends",
            "Wait for them, or explain the one that is stuck.",
        ),
        # app
        "app_suspended": (
            "{app} is suspended: its calls are refused and its events wait",
            "Let it continue: `ferryman app resume {app}`.",
        ),
        "app_not_installed": (
            "{app} is registered and not installed, so nothing can be signed for it",
            "Install it: `ferryman app install {app}`.",
        ),
        "app_uninstalled": (
            "{app} was uninstalled at {at}",
            "Install it again: `ferryman app install {app}`.",
        ),
        "install_failed": (
            "the installed call to {app} failed: {error}",
            "Fix the app or the baseUrl of its descriptor, then `ferryman app install {app}`.",
        ),
        # agent
        "agent_never_asked": (
            "no agent has ever asked for work for {app}",
            "Run the server app's listener beside it: `ferryman agent run MODULE:CLASS --url URL` "
            "with the serverToken of {app} in FERRYMAN_SERVER_TOKEN.",
        ),
        "agent_gone": (
            "agent {agent} last asked for work for {app} at {at}",
            "Start the agent again: `ferryman agent run MODULE:CLASS --url URL`.",
        ),
        "agent_of_other_environment": (
            "no agent asks for work for {app}; one asks for environment {other}",
            "Give the agent the serverToken of environment {environment}, or migrate with "
            "{key}@{other}.",
        ),
        "claim_unconfirmed": (
            "{agent} claimed the transfer at {at} and has not confirmed the claim for {silence}",
            "Nothing is lost: the next agent that asks gets it. Start one: "
            "`ferryman agent run MODULE:CLASS --url URL`.",
        ),
        "agent_silent": (
            "{agent}, which took it at {at}, has been silent for {silence}",
            "The next agent that asks gets it. Start one, or check the log of {agent}: "
            "`ferryman agent run MODULE:CLASS --url URL`.",
        ),
        # listener
        "listener_lost": (
            "it was running, and never reported that it returned or failed",
            "Make sure that an agent runs, then re-run: `ferryman transfer rerun {transfer}`.",
        ),
        "listener_silent": (
            "it sent neither a file nor a report before the deadline",
            "Check that the listener finds its data, calls complete_export() and reaches the "
            "platform; then re-run: `ferryman transfer rerun {transfer}`.",
        ),
        "listener_threw": (
            "the listener threw {exception}",
            "Fix the listener; see its stack trace: `ferryman transfer timeline {transfer}`. Then "
            "re-run: `ferryman transfer rerun {transfer}`.",
        ),
        # uploads
        "writer_failed": (
            "{uploads} missing, because the writer failed or never closed the file: {names}",
            "Fix the listener at that line, and have it write the file again under its label. "
            "complete() registers a good file that is closed in an except block; abandon() leaves "
            "a file out deliberately.",
        ),
        "upload_not_completed": (
            "{uploads} begun since {at} and not completed: {names}",
            "Close each file, or over HTTP send its parts and call complete; an agent that died "
            "resumes when it is started again.",
        ),
        "no_file": (
            "the listener exported nothing: no file was uploaded",
            "Check that the listener finds its data and writes it to create_app_data(); the cloud "
            "app got no uploaded:app_data event.",
        ),
        # export
        "export_not_completed": (
            "complete_export() was not called",
            "Call gateway.complete_export() at the end of the listener; otherwise the transfer "
            "waits for its deadline.",
        ),
        # events
        "no_trigger": (
            "no trigger of {app}'s manifest names {event}",
            "Add {event} to modules.trigger[].events, register {app} again and redeliver.",
        ),
        "no_manifest": (
            "{app} was registered without a manifest, so no event can be routed to it",
            "Register it again with its manifest.",
        ),
        "no_webhook": (
            "no webhook is registered",
            "Register an address by PUT /rest/atlassian-connect/1/migration/webhook, or name "
            "cloudAppMigration.migrationWebhookPath in the descriptor and register {app} again.",
        ),
        # workers
        "no_worker": (
            "no worker has sent a heartbeat for {silence}, so nothing is delivered or settled",
            "Start one: `ferryman worker`, on the API's database; if one runs, its log "
            "says why it can't reach the database.",
        ),
        "workers_draining": (
            "{workers} running, and none claims anything more since an operator drained them, so "
            "nothing is delivered or settled",
            "`ferryman workers resume ID` lets one work again (`ferryman workers list` has the "
            "ids); or start another one: `ferryman worker`.",
        ),
        "worker_failing": (
            "no worker is healthy; {worker} has been failing since {at}: {error}",
            "Fix the cause of the error: most often the database is full or locked, lacks a right "
            "or has another version than the worker. The worker retries every second.",
        ),
        **DELIVERY_CAUSES,
        # mappings
        "mapping_key_form": (
            "{namespace} was queried for keys in a form that no mapping has, such as {key}",
            "Query with {expected}; the nearest key is {nearest}. "
            "`ferryman mapping missing {transfer}` lists the rest.",
        ),
        # calls
        "other_apps_token": (
            "{call} was made with the token of {other}: {code}",
            "Call with the token of {app}, whose transfer this is.",
        ),
        # acknowledgement
        "unacknowledged": (
            "{messages} unacknowledged since {at}; {percent} % of the window has passed",
            "Call message_processed(transferId, messageId) for each uploaded:app_data event "
            "before {deadline}.",
        ),
        "message_unacknowledged": (
            "the app has not acknowledged this message",
            "Call message_processed or message_failed with messageId {message} within the window.",
        ),
        "returned_unacknowledged": (
            "{function} returned without acknowledging {messages}: {names}{left}",
            "Await message_processed(transferId, messageId) on every path through the function "
            "before it returns (messageProcessed in JavaScript): nothing in a function runs "
            "after it returns.{again}",
        ),
        "never_acknowledged": (
            "{messages} were never acknowledged: {names}",
            "Acknowledge each uploaded:app_data event within {window}; where processing takes "
            "longer, register the app with a larger windowSeconds.",
        ),
        "acknowledged_too_late": (
            "acknowledged after the transfer had ended",
            "Acknowledge within {window} of the last upload or acknowledgement, or register the "
            "app with a larger windowSeconds.",
        ),
        "acknowledged_failed": (
            "the app acknowledged {messages} as FAILED",
            "Check the app's log lines (`ferryman transfer timeline {transfer}`), fix the cause, "
            "then `ferryman transfer rerun {transfer}`.",
        ),
        "failed_after_acknowledgement": (
            "{attempts} failed after {its} message was acknowledged: {names}",
            "Acknowledge as the last step of the handler. An acknowledged message is not "
            "delivered again, so the rest of the handler's work is missing: fix the handler, then "
            "migrate again.",
        ),
        # progress
        "percent_ignored": (
            "a report at {at} was ignored: its percent was lower than the one before",
            "Report percentages that never go down.",
        ),
        "never_settled": (
            "{report}, and the app has not settled the transfer",
            "A Connect app settles its own transfers: POST /progress/{transfer} with status "
            "SUCCESS, FAILED or INCOMPLETE.",
        ),
        "settled_by_app": (
            "the app reported {status}: {message}",
            "Fix the reported problem, then `ferryman transfer rerun {transfer}`.",
        ),
        # end
        "cancelled": (
            "an admin cancelled it at {at}",
            "A cancelled transfer cannot continue: create a new migration.",
        ),
        "skipped": (
            "skipped before its listener was called",
            "An admin cancelled it while it was READY: create a new migration.",
        ),
        "expired": (
            "its lifetime of 14 days was over",
            "Create a new migration.",
        ),
        "timed_out": (
            "timed out at {at}",
            "Fix the broken links above, then re-run: `ferryman transfer rerun {transfer}`.",
        ),
        "ended_unwell": (
            "ended as {status}",
            "Re-run it: `ferryman transfer rerun {transfer}`.",
        ),
    }
)
