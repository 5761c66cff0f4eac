"""Commands that share options: how blocks of them are expanded."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from ferryman.cli.command import Paging, command
from ferryman.cli.session import LineSession, Session
from ferryman.errors import ConfigError


@dataclass(frozen=True)
class Size:
    """A block of one option."""

    size: Annotated[int, typer.Option("--size", help="How large.")] = 1


def made(kind: type[Session]) -> typer.Typer:
    """An app of two commands: one that speaks to a platform, and one that does not."""
    app = typer.Typer()

    @command(app, "ask")
    def ask(session: kind, paging: Paging, size: Size, word: str) -> None:  # type: ignore[valid-type]
        """Ask for a word,

        over two
        lines.
        """
        typer.echo(f"{word} {size.size} {paging.limit} {session.url}")  # type: ignore[attr-defined]
        if word == "refused":
            raise ConfigError("refused_here", expected="another", found=word, fix="Say another.")

    @command(app, "count")
    def count(size: Size) -> None:
        """Count."""
        typer.echo(str(size.size + 1))

    return app


def test_each_field_is_an_option_and_the_platform_comes_last() -> None:
    done = CliRunner().invoke(made(Session), ["ask", "--help"], env={"COLUMNS": "80"})
    shown = [word for word in done.stdout.split() if word.startswith("--")]
    assert shown[0] == "--limit"
    assert shown.index("--size") < shown.index("--url") < shown.index("--json")
    assert "over two lines." in done.stdout
    given = ["ask", "hello", "--size", "3", "--limit", "7", "--url", "http://x"]
    assert CliRunner().invoke(made(Session), given).stdout == "hello 3 7 http://x\n"
    assert CliRunner().invoke(made(Session), ["count", "--size", "3"]).stdout == "4\n"


@pytest.mark.parametrize(("kind", "printed"), [(Session, 2), (LineSession, 1)])
def test_a_refusal_is_explained_by_the_session(kind: type[Session], printed: int) -> None:
    """As the one document where JSON was asked for, unless that is a line for each object."""
    done = CliRunner().invoke(made(kind), ["ask", "refused", "--json"])
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == printed
    assert "refused_here" in done.stderr
