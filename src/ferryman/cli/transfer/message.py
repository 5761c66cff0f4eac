"""``ferryman message``: show and redeliver events of a cloud app."""

from dataclasses import dataclass, replace
from typing import Annotated

import typer

from ferryman.cli.command import CountedPaging, IdOptions, command
from ferryman.cli.ids import HELP, OfApp, OfCustomer
from ferryman.cli.list_filters import ListFilters, Since, Until, time_range
from ferryman.cli.output.printing import print_json
from ferryman.cli.session import Session
from ferryman.cli.transfer.message_groups import group_lines
from ferryman.client.explanation import chain_lines
from ferryman.client.filters import MessageFilters
from ferryman.client.text import clean, event_name, field_lines, instant, minute, place_of
from ferryman.vocab import Acknowledged, GroupedBy, IdKind, ListSort, MessageState
from ferryman.wire.redelivery import RedeliveryRequest
from ferryman.wire.transfer import AttemptView, MessageView

app = typer.Typer(help="Show messages, and deliver them again.", no_args_is_help=True)

MessageId = Annotated[str, typer.Argument(help=f"The message: {HELP}.", show_default=False)]


@dataclass(frozen=True)
class Selection:
    """The options that select messages among those that were given up."""

    transfer: Annotated[
        str | None, typer.Option("--transfer", help=f"Only this transfer: {HELP}.")
    ] = None
    app_name: OfApp = None
    since: Since = None
    until: Until = None
    customer: OfCustomer = None

    def __bool__(self) -> bool:
        """Return whether any option is set."""
        return any((self.transfer, self.app_name, self.since, self.until, self.customer))

    def request(self, session: Session) -> RedeliveryRequest:
        """Return the selection in the form of the platform's API."""
        since, to = time_range(session, self.since, self.until)
        return RedeliveryRequest(
            transfer_id=session.resolve_some(IdKind.TRANSFER, self.transfer),
            cloud_app_key=session.resolve_some(IdKind.APP, self.app_name),
            since=since,
            to=to,
            customer=self.customer,
        )


@command(app, "show")
def show(session: Session, message: MessageId) -> None:
    """Show a message with all attempts to deliver it."""
    message = session.resolve(IdKind.MESSAGE, message)
    view = session.admin.messages.get(message)
    _show(session, view)


@command(app, "list")
def list_messages(
    session: Session,
    filters: ListFilters,
    paging: CountedPaging,
    ids: IdOptions,
    *,
    undelivered: Annotated[
        bool, typer.Option("--undelivered", help="The same as --state UNDELIVERED; counts them.")
    ] = False,
    state: Annotated[
        MessageState | None,
        typer.Option("--state", metavar="STATE", help="Only those in this delivery state."),
    ] = None,
    acknowledgement: Annotated[
        Acknowledged | None,
        typer.Option("--acknowledged", help="Only those with this acknowledgement."),
    ] = None,
    transfer: Annotated[
        str | None, typer.Option("--transfer", help=f"Only this transfer: {HELP}.")
    ] = None,
    migration: Annotated[
        str | None, typer.Option("--migration", help=f"Only this migration: {HELP}.")
    ] = None,
    status_code: Annotated[
        int | None,
        typer.Option("--status-code", help="Only where the last attempt failed with this status."),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(help="Only where the label begins with it, or the last error has its words."),
    ] = None,
    stuck: Annotated[
        bool, typer.Option("--stuck", help="Only those given up, or due and not sent.")
    ] = False,
    sort: Annotated[ListSort, typer.Option(help="Order.")] = ListSort.OLDEST,
    by: Annotated[
        GroupedBy | None,
        typer.Option("--by", help="Count them by this instead, the largest group first."),
    ] = None,
) -> None:
    """List messages of all transfers, oldest first, or count them by what they have."""
    if undelivered and state not in (None, MessageState.UNDELIVERED):
        raise typer.BadParameter(f"expected one state; found --undelivered and --state {state}.")
    since, to = filters.times(session)
    wanted = MessageFilters(
        state=MessageState.UNDELIVERED if undelivered else state,
        acknowledgement=acknowledgement,
        transfer_id=session.resolve_some(IdKind.TRANSFER, transfer),
        migration_id=session.resolve_some(IdKind.MIGRATION, migration),
        app=session.resolve_some(IdKind.APP, filters.app_name),
        environment=filters.environment,
        site=filters.site,
        cause=filters.cause,
        status_code=status_code,
        since=since,
        to=to,
        text=text,
        stuck=stuck,
        customer=filters.customer,
        sort=sort,
    )
    if by is not None:
        session.show(
            session.admin.messages.groups(by, wanted), lambda found: group_lines(found, by)
        )
        return

    def row(view: MessageView) -> tuple[object, ...]:
        event = event_name(view.event_type)
        reason = (view.reason or "").partition("\n")[0]
        return (
            ids.shown(view.message_id),
            ids.shown(view.transfer_id),
            f"{view.cloud_app_key}@{view.environment}",
            event,
            minute(view.created_at),
            view.state.value,
            len(view.attempts),
            reason,
        )

    heads = ("MESSAGE", "TRANSFER", "APP", "EVENT", "CREATED", "STATE", "ATTEMPTS", "REASON")
    counted = replace(paging, count=paging.count or undelivered)
    counted.show_counted(
        session,
        lambda after, size, count: session.admin.messages.list(after, size, wanted, count=count),
        heads,
        row,
    )


