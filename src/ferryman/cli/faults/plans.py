"""List the available faults; read a fault plan, and save one that fails."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from ferryman import refusals
from ferryman.cli.faults import report
from ferryman.client.text import table

if TYPE_CHECKING:
    from ferryman.devtools.faults.search import FailingPlan
    from ferryman.domain.fault_plan import FaultPlan


class SavedPlan(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A fault plan in a file; other fields of the file are for people.

    ``seed`` decides which calls its shares strike.
    """

    plan: list[str]
    seed: int = 0

    @property
    def steps(self) -> "FaultPlan":
        """Return the parsed plan; raises ``ConfigError`` (``fault_plan_invalid``)."""
        from ferryman.domain.fault_plan import parse

        return parse(",".join(self.plan))


def given_faults(plan: str | None, file: Path | None, seed: int) -> SavedPlan | None:
    """Return the requested fault plan; None if the command is to search for one."""
    if plan is not None and file is not None:
        raise refusals.fault.PLAN_AMBIGUOUS()
    if plan is None and file is None:
        return None
    saved = SavedPlan(plan=[plan or ""], seed=seed) if file is None else _read(file)
    if not saved.steps:
        raise refusals.fault.PLAN_EMPTY()
    return saved


def _read(file: Path) -> SavedPlan:
    try:
        return msgspec.json.decode(file.read_bytes(), type=SavedPlan)
    except (OSError, msgspec.DecodeError) as error:
        raise refusals.fault.PLAN_UNREADABLE(file=file, found=str(error)) from None


def save(file: Path, failure: "FailingPlan", seed: int) -> None:
    """Write a failing plan for ``--replay``; only report a file that cannot be written."""
    saved = {**report.failure_document(failure), "seed": seed}
    try:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(saved)))
    except OSError as error:
        typer.echo(f"Not written to {file}: {error.strerror}", err=True)


def faults() -> None:
    """List the faults that `test-handler` and `dev` can inject with --faults.

    A fault plan is TARGET=HOW, several of them separated by commas. TARGET:2 is the second of its
    name in a transfer, TARGET:20% a share of them, TARGET alone all of them.
    """
    from ferryman.domain.fault_plan import CALLS, EVENTS, FAULT_KINDS

    for kind, targets in (("event", tuple(EVENTS)), ("call", CALLS)):
        rows = [(name, how.words) for name, how in FAULT_KINDS.items() if how.of == kind]
        typer.echo(f"{kind}s: {' '.join(targets)}\n")
        typer.echo(table(("HOW", f"THE {kind.upper()}"), rows) + "\n")
