"""``ferryman trigger``: send one event to an app, and show the result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ferryman import refusals
from ferryman.cli.migrate.plan import Containers, Mappings
from ferryman.cli.migration.group import parse_container
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.client.admin import AdminClient
from ferryman.client.explanation import first_broken, link_line, timeline_of
from ferryman.client.local import checked_token
from ferryman.client.text import clean, event_name, place_of
from ferryman.devtools.dev.folder import Running, running_app
from ferryman.devtools.migrate import one_event
from ferryman.devtools.migrate.request import plan_at, request_of
from ferryman.plan import Plan
from ferryman.text import plural
from ferryman.vocab import EventType
from ferryman.wire.transfer import LinkView, MessageView, TransferView

_NAMES = one_event.events_by_name()


def trigger(
    session: Session,
    event: Annotated[
        str,
        typer.Argument(
            metavar="EVENT",
            help=f"Event: {', '.join(event_name(each.value) for each in EventType)}; or its full "
            "name.",
            show_default=False,
        ),
    ],
    *,
    file: Annotated[
        Path | None, typer.Option(help="File of app data, for uploaded:app_data.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Label of the file; by default its name up to the first dot.")
    ] = None,
    mappings: Mappings = None,
    containers: Containers = None,
    site: Annotated[str | None, typer.Option(help="URL of the cloud site.")] = None,
    app_name: Annotated[
        str | None,
        typer.Option(
            "--app",
            metavar="APP",
            help="App of a running platform, by its key or KEY@ENVIRONMENT, instead of that of "
            "`ferryman dev`.",
        ),
    ] = None,
    server_token: Annotated[
        str | None,
        typer.Option(
            "--server-token",
            envvar="FERRYMAN_SERVER_TOKEN",
            help="Server token of the app given with --app.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="Maximum seconds to wait for the outcome."),
    ] = 60.0,
) -> None:
    """Send one event to an app, without writing a migration, and show the result.

    A small migration runs to where the platform sends the event, so that the app can call back;
    events on the way there are sent too, if the app listens for them. Then it ends: a transfer that
    is still running is cancelled.

    The exit status is 0 if the app has the event after one attempt and, for a file, acknowledged
    it. Site and mappings that you leave out are taken from plan.toml.
    """
    sent = send_event(
        session,
        WantedEvent(event, file, label, mappings, containers or [], site),
        lambda: (
            running_app(session.data_dir)
            if app_name is None
            else _app(session, app_name, server_token)
        ),
        timeout,
    )
    if session.as_json:
        print_json(sent.document())
    else:
        word = "SUCCESS" if sent.succeeded else "FAILED"
        what = event_name(sent.event.value)
        typer.echo(f"{word}  {place_of(sent.transfer)}: {what}, {_told(sent.message)}")
        logs = [f"log: {text}" for text in sent.logs]
        for line in [*_output(sent.message), *logs]:
            typer.echo(clean(f"    {line}"))
        if sent.broken is not None:
            typer.echo(link_line(sent.broken, broken=True))
    raise typer.Exit(0 if sent.succeeded else 1)


@dataclass(frozen=True, slots=True)
class WantedEvent:
    """The event to send, by a name of it, and what the migration around it has."""

    event: str
    file: Path | None = None
    label: str | None = None
    mappings: Path | None = None
    containers: Sequence[str] = ()
    site: str | None = None


@dataclass(frozen=True, slots=True)
class SentEvent:
    """What became of an event: ``broken`` says why it went wrong, ``logs`` are the app's lines."""

    event: EventType
    transfer: TransferView
    message: MessageView | None
    succeeded: bool
    broken: LinkView | None
    logs: list[str]

    def document(self) -> dict[str, object]:
        """Return the message's members, with those of its outcome."""
        facts = {} if self.message is None else msgspec.to_builtins(self.message)
        return {
            **facts,
            "transferId": self.transfer.transfer_id,
            "succeeded": self.succeeded,
            "broken": self.broken,
        }


