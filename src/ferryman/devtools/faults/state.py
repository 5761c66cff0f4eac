"""Describe the app under test, and read what it has stored: by a command, a function, or here."""

import asyncio
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ferryman import refusals
from ferryman.devtools.faults.environment import Environment
from ferryman.devtools.faults.kept import kept_lines
from ferryman.functions.call import TOKEN_VARIABLE, FunctionCall
from ferryman.functions.manifest import parse_manifest
from ferryman.functions.source import app_variables
from ferryman.wire.app import AppCredentials, AppRegistration
from ferryman.wire.migration import Container

_COMMAND_SECONDS = 60.0
_CUT = " bytes in all ...]"
_LAST_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The app in ``source`` and its migration.

    ``state`` is a command that prints what the app has stored, ``state_function`` a function
    (``file.name``) of the app that does; ``reset`` is a command to run before each run, in the
    app's folder. With ``unordered``, the order of the state's lines does not matter. ``patience``
    is how many real seconds a remote may be idle before time moves. ``ignored`` are kinds of
    complaints to leave out.
    """

    source: Path
    work: Path
    registration: AppRegistration
    files: tuple[tuple[Path, str], ...]
    mappings: Path | None = None
    containers: tuple[Container, ...] = ()
    state: str | None = None
    state_function: str | None = None
    reset: str | None = None
    unordered: bool = False
    patience: float = 10.0
    ignored: frozenset[str] = frozenset()

    @property
    def declares_state(self) -> bool:
        """Return whether it says how its state is read; else that is what the platform keeps."""
        return self.state is not None or self.state_function is not None

    @property
    def runs_by_itself(self) -> bool:
        """Return whether it is a remote, which may answer before it has done its work."""
        return bool((self.registration.manifest or {}).get("remotes"))


async def read_state(
    trial: Trial, environment: Environment, credentials: AppCredentials
) -> str | None:
    """Return what the app has stored, as its command or function prints it.

    Without either, it is what the app keeps in the platform; None if that is nothing.

    Raises ``ConfigError`` (``state_failed``).
    """
    if trial.state is not None:
        return await run_command(trial, trial.state, "state")
    if trial.state_function is None:
        kept = await kept_lines(environment.platform, credentials.app_id)
        return "\n".join(kept) or None
    manifest = parse_manifest(trial.registration.manifest or {})
    call = FunctionCall(
        source=trial.work,
        handler=trial.state_function,
        event={},
        context={},
        environment={
            **app_variables(manifest, environment.environ),
            "FERRYMAN_URL": environment.proxy_url,
            TOKEN_VARIABLE: credentials.cloud_token,
        },
        owner=credentials.app_id,
    )
    outcome = await environment.pool.invoke(call)
    if not outcome.ok or _CUT in outcome.output:
        raise refusals.fault.STATE_FAILED(
            command=trial.state_function,
            found=outcome.reason or "more than 8 KiB: print less, or a digest",
        )
    return outcome.output


async def run_command(trial: Trial, command: str, purpose: str) -> str:
    """Run a command in the copy of the app's folder; return what it prints.

    Raises ``ConfigError`` (``state_failed``).
    """

    def run() -> subprocess.CompletedProcess[str]:
        # The developer's own command, from their own command line.
        return subprocess.run(  # noqa: S602
            command,
            shell=True,
            cwd=trial.work,
            env={**os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_COMMAND_SECONDS,
            check=False,
        )

    try:
        done = await asyncio.to_thread(run)
    except subprocess.TimeoutExpired:
        raise refusals.fault.STATE_FAILED(
            command=command, found=f"no end after {_COMMAND_SECONDS:.0f} s"
        ) from None
    if done.returncode != 0:
        last = "\n".join(done.stderr.splitlines()[-_LAST_LINES:])
        raise refusals.fault.STATE_FAILED(
            command=command, found=f"exit status {done.returncode} of {purpose}: {last}"
        )
    return done.stdout
