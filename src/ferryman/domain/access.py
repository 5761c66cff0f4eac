"""Role-based access control: who may call which admin operation, and see what (ADR 0062).

An operation without a row is refused. Roles say what may be done; the customers and apps of a token
say to what.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from ferryman import refusals
from ferryman.vocab import Role


@dataclass(frozen=True, slots=True)
class Reach:
    """The part of the platform that a caller sees: customers and cloud app keys; None is all."""

    customers: tuple[str, ...] | None = None
    apps: tuple[str, ...] | None = None

    @property
    def whole(self) -> bool:
        """Return whether nothing is hidden from the caller."""
        return self.customers is None and self.apps is None

    def has(self, customer: str, app: str | None) -> bool:
        """Return whether a thing of a customer and an app is visible; None: of several apps."""
        return self.has_customer(customer) and self.has_app(app)

    def has_customer(self, customer: str) -> bool:
        """Return whether things of a customer are visible."""
        return self.customers is None or customer in self.customers

    def has_app(self, app: str | None) -> bool:
        """Return whether the app with a cloud app key is visible."""
        return self.apps is None or app in self.apps

    def of_customer(self, customer: str) -> "Reach":
        """Return the part of it that belongs to one customer."""
        return replace(self, customers=(customer,))


WHOLE = Reach()


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who makes a call, from which address, and the id of the request.

    ``read_only``: a page that may change nothing makes the call, whatever their role.
    """

    name: str
    role: Role
    reach: Reach = WHOLE
    read_only: bool = False
    address: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOrigin:
    """From which address a request comes, and its id."""

    address: str | None = None
    request: str | None = None

    def of(self, actor: Actor) -> Actor:
        """Return an actor who makes this request."""
        return replace(actor, address=self.address, request=self.request)


PLATFORM = Actor(name="platform", role=Role.ADMIN)
"""The platform itself, and the developer tools that hold it in their process."""

OPERATOR = Actor(name="operator-token", role=Role.ADMIN)
"""The holder of the operator token of the data folder, the first admin."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call an operation.

    ``whole`` operations concern the platform itself, so tokens of some customers are refused.
    ``changes`` says that a successful call leaves a row in the audit log, and ``reads`` that this
    row is all that it leaves.
    """

    roles: Collection[Role] = field(default_factory=frozenset)
    whole: bool = False
    changes: bool = False
    reads: bool = False


_ADMIN = frozenset({Role.ADMIN})
_OPERATE = _ADMIN | {Role.OPERATOR}
_READ = _OPERATE | {Role.VIEWER}
_READ_OF_APPS = _READ | {Role.APP_OWNER}
_OWN_APPS = _ADMIN | {Role.APP_OWNER}

