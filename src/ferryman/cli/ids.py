"""Show short ids on a terminal, and find the whole id of what a command was given.

A message's id has the same beginning as its transfer's, so its short form includes the end:
``51f6285d..8f775f``.
"""

import re
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from rich.console import Console

from ferryman import refusals
from ferryman.client.admin import AdminClient
from ferryman.client.text import clean, pretty_list
from ferryman.sdk.errors import ClientError
from ferryman.vocab import IdKind
from ferryman.wire.transfer import FoundId

LAST = "@last"
HELP = f"its id, the beginning of it, or {LAST}"
_WHOLE = 36
_BEGIN = 8
_END = 6
_NAMED = 5
_PART = re.compile(r"([0-9a-f][0-9a-f-]*)(?:\.\.([0-9a-f]+))?", re.IGNORECASE)

FullIds = Annotated[bool, typer.Option("--full-ids", help="Show full ids, on a terminal too.")]

TransferId = Annotated[str, typer.Argument(help=f"The transfer: {HELP}.", show_default=False)]
OfApp = Annotated[
    str | None,
    typer.Option(
        "--app",
        help="Only this app: its key, KEY@ENVIRONMENT, its id, the beginning of its id, or @last.",
    ),
]

OfCustomer = Annotated[str | None, typer.Option("--customer", help="Only what this customer owns.")]

Shown = Callable[[str | None], str]
"""Formats an id; None as an empty text."""


def shown_ids(*, full: bool = False, terminal: bool | None = None) -> Shown:
    """Return the format of ids in this command's output: short on a terminal, else whole."""
    short = (Console().is_terminal if terminal is None else terminal) and not full
    return short_id if short else (lambda text: text or "")


def short_id(text: str | None) -> str:
    """Return the first eight digits of an id; of a message's, the last six too."""
    if text is None or len(text) != _WHOLE:
        return text or ""
    # Only derived ids have version 5; they begin like the id that they are derived from.
    return f"{text[:_BEGIN]}..{text[-_END:]}" if text[14] == "5" else text[:_BEGIN]


def resolve(admin: AdminClient, kind: IdKind, text: str) -> str:
    """Return the whole id of what a command was given; other text is returned as it is.

    Raises ``ConfigError``: ``id_ambiguous``, with some of the matches, or ``id_unknown``.
    """
    if not may_be_part(text) or (text != LAST and _is_app(admin, kind, text)):
        return text
    part = _PART.fullmatch(text)
    matches = admin.find_ids(kind, *(part.groups() if part else (None, None)))
    return chosen(kind, text, matches.items, more=matches.more)


def may_be_part(text: str) -> bool:
    """Return whether it must be looked up: ``@last``, or the possible beginning of an id."""
    return text == LAST or (len(text) < _WHOLE and _PART.fullmatch(text) is not None)


def chosen(kind: IdKind, text: str, matches: Sequence[FoundId], *, more: bool) -> str:
    """Return the only match; raises like :func:`resolve`."""
    if len(matches) == 1 and not more:
        return matches[0].id
    if not matches:
        raise refusals.command.ID_UNKNOWN(
            kind=kind,
            found=f"no {kind} yet" if text == LAST else f"{text[:64]!r}, which matches no {kind}",
        )
    names = [f"{match.id} ({match.name[:60]})" for match in matches]
    rest = " or more" if more else ""
    raise refusals.command.ID_AMBIGUOUS(
        kind=kind,
        found=clean(f"{text!r}, which matches {len(matches)}{rest}: {pretty_list(names, _NAMED)}"),
    )


def _is_app(admin: AdminClient, kind: IdKind, text: str) -> bool:
    """Return whether it is the key of an app, which may look like the beginning of an id."""
    if kind is not IdKind.APP:
        return False
    try:
        admin.apps.get(text)
    except ClientError as refused:
        if refused.status != 404:
            raise
        return False
    return True
