"""``ferryman transfer``: see, follow, cancel and re-run one app's part of a migration."""

from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli import admin_calls as calls
from ferryman.cli import pages, timeline
from ferryman.cli.chain import print_chain
from ferryman.cli.connection import DATA_DIR, AsJson, DataDir, Token, Url, connected
from ferryman.cli.manifest_file import write_manifest
from ferryman.cli.render import counts_of, instant, lines_of, place_of, print_json
from ferryman.cli.streaming import opened
from ferryman.cli.verdict import say_late_failures
from ferryman.cli.watch import Watch, all_succeeded, result_line
from ferryman.wire.transfer import MessageView, TimelineEntry, TransferView

app = typer.Typer(help="See, follow, explain, cancel and re-run transfers.", no_args_is_help=True)

TransferId = Annotated[str, typer.Argument(help="The id of the transfer.", show_default=False)]
AsLines = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]

_NAMED = 10


@app.command("show")
def show(
    transfer: TransferId,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show status, progress, the deadline and what last moved it, counts and bytes."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        _print(admin.call(calls.get_transfer(transfer)), as_json=as_json)


@app.command("watch")
def watch(
    transfer: TransferId,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Give up after so many seconds.")
    ] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsLines = False,
) -> None:
    """Follow a transfer until it is settled; the exit status is 0 only for SUCCESS."""

    def line(_view: TransferView, entry: TimelineEntry) -> str | None:
        if not as_json:
            return timeline.line(entry)
        print_json(entry)
        return None

    with connected(url, token, data_dir) as admin:
        view = admin.call(calls.get_transfer(transfer))
        if not as_json:
            typer.echo(place_of(view))
        [view] = Watch(admin, [view], line=line, bars=not as_json, timeout=timeout).run()
        say_late_failures(admin, [view])
    if not as_json:
        typer.echo(result_line(view))
    raise typer.Exit(0 if all_succeeded([view]) else 1)


@app.command("timeline")
def show_timeline(
    transfer: TransferId,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsLines = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a head.")] = False,
) -> None:
    """Show everything that happened so far, in order and uncut."""
    if as_json and as_csv:
        raise typer.BadParameter("expected --json or --csv; found both.")
    with connected(url, token, data_dir) as admin:
        view = admin.call(calls.get_transfer(transfer))
        if as_csv:
            typer.echo(timeline.csv_row(*timeline.CSV_HEAD))
        elif not as_json:
            typer.echo(place_of(view))
        for entries in pages.pages(
            lambda after, size: admin.call(calls.get_timeline(transfer, after, size))
        ):
            for entry in entries:
                if as_json:
                    print_json(entry)
                else:
                    typer.echo(timeline.csv_line(entry) if as_csv else timeline.line(entry))


@app.command("messages")
def messages(
    transfer: TransferId,
    limit: pages.Limit = pages.LIMIT,
    cursor: pages.Cursor = None,
    everything: pages.Everything = False,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List the messages of a transfer, oldest first, with their latest outcome."""
    heads = ("MESSAGE", "EVENT", "LABEL", "DELIVERY", "ACKNOWLEDGED", "ATTEMPTS", "CREATED")
    with connected(url, token, data_dir, as_json=as_json) as admin:
        if not as_json:
            typer.echo(place_of(admin.call(calls.get_transfer(transfer))))
        pages.show_list(
            lambda after, size: admin.call(calls.list_messages(transfer, after, size)),
            heads,
            _message_row,
            limit=limit,
            cursor=cursor,
            everything=everything,
            as_json=as_json,
        )


@app.command("explain")
def explain(
    transfer: TransferId,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Say why a transfer is where it is, and which link of the chain is broken first."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        explanation = admin.call(calls.explain_transfer(transfer))
        if as_json:
            print_json(explanation)
            return
        typer.echo(place_of(admin.call(calls.get_transfer(transfer))))
    typer.echo(lines_of({"transfer": explanation.transfer_id, "status": explanation.status.value}))
    print_chain(explanation.links, explanation.broken)


@app.command("manifest")
def manifest(
    transfer: TransferId,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write.", show_default=False)
    ],
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Write every file of a transfer, with size and digests, into a manifest to keep."""
    with (
        connected(url, token, data_dir, as_json=as_json) as admin,
        opened(admin, calls.read_manifest(transfer)) as chunks,
    ):
        digest = write_manifest(chunks, output)
    if as_json:
        print_json({"transferId": transfer, "file": str(output), "sha256": digest})
    else:
        typer.echo(f"{output}  sha256 {digest}")


@app.command("cancel")
def cancel(
    transfer: TransferId,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Ask for cancellation; the app has 60 minutes to clean up."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        _print(admin.call(calls.cancel_transfer(transfer)), as_json=as_json)


@app.command("rerun")
def rerun(
    transfer: TransferId,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Run a FAILED or INCOMPLETE transfer again, under a new id."""
    with connected(url, token, data_dir, as_json=as_json) as admin:
        answer = admin.call(calls.rerun_transfer(transfer))
        if as_json:
            print_json(answer)
        else:
            _print(admin.call(calls.get_transfer(answer.transfer_id)), as_json=False)


def _print(view: TransferView, *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    typer.echo(place_of(view))
    details = view.migration_details
    moved = f", last moved by {view.deadline_moved_by}" if view.deadline_moved_by else ""
    fields = {
        "transfer": view.transfer_id,
        "re-run of": view.original_transfer_id,
        "depends on": ", ".join(view.depends_on) or None,
        "skipped by": view.skipped_by,
        "migration": f"{details.migration_id}  {details.name}",
        "status": f"{view.status}, {view.progress} %",
        "reason": view.status_message,
        "started": instant(view.started_at),
        "exported": instant(view.export_completed_at),
        "returned": instant(view.returned_at),
        "deadline": f"{instant(view.deadline)}{moved}" if view.deadline else None,
        "expires": instant(view.expires_at),
        "settled": instant(view.settled_at),
        "counts": counts_of(view),
        "waiting for": _waiting(view.unacknowledged_message_ids),
    }
    typer.echo(lines_of(fields))


def _waiting(message_ids: list[str]) -> str | None:
    named = message_ids[:_NAMED]
    more = len(message_ids) - len(named)
    return "\n".join([*named, *([f"and {more} or more others"] if more else [])]) or None


def _message_row(view: MessageView) -> tuple[object, ...]:
    return (
        view.message_id,
        view.event_type.rpartition("migration:")[2],
        view.label,
        view.state.value,
        view.acknowledgement and view.acknowledgement.value,
        len(view.attempts),
        instant(view.created_at),
    )
