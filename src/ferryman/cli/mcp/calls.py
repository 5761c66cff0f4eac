"""Find the tool of a call, carry it out, and explain what goes wrong as an answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from ferryman import refusals
from ferryman.cli.mcp.answer import Own
from ferryman.cli.mcp.reading import READING
from ferryman.cli.mcp.tool import Call, Tool
from ferryman.cli.mcp.writing import WRITING
from ferryman.cli.session import Session
from ferryman.errors import PlatformError
from ferryman.sdk.errors import ClientError


@dataclass(frozen=True)
class Calls:
    """The tools of a server; each call makes a session, since ``dev`` may have started again."""

    session: Callable[[], Session]
    folder: Path
    write: bool
    tools: tuple[Tool[Any], ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tools", READING + (WRITING if self.write else ()))

    def answer(self, name: str, given: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return the answer of a tool, and whether it is an error that was explained."""
        call = Call(self.session(), self.folder)
        try:
            return self._tool(name)(call, given), False
        except typer.BadParameter as wrong:
            refused = refusals.tool.ARGUMENTS_INVALID(tool=name, found=wrong.format_message())
            return _explained(call, refused), True
        except (PlatformError, ClientError, OSError) as error:
            return _explained(call, error), True

    def _tool(self, name: str) -> Tool[Any]:
        for tool in self.tools:
            if tool.name == name:
                return tool
        if any(tool.name == name for tool in WRITING):
            raise refusals.tool.WRITE_REFUSED(name=name)
        known = ", ".join(tool.name for tool in self.tools)
        raise refusals.tool.UNKNOWN(known=known, name=name)


def _explained(call: Call, error: PlatformError | ClientError | OSError) -> dict[str, Any]:
    facts = call.session.facts_of(error)
    ours = {name: Own(str(facts[name])) for name in ("expected", "fix")}
    told = {name: value for name, value in facts.items() if value is not None}
    return call.answers.whole(error={**told, **ours})
