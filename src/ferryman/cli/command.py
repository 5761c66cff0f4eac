"""Add shared options to commands.

A parameter of a command whose type is a dataclass is a block of options: each field becomes an
option of the command, listed after the command's own.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, ParamSpec, Protocol, TypeVar, get_type_hints

import typer
from typer.core import TyperCommand

from ferryman.cli.app_session import AppSession
from ferryman.cli.ids import FullIds, Shown, shown_ids
from ferryman.cli.output.printing import print_csv, print_json
from ferryman.cli.session import Session
from ferryman.client.pages import Fetch, Page, gather
from ferryman.client.text import table

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_SESSIONS = (Session, AppSession)


@dataclass(frozen=True)
class Paging:
    """The options that select a part of a list."""

    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="Maximum number to show.")
    ] = 100
    cursor: Annotated[
        str | None, typer.Option("--cursor", help="Continue an earlier list from here.")
    ] = None
    everything: Annotated[bool, typer.Option("--all", help="Show everything.")] = False
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV; columns are the fields of the JSON.")
    ] = False

    def show(
        self,
        session: Session,
        fetch: Fetch[T],
        heads: Sequence[str],
        row: Callable[[T], Sequence[object]],
    ) -> None:
        """Print a list as a table, or as one document ``{items, nextCursor}``."""
        self._show(session, fetch, heads, row, {})

    def _show(
        self,
        session: Session,
        fetch: Fetch[T],
        heads: Sequence[str],
        row: Callable[[T], Sequence[object]],
        more: Mapping[str, object],
    ) -> None:
        if self.as_csv:
            following = print_csv(fetch, None if self.everything else self.limit, self.cursor)
            if following is not None:
                typer.echo(f"More: --cursor {following}, or --all.", err=True)
            return
        items, following = gather(fetch, None if self.everything else self.limit, self.cursor)
        if session.as_json:
            print_json({"items": items, "nextCursor": following, **more})
            return
        typer.echo(table(heads, map(row, items)) if items else "None.")
        if following is not None:
            typer.echo(f"More: --cursor {following}, or --all.", err=True)


class CountedPage(Page[T_co], Protocol[T_co]):
    """A page of a list that may be counted."""

    @property
    def total(self) -> int | None:
        """How many items the list has; None if it was not asked for."""

    @property
    def approximate(self) -> bool:
        """Whether the total is an estimate."""


@dataclass(frozen=True)
class CountedPaging(Paging):
    """Like :class:`Paging`, for lists that the platform also counts."""

    count: Annotated[
        bool, typer.Option("--count", help="Also count all of them; above 10,000 an estimate.")
    ] = False

    def show_counted(
        self,
        session: Session,
        fetch: Callable[[str | None, int, bool], CountedPage[T]],
        heads: Sequence[str],
        row: Callable[[T], Sequence[object]],
    ) -> None:
        """Like :meth:`Paging.show`; the third argument of ``fetch`` asks for the total."""
        total: dict[str, object] = {}

        def page(after: str | None, size: int) -> CountedPage[T]:
            found = fetch(after, size, self.count and not total)
            if found.total is not None:
                total.update(total=found.total, approximate=found.approximate)
            return found

        self._show(session, page, heads, row, total)
        if total and not session.as_json:
            about = "About " if total["approximate"] else ""
            typer.echo(f"{about}{total['total']} in all.", err=True)


@dataclass(frozen=True)
class IdOptions:
    """The options for showing ids."""

    full_ids: FullIds = False

    @property
    def shown(self) -> Shown:
        """Return the function that formats ids in the command's output."""
        return shown_ids(full=self.full_ids)


def command(
    app: typer.Typer, name: str, cls: type[TyperCommand] | None = None
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Add a function to ``app`` as the command ``name``, its blocks of options expanded.

    A refusal, or a platform that does not answer, ends a command with a session as that session
    explains it.
    """

    def add(function: Callable[P, None]) -> Callable[P, None]:
        app.command(name, cls=cls, help=_paragraphs(function))(_expanded(function))
        return function

    return add


def _paragraphs(function: Callable[..., None]) -> str:
    """Return the docstring with each paragraph on one line, for a terminal of any width."""
    text = inspect.getdoc(function) or ""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _expanded(function: Callable[..., None]) -> Callable[..., None]:
    """Return the same command with an option for each field of a block."""
    signature = inspect.signature(function, eval_str=True)
    blocks: dict[str, Any] = {}
    shown: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if is_dataclass(parameter.annotation):
            blocks[name] = parameter.annotation
        else:
            shown.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    # Where the platform is comes last: it is the same everywhere.
    for block in sorted(blocks.values(), key=lambda each: issubclass(each, _SESSIONS)):
        shown += _options(block)

    def run(**given: Any) -> None:
        made = {
            name: block(**{each.name: given.pop(each.name) for each in fields(block)})
            for name, block in blocks.items()
        }
        session = next((each for each in made.values() if isinstance(each, _SESSIONS)), None)
        with nullcontext() if session is None else session.explained():
            function(**given, **made)

    run.__name__ = function.__name__
    run.__annotations__ = {each.name: each.annotation for each in shown}
    run.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return run


def _options(block: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(block, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(block)
    ]
