"""``ferryman message``: one event owed to a cloud app, its attempts, and why it went where."""

from typing import Annotated

import typer

from ferryman.cli import admin_calls as calls
from ferryman.cli.chain import print_chain
from ferryman.cli.connection import DATA_DIR, URL, Admin, AsJson, DataDir, Token, Url, connected
from ferryman.cli.render import clean, instant, lines_of, place_of, print_json
from ferryman.wire.transfer import AttemptView, MessageView

app = typer.Typer(help="See messages and deliver them again.", no_args_is_help=True)

MessageId = Annotated[str, typer.Argument(help="The id of the message.", show_default=False)]


@app.command("show")
def show(
    message: MessageId,
    url: Url = URL,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show a message with all attempts at delivering it."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        view = admin.call(calls.get_message(message))
        _print(admin, view, as_json=as_json)


@app.command("redeliver")
def redeliver(
    message: MessageId,
    url: Url = URL,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Deliver a message again, under the same id."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        view = admin.call(calls.redeliver_message(message))
        _print(admin, view, as_json=as_json)


@app.command("explain")
def explain(
    message: MessageId,
    url: Url = URL,
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
