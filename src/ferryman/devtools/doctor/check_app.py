"""Check the app in a folder against the options and the plan that were given."""

import importlib.util
from pathlib import Path

from ferryman import refusals
from ferryman.client.text import clean
from ferryman.devtools.definition import descriptor_text
from ferryman.devtools.doctor.checks import run_checks
from ferryman.devtools.doctor.finding import Finding, SourceLine
from ferryman.devtools.doctor.load_app import load_app
from ferryman.devtools.doctor.snapshot import AppKeys
from ferryman.devtools.migrate.plan import FILE, read_plan
from ferryman.errors import ConfigError
from ferryman.plan import Plan, line_of
from ferryman.text import plural


def check(
    folder: Path,
    environment: str | None = None,
    cloud_key: str | None = None,
    server_key: str | None = None,
    plan: Path | None = None,
    descriptor: str | None = None,
) -> list[Finding]:
    """Return all findings in ``folder``; raises ``ConfigError`` if there is no app in it.

    ``descriptor`` is the address of a served descriptor, or another file.
    """
    if importlib.util.find_spec("yaml") is None:
        raise refusals.command.YAML_NOT_INSTALLED()

    given = AppKeys(SourceLine("(command line)"), cloud_key, server_key, None, environment)
    file = plan or folder / FILE
    keys = [given] if {environment, cloud_key, server_key} - {None} else []
    wrong = None
    if plan is not None or file.is_file():
        try:
            keys += _keys_of(read_plan(file), file, folder)
        except ConfigError as refused:
            if plan is not None and refused.code == "plan_unreadable":
                raise
            wrong = SourceLine(_named(file, folder)), refused
    seen = load_app(folder, tuple(keys), wrong, _served(descriptor))
    if seen.manifest is None and seen.descriptor is None:
        raise refusals.definition.APP_NOT_FOUND(
            folder=folder.resolve(), found="neither" if folder.is_dir() else "no such folder"
        )
    return run_checks(seen)


def _served(where: str | None) -> tuple[str, str] | None:
    if where is None:
        return None
    try:
        return where, descriptor_text(where).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise refusals.definition.DESCRIPTOR_UNREADABLE(
            place=where, found=reason or str(error)
        ) from None


def finding_text(finding: Finding) -> str:
    """Return a finding as text: place and problem, then why it matters and how to fix it."""
    line = "" if finding.line is None else f":{finding.line}"
    head = f"{finding.file}{line}: {finding.severity.value}: {finding.what} [{finding.check}]"
    return clean(f"{head}\n  why  {finding.why}\n  fix  {finding.fix}")


def summary_text(errors: int, warnings: int) -> str:
    """Return the numbers of errors and warnings, or that there are none."""
    if not errors and not warnings:
        return "No problems found."
    return ", ".join(
        plural(count, noun) for count, noun in ((errors, "error"), (warnings, "warning")) if count
    )


def _keys_of(plan: Plan, file: Path, folder: Path) -> list[AppKeys]:
    """Return the keys that the plan gives the app, each with its line."""

    text = file.read_text(encoding="utf-8-sig")
    name = _named(file, folder)

    def where(key: str) -> SourceLine:
        return SourceLine(name, line_of(text, key))

    return [
        AppKeys(where("app"), cloud_app=plan.app),
        AppKeys(where("server-app"), server_app=plan.server_app),
        AppKeys(where("forge-app-id"), forge_app_id=plan.forge_app_id),
        AppKeys(where("environment"), environment=plan.environment),
    ]


def _named(file: Path, folder: Path) -> str:
    """Return the path of a file, relative to the app's folder if it is in it."""
    inside = file.resolve().is_relative_to(folder.resolve())
    return str(file.resolve().relative_to(folder.resolve()) if inside else file)
