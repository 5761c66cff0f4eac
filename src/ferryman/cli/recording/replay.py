"""``ferryman replay``: replay a recorded transfer with the handler as it is now."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ferryman import refusals
from ferryman.cli.output.printing import print_json, refuse
from ferryman.cli.session import Session, Token
from ferryman.client.admin import AdminClient
from ferryman.client.local import kept_token
from ferryman.client.text import clean, refusal_facts
from ferryman.devtools.console import exit_on_signal
from ferryman.devtools.recording.comparison import CallDifference, ComparisonReport
from ferryman.devtools.recording.kept import ReplayedState
from ferryman.devtools.recording.reading import Recording, opened
from ferryman.devtools.work_folder import work_folder
from ferryman.errors import PlatformError
from ferryman.sdk.errors import ClientError
from ferryman.text import plural

_GRACE_SECONDS = 60.0
DIFFERENT = 3


def replay(
    recording: Annotated[
        Path, typer.Argument(help="File that `ferryman record` wrote.", show_default=False)
    ],
    app: Annotated[
        Path, typer.Option("--app", metavar="APP_DIR", help="Folder of the app.")
    ] = Path(),
    *,
    patience: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Real seconds to wait for a remote or a Connect app."
        ),
    ] = 10.0,
    compare_state: Annotated[
        bool,
        typer.Option("--state/--no-state", help="Compare what the app keeps in Forge's services."),
    ] = True,
    load_state: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="What the app kept before: a folder of `state export`, or a list. - reads "
            "standard input.",
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Use this empty platform on the virtual clock, instead of starting one."),
    ] = None,
    token: Token = None,
    data_dir: Annotated[
        Path,
        typer.Option(
            "--data-dir", help="With --url: the data folder that holds its operator token."
        ),
    ] = Path(".ferryman"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Replay a recorded transfer with the app of this folder, and show what it did differently.

    Ids, keys, events, app data and the times of what came from outside are those of the recording.
    The exit status is 0 if the app did the same, 3 if it did not.
    """
    kept = ReplayedState(compared=compare_state, file=load_state)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, exit_on_signal)
    try:
        with opened(recording) as archive:
            if url is not None:
                session = Session(url, token, data_dir, as_json)
                with session.explained():
                    report = _replay(session.admin, archive, app, patience, kept)
            else:
                with _platform(app) as admin:
                    report = _replay(admin, archive, app, patience, kept)
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        raise typer.Exit(130) from None
    except PlatformError as refused:
        refuse(refusal_facts(refused), as_json=as_json)
    except ClientError as failure:
        if failure.problem is None:
            refuse({**_NO_FACTS, "found": str(failure)}, as_json=as_json)
        refuse(refusal_facts(failure.problem), as_json=as_json)
    if as_json:
        print_json(report)
    else:
        typer.echo("\n".join(map(clean, _text(report))))
    raise typer.Exit(0 if report.same else DIFFERENT)


_NO_FACTS: dict[str, str | None] = {
    "status": None,
    "code": "replay_broke_off",
    "expected": "a platform that answers",
    "fix": "Check its output, then replay again.",
}


def _replay(
    admin: AdminClient,
    recording: Recording,
    folder: Path,
    patience: float,
    kept: ReplayedState,
) -> ComparisonReport:
    from ferryman.devtools.dev.app import DevApp
    from ferryman.devtools.recording.replay import Replay

    known, folder = recording.run.app, folder.resolve()
    app = DevApp(
        admin, folder, folder, known.cloud_app_key, known.server_app_key, known.environment
    )
    registration = app.registration()
    if registration.kind is not known.kind:
        raise refusals.recording.REPLAY_OTHER_KIND(
            recorded=known.kind, folder=folder, kind=registration.kind
        )
    registration = msgspec.structs.replace(
        registration,
        forge_app_id=known.forge_app_id,
        window_seconds=known.window_seconds,
        access_scopes=known.access_scopes,
    )
    credentials = admin.apps.register(registration)
    return Replay(admin, credentials.server_token, recording, patience, kept).run()


@contextmanager
def _platform(folder: Path) -> Iterator[AdminClient]:
    """Run a platform for this command, and remove all of it afterwards."""
    from ferryman.devtools.console import check_installed
    from ferryman.devtools.processes import ChildEndedError, Children, function_settings, ready
    from ferryman.devtools.work_folder import end_database

    check_installed()
    with work_folder("ferryman-replay-") as work:
        data_dir = work / "data"
        try:
            with Children(work / "processes") as children:
                platform = children.start(
                    "serve",
                    *("--data-dir", str(data_dir), "--port", "0", "--clock", "virtual", "--json"),
                    cwd=folder if folder.is_dir() else Path.cwd(),
                    env=function_settings(),
                    grace=_GRACE_SECONDS,
                )
                url = ready(platform, children)
                yield AdminClient(url, kept_token(data_dir))
        except ChildEndedError as failure:
            raise refusals.recording.PLATFORM_NOT_STARTED(found=str(failure)[-2000:]) from failure
        finally:
            end_database(data_dir / "postgres", _GRACE_SECONDS)


def _text(report: ComparisonReport) -> Iterator[str]:
    status = report.status
    if report.same:
        same = ["events", "acknowledgements"]
        same += ["calls"] if report.calls_compared else []
        same += ["state"] if report.state_compared else []
        words = f"{', '.join(same[:-1])} and {same[-1]}"
        yield f"The same: {status.replayed}, with the same {words}."
    if status.recorded is not status.replayed:
        yield f"status  {status.recorded} was recorded, now {status.replayed}"
    for event in report.events:
        what = "new" if event.recorded is None else "gone" if event.replayed is None else "changed"
        yield f"event   {event.event_type} {event.message_id}: {what}"
    for message in report.messages:
        label = f" ({message.label})" if message.label else ""
        yield f"event   {message.event_type} {message.message_id}{label}"
        yield _pair(message.recorded_attempts, message.recorded_acknowledgement, "recorded")
        yield _pair(message.replayed_attempts, message.replayed_acknowledgement, "now     ")
        yield from (f"        | {line}" for line in (message.error or "").splitlines())
    yield from map(_call, report.calls)
    for kept in report.state:
        yield f"state   {kept.line}: {kept.recorded} recorded, {kept.replayed} now"
    yield from (f"refused {text}" for text in report.refused)
    if not report.calls_compared:
        yield "Calls were not compared: none were recorded."
    if report.earlier_state:
        count = plural(report.earlier_state, "item")
        yield f"The app kept {count} before the migration, absent here: see --load-state."
    if report.filled:
        count = plural(len(report.filled), "file")
        yield f"Filler was sent for {count} whose bytes are not in the recording."
    if report.unsure_mappings:
        count = plural(report.unsure_mappings, "mapping")
        yield f"Uncertain: {count} in the recording may have been different or missing at the time."


def _pair(attempts: list[str], acknowledgement: str | None, when: str) -> str:
    return f"        {when}  {', '.join(attempts) or 'no attempt'}; {acknowledgement or 'no word'}"


def _call(call: CallDifference) -> str:
    query = f"?{call.query}" if call.query else ""
    request = f" {call.request[:200]}" if call.request else ""
    times = f"{call.recorded} recorded, {call.replayed} now"
    return f"call    {call.method} {call.path}{query}{request}: {call.status}, {times}"
