"""``ferryman message``: one event owed to a cloud app, its attempts, and why it went where."""

from typing import Annotated

import typer

from ferryman.cli import admin_calls as calls
from ferryman.cli import pages
from ferryman.cli.chain import print_chain
from ferryman.cli.clock import parse_duration
from ferryman.cli.connection import DATA_DIR, Admin, AsJson, DataDir, Token, Url, connected
from ferryman.cli.render import clean, instant, lines_of, place_of, print_json
from ferryman.wire.redelivery import RedeliveryRequest
from ferryman.wire.transfer import AttemptView, MessagePage, MessageView

app = typer.Typer(help="See messages and deliver them again.", no_args_is_help=True)

OfTransfer = Annotated[str | None, typer.Option("--transfer", help="Only of this transfer.")]
OfApp = Annotated[
    str | None, typer.Option("--app", help="Only of this app: its key, KEY@ENVIRONMENT, or its id.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", help="Only what was created so long ago at most, such as 2h or 3d."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="Only what was created so long ago at least, such as 2h or 3d."),
]
MessageId = Annotated[str, typer.Argument(help="The id of the message.", show_default=False)]


@app.command("show")
def show(
    message: MessageId,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show a message with all attempts at delivering it."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        view = admin.call(calls.get_message(message))
        _print(admin, view, as_json=as_json)


@app.command("list")
def list_messages(
    *,
    undelivered: Annotated[
        bool, typer.Option("--undelivered", help="Those that were given up; the only list so far.")
    ] = False,
    transfer: OfTransfer = None,
    app_name: OfApp = None,
    since: Since = None,
    until: Until = None,
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
    everything: pages.Everything = False,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List the messages that were given up, oldest first, and say how many there are."""
    if not undelivered:
        raise typer.BadParameter(
            "say --undelivered; `ferryman transfer messages` lists all of a transfer."
        )

    def row(view: MessageView) -> tuple[object, ...]:
        event = view.event_type.rpartition("migration:")[2]
        reason = (view.reason or "").partition("\n")[0]
        return (
            *(view.message_id, view.transfer_id, event, instant(view.created_at)),
            *(len(view.attempts), reason),
        )

    heads = ("MESSAGE", "TRANSFER", "EVENT", "CREATED", "ATTEMPTS", "REASON")
    with connected(url, token, data_dir, as_json=as_json) as admin:
        wanted = _wanted(admin, transfer, app_name, since, until)
        totals: list[int] = []

        def fetch(after: str | None, size: int) -> MessagePage:
            page = admin.call(calls.list_undelivered(wanted, after, size))
            totals.extend([] if page.total is None else [page.total])
            return page

        pages.show_list(
            fetch,
            heads,
            row,
            limit=limit,
            cursor=cursor,
            everything=everything,
            as_json=as_json,
        )
    if totals and not as_json:
        typer.echo(f"{totals[0]} undelivered.", err=True)


@app.command("redeliver")
def redeliver(
    message: Annotated[
        str | None, typer.Argument(help="The id of one message.", show_default=False)
    ] = None,
    *,
    transfer: OfTransfer = None,
    app_name: OfApp = None,
    since: Since = None,
    until: Until = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Deliver a message again, or all undelivered ones of a transfer, an app, a time.

    They keep their ids. The exit status is 1 if there are some and none could be redelivered.
    """
    several = any((transfer, app_name, since, until))
    if several == (message is not None):
        raise typer.BadParameter(
            "say either the id of one message, or --transfer, --app, --since, --until for many."
        )
    with connected(url, token, data_dir, as_json=as_json) as admin:
        if message is not None:
            view = admin.call(calls.redeliver_message(message))
            _print(admin, view, as_json=as_json)
            return
        wanted = _wanted(admin, transfer, app_name, since, until)
        answer = admin.call(calls.redeliver_all(wanted))
    if as_json:
        print_json(answer)
    else:
        typer.echo(lines_of({"redelivered": answer.redelivered, "left undelivered": answer.left}))
    if answer.left:
        typer.echo(
            f"{answer.left} stay undelivered: acknowledged, or of transfers that have settled.",
            err=True,
        )
    raise typer.Exit(1 if answer.left and not answer.redelivered else 0)


def _wanted(
    admin: Admin,
    transfer: str | None,
    app_name: str | None,
    since: str | None,
    until: str | None,
) -> RedeliveryRequest:
    # Asked once: both ends of the range count from the same moment.
    now = admin.call(calls.get_clock()).now if since or until else 0
    return RedeliveryRequest(
        transfer_id=transfer,
        cloud_app_key=app_name,
        since=_instant(since, now),
        to=_instant(until, now),
    )


def _instant(ago: str | None, now: int) -> int | None:
    return None if ago is None else max(0, now - round(parse_duration(ago) * 1000))


@app.command("explain")
def explain(
    message: MessageId,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Say why a message went where it went, and which link of the chain is broken first."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        explanation = admin.call(calls.explain_message(message))
        if as_json:
            print_json(explanation)
            return
        view = admin.call(calls.get_message(message))
        typer.echo(place_of(admin.call(calls.get_transfer(view.transfer_id))))
    typer.echo(lines_of({"message": view.message_id, "event": view.event_type}))
    print_chain(explanation.links, explanation.broken)


def _print(admin: Admin, view: MessageView, *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    typer.echo(place_of(admin.call(calls.get_transfer(view.transfer_id))))
    fields = {
        "message": view.message_id,
        "transfer": view.transfer_id,
        "event": view.event_type,
        "file": view.key,
        "label": view.label,
        "delivery": view.state.value,
        "reason": view.reason,
        "acknowledged": _acknowledged(view),
        "created": instant(view.created_at),
        "next attempt": instant(view.next_attempt_at),
    }
    typer.echo(lines_of(fields))
    for attempt in view.attempts:
        typer.echo(attempt_line(attempt))


def _acknowledged(view: MessageView) -> str:
    if view.acknowledgement is None:
        return "not yet"
    return f"{view.acknowledgement.value} at {instant(view.acknowledged_at)}"


def attempt_line(attempt: AttemptView) -> str:
    """Tell of one attempt: when, how long, and how far it came."""
    facts = (
        attempt.target and f"to {attempt.target}",
        None if attempt.duration_ms is None else f"in {attempt.duration_ms} ms",
        attempt.stage and f"stage {attempt.stage}",
        None if attempt.status is None else f"HTTP {attempt.status}",
    )
    line = f"attempt {attempt.number}, {instant(attempt.started_at)}: {attempt.outcome}"
    said = ", ".join([line, *(fact for fact in facts if fact)])
    error = f": {attempt.error.rstrip()}" if attempt.error else ""
    output = f"\noutput: {attempt.output.rstrip()}" if attempt.output else ""
    return clean(f"{said}{error}{output}").replace("\n", "\n    ")
