"""What a tool is: its arguments as a type, and what it returns."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from ferryman import refusals
from ferryman.cli.mcp.answer import Answers
from ferryman.cli.session import Session
from ferryman.client.admin import AdminClient
from ferryman.client.local import kept_token
from ferryman.devtools.dev.folder import running_app
from ferryman.errors import ConfigError
from ferryman.vocab import IdKind

A = TypeVar("A", bound="Arguments")

Limit = Annotated[int, msgspec.Meta(ge=1, le=100, description="Most items of the answer.")]
Cursor = Annotated[
    str, msgspec.Meta(description="The nextCursor of an earlier answer, to continue there.")
]


def described(text: str) -> msgspec.Meta:
    """Return the description of an argument."""
    return msgspec.Meta(description=text)


def _name(text: str) -> msgspec.Meta:
    """Return the description of an argument that is part of an address."""
    return msgspec.Meta(min_length=1, description=text)


TransferId = Annotated[
    str, _name("Id of the transfer, the beginning of it, or @last for the newest.")
]
MessageId = Annotated[
    str, _name("Id of the message, the beginning of it, or @last for the newest.")
]
AppName = Annotated[str, _name("Key of the app, KEY@ENVIRONMENT, or its id.")]


class Arguments(
    msgspec.Struct, rename="camel", frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """The arguments of a tool; unknown ones are refused."""


@dataclass(frozen=True)
class Call:
    """One call of a tool: the platform as it is found now, and the folder that it may read.

    ``dev`` may have been started again meanwhile, with another port and token.
    """

    session: Session
    folder: Path

    @property
    def admin(self) -> AdminClient:
        """Return the platform's admin API; raises ``ConfigError`` if it cannot be called."""
        return self.session.admin

    @cached_property
    def answers(self) -> Answers:
        """Return what makes answers without the tokens that this process can read."""
        return Answers(_secrets(self.session))

    def transfer(self, text: str) -> str:
        """Return the whole id of a transfer."""
        return self.session.resolve(IdKind.TRANSFER, text)

    def message(self, text: str) -> str:
        """Return the whole id of a message."""
        return self.session.resolve(IdKind.MESSAGE, text)

    def path(self, text: str) -> Path:
        """Return a path in the folder; raises ``ConfigError`` (``tool_path_outside``) for another.

        An assistant may be talked into sending a file; so none is read from elsewhere, or from a
        hidden folder, where tokens are kept.
        """
        outside = refusals.tool.PATH_OUTSIDE(folder=self.folder, path=text)
        try:
            path = (self.folder / text).resolve()
        except (OSError, ValueError, RuntimeError):  # no path, or links that lead round in a circle
            raise outside from None
        inside = path.relative_to(self.folder) if path.is_relative_to(self.folder) else None
        if inside is None or any(part.startswith(".") for part in inside.parts):
            raise outside
        return path

    def some_path(self, text: str | None) -> Path | None:
        """Return an optional path like :meth:`path`."""
        return None if text is None else self.path(text)


@dataclass(frozen=True)
class Tool(Generic[A]):
    """A tool; its description is the first line of the function's docstring."""

    name: str
    arguments: type[A]
    run: Callable[[Call, A], dict[str, Any]]
    writes: bool = False

    @property
    def description(self) -> str:
        """Return what it does, in one sentence."""
        return (self.run.__doc__ or "").partition("\n")[0]

    @cached_property
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of its arguments."""
        [shown], components = msgspec.json.schema_components(
            [self.arguments], ref_template="#/$defs/{name}"
        )
        own = components.pop(shown["$ref"].rpartition("/")[2])
        for name in ("title", "description"):
            own.pop(name, None)
        return {**own, "$defs": components} if components else own

    def __call__(self, call: Call, given: dict[str, Any]) -> dict[str, Any]:
        """Carry it out; raises ``ConfigError`` (``tool_arguments_invalid``) for wrong arguments."""
        try:
            arguments = msgspec.convert(given, self.arguments)
        except msgspec.ValidationError as wrong:
            raise refusals.tool.ARGUMENTS_INVALID(tool=self.name, found=wrong) from None
        return self.run(call, arguments)


def _secrets(session: Session) -> list[str]:
    found = [session.token or ""]
    with suppress(ConfigError):
        found.append(kept_token(session.data_dir))
    try:
        app = running_app(session.data_dir)
    except ConfigError:
        return found
    return [*found, app.server_token, app.cloud_token, app.shared_secret or ""]
