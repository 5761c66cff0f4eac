"""``ferryman notice``: list notices, and manage the sinks that receive them."""

from typing import Annotated

import typer

from ferryman.cli.command import Paging, command
from ferryman.cli.ids import OfApp, OfCustomer
from ferryman.cli.session import Session
from ferryman.client.text import clean, field_lines, minute
from ferryman.notice_vocab import NoticeKind, SinkKind, TellingState
from ferryman.vocab import IdKind
from ferryman.wire.notice import AddedSink, NoticeView, SinkRequest, SinkTrial, SinkView

app = typer.Typer(
    help="List notices of troubles, and manage the sinks that receive them.",
    no_args_is_help=True,
)
sinks = typer.Typer(
    help="Add, list, test and remove the sinks that receive notices.", no_args_is_help=True
)
app.add_typer(sinks, name="sink")

Name = Annotated[str, typer.Argument(help="Name of the sink, such as on-call.")]
_Kinds = Annotated[
    list[NoticeKind] | None,
    typer.Option("--kind", help="Only notices of this kind; repeatable; else all."),
]


@command(app, "list")
def list_notices(
    session: Session,
    paging: Paging,
    *,
    kind: Annotated[
        NoticeKind | None, typer.Option("--kind", help="Only notices of this kind.")
    ] = None,
    lasting: Annotated[bool, typer.Option("--open", help="Only troubles that last.")] = False,
    app_name: OfApp = None,
    customer: OfCustomer = None,
) -> None:
    """List troubles and settled transfers, newest first."""
    named = session.resolve_some(IdKind.APP, app_name)
    paging.show(
        session,
        lambda after, size: session.admin.notices.list(
            after, size, kind=kind, open_=lasting or None, app=named, customer=customer
        ),
        ("BEGAN", "OVER", "KIND", "APP", "CUSTOMER", "FOUND"),
        _notice_row,
    )


@command(sinks, "add")
def add(
    session: Session,
    name: Name,
    address: Annotated[
        str, typer.Argument(help="URL of the hook, or a mail address; `-` reads it from stdin.")
    ],
    *,
    kind: Annotated[
        SinkKind, typer.Option("--as", help="What the address is; a signed webhook by default.")
    ] = SinkKind.WEBHOOK,
    customers: Annotated[
        list[str] | None,
        typer.Option("--customer", help="Only what is this customer's; repeatable; else all."),
    ] = None,
    apps: Annotated[
        list[str] | None,
        typer.Option("--app", help="Only what is about this app; repeatable; else all."),
    ] = None,
    kinds: _Kinds = None,
) -> None:
    """Add a sink that receives notices.

    Webhooks get them in the form of Standard Webhooks, signed with a secret that is shown only this
    once. A sink limited to customers or apps gets no notices about the platform itself.
    """
    given = typer.get_text_stream("stdin").readline().strip() if address == "-" else address
    request = SinkRequest(
        name=name, kind=kind, address=given, customers=customers, apps=apps, kinds=kinds
    )
    added = session.admin.notices.add_sink(request)
    session.show(added, _added)
    if added.secret is not None and not session.as_json:
        typer.echo("The secret is not shown again.", err=True)


@command(sinks, "list")
def list_sinks(session: Session, paging: Paging) -> None:
    """List the sinks, oldest first, with what waits and the last failure."""
    heads = ("NAME", "AS", "ADDRESS", "FOR", "KINDS", "TOLD", "WAITING", "GIVEN UP", "ERROR")
    paging.show(session, session.admin.notices.list_sinks, heads, _sink_row)


@command(sinks, "test")
def try_sink(session: Session, name: Name) -> None:
    """Send a test notice to a sink; the exit status is 1 if that fails."""
    trial = session.admin.notices.test_sink(name)
    session.show(trial, _trial)
    raise typer.Exit(0 if trial.state is TellingState.TOLD else 1)


@command(sinks, "remove")
def remove(session: Session, name: Name) -> None:
    """Remove a sink, and drop the notices that wait for it."""
    session.show(session.admin.notices.remove_sink(name), _sink_text)


def _notice_row(view: NoticeView) -> tuple[object, ...]:
    app_name = view.cloud_app_key and f"{view.cloud_app_key}@{view.environment}"
    over = "" if view.kind is NoticeKind.SETTLED else minute(view.ended_at) or "lasts"
    return (
        minute(view.began_at),
        over,
        view.kind.value,
        app_name,
        view.customer,
        clean(f"{view.found} {view.fix or ''}".strip()),
    )


def _added(added: AddedSink) -> str:
    secret = {} if added.secret is None else {"secret": added.secret}
    return "\n".join(filter(None, (field_lines(secret), _sink_text(added.sink))))


def _sink_text(view: SinkView) -> str:
    return field_lines(
        {
            "sink": view.name,
            "as": view.kind.value,
            "address": view.address,
            "for": _limits(view),
            "kinds": _kinds(view),
        }
    )


def _trial(trial: SinkTrial) -> str:
    return field_lines({"sink": trial.name, "state": trial.state.value, "error": trial.error})


def _sink_row(view: SinkView) -> tuple[object, ...]:
    return (
        view.name,
        view.kind.value,
        view.address,
        _limits(view),
        _kinds(view),
        minute(view.told_at) or "never",
        view.waiting,
        view.given_up,
        view.error,
    )


def _limits(view: SinkView) -> str:
    return ", ".join([*(view.customers or []), *(view.apps or [])]) or "all"


def _kinds(view: SinkView) -> str:
    return ", ".join(kind.value for kind in view.kinds or []) or "all"