def send_event(
    session: Session, wanted: WantedEvent, find_app: Callable[[], Running], timeout: float
) -> SentEvent:
    """Send one event and wait up to ``timeout`` seconds for its outcome; then end its transfer.

    Raises ``ConfigError``, ``ClientError``, or a usage error for an unknown event or its file.
    """
    event = _event(wanted.event)
    upload = _upload(event, wanted.file, wanted.label)
    admin, given = session.admin, plan_at(None)
    app = find_app()
    kind = one_event.check_listens(admin, app, event)
    for text in wanted.containers:
        parse_container(text)
    plan = Plan(
        name=f"Trigger {event_name(event.value)}",
        site=wanted.site,
        containers=list(wanted.containers),
    )
    request = request_of(app, plan, given)
    rows = wanted.mappings or (Path(given.mappings) if given.mappings else None)
    if rows is not None and not rows.exists():
        raise refusals.command.MAPPINGS_MISSING(file=rows)
    transfer_id = one_event.drive(admin, app, request, event, upload, rows, lambda _text: None)
    message = one_event.outcome(admin, transfer_id, event, kind, timeout)
    passed = one_event.succeeded(message, kind)
    broken = None if passed else _broken(admin, transfer_id, message)
    view = admin.transfers.get(transfer_id)
    if not view.status.final:
        admin.transfers.cancel(transfer_id)
    logs = [
        str(entry.data.get("message")) for entry in timeline_of(admin, transfer_id, "log.added")
    ]
    return SentEvent(event, view, message, passed, broken, logs)


def _event(text: str) -> EventType:
    if (found := _NAMES.get(text)) is not None:
        return found
    near = get_close_matches(text, _NAMES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = ", ".join(event_name(each.value) for each in EventType)
    raise typer.BadParameter(f"expected one of {known}; found {text!r}.{hint}")


def _upload(event: EventType, file: Path | None, label: str | None) -> tuple[Path, str] | None:
    if event is not EventType.UPLOADED:
        if file is not None or label is not None:
            raise typer.BadParameter("--file and --label are for uploaded:app_data only.")
        return None
    if file is None:
        raise typer.BadParameter("uploaded:app_data needs --file.")
    if not file.is_file():
        raise typer.BadParameter(f"expected a file; found none at {file}.")
    return file, label or file.name.partition(".")[0] or file.name


def _app(session: Session, name: str, server_token: str | None) -> Running:
    if not server_token:
        raise refusals.command.APP_TOKEN_MISSING(
            variable="FERRYMAN_SERVER_TOKEN", found="no token for the app given with --app"
        )
    view = session.admin.apps.get(name)
    return Running(
        url=session.admin.url,
        cloud_app_key=view.cloud_app_key,
        server_app_key=view.server_app_key,
        environment=view.environment,
        app_id=view.app_id,
        server_token=checked_token(server_token, "--server-token or FERRYMAN_SERVER_TOKEN"),
        cloud_token="",
    )


def _broken(admin: AdminClient, transfer_id: str, message: MessageView | None) -> LinkView | None:
    """Return the link that says why an event went wrong: of its message, else of its transfer."""
    if message is not None:
        told = admin.messages.explain(message.message_id)
        if told.broken is not None:
            return next(link for link in told.links if link.name == told.broken)
    return first_broken(admin.transfers.explain(transfer_id))


def _told(message: MessageView | None) -> str:
    if message is None:
        return "not sent in time"
    parts = [message.state.value.lower(), plural(len(message.attempts), "attempt")]
    if message.acknowledgement is not None:
        parts.append(f"acknowledged {message.acknowledgement.value}")
    return ", ".join(parts)


def _output(message: MessageView | None) -> list[str]:
    attempts = [] if message is None else message.attempts
    return [f"| {line}" for each in attempts if each.output for line in each.output.splitlines()]
