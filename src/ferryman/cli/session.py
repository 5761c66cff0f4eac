"""Find the platform for a command, and explain what goes wrong.

Exit status: 0 done, 1 refused or not reached, 2 typed wrongly, 130 stopped by Ctrl-C.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from ferryman import refusals
from ferryman.cli.ids import resolve
from ferryman.cli.output.printing import print_json, refuse
from ferryman.client.admin import AdminClient
from ferryman.client.local import DATA_DIR, URL, checked, checked_token, kept_token
from ferryman.client.text import refusal_facts
from ferryman.devtools.dev.folder import url_of
from ferryman.errors import PlatformError
from ferryman.sdk.errors import ClientError
from ferryman.sdk.exchange import NoAnswerError
from ferryman.sdk.refusals import intermediary_error
from ferryman.vocab import IdKind

T = TypeVar("T")

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="FERRYMAN_URL",
        help=f"URL of the platform; by default that of `ferryman dev` here, else {URL}.",
        show_default=False,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="FERRYMAN_OPERATOR_TOKEN",
        help="Operator token; by default the one in the data folder.",
        show_default=False,
    ),
]
DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="FERRYMAN_DATA_DIR",
        help="Data folder of the platform; only operator-token and dev.json are read.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]


@dataclass(frozen=True)
class Session:
    """The options of every command that calls a platform: its address, and the output.

    The default URL is that of the platform that `ferryman dev` runs in the folder.
    """

    url: Url = None
    token: Token = None
    data_dir: DataDir = DATA_DIR
    as_json: AsJson = False

    @cached_property
    def admin(self) -> AdminClient:
        """Return the platform's admin API; raises ``ConfigError`` if it cannot be called."""
        url, token = checked(self._address), self.token
        if token:
            return AdminClient(url, checked_token(token, "--token or FERRYMAN_OPERATOR_TOKEN"))
        return AdminClient(url, kept_token(self.data_dir))

    @property
    def admin_url(self) -> str:
        """Return the checked address of the platform; raises ``ConfigError``."""
        return checked(self._address)

    def resolve(self, kind: IdKind, text: str) -> str:
        """Return the whole id for ``text``; see :func:`ids.resolve`."""
        return resolve(self.admin, kind, text)

    def resolve_some(self, kind: IdKind, text: str | None) -> str | None:
        """Return the whole id for an optional option; see :meth:`resolve`."""
        return None if text is None else self.resolve(kind, text)

    def show(self, value: T, text: Callable[[T], str]) -> None:
        """Print a value: as one JSON document, or as text for people."""
        if self.as_json:
            print_json(value)
        else:
            typer.echo(text(value))

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Explain errors in the block, and exit with their status.

        With JSON output, a refusal is the only document on standard output; the text for people
        always goes to standard error.
        """
        try:
            yield
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            raise  # the reader of our output has seen enough: typer ends quietly
        except (PlatformError, ClientError, OSError) as error:
            self._refuse(self.facts_of(error))

    def facts_of(self, error: PlatformError | ClientError | OSError) -> dict[str, Any]:
        """Return what was expected and found, and the fix, of an error that a user can fix."""
        match error:
            case PlatformError():
                return refusal_facts(error)
            case ClientError(problem=None):
                return _without_problem(self._address, error)
            case ClientError():
                return refusal_facts(error.problem, error.status)
            case OSError():
                found = f"{error.filename or 'a file'}: {error.strerror or error}"
                return refusal_facts(refusals.command.FILE_UNREADABLE(found=found))

    @cached_property
    def _address(self) -> str:
        return url_of(self.data_dir, URL) if self.url is None else self.url

    def _refuse(self, facts: Mapping[str, Any]) -> NoReturn:
        refuse(facts, as_json=self.as_json)


@dataclass(frozen=True)
class LineSession(Session):
    """A session whose JSON output is one object a line, without refusals."""

    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False

    def _refuse(self, facts: Mapping[str, Any]) -> NoReturn:
        refuse(facts)


def _without_problem(url: str, error: ClientError) -> dict[str, Any]:
    """Explain an answer that is not Ferryman's, or no answer at all."""
    if error.status is not None:
        between = intermediary_error(error.status)
        return {
            "status": error.status,
            "code": "answer_unexpected",
            "expected": between.expected if between else f"Ferryman at {url}",
            "found": f"status {error.status}, not from Ferryman" if between else error.message,
            "fix": between.fix
            if between
            else "Correct --url or FERRYMAN_URL, and use one version of Ferryman on both sides.",
        }
    lost = error.__cause__
    reason = ""
    if isinstance(lost, NoAnswerError):
        failure = lost.failure
        if failure is not None and not failure.unreachable:
            return {
                "status": None,
                "code": str(failure.fault),
                "expected": f"Ferryman at {url}, and {failure.expected}",
                "found": failure.found,
                "fix": failure.fix,
            }
        reason = f" ({lost.reason if failure is None else failure.found})"
    return {
        "status": None,
        "code": "platform_unreachable",
        "expected": f"Ferryman at {url}",
        "found": f"no answer{reason}",
        "fix": "Start it with `ferryman dev` or `ferryman serve`, or set its address by --url or "
        "FERRYMAN_URL.",
    }
