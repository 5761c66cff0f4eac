"""Decide whether and how this process runs functions: the setting ``functions``, tested here."""

import asyncio
import os
from dataclasses import dataclass

import structlog

from ferryman import refusals
from ferryman.errors import ConfigError
from ferryman.functions.sandbox.probe import NoSandboxError, describe, find_sandbox
from ferryman.functions.sandbox.sandbox import Sandbox
from ferryman.vocab import FunctionMode

log = structlog.get_logger("ferryman.functions")

_NO_SANDBOX = "trusted: functions run without a sandbox, as the platform's user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """How functions run here, in words too, and the sandbox in which JavaScript is bundled.

    ``mode`` is never ``AUTO``. ``refusal`` is why functions do not run, if they are held.
    """

    mode: FunctionMode
    found: str
    sandbox: Sandbox | None = None
    bundler: Sandbox | None = None
    refusal: ConfigError | None = None


TRUSTED = Hosting(mode=FunctionMode.TRUSTED, found=_NO_SANDBOX)


def announce(hosting: Hosting) -> None:
    """Log how functions run, as a warning unless in a sandbox."""
    (log.info if hosting.sandbox else log.warning)("functions.hosted", found=hosting.found)


class Hostings:
    """Finds out on first use how functions run in this process, and remembers it.

    ``writes_source`` is whether each app may write to its own folder, as those of developers do.
    """

    def __init__(
        self,
        mode: FunctionMode = FunctionMode.TRUSTED,
        sandbox: Sandbox | None = None,
        *,
        writes_source: bool = False,
    ) -> None:
        self._mode = mode
        self._sandbox = sandbox or Sandbox()
        self._writes_source = writes_source
        self._probing: asyncio.Task[Hosting] | None = None

    async def find(self) -> Hosting:
        """Return it; the first call may take a tenth of a second, or seconds on a busy machine."""
        if self._probing is None:
            self._probing = asyncio.create_task(self._probe())
        # Whoever gives up waiting leaves it to the others.
        return await asyncio.shield(self._probing)

    async def _probe(self) -> Hosting:
        match self._mode:
            case FunctionMode.TRUSTED:
                return TRUSTED
            case FunctionMode.NONE:
                off = refusals.function.SWITCHED_OFF()
                return Hosting(mode=self._mode, found="none: functions are held", refusal=off)
            case FunctionMode.AUTO if self._writes_source and os.getuid() == 0:
                return _trusted("functions of root's sandbox could not write to their folder")
            case _:
                return await self._try()

    async def _try(self) -> Hosting:
        try:
            sandbox = await find_sandbox(self._sandbox)
        except NoSandboxError as error:
            if self._mode is FunctionMode.AUTO:
                return _trusted(error.found)
            return Hosting(
                mode=FunctionMode.SANDBOXED,
                found=f"held, without a sandbox: {error.found}",
                refusal=refusals.function.SANDBOX_MISSING(found=error.found, remedy=error.fix),
            )
        return Hosting(
            mode=FunctionMode.SANDBOXED,
            found=f"sandboxed: {describe(sandbox)}",
            sandbox=sandbox,
            # A developer's app may use the packages of a workspace that it is part of.
            bundler=None if self._writes_source else sandbox,
        )


def _trusted(why: str) -> Hosting:
    return Hosting(mode=FunctionMode.TRUSTED, found=f"{_NO_SANDBOX} ({why})")
