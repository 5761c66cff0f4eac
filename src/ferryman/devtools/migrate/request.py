"""Assemble a migration on a laptop from options, else from its plan."""

from pathlib import Path

from ferryman import refusals
from ferryman.devtools.dev.folder import Running
from ferryman.devtools.migrate.export import Export, exactly, export_of
from ferryman.devtools.migrate.plan import FILE, place_of, read_plan
from ferryman.plan import Plan
from ferryman.plan import request_of as request_of_plan
from ferryman.wire.migration import MigrationRequest


def request_of(app: Running, chosen: Plan, otherwise: Plan) -> MigrationRequest:
    """Return the request of a migration, from the options, else the plan, else safe defaults."""
    merged = Plan(
        name=chosen.name or otherwise.name,
        site=chosen.site or otherwise.site,
        source=chosen.source or otherwise.source,
        containers=chosen.containers or otherwise.containers,
    )
    return request_of_plan(f"{app.cloud_app_key}@{app.environment}", merged)


def plan_at(file: Path | None) -> Plan:
    """Read the plan that was named, or the one in this folder; return an empty one without."""
    if file is not None:
        return read_plan(file)
    return read_plan(Path(FILE)) if Path(FILE).is_file() else Plan()


def check_app(plan: Plan, app: Running) -> None:
    """Refuse a plan for another app than the running one."""
    for named, runs in (
        (plan.app, app.cloud_app_key),
        (plan.server_app, app.server_app_key),
        (plan.environment, app.environment),
    ):
        if named is not None and named != runs:
            raise refusals.plan.FOR_ANOTHER_APP(runs=runs, named=named)


def chosen_export(
    files: Path | None, mappings: Path | None, plan: Plan, file: Path, *, sent: bool = True
) -> Export:
    """Find the files to send: those that were named, else those that the plan in ``file`` names.

    Without ``sent``, find only the mappings, as a listener exports the rest.
    """
    rows = mappings or _planned(plan.mappings, file, "mappings")
    if not sent:
        return exactly([], rows, {})
    root = files or _planned(plan.files, file, "files")
    if root is None:
        raise refusals.plan.FILES_NOT_GIVEN()
    return export_of(root, rows, plan.labels)


def _planned(name: str | None, file: Path, key: str) -> Path | None:
    """Resolve a path in a plan from the plan's folder; ``ConfigError`` if nothing is there."""
    if name is None:
        return None
    path = file.parent / name
    if not path.exists():
        raise refusals.plan.MISSING[key](path=path, place=place_of(file, key))
    return path
