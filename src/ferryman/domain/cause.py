"""Why a chain is broken: each cause with what is found and what to do, in one place.

Texts are filled in by the one who finds the cause. Beside these, the code of a refused call is a
cause: its words come with the refusal.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ferryman.wire.transfer import Link

CAUSES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # migration
        "migration_not_started": (
            "migration {migration} was created and not started",
            "Start it: `ferryman migration start {migration}`.",
        ),
        "dependency_failed": (
            "skipped, because transfer {transfer} did not succeed",
            "Mend that one first: `ferryman transfer explain {transfer}`; re-running it brings "
            "this one back.",
        ),
        "dependency_running": (
            "waits for {names}, on which it depends",
            "Wait for them, or explain the one that stands still.",
        ),
        # app
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
            "Mend the app or the baseUrl of its descriptor, then `ferryman app install {app}`.",
        ),
        # agent
        "agent_never_asked": (
            "no agent ever asked for work of {app}",
            "Run the server app's listener beside it: `ferryman agent run MODULE:CLASS --url URL` "
            "with the serverToken of {app} in FERRYMAN_SERVER_TOKEN.",
        ),
        "agent_gone": (
            "agent {agent} last asked for work of {app} at {at}",
            "Start the agent again: `ferryman agent run MODULE:CLASS --url URL`.",
        ),
        "agent_of_other_environment": (
            "nobody asks for work of {app}; an agent asks for environment {other}",
            "Give the agent the serverToken of environment {environment}, or migrate with "
            "{key}@{other}.",
        ),
        "claim_unconfirmed": (
            "{agent} was given the transfer at {at} and has not confirmed it for {silence}",
            "Nothing is lost: any agent that asks gets it now. Start one: "
            "`ferryman agent run MODULE:CLASS --url URL`.",
        ),
        "agent_silent": (
            "{agent}, which took it at {at}, has been silent for {silence}",
            "Any agent that asks gets it now. Start one, or see the log of {agent}: "
            "`ferryman agent run MODULE:CLASS --url URL`.",
        ),
        # listener
        "listener_lost": (
            "it was at work, and never reported that it returned or failed",
            "See that an agent runs, then re-run: `ferryman transfer rerun {transfer}`.",
        ),
        "listener_silent": (
            "there was neither a file nor a word of it before the deadline",
            "See that the listener finds its data, calls complete_export() and reaches the "
            "platform; then re-run: `ferryman transfer rerun {transfer}`.",
        ),
        "listener_threw": (
            "the listener threw {exception}",
            "Fix the listener; see its stack trace: `ferryman transfer timeline {transfer}`. Then "
            "re-run: `ferryman transfer rerun {transfer}`.",
        ),
        # uploads
        "writer_failed": (
            "{uploads} missing, because the writer failed or never closed it: {names}",
            "Fix the listener at that line, and have it write the file again under its label. "
            "complete() registers a good file that is closed in an except block; abandon() does "
            "without one on purpose.",
        ),
        "upload_not_completed": (
            "{uploads} begun since {at} and not complete: {names}",
            "Close each file, or over HTTP send its parts and call complete; an agent that died "
            "resumes when it is started again.",
        ),
        "no_file": (
            "the listener exported nothing: no file was uploaded",
            "See that the listener finds its data and writes to create_app_data(); the cloud app "
            "got no uploaded:app_data event.",
        ),
        # export
        "export_not_completed": (
            "complete_export() was not called",
            "Call gateway.complete_export() as the last thing of the listener; else the transfer "
            "waits for its deadline.",
        ),
        # events
        "no_trigger": (
            "no trigger of {app}'s manifest names {event}",
            "Add {event} to modules.trigger[].events, register {app} again and redeliver.",
        ),
        "no_manifest": (
            "{app} was registered without a manifest, so no event has a way to it",
            "Register it again with its manifest.",
        ),
        "no_webhook": (
            "no webhook is registered",
            "Register an address by PUT /rest/atlassian-connect/1/migration/webhook, or name "
            "cloudAppMigration.migrationWebhookPath in the descriptor and register {app} again.",
        ),
        # workers
        "no_worker": (
            "no worker gave a sign of life for {silence}, so nothing is delivered or settled",
            "Start one: `ferryman worker`, with the database of the API; if one runs, its log "
            "says why it does not reach it.",
        ),
        "worker_failing": (
            "no worker is well; {worker} has failed since {at}: {error}",
            "Mend what the error names: most often the database is full, locked, lacks a right "
            "or is of another version than the worker. It tries again every second by itself.",
        ),
        # delivery
        "name_not_resolved": (
            "{target}: its name could not be resolved",
            "Correct the host name in {where}, or mend the DNS of the platform's machine.",
        ),
        "connection_refused": (
            "{target}: no connection could be made",
            "See that the app listens at the address in {where} and that no firewall is between.",
        ),
        "tls_failed": (
            "{target}: no secure connection could be made",
            "Mend the certificate, or write http:// in {where} if the app speaks no TLS.",
        ),
        "connection_broke": (
            "{target}: the connection ended before the answer was complete",
            "See the app's own log: it closed the connection or died on this event.",
        ),
        "address_refused": (
            "{target}: the platform may not connect to that address",
            "Use a public address in {where}, or start the platform with "
            "FERRYMAN_PRIVATE_ADDRESSES=allow.",
        ),
        "address_unusable": (
            "{target}: not an address that anything can be sent to: {error}",
            "Correct the address in {where}.",
        ),
        "not_answered_in_time": (
            "{target}: no answer within the limit",
            "Answer first and work afterwards: take the event, put it aside, return.",
        ),
        "redirected": (
            "{target}: answered {status}, a redirect, and redirects are not followed",
            "Put the final address into {where}.",
        ),
        "answered_not_200": (
            "{target}: answered {status}, and only 200 counts",
            "Answer webhooks with exactly 200.",
        ),
        "credentials_refused": (
            "{target}: answered {status}, so the app did not accept the platform's token",
            "See how the app checks the token: its audience, keys and shared secret must be those "
            "of this platform.",
        ),
        "path_unknown": (
            "{target}: answered {status}, so nothing is at that path",
            "Correct the path in {where}; mind a base path such as /wiki.",
        ),
        "app_failed": (
            "{target}: answered {status}",
            "See the app's own log: it failed on this event.",
        ),
        "handler_missing": (
            "{target}: the file or the function of the handler is not there any more",
            "Put it back into the app's source folder, or register the app again with what is "
            "there.",
        ),
        "dependency_missing": (
            "{target}: {error}",
            "Install the missing module beside the platform's workers, or put it into the app's "
            "source folder.",
        ),
        "function_not_loaded": (
            "{target}: the file of the handler cannot be loaded: {error}",
            "Mend what its error says; it failed before the handler was called.",
        ),
        "function_raised": (
            "{target}: raised {error}",
            "Fix the handler; see the whole traceback: `ferryman message show {message}`.",
        ),
        "function_timed_out": (
            "{target}: had not finished within the limit",
            "Do less in one call: take the event, store it, and work through it elsewhere.",
        ),
        "function_exited": (
            "{target}: its process ended: {error}",
            "The handler must return, not exit.",
        ),
        "function_out_of_memory": (
            "{target}: ran out of memory: {error}",
            "Read and write in pieces instead of holding a whole file; the limit is "
            "FERRYMAN_FUNCTION_MEMORY_BYTES. A process ended by SIGKILL took what the machine had.",
        ),
        "retry_requested": (
            "{target}: {error}",
            "Nothing to fix: it is called again as it asked, at most five times in all. Then see "
            "why it asks, and `ferryman message redeliver {message}`.",
        ),
        "no_free_place": (
            "{target}: no place to run the function came free in time",
            "Run more workers, or raise FERRYMAN_FUNCTION_CONCURRENCY; it is tried again.",
        ),
        "worker_died": (
            "{target}: the worker died before the outcome was known",
            "Nothing to mend: it is tried again.",
        ),
        "delivery_failed": ("{target}: {error}", "Mend what the error says."),
        "endpoint_left_alone": (
            "{target} failed on and on, so nothing is sent there until {at}; last: {error}",
            "Mend the app at that address; it is tried again by itself.",
        ),
        "not_tried": (
            "{event} was given up before it was tried: {reason}",
            "See that `ferryman worker` runs; then re-run or redeliver.",
        ),
        "undelivered": (
            "given up: {reason}",
            "Mend the cause, then `ferryman message redeliver {message}`.",
        ),
        # mappings
        "mapping_key_form": (
            "{namespace} was asked for keys of a form that none has, such as {key}",
            "Ask with {expected}; this one is most like {nearest}. "
            "`ferryman mapping missing {transfer}` lists the rest.",
        ),
        # calls
        "other_apps_token": (
            "{call} was made with the token of {other}: {code}",
            "Call with the token of {app}, whose transfer this is.",
        ),
        # acknowledgement
        "unacknowledged": (
            "{messages} unacknowledged since {at}, {percent} % of the window is gone",
            "Call message_processed(transferId, messageId) for each uploaded:app_data event "
            "before {deadline}.",
        ),
        "message_unacknowledged": (
            "the app has not acknowledged this message",
            "Call message_processed or message_failed with messageId {message} within the window.",
        ),
        "returned_unacknowledged": (
            "{function} returned without acknowledging {messages}: {names}{left}",
            "Await message_processed(transferId, messageId) on every way through the function "
            "before it returns (messageProcessed in JavaScript): nothing of a function runs on "
            "after that.{again}",
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
            "See the app's log lines (`ferryman transfer timeline {transfer}`), mend the cause, "
            "then `ferryman transfer rerun {transfer}`.",
        ),
        "failed_after_acknowledgement": (
            "{attempts} failed after {its} message was acknowledged: {names}",
            "Acknowledge as the last step of the handler. An acknowledged message is not "
            "delivered again, so what the handler had not done yet is missing: fix it, then "
            "migrate again.",
        ),
        # progress
        "percent_ignored": (
            "a report at {at} was ignored: its percent was lower than the one before",
            "Report a percent that never goes down.",
        ),
        "never_settled": (
            "{report}, and the app has not settled the transfer",
            "A Connect app settles by itself: POST /progress/{transfer} with status SUCCESS, "
            "FAILED or INCOMPLETE.",
        ),
        "settled_by_app": (
            "the app reported {status}: {message}",
            "Mend what it says, then `ferryman transfer rerun {transfer}`.",
        ),
        # end
        "cancelled": (
            "an admin cancelled it at {at}",
            "A cancelled transfer cannot go on: create a new migration.",
        ),
        "skipped": (
            "skipped before its listener was called",
            "An admin cancelled it while it was READY: create a new migration.",
        ),
        "expired": (
            "its life of 14 days was over",
            "Create a new migration.",
        ),
        "timed_out": (
            "timed out at {at}",
            "Fix what the links above name, then re-run: `ferryman transfer rerun {transfer}`.",
        ),
        "ended_unwell": (
            "ended as {status}",
            "Re-run it: `ferryman transfer rerun {transfer}`.",
        ),
    }
)


def broken(name: str, cause: str, **facts: object) -> Link:
    """A link that does not hold, in the words of its cause."""
    found, fix = CAUSES[cause]
    return Link(
        name=name,
        holds=False,
        cause=cause,
        found=found.format(**facts),
        fix=fix.format(**facts),
    )


def whole(name: str, found: str) -> Link:
    """A link that holds."""
    return Link(name=name, holds=True, found=found)
