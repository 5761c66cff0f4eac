"""``ferryman token``: issue, list, rotate and revoke access tokens."""

from typing import Annotated

import typer

from ferryman.cli.clock import read_duration
from ferryman.cli.command import Paging, command
from ferryman.cli.session import Session
from ferryman.client.text import field_lines, instant, minute
from ferryman.vocab import Role
from ferryman.wire.access_token import (
    IssuedToken,
    TokenPage,
    TokenRequest,
    TokenRotation,
    TokenView,
)

app = typer.Typer(help="Issue, list, rotate and revoke access tokens.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the token: a person or a program.")]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="DURATION", help="Lifetime, such as 90d; else no end."),
]


@command(app, "create")
def create(
    session: Session,
    name: Name,
    *,
    role: Annotated[Role, typer.Option("--role", help="What the holder may do.")],
    customers: Annotated[
        list[str] | None,
        typer.Option("--customer", help="Only for this customer; repeatable; else for all."),
    ] = None,
    apps: Annotated[
        list[str] | None,
        typer.Option("--app", help="Cloud key of an app that an app-owner owns; repeatable."),
    ] = None,
    expires: Expires = None,
) -> None:
    """Issue an access token; it is shown only this once.

    Viewers read, operators run migrations and redeliver, app-owners change their own apps, metrics
    reads /metrics, and admins do everything.
    """
    request = TokenRequest(
        name=name, role=role, customers=customers, apps=apps, seconds=_seconds(expires)
    )
    _show(session, session.admin.tokens.create(request))


@command(app, "list")
def list_tokens(session: Session, paging: Paging) -> None:
    """List access tokens, oldest first, without their secrets."""
    heads = ("NAME", "ROLE", "FOR", "CREATED", "BY", "LAST USED", "EXPIRES", "STATE")
    paging.show(session, session.admin.tokens.list, heads, _row)


@command(app, "rotate")
def rotate(
    session: Session,
    name: Name,
    *,
    overlap: Annotated[
        str,
        typer.Option("--overlap", metavar="DURATION", help="How long the old secret works."),
    ] = "1h",
    expires: Expires = None,
) -> None:
    """Give a token a new secret; the old one works until the overlap ends."""
    rotation = TokenRotation(overlap=int(read_duration(overlap)), seconds=_seconds(expires))
    _show(session, session.admin.tokens.rotate(name, rotation))


@command(app, "revoke")
def revoke(session: Session, name: Name) -> None:
    """Revoke all secrets of a token; every replica refuses them within 5 seconds."""

    def text(page: TokenPage) -> str:
        return field_lines({"revoked": name, "secrets": len(page.items)})

    session.show(session.admin.tokens.revoke(name), text)


def _show(session: Session, issued: IssuedToken) -> None:
    session.show(issued, _text)
    if not session.as_json:
        typer.echo("The token is not shown again.", err=True)


def _text(issued: IssuedToken) -> str:
    access = issued.access
    return field_lines(
        {
            "token": issued.token,
            "name": access.name,
            "role": access.role.value,
            "for": _limits(access),
            "expires": instant(access.expires_at) or "never",
        }
    )


def _row(view: TokenView) -> tuple[object, ...]:
    state = "revoked" if view.revoked_at else "current" if view.current else "replaced"
    return (
        view.name,
        view.role.value,
        _limits(view),
        minute(view.created_at),
        view.created_by,
        minute(view.last_used_at) or "never",
        minute(view.expires_at) or "never",
        state,
    )


def _limits(view: TokenView) -> str:
    if view.apps is not None:
        return ", ".join(view.apps)
    return "all" if view.customers is None else ", ".join(view.customers)


def _seconds(duration: str | None) -> int | None:
    return None if duration is None else int(read_duration(duration))
