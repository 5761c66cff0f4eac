"""Refusals of a database whose schema this build does not know, or cannot upgrade now."""

from ferryman.errors import ConfigError, OutsideError
from ferryman.refusals.row import Refusal

UNRELEASED = Refusal(
    "schema_unreleased",
    ConfigError,
    expected="an empty database, or one created by a released version",
    found="one created by a build before the first release, which cannot be upgraded",
    fix="Start with a new data folder (--data-dir) or an empty database (--database-url).",
)
NEWER = Refusal(
    "schema_newer",
    ConfigError,
    expected="a schema this version knows, up to {last}",
    found="changes from a later version: {changes}",
    fix="Start the version of Ferryman that made them, or a later one; or restore a backup from "
    "before the upgrade.",
)
LOCKED = Refusal(
    "schema_locked",
    OutsideError,
    expected="a free lock for schema changes within {seconds:.0f} seconds",
    found="PostgreSQL session {pid}, which holds it: application {application!r}, "
    "client {client}, {state}",
    fix="Start again once that session has ended. If nobody needs it, end it with "
    "SELECT pg_terminate_backend({pid}).",
)
STEP_BLOCKED = Refusal(
    "schema_step_blocked",
    OutsideError,
    expected="the table {table} free for schema step {name} within {seconds:.0f} seconds",
    found="PostgreSQL session {pid}, which uses it: application {application!r}, "
    "client {client}, {state}",
    fix="Start again once that transaction has ended; steps that were applied stay. If nobody "
    "needs the session, end it with SELECT pg_terminate_backend({pid}).",
)
STEP_CUT_OFF = Refusal(
    "schema_step_cut_off",
    OutsideError,
    expected="each statement of schema step {name} to end within {seconds:g} seconds",
    found="one that took longer and was cancelled; nothing of the step remains",
    fix="Run `ferryman upgrade` again at a quieter time, with a larger --statement-seconds.",
)
