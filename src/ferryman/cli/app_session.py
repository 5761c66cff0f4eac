"""Find the platform and the app's token, for commands that act as an app."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from ferryman import refusals
from ferryman.cli.ids import LAST, may_be_part, resolve
from ferryman.cli.output.printing import refuse
from ferryman.cli.session import DataDir, Url
from ferryman.client.admin import AdminClient
from ferryman.client.local import DATA_DIR, URL, checked, checked_token, kept_token
from ferryman.client.text import refusal_facts
from ferryman.devtools.dev.folder import running_app, url_of
from ferryman.errors import ConfigError, PlatformError
from ferryman.vocab import IdKind

if TYPE_CHECKING:
    from ferryman.sdk.http import HttpTransport

_PATIENCE = 120.0
_VARIABLES = {"server_token": "FERRYMAN_SERVER_TOKEN", "cloud_token": "FERRYMAN_TOKEN"}
Kind = Literal["server_token", "cloud_token"]


def app_access(url: str | None, token: str | None, data_dir: Path, kind: Kind) -> tuple[str, str]:
    """Return the platform's address and the app's token for it: what was given, else `dev`'s.

    A token of `ferryman dev` goes nowhere but to its platform. Raises ``ConfigError``:
    ``app_token_missing`` without one, ``token_unsendable`` if no header can carry it.
    """
    base_url = checked(url_of(data_dir, URL) if url is None else url)
    if token:
        return base_url, checked_token(token, f"--token or {_VARIABLES[kind]}")
    try:
        running = running_app(data_dir)
    except ConfigError as missing:
        why = f"no token; app of `ferryman dev`: {missing.found}"
    else:
        if running.url == base_url:
            own: str = getattr(running, kind)
            return base_url, own
        why = f"no token; `ferryman dev` is at {running.url}, not at {base_url}"
    raise refusals.command.APP_TOKEN_MISSING(variable=_VARIABLES[kind], found=why)


def whole_id(url: str, data_dir: Path, transfer: str) -> str:
    """Return the whole id of a transfer that a command of an app was given.

    An app's token finds no ids, so part of one, or ``@last``, is looked up with the operator
    token of `ferryman dev`, which goes nowhere but to its platform. Raises ``ConfigError``:
    ``id_not_whole`` elsewhere, or what ``resolve`` raises; ``ClientError`` if a call fails.
    """
    if not may_be_part(transfer):
        return transfer
    if url_of(data_dir, "") != url:
        raise refusals.command.ID_NOT_WHOLE(id=transfer, last=LAST)
    return resolve(AdminClient(url, kept_token(data_dir)), IdKind.TRANSFER, transfer)


Transfer = Annotated[
    str,
    typer.Option(help=f"Id of the transfer; with `ferryman dev`, also its beginning, or {LAST}."),
]
Bandwidth = Annotated[
    str | None,
    typer.Option(help="Maximum bytes per second, such as 500K or 10M.", show_default=False),
]
ServerToken = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="FERRYMAN_SERVER_TOKEN",
        help="Server token of the app; by default that of the app that `ferryman dev` runs.",
        show_default=False,
    ),
]
CloudToken = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="FERRYMAN_TOKEN",
        help="Cloud token of the app; by default that of the app that `ferryman dev` runs.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class AppSession:
    """The options of an app's command; the default token is that of `ferryman dev`'s app."""

    kind: ClassVar[Kind]

    url: Url = None
    token: str | None = None
    data_dir: DataDir = DATA_DIR
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print JSON, nothing else; while a file is carried, a line of "
            "progress every second.",
        ),
    ] = False

    @cached_property
    def access(self) -> tuple[str, str]:
        """Return the address of the platform, and the token to use there."""
        return app_access(self.url, self.token, self.data_dir, self.kind)

    def whole_id(self, transfer: str) -> str:
        """Return the whole id of a transfer that a command of an app was given."""
        return whole_id(self.access[0], self.data_dir, transfer)

    @contextmanager
    def transport(self, bandwidth: str | None) -> "Iterator[HttpTransport]":
        """Yield a transport for files; ``bandwidth`` is the maximum bytes a second, such as 10M."""
        from ferryman.sdk.bandwidth import Throttle, parse_rate
        from ferryman.sdk.http import HttpTransport

        throttle = None if bandwidth is None else Throttle(parse_rate(bandwidth))
        transport = HttpTransport(*self.access, retry_seconds=_PATIENCE, throttle=throttle)
        try:
            yield transport
        finally:
            transport.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn errors that a user can fix into a refusal and exit status 1."""
        from ferryman.sdk.errors import ClientError

        try:
            yield
        except KeyboardInterrupt as stop:
            typer.echo("Stopped.", err=True)
            raise typer.Exit(128 + next(iter(stop.args), signal.SIGINT)) from None
        except BrokenPipeError:
            raise  # the reader of our output has seen enough: typer ends quietly
        except PlatformError as refused:
            refuse(refusal_facts(refused), as_json=self.as_json)
        except (ClientError, OSError, ValueError) as failure:
            if isinstance(failure, ClientError) and failure.problem is not None:
                refuse(refusal_facts(failure.problem, failure.status), as_json=self.as_json)
            typer.echo(f"ferryman data: {failure}", err=True)
            raise typer.Exit(1) from None


@dataclass(frozen=True)
class ServerSession(AppSession):
    """The options of a command of the server app."""

    kind = "server_token"
    token: ServerToken = None


@dataclass(frozen=True)
class CloudSession(AppSession):
    """The options of a command of the cloud app."""

    kind = "cloud_token"
    token: CloudToken = None
