"""The admin surface, for holders of access tokens and of the operator token."""

from litestar.di import Provide

from ferryman.api.access_token import create_token, list_tokens, revoke_token, rotate_token
from ferryman.api.admin_auth import Authenticator, actor, admin_guard
from ferryman.api.app import (
    get_app,
    install_app,
    list_apps,
    register_app,
    remove_app,
    resume_app,
    retry_app,
    revoke_older_tokens,
    suspend_app,
    uninstall_app,
)
from ferryman.api.attempt import list_agents, list_attempts
from ferryman.api.audit import export_audit, list_audit, verify_audit
from ferryman.api.clock import advance_clock, freeze_clock, get_clock, resume_clock
from ferryman.api.customer import (
    create_customer,
    export_customer,
    expunge_customer,
    get_receipt,
    list_customers,
)
from ferryman.api.event import stream_events
from ferryman.api.forecast import get_forecast
from ferryman.api.job import get_job, list_job_items, list_jobs, plan_job, start_job, stop_job
from ferryman.api.key import list_signing_keys, rotate_signing_key, seal_secrets
from ferryman.api.mapping_admin import diff_mappings, list_mappings, load_mappings, missing_mappings
from ferryman.api.message import (
    explain_message,
    get_message,
    get_message_body,
    group_messages,
    list_all_messages,
    list_messages,
    redeliver_all,
    redeliver_message,
)
from ferryman.api.migration import (
    archive_migration,
    copy_migration,
    create_migration,
    get_migration,
    list_migrations,
    schedule_migration,
    start_migration,
    unarchive_migration,
)
from ferryman.api.migration_link import (
    create_migration_link,
    list_migration_links,
    revoke_migration_link,
)
from ferryman.api.notice import (
    add_notice_sink,
    list_notice_sinks,
    list_notices,
    remove_notice_sink,
    test_notice_sink,
)
from ferryman.api.overview import get_backlog, get_charts, get_overview, get_timeline_counts
from ferryman.api.parameters import STRICT_QUERY
from ferryman.api.pause import (
    extend_migration,
    extend_transfer,
    pause_migration,
    pause_transfer,
    resume_migration,
    resume_transfer,
)
from ferryman.api.queue_event import list_queue_events
from ferryman.api.recording import begin_replay, record_transfer, recorded_payload, replay_file
from ferryman.api.report import get_report, get_report_page
from ferryman.api.router import Router
from ferryman.api.saved_view import list_views, remove_view, save_view
from ferryman.api.search import search_all
from ferryman.api.session import end_session, list_sessions
from ferryman.api.state import (
    list_objects,
    list_rows,
    list_state,
    list_tables,
    load_object,
    load_rows,
    load_state,
    open_object,
    reset_state,
)
from ferryman.api.storage import (
    get_storage,
    list_files,
    sweep_storage,
    transfer_manifest,
    verify_transfer,
)
from ferryman.api.timeline import get_timeline
from ferryman.api.transfer import (
    cancel_transfer,
    explain_transfer,
    find_ids,
    get_transfer,
    list_refused_calls,
    list_transfers,
    rerun_transfer,
)
from ferryman.api.trial import (
    begin_trial_file,
    complete_trial_file,
    send_trial_event,
    sign_trial_parts,
)
from ferryman.api.worker import drain_worker, list_workers, resume_worker


def admin_router(authenticator: Authenticator) -> Router:
    """Return the router, with a guard that runs before a request is read."""
    return Router(
        path="/admin/v1",
        guards=[admin_guard(authenticator)],
        dependencies={"actor": Provide(actor, sync_to_thread=False)},
        opt=STRICT_QUERY,
        tags=["Admin"],
        route_handlers=[
            register_app,
            list_apps,
            get_app,
            install_app,
            retry_app,
            uninstall_app,
            suspend_app,
            revoke_older_tokens,
            resume_app,
            remove_app,
            list_state,
            list_tables,
            list_rows,
            list_objects,
            load_state,
            load_rows,
            load_object,
            open_object,
            reset_state,
            list_queue_events,
            create_migration,
            list_migrations,
            get_migration,
            get_report,
            get_report_page,
            load_mappings,
            list_mappings,
            diff_mappings,
            missing_mappings,
            start_migration,
            schedule_migration,
            copy_migration,
            archive_migration,
            unarchive_migration,
            pause_migration,
            resume_migration,
            extend_migration,
            create_migration_link,
            list_migration_links,
            revoke_migration_link,
            get_overview,
            get_charts,
            list_notices,
            add_notice_sink,
            list_notice_sinks,
            test_notice_sink,
            remove_notice_sink,
            search_all,
            stream_events,
            list_transfers,
            list_refused_calls,
            find_ids,
            get_transfer,
            get_backlog,
            get_timeline_counts,
            get_forecast,
            get_timeline,
            list_messages,
            list_files,
            transfer_manifest,
            verify_transfer,
            record_transfer,
            recorded_payload,
            begin_trial_file,
            sign_trial_parts,
            complete_trial_file,
            send_trial_event,
            begin_replay,
            replay_file,
            list_views,
            save_view,
            remove_view,
            get_storage,
            sweep_storage,
            cancel_transfer,
            rerun_transfer,
            pause_transfer,
            resume_transfer,
            extend_transfer,
            list_all_messages,
            group_messages,
            list_attempts,
            list_agents,
            plan_job,
            list_jobs,
            get_job,
            list_job_items,
            start_job,
            stop_job,
            redeliver_all,
            get_message,
            get_message_body,
            redeliver_message,
            explain_message,
            explain_transfer,
            get_clock,
            advance_clock,
            freeze_clock,
            resume_clock,
            create_customer,
            list_customers,
            export_customer,
            expunge_customer,
            get_receipt,
            list_sessions,
            end_session,
            list_workers,
            drain_worker,
            resume_worker,
            create_token,
            list_tokens,
            rotate_token,
            revoke_token,
            list_signing_keys,
            rotate_signing_key,
            seal_secrets,
            list_audit,
            export_audit,
            verify_audit,
        ],
    )
