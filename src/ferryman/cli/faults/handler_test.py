"""``ferryman test-handler``: try an app's own handler under one fault plan after another."""

import asyncio
import logging
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ferryman.cli.apps.group import Environment
from ferryman.cli.faults import report
from ferryman.cli.faults.plans import SavedPlan, given_faults, save
from ferryman.cli.faults.trials import chosen_test, trial_of
from ferryman.cli.migrate.plan import Containers, Mappings, PlanFile
from ferryman.cli.output.printing import print_json, refuse
from ferryman.client.text import refusal_facts
from ferryman.devtools.console import check_installed, exit_on_signal
from ferryman.devtools.migrate.export import left_out_text
from ferryman.devtools.migrate.plan import FILE
from ferryman.devtools.migrate.request import chosen_export, plan_at
from ferryman.devtools.work_folder import work_folder
from ferryman.errors import PlatformError
from ferryman.functions.overrides import HandlerTest

if TYPE_CHECKING:
    from ferryman.devtools.faults.search import FailingPlan
    from ferryman.devtools.faults.state import Trial
    from ferryman.devtools.faults.trial import TrialRunner

_NOT_TESTED = 2
_SAVED = Path("failing-faults.json")
_PREFIX = "ferryman-faults-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The task: one given fault plan, or a search for up to ``finds`` that fail.

    ``save`` is the file for the first plan that fails.
    """

    given: SavedPlan | None
    budget: int
    seed: int
    limit: float
    finds: int
    save: Path | None
    as_json: bool


def run_handler(
    folder: Annotated[
        Path, typer.Argument(metavar="APP_DIR", help="Folder of the app.", show_default=False)
    ] = Path(),
    *,
    files: Annotated[
        Path | None, typer.Option(help="Exported files: a folder, or one file. Keep it small.")
    ] = None,
    mappings: Mappings = None,
    containers: Containers = None,
    plan: PlanFile = None,
    state: Annotated[
        str | None,
        typer.Option(help="Command that prints what the app has stored; run in its folder."),
    ] = None,
    state_function: Annotated[
        str | None, typer.Option(help="Function of the app (FILE.NAME) that prints it.")
    ] = None,
    reset: Annotated[
        str | None,
        typer.Option(help="Command to run before each run, to delete what is stored elsewhere."),
    ] = None,
    unordered: Annotated[
        bool, typer.Option("--unordered", help="Ignore the order of the state's lines.")
    ] = False,
    faults: Annotated[
        str | None,
        typer.Option(help="Run only this fault plan, such as payload:1=503."),
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Run the fault plan in this file, which --save wrote.")
    ] = None,
    save_to: Annotated[
        Path, typer.Option("--save", help="Where to write a fault plan that fails.")
    ] = _SAVED,
    budget: Annotated[
        int, typer.Option(min=1, metavar="N", help="Maximum number of fault plans to try.")
    ] = 100,
    finds: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Stop after finding this many fault plans that break the app."
        ),
    ] = 3,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            help="Do not report problems with this code, such as threw_settled; repeatable.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed for choosing longer fault plans and shares.")] = 1,
    limit: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Seconds that a function may take.")
    ] = 25.0,
    patience: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Real seconds that a remote may be idle while it has work to do.",
        ),
    ] = 10.0,
    cloud_key: Annotated[str | None, typer.Option(help="Key of the cloud app.")] = None,
    server_key: Annotated[str | None, typer.Option(help="Key of the server app.")] = None,
    environment: Environment = "development",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run an app's handler through small migrations, with different faults each time.

    Events come twice, at the same time, late or out of order; calls are refused, cut off or lose
    their answers; functions are killed. After each run the app's state must equal that of a run
    without faults.

    The exit status is 0 if it always does. It is 1 if not: the shortest fault plans that break the
    app are shown, and the first is written to a file. It is 2 if nothing could be tested.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, exit_on_signal)
    try:
        check_installed()
        given = plan_at(plan)
        export = chosen_export(files, mappings, given, plan or Path(FILE))
        if export.left_out:
            typer.echo(f"Left out: {left_out_text(export.left_out)}", err=True)
        chosen = chosen_test(
            folder,
            HandlerTest(
                state=state,
                state_function=state_function,
                reset=reset,
                unordered=unordered,
                ignore=tuple(ignore or ()),
            ),
        )
        task = Task(
            given=given_faults(faults, replay, seed),
            budget=budget,
            finds=finds,
            seed=seed,
            limit=limit,
            # A plan from a file is run as it is; a shortened one is saved to a file.
            save=None if replay is not None else save_to,
            as_json=as_json,
        )
        names = (cloud_key, server_key, environment)
        with work_folder(_PREFIX) as work:
            trial = trial_of(
                folder.resolve(), work, names, chosen, export, [*(containers or given.containers)]
            )
            trial = replace(trial, patience=patience)
            passed = asyncio.run(_test(trial, work, task))
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        raise typer.Exit(130) from None
    except PlatformError as refused:
        refuse(refusal_facts(refused), as_json=as_json, status=_NOT_TESTED)
    raise typer.Exit(0 if passed else 1)


async def _test(trial: "Trial", work: Path, task: Task) -> bool:
    import structlog

    from ferryman.devtools.faults.environment import open_environment
    from ferryman.devtools.faults.trial import TrialRunner

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with console.status("Starting a platform of its own") as status:
        async with open_environment(work / "platform", function_seconds=task.limit) as environment:
            runner = TrialRunner(environment, trial)
            status.update("Two calm runs")
            calm = await runner.begin()
            if not task.as_json:
                typer.echo(report.calm_line(calm))

            def progress(fault_plan: Any, number: int) -> None:
                status.update(f"{number} of {task.budget}: {report.spelled(fault_plan)}")

            failures = await _failures(runner, task, progress)
    if failures and task.save is not None:
        save(task.save, failures[0], task.seed)
    if task.as_json:
        print_json(report.document(calm, failures, runner.runs))
    else:
        typer.echo(report.text(calm, failures, runner.runs, task.save))
    return not failures


async def _failures(runner: "TrialRunner", task: Task, progress: Any) -> "tuple[FailingPlan, ...]":
    from ferryman.devtools.faults.search import search, shrink, try_plan

    if task.given is None:
        return await search(
            runner, budget=task.budget, finds=task.finds, seed=task.seed, progress=progress
        )
    if task.save is None:
        failures = await try_plan(runner, task.given.steps, task.given.seed)
    else:
        failures = await shrink(runner, task.given.steps, task.given.seed, progress)
    return () if failures is None else (failures,)