@command(app, "redeliver")
def redeliver(
    session: Session,
    selection: Selection,
    message: Annotated[
        str | None, typer.Argument(help=f"One message: {HELP}.", show_default=False)
    ] = None,
) -> None:
    """Deliver one message again, or all undelivered ones of a transfer, an app or a time.

    They keep their ids. The exit status is 1 if there were some and none could be re-queued.
    """
    if bool(selection) == (message is not None):
        raise typer.BadParameter(
            "Give one MESSAGE, or select several with --transfer, --app, --since or --until."
        )
    if message is not None:
        message = session.resolve(IdKind.MESSAGE, message)
        view = session.admin.messages.redeliver(message)
        _show(session, view)
        return
    query = selection.request(session)
    answer = session.admin.messages.redeliver_all(query)
    if session.as_json:
        print_json(answer)
    else:
        typer.echo(
            field_lines({"redelivered": answer.redelivered, "left undelivered": answer.left})
        )
    if answer.left:
        typer.echo(
            f"{answer.left} were skipped: acknowledged, or their transfers have settled.",
            err=True,
        )
    raise typer.Exit(1 if answer.left and not answer.redelivered else 0)


@command(app, "explain")
def explain(session: Session, message: MessageId) -> None:
    """Explain what happened to a message, and which link of the chain is broken first."""
    message = session.resolve(IdKind.MESSAGE, message)
    explanation = session.admin.messages.explain(message)
    if session.as_json:
        print_json(explanation)
        return
    view = session.admin.messages.get(message)
    typer.echo(place_of(session.admin.transfers.get(view.transfer_id)))
    typer.echo(field_lines({"message": view.message_id, "event": view.event_type}))
    typer.echo("\n".join(chain_lines(explanation.links, explanation.broken)))


def _show(session: Session, view: MessageView) -> None:
    if session.as_json:
        print_json(view)
        return
    typer.echo(place_of(session.admin.transfers.get(view.transfer_id)))
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
    typer.echo(field_lines(fields))
    for attempt in view.attempts:
        typer.echo(attempt_line(attempt))


def _acknowledged(view: MessageView) -> str:
    if view.acknowledgement is None:
        return "not yet"
    return f"{view.acknowledgement.value} at {instant(view.acknowledged_at)}"


def attempt_line(attempt: AttemptView) -> str:
    """Return one attempt as text: its start, duration and outcome."""
    facts = (
        attempt.target and f"to {attempt.target}",
        None if attempt.duration_ms is None else f"in {attempt.duration_ms} ms",
        attempt.stage and f"stage {attempt.stage}",
        None if attempt.status is None else f"HTTP {attempt.status}",
    )
    line = f"attempt {attempt.number}, {instant(attempt.started_at)}: {attempt.outcome}"
    line_text = ", ".join([line, *(fact for fact in facts if fact)])
    error = f": {attempt.error.rstrip()}" if attempt.error else ""
    output = f"\noutput: {attempt.output.rstrip()}" if attempt.output else ""
    return clean(f"{line_text}{error}{output}").replace("\n", "\n    ")
