"""``ferryman doctor``: find mistakes in an app before anything runs."""

from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.output.printing import print_json, refuse
from ferryman.cli.session import AsJson
from ferryman.client.text import refusal_facts
from ferryman.devtools.migrate.plan import FILE
from ferryman.errors import PlatformError

Served = Annotated[
    str | None,
    typer.Option(
        "--descriptor",
        metavar="URL",
        help="Address where a Connect app serves its descriptor, used instead of a file.",
        show_default=False,
    ),
]


def doctor(
    folder: Annotated[
        Path, typer.Argument(metavar="APP_DIR", help="Folder of the app.", show_default=False)
    ] = Path(),
    *,
    environment: Annotated[
        str | None, typer.Option(help="Environment that the app will run in.")
    ] = None,
    cloud_key: Annotated[str | None, typer.Option(help="Key of the cloud app.")] = None,
    server_key: Annotated[str | None, typer.Option(help="Key of the server app.")] = None,
    descriptor: Served = None,
    plan: Annotated[
        Path | None, typer.Option(help=f"Plan to compare with; by default {FILE} in the folder.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox", help="Instead, try whether this machine has a sandbox for functions."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check an app's manifest or descriptor, its sources and its setup, without running it.

    The exit status is 1 if there are errors, and 0 if there are only warnings.
    """
    if sandbox:
        _try_sandbox(as_json=as_json)
        return
    from ferryman.devtools.doctor.check_app import check, finding_text, summary_text

    try:
        findings = check(folder, environment, cloud_key, server_key, plan, descriptor)
    except PlatformError as refused:
        refuse(refusal_facts(refused), as_json=as_json)
    errors = sum(finding.severity.value == "error" for finding in findings)
    if as_json:
        print_json(findings)
    else:
        typer.echo(
            "\n\n".join(
                [*map(finding_text, findings), summary_text(errors, len(findings) - errors)]
            )
        )
    raise typer.Exit(1 if errors or (strict and findings) else 0)


def _try_sandbox(*, as_json: bool) -> None:
    import asyncio

    from ferryman.config import Settings
    from ferryman.functions.hosting import Hostings
    from ferryman.functions.sandbox.sandbox import Sandbox
    from ferryman.vocab import FunctionMode

    sandbox = Sandbox(user_id=Settings().function_uid)
    hosting = asyncio.run(Hostings(FunctionMode.SANDBOXED, sandbox).find())
    if hosting.refusal is not None:
        refuse(refusal_facts(hosting.refusal), as_json=as_json)
    typer.echo(hosting.found)
