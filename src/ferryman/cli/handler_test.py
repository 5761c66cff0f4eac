"""``ferryman test-handler``: an app's own handler, in one bad weather after the other."""

import asyncio
import logging
import signal
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console

from ferryman.cli import weather_report as report
from ferryman.cli.apps import Environment
from ferryman.cli.demo import leave
from ferryman.cli.dev import check_installed
from ferryman.cli.export import told
from ferryman.cli.migrate import chosen_export, plan_at
from ferryman.cli.migration import parse_container
from ferryman.cli.plan import FILE, Containers, Mappings
from ferryman.cli.render import print_json, refusal_facts, refuse
from ferryman.cli.weather_file import Saved, given_weather, save
from ferryman.cli.work_folder import work_folder
from ferryman.errors import ConfigError, PlatformError
from ferryman.vocab import AppKind

if TYPE_CHECKING:
    from ferryman.weather.bench import Bench, Trial
    from ferryman.weather.hunt import Found

_NOT_TESTED = 2
_TABLE = "test-handler"
_SAVED = Path("failing-weather.json")
_PREFIX = "ferryman-weather-"


class Chosen(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """How the app's state is seen: from the command line, else ``[test-handler]`` of its file."""

    state: str | None = None
    state_function: str | None = None
    reset: str | None = None
    unordered: bool = False
    ignore: list[str] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be run: one weather, or a search for up to ``finds`` that fail.

    ``save`` is where the first that fails is written.
    """

    given: Saved | None
    budget: int
    seed: int
    limit: float
    finds: int
    save: Path | None
    as_json: bool


def run_handler(
    folder: Annotated[
        Path, typer.Argument(metavar="APP_DIR", help="The app's folder.", show_default=False)
    ] = Path(),
    *,
    files: Annotated[
        Path | None, typer.Option(help="The exported files: a folder, or one file. Keep it small.")
    ] = None,
    mappings: Mappings = None,
    containers: Containers = None,
    plan: Annotated[
        Path | None, typer.Option(help=f"A plan as `ferryman plan init` writes it; {FILE} if here.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(help="A command that prints what the app has stored; run in its folder."),
    ] = None,
    state_function: Annotated[
        str | None, typer.Option(help="A function of the app (FILE.NAME) that prints it.")
    ] = None,
    reset: Annotated[
        str | None,
        typer.Option(help="A command run before each run, to delete what is kept elsewhere."),
    ] = None,
    unordered: Annotated[
        bool, typer.Option("--unordered", help="The state's lines may come in any order.")
    ] = False,
    script: Annotated[
        str | None,
        typer.Option(help="Run this weather alone, such as uploaded:1=twice,payload:1=503."),
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Run the script of this file again, which --save wrote.")
    ] = None,
    save_to: Annotated[
        Path, typer.Option("--save", help="Where to write a script that fails.")
    ] = _SAVED,
    budget: Annotated[int, typer.Option(min=1, help="Scripts to try at most.")] = 100,
    finds: Annotated[
        int, typer.Option(min=1, help="Stop the search after so many scripts that do harm.")
    ] = 3,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE", help="Do not report what has this code, such as threw_settled."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses the longer scripts, and shares.")] = 1,
    limit: Annotated[float, typer.Option(min=1, help="Seconds that a function may take.")] = 25.0,
    patience: Annotated[
        float,
        typer.Option(min=0, help="Real seconds a remote may be silent with work it took."),
    ] = 10.0,
    cloud_key: Annotated[str | None, typer.Option(help="Key of the cloud app.")] = None,
    server_key: Annotated[str | None, typer.Option(help="Key of the server app.")] = None,
    environment: Environment = "development",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run an app's handler through a small migration again and again, in bad weather each time.

    Events come twice, at the same time, late or in another order; calls are refused, cut off or
    their answers lost; functions are killed. After each run the app's state has to be that of a
    calm run. The exit status is 0 if it always is, 1 if not: then the shortest scripts that do
    it are told, and the first is written to a file. It is 2 where nothing could be tested.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        check_installed()
        given = plan_at(plan)
        export = chosen_export(files, mappings, given, (plan or Path(FILE)).parent)
        if export.left_out:
            typer.echo(f"Left out: {told(export.left_out)}", err=True)
        chosen = _chosen(
            folder,
            Chosen(
                state=state,
                state_function=state_function,
                reset=reset,
                unordered=unordered,
                ignore=ignore or [],
            ),
        )
        task = Task(
            given=given_weather(script, replay, seed),
            budget=budget,
            finds=finds,
            seed=seed,
            limit=limit,
            # What a file says is run as it is; what is made shorter is kept in a file.
            save=None if replay is not None else save_to,
            as_json=as_json,
        )
        names = (cloud_key, server_key, environment)
        with work_folder(_PREFIX) as work:
            trial = _trial(
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

    from ferryman.weather.bench import Bench
    from ferryman.weather.stage import open_stage

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with console.status("Starting a platform of its own") as status:
        async with open_stage(work / "platform", function_seconds=task.limit) as stage:
            bench = Bench(stage, trial)
            status.update("Two calm runs")
            calm = await bench.begin()
            if not task.as_json:
                typer.echo(report.calm_line(calm))

            def progress(script: Any, number: int) -> None:
                status.update(f"{number} of {task.budget}: {report.spelled(script)}")

            found = await _found(bench, task, progress)
    if found and task.save is not None:
        save(task.save, found[0], task.seed)
    if task.as_json:
        print_json(report.document(calm, found, bench.runs))
    else:
        typer.echo(report.told(calm, found, bench.runs, task.save))
    return not found


async def _found(bench: "Bench", task: Task, progress: Any) -> "tuple[Found, ...]":
    from ferryman.weather.hunt import attempt, hunt, shortest

    if task.given is None:
        return await hunt(
            bench, budget=task.budget, finds=task.finds, seed=task.seed, progress=progress
        )
    if task.save is None:
        found = await attempt(bench, task.given.steps, task.given.seed)
    else:
        found = await shortest(bench, task.given.steps, task.given.seed, progress)
    return () if found is None else (found,)


def _chosen(folder: Path, given: Chosen) -> Chosen:
    from ferryman.functions.overrides import FILE as OVERRIDES

    file = folder / OVERRIDES
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get(_TABLE, {})
        kept = msgspec.convert(table, Chosen)
    except FileNotFoundError:
        kept = Chosen()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            "test_handler_malformed",
            expected=f"[{_TABLE}] of {file} to hold state, state-function, reset, unordered, "
            "ignore",
            found=str(error)[:200],
            fix="Correct the file.",
        ) from None
    by_hand = given.state is not None or given.state_function is not None
    if given.state is not None and given.state_function is not None:
        raise ConfigError(
            "state_ambiguous",
            expected="--state or --state-function",
            found="both",
            fix="Give one of them.",
        )
    return Chosen(
        ignore=_codes([*kept.ignore, *given.ignore]),
        state=given.state if by_hand else kept.state,
        state_function=given.state_function if by_hand else kept.state_function,
        reset=given.reset or kept.reset,
        unordered=given.unordered or kept.unordered,
    )


def _codes(given: list[str]) -> list[str]:
    from ferryman.domain.weather_verdict import CODES

    for code in given:
        if code not in CODES:
            raise ConfigError(
                "complaint_unknown",
                expected=f"--ignore with one of {', '.join(CODES)}",
                found=repr(code)[:80],
                fix="Take the code that is printed behind what went wrong.",
            )
    return given


def _trial(
    folder: Path,
    work: Path,
    names: tuple[str | None, str | None, str],
    chosen: Chosen,
    export: Any,
    containers: list[str],
) -> "Trial":
    from ferryman.cli.connection import URL, Admin
    from ferryman.cli.dev_app import App
    from ferryman.weather.bench import Trial
    from ferryman.weather.folder import surround

    registration = App(Admin(URL, ""), folder, work, *names).registration()
    if registration.kind is AppKind.CONNECT:
        raise ConfigError(
            "app_not_testable",
            expected="a Forge app, whose functions or remote can be begun anew",
            found="the descriptor of a Connect app",
            fix="Try it in bad weather with `ferryman dev --weather`.",
        )
    return Trial(
        source=folder,
        work=surround(folder, work / "around"),
        registration=registration,
        files=export.files,
        mappings=export.mappings,
        containers=tuple(parse_container(text) for text in containers),
        state=chosen.state,
        state_function=chosen.state_function,
        reset=chosen.reset,
        unordered=chosen.unordered,
        ignored=frozenset(chosen.ignore),
    )
