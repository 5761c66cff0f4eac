"""How a client command reaches the platform, and how it ends when something is wrong.

Exit status: 0 done, 1 refused or not reached, 2 typed wrongly, 130 stopped by Ctrl-C.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer

from ferryman.cli.dev_folder import url_of
from ferryman.cli.render import refusal_facts, refuse
from ferryman.errors import ConfigError, PlatformError
from ferryman.sdk.between import read_between
from ferryman.sdk.errors import ClientError
from ferryman.sdk.exchange import NoAnswerError
from ferryman.sdk.http import HttpTransport, reason_of
from ferryman.sdk.operation import Answer, Operation, address, describe, refusal

T = TypeVar("T")

URL = "http://127.0.0.1:8400"
DATA_DIR = Path(".ferryman")

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="FERRYMAN_URL",
        help=f"Where the platform is; without it, where `ferryman dev` runs it, else {URL}.",
        show_default=False,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="FERRYMAN_OPERATOR_TOKEN",
        help="The operator token; without it, the one in the data folder.",
        show_default=False,
    ),
]
DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="FERRYMAN_DATA_DIR",
        help="The platform's data folder; only its operator-token and dev.json are read.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]

_PATIENCE = 2.0
WATCHING_PATIENCE = 60.0
"""Seconds to wait for the platform to come back while a transfer is being watched."""


class Admin:
    """The admin surface, spoken to with the operator token. Reading is tried again for a while.

    Writing is not: a call whose answer was lost may have been carried out, and a clock that
    moves twice or a second migration is worse than asking the operator to look.
    """

    def __init__(self, url: str, token: str, *, patience: float = _PATIENCE) -> None:
        self.url = url
        self._token = token
        self.reading = HttpTransport(url, token, patience=patience)
        self._writing = HttpTransport(url, token, patience=0)

    def patient(self) -> "Admin":
        """The same for following a transfer, which outlives a restart of the platform."""
        return Admin(self.url, self._token, patience=WATCHING_PATIENCE)

    def call(self, operation: Operation[T]) -> T:
        """Carry out an operation; raises ``ClientError``."""
        transport = self.reading if operation.request.method == "GET" else self._writing
        return transport.call(operation)

    def stream(self, operation: Operation[T], body: Iterable[bytes]) -> T:
        """Carry out an operation whose body is of any size and of unknown length."""
        import urllib3

        request = operation.request
        url, headers = address(self.url, self._token, request)
        timeout = urllib3.Timeout(connect=10.0, read=request.timeout)
        try:
            with urllib3.PoolManager(retries=False) as pool:
                response = pool.request(
                    request.method, url, body=body, headers=headers, timeout=timeout
                )
        except urllib3.exceptions.HTTPError as failure:
            lost = NoAnswerError(reason_of(failure))
            raise self.reading.exchange.unanswered(request, lost) from lost
        answer = Answer(status=response.status, headers={}, body=response.data)
        if answer.status != 200:
            raise refusal(answer, ClientError, describe(request))
        return operation.parse(answer)


@contextmanager
def connected(
    given: str | None, token: str | None, data_dir: Path, *, as_json: bool = False
) -> Iterator[Admin]:
    """Give the admin surface for the length of a command, and explain what goes wrong in it.

    Without a URL it is that of the platform that `ferryman dev` runs in the folder. With
    ``as_json`` a refusal is the one document on standard output; people read standard error in
    every case.
    """
    url = url_of(data_dir, URL) if given is None else given
    try:
        yield Admin(_checked(url), token or kept_token(data_dir))
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        raise typer.Exit(130) from None
    except PlatformError as error:
        refuse(refusal_facts(error), as_json=as_json)
    except ClientError as error:
        if error.problem is not None:
            refuse(refusal_facts(error.problem, error.status), as_json=as_json)
        refuse(_without_problem(url, error), as_json=as_json)
    except BrokenPipeError:
        raise  # the reader of our output has seen enough: typer ends quietly
    except OSError as error:
        what = error.filename or "a file"
        found = f"{what}: {error.strerror or error}"
        unreadable = ConfigError(
            "file_unreadable", expected="a file that can be read", found=found, fix="Check it."
        )
        refuse(refusal_facts(unreadable), as_json=as_json)


def _without_problem(url: str, error: ClientError) -> dict[str, Any]:
    """Explain an answer that is not Ferryman's, or no answer at all."""
    if error.status is not None:
        between = read_between(error.status)
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
    reason = f" ({lost.reason})" if isinstance(lost, NoAnswerError) else ""
    return {
        "status": None,
        "code": "platform_unreachable",
        "expected": f"Ferryman at {url}",
        "found": f"no answer{reason}",
        "fix": "Start it with `ferryman dev` or `ferryman serve`, or say where it is: --url or "
        "FERRYMAN_URL.",
    }


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or any(character.isspace() for character in url):
        raise ConfigError(
            "url_invalid",
            expected=f"an http(s) URL such as {URL}",
            found=repr(url)[:120],
            fix="Correct --url or FERRYMAN_URL.",
        )
    return url.rstrip("/")


def kept_token(data_dir: Path) -> str:
    """The operator token in the platform's data folder."""
    file = data_dir.expanduser() / "operator-token"
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigError(
            "operator_token_missing",
            expected="the operator token of the platform",
            found=f"none given, and {file} cannot be read ({reason})",
            fix="Name the platform's folder with --data-dir (FERRYMAN_DATA_DIR), "
            "or give the token with --token (FERRYMAN_OPERATOR_TOKEN).",
        ) from None
    return token