RULES: Mapping[str, Rule] = {
    # Apps belong to no customer: all who plan or watch migrations see them.
    "list_apps": Rule(_READ_OF_APPS),
    "get_app": Rule(_READ_OF_APPS),
    "register_app": Rule(_OWN_APPS, changes=True),
    "install_app": Rule(_OWN_APPS, changes=True),
    "uninstall_app": Rule(_OWN_APPS, changes=True),
    "retry_app": Rule(_OPERATE | _OWN_APPS, whole=True, changes=True),
    "revoke_older_tokens": Rule(_OWN_APPS, changes=True),
    "suspend_app": Rule(_ADMIN, changes=True),
    "resume_app": Rule(_ADMIN, changes=True),
    "remove_app": Rule(_ADMIN, changes=True),
    # Of all customers together. That somebody asked for it is audited.
    "list_state": Rule(_OPERATE | _OWN_APPS, whole=True, changes=True, reads=True),
    "list_tables": Rule(_OPERATE | _OWN_APPS, whole=True, changes=True, reads=True),
    "list_rows": Rule(_OPERATE | _OWN_APPS, whole=True, changes=True, reads=True),
    "list_objects": Rule(_OPERATE | _OWN_APPS, whole=True, changes=True, reads=True),
    "open_object": Rule(_OPERATE | _OWN_APPS, whole=True, changes=True, reads=True),
    "load_state": Rule(_OWN_APPS, changes=True),
    "load_rows": Rule(_OWN_APPS, changes=True),
    "load_object": Rule(_OWN_APPS, changes=True),
    "reset_state": Rule(_OWN_APPS, changes=True),
    "list_queue_events": Rule(_OPERATE | _OWN_APPS, whole=True),
    # Migrations and mappings have parts of many apps.
    "create_migration": Rule(_OPERATE, changes=True),
    "start_migration": Rule(_OPERATE, changes=True),
    "schedule_migration": Rule(_OPERATE, changes=True),
    "pause_migration": Rule(_OPERATE, changes=True),
    "resume_migration": Rule(_OPERATE, changes=True),
    "extend_migration": Rule(_OPERATE, changes=True),
    "copy_migration": Rule(_OPERATE, changes=True),
    "archive_migration": Rule(_OPERATE, changes=True),
    "unarchive_migration": Rule(_OPERATE, changes=True),
    "list_migrations": Rule(_READ),
    "get_migration": Rule(_READ),
    "get_report": Rule(_READ),
    "get_report_page": Rule(_READ),
    "create_migration_link": Rule(_OPERATE, changes=True),
    "list_migration_links": Rule(_OPERATE),
    "revoke_migration_link": Rule(_OPERATE, changes=True),
    "load_mappings": Rule(_OPERATE, changes=True),
    "list_mappings": Rule(_READ),
    "diff_mappings": Rule(_READ),
    # Transfers and messages belong to a customer and an app.
    "find_ids": Rule(_READ_OF_APPS),
    "list_transfers": Rule(_READ_OF_APPS),
    "stream_events": Rule(_READ_OF_APPS),
    "list_attempts": Rule(_READ_OF_APPS),
    "list_agents": Rule(_READ_OF_APPS),
    "search_all": Rule(_READ_OF_APPS),
    "get_overview": Rule(_READ_OF_APPS),
    "get_charts": Rule(_READ_OF_APPS),
    "get_backlog": Rule(_READ_OF_APPS),
    "get_timeline_counts": Rule(_READ_OF_APPS),
    "get_forecast": Rule(_READ_OF_APPS),
    "get_transfer": Rule(_READ_OF_APPS),
    "get_timeline": Rule(_READ_OF_APPS),
    "explain_transfer": Rule(_READ_OF_APPS),
    "list_refused_calls": Rule(_READ_OF_APPS),
    "missing_mappings": Rule(_READ_OF_APPS),
    "list_files": Rule(_READ_OF_APPS),
    "transfer_manifest": Rule(_READ_OF_APPS),
    "verify_transfer": Rule(_READ),
    "cancel_transfer": Rule(_OPERATE, changes=True),
    "rerun_transfer": Rule(_OPERATE, changes=True),
    "pause_transfer": Rule(_OPERATE, changes=True),
    "resume_transfer": Rule(_OPERATE, changes=True),
    "extend_transfer": Rule(_OPERATE, changes=True),
    "list_messages": Rule(_READ_OF_APPS),
    "list_all_messages": Rule(_READ_OF_APPS),
    "group_messages": Rule(_READ_OF_APPS),
    "get_message": Rule(_READ_OF_APPS),
    # That somebody asked for it is audited.
    "get_message_body": Rule(_OPERATE | {Role.APP_OWNER}, changes=True, reads=True),
    "explain_message": Rule(_READ_OF_APPS),
    "plan_job": Rule(_OPERATE, changes=True),
    "list_jobs": Rule(_OPERATE),
    "get_job": Rule(_OPERATE),
    "list_job_items": Rule(_OPERATE),
    "start_job": Rule(_OPERATE, changes=True),
    "stop_job": Rule(_OPERATE, changes=True),
    "redeliver_message": Rule(_OPERATE, changes=True),
    "redeliver_all": Rule(_OPERATE, changes=True),
    # Recordings hold what the customer's files hold.
    "record_transfer": Rule(_OPERATE),
    "recorded_payload": Rule(_OPERATE),
    # Acting as a server app, on a virtual clock.
    "begin_trial_file": Rule(_OPERATE, changes=True),
    "sign_trial_parts": Rule(_OPERATE, changes=True),
    "complete_trial_file": Rule(_OPERATE, changes=True),
    "send_trial_event": Rule(_OPERATE, changes=True),
    "begin_replay": Rule(_ADMIN, changes=True),
    "replay_file": Rule(_ADMIN, changes=True),
    # What was told of customers and apps; where it is told concerns the whole platform.
    "list_notices": Rule(_READ_OF_APPS),
    "list_notice_sinks": Rule(_ADMIN),
    "add_notice_sink": Rule(_ADMIN, changes=True),
    "test_notice_sink": Rule(_ADMIN, changes=True),
    "remove_notice_sink": Rule(_ADMIN, changes=True),
    # Each has their own.
    "list_views": Rule(_READ_OF_APPS),
    "save_view": Rule(_READ_OF_APPS, changes=True),
    "remove_view": Rule(_READ_OF_APPS, changes=True),
    # The platform itself.
    "get_clock": Rule(_READ_OF_APPS),
    "advance_clock": Rule(_ADMIN, changes=True),
    "freeze_clock": Rule(_ADMIN, changes=True),
    "resume_clock": Rule(_ADMIN, changes=True),
    "get_storage": Rule(_READ, whole=True),
    "sweep_storage": Rule(_ADMIN, changes=True),
    "list_workers": Rule(_OPERATE, whole=True),
    "drain_worker": Rule(_ADMIN, changes=True),
    "resume_worker": Rule(_ADMIN, changes=True),
    "get_metrics": Rule(_ADMIN | {Role.METRICS}),
    "list_signing_keys": Rule(_ADMIN),
    "rotate_signing_key": Rule(_ADMIN, changes=True),
    "seal_secrets": Rule(_ADMIN, changes=True),
    # Access.
    "list_customers": Rule(_READ),
    "create_customer": Rule(_ADMIN, changes=True),
    "export_customer": Rule(_OPERATE, changes=True, reads=True),
    "expunge_customer": Rule(_ADMIN, changes=True),
    "get_receipt": Rule(_ADMIN),
    "list_sessions": Rule(_ADMIN),
    "end_session": Rule(_ADMIN, changes=True),
    "list_tokens": Rule(_ADMIN),
    "create_token": Rule(_ADMIN, changes=True),
    "rotate_token": Rule(_ADMIN, changes=True),
    "revoke_token": Rule(_ADMIN, changes=True),
    "list_audit": Rule(_ADMIN),
    "export_audit": Rule(_ADMIN),
    "verify_audit": Rule(_ADMIN),
}
"""By the name of the operation's handler."""


def check(actor: Actor, operation: str) -> None:
    """Refuse an operation that the actor may not call.

    Raises :class:`NotAllowed` (``role_insufficient``, ``token_limited``, ``console_read_only``).
    """
    rule = RULES.get(operation, Rule())
    if actor.role not in rule.roles:
        roles = ", ".join(role for role in Role if role in rule.roles)
        raise refusals.access.ROLE_INSUFFICIENT(roles=roles or "none", role=actor.role)
    if rule.whole and actor.reach.customers is not None:
        raise refusals.access.TOKEN_LIMITED(customers=", ".join(actor.reach.customers) or "none")
    if actor.read_only and rule.changes and not rule.reads:
        raise refusals.access.CONSOLE_READ_ONLY()
