"""``ferryman doctor``: what is wrong with an app, before anything runs."""

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.cli.connection import AsJson
from ferryman.cli.plan import FILE, Plan, read_plan
from ferryman.cli.render import clean, print_json, refusal_facts, refuse
from ferryman.errors import ConfigError, PlatformError

if TYPE_CHECKING:
    from ferryman.doctor.finding import Finding
    from ferryman.doctor.snapshot import Keys


def doctor(
    folder: Annotated[
        Path, typer.Argument(metavar="APP_DIR", help="The app's folder.", show_default=False)
    ] = Path(),
    *,
    environment: Annotated[
        str | None, typer.Option(help="The environment that the app is to run in.")
    ] = None,
    cloud_key: Annotated[str | None, typer.Option(help="Key of the cloud app.")] = None,
    server_key: Annotated[str | None, typer.Option(help="Key of the server app.")] = None,
    plan: Annotated[
        Path | None, typer.Option(help=f"A plan to compare with; {FILE} in the folder without it.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check an app's manifest or descriptor, its sources and its set-up; nothing of it is run.

    The exit status is 1 if there are errors, 0 if there are none but warnings.
    """
    try:
        findings = check(folder, environment, cloud_key, server_key, plan)
    except PlatformError as refused:
        refuse(refusal_facts(refused), as_json=as_json)
    errors = sum(each.severity.value == "error" for each in findings)
    if as_json:
        print_json(findings)
    else:
        typer.echo("\n\n".join([*map(told, findings), counted(errors, len(findings) - errors)]))
    raise typer.Exit(1 if errors or (strict and findings) else 0)


def check(
    folder: Path,
    environment: str | None = None,
    cloud_key: str | None = None,
    server_key: str | None = None,
    plan: Path | None = None,
) -> "list[Finding]":
    """Everything that is wrong in ``folder``; raises ``ConfigError`` if there is no app in it."""
    if importlib.util.find_spec("yaml") is None:
        raise ConfigError(
            "yaml_not_installed",
            expected="PyYAML, which reads a manifest in YAML",
            found="no PyYAML here",
            fix="pip install 'ferryman[server]'.",
        )
    from ferryman.doctor.examine import examine
    from ferryman.doctor.finding import Where
    from ferryman.doctor.snapshot import Keys
    from ferryman.doctor.take import take

    given = Keys(Where("(command line)"), cloud_key, server_key, None, environment)
    file = plan or folder / FILE
    keys = [given] if {environment, cloud_key, server_key} - {None} else []
    wrong = None
    if plan is not None or file.is_file():
        try:
            keys += _keys_of(read_plan(file), file, folder)
        except ConfigError as refused:
            wrong = Where(_named(file, folder)), refused
        except OSError as error:
            unreadable = ConfigError(
                "plan_unreadable",
                expected=f"a plan in {file}",
                found=error.strerror or type(error).__name__,
                fix="Correct --plan, or write one with `ferryman plan init`.",
            )
            if plan is not None:
                raise unreadable from None
            wrong = Where(_named(file, folder)), unreadable
    seen = take(folder, tuple(keys), wrong)
    if seen.manifest is None and seen.descriptor is None:
        raise ConfigError(
            "app_not_found",
            expected=f"manifest.yml or atlassian-connect.json in {folder.resolve()}",
            found="neither" if folder.is_dir() else "no such folder",
            fix="Name the folder of the app.",
        )
    return examine(seen)


def told(finding: "Finding") -> str:
    """A finding for people: place and what, why, how to mend it."""
    line = "" if finding.line is None else f":{finding.line}"
    head = f"{finding.file}{line}: {finding.severity.value}: {finding.what} [{finding.check}]"
    return clean(f"{head}\n  why  {finding.why}\n  fix  {finding.fix}")


def counted(errors: int, warnings: int) -> str:
    """How many there are."""
    if not errors and not warnings:
        return "Nothing is wrong."
    return ", ".join(
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((errors, "error"), (warnings, "warning"))
        if count
    )


def _keys_of(plan: Plan, file: Path, folder: Path) -> "list[Keys]":
    """What the plan calls the app, each with its line."""
    from ferryman.doctor.finding import Where
    from ferryman.doctor.snapshot import Keys

    text = file.read_text(encoding="utf-8")
    name = _named(file, folder)

    def where(key: str) -> Where:
        found = re.search(rf"^[ \t]*{key}[ \t]*=", text, re.MULTILINE)
        return Where(name, text.count("\n", 0, found.start()) + 1 if found else None)

    return [
        Keys(where("app"), cloud_app=plan.app),
        Keys(where("server-app"), server_app=plan.server_app),
        Keys(where("forge-app-id"), forge_app_id=plan.forge_app_id),
        Keys(where("environment"), environment=plan.environment),
    ]


def _named(file: Path, folder: Path) -> str:
    """A file as seen from the app's folder, if it is in it."""
    inside = file.resolve().is_relative_to(folder.resolve())
    return str(file.resolve().relative_to(folder.resolve()) if inside else file)
