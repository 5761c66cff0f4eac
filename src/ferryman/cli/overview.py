"""``ferryman overview`` and ``search``: what needs attention, and what a text leads to."""

from typing import Annotated

import typer

from ferryman.cli.command import IdOptions
from ferryman.cli.ids import OfCustomer, Shown
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.client.text import clean, field_lines, table
from ferryman.wire.overview import Concern, Overview
from ferryman.wire.search import Hit


def overview(session: Session, ids: IdOptions, customer: OfCustomer = None) -> None:
    """Show what needs attention, most urgent first, what runs and what waits."""
    found = session.admin.overview(customer)
    session.show(found, lambda view: _text(view, ids.shown))


def search(
    session: Session,
    ids: IdOptions,
    text: Annotated[
        str,
        typer.Argument(
            help="The beginning of an id, a key, a label, or words of a name or an error.",
            show_default=False,
        ),
    ],
) -> None:
    """Find apps, migrations, transfers and messages; up to ten of each.

    The exit status is 1 if there are none.
    """
    answer = session.admin.search(text)
    if session.as_json:
        print_json(answer)
    elif answer.items:
        rows = [_hit(each, ids.shown) for each in answer.items]
        typer.echo(table(("KIND", "ID", "STATUS", "MATCHED", "TEXT"), rows))
    else:
        typer.echo("None.")
    if answer.more:
        typer.echo("There are more: give more of it.", err=True)
    raise typer.Exit(0 if answer.items else 1)


def _hit(hit: Hit, ids: Shown) -> tuple[object, ...]:
    first = hit.text.partition("\n")[0]
    text = first if hit.name in first else f"{hit.name}  {first}"
    return (hit.kind.value, ids(hit.id), hit.status, hit.matched, text)


def _text(view: Overview, ids: Shown) -> str:
    lines = [_concern(each, ids) for each in view.attention] or ["Nothing needs attention."]
    statuses = ", ".join(f"{count} {status}" for status, count in view.statuses.items())
    facts = {
        "stuck": view.stuck or None,
        "given up": view.given_up or None,
        "not settled": statuses or "none",
    }
    lines.append(field_lines(facts))
    if view.running:
        heads = ("TRANSFER", "DONE", "APP", "MIGRATION")
        rows = [
            (
                ids(each.transfer_id),
                f"{each.progress} %",
                f"{each.cloud_app_key}@{each.environment}",
                each.migration_details.name,
            )
            for each in view.running
        ]
        lines.append(table(heads, rows))
    if view.queues:
        queues = [
            (f"{each.cloud_app_key}@{each.environment}", each.due, each.deferred, each.parked)
            for each in view.queues
        ]
        lines.append(table(("APP", "DUE", "LATER", "PARKED"), queues))
    return "\n\n".join(lines)


def _concern(concern: Concern, ids: Shown) -> str:
    app = concern.cloud_app_key and f"{concern.cloud_app_key}@{concern.environment}"
    about = " ".join(filter(None, (ids(concern.transfer_id), app, concern.migration_name)))
    head = f"{concern.kind.replace('_', ' ')}: {about}" if about else concern.kind.replace("_", " ")
    fix = f"\n  fix    {concern.fix}" if concern.fix else ""
    return clean(f"{head}\n  found  {concern.found}{fix}")
