"""Report the results of ``ferryman test-handler``: failing plans, their effects, the fix."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferryman.client.text import clean

if TYPE_CHECKING:
    from ferryman.devtools.faults.search import FailingPlan
    from ferryman.domain.fault_oracle import Observation
    from ferryman.domain.fault_plan import FaultPlan

_NO_STATE = "No state was compared: set --state or --state-function to compare stored data.\n"


def spelled(plan: "FaultPlan") -> str:
    """Return a fault plan in one line."""
    return ", ".join(map(str, plan))


def calm_line(calm: "Observation") -> str:
    """Return the results of the calm runs, and the calls refused in the first of them."""
    events, calls = len(calm.sent), calm.counts.get("any", 0)
    state = "" if calm.state is None else f", {len(calm.state.splitlines())} lines of state"
    line = f"Two calm runs: {calm.status.value}, {events} events, {calls} calls{state}."
    if calm.refused:
        line += f"\nRefused in the calm run: {', '.join(map(str, calm.refused))}."
    return clean(line)


def text(calm: "Observation", finds: "Sequence[FailingPlan]", runs: int, save: Path | None) -> str:
    """Return the whole report as text."""
    unseen = _NO_STATE if calm.state is None else ""
    if not finds:
        return f"{unseen}The handler passed: {runs} runs, no problems found."
    parts = []
    for number, failure in enumerate(finds):
        if failure.harmless:
            head = "No data was affected, but the handler fails under these faults"
        else:
            head = "It also fails under these" if number else "The handler fails under these faults"
        parts += ["", f"{head}:"] if number else [f"{unseen}{head} ({runs} runs):"]
        parts += _explained(calm, failure)
    if save is not None:
        what = "The first is written" if len(finds) > 1 else "Written"
        parts += ["", f"{what} to {save}; to run it again: --replay {save}"]
    return clean("\n".join(parts))


def _explained(calm: "Observation", failure: "FailingPlan") -> list[str]:
    from ferryman.domain.fault_plan import words

    parts = [f"  {n}. {words(step)}  [{step}]" for n, step in enumerate(failure.plan, 1)]
    parts += ["", "What went wrong"]
    for complaint in failure.complaints:
        parts += [f"  {complaint.what}  [{complaint.kind}]", f"    fix  {complaint.fix}"]
    if lines := _difference(calm, failure):
        parts += ["", "The state: - calm, + with these faults", *(f"  {line}" for line in lines)]
    parts += ["", "What happened", *(f"  {line}" for line in _lines(failure))]
    if not failure.shortest:
        parts += ["", "A shorter plan may exist: the runs for shortening were used up."]
    return parts


def failure_document(failure: "FailingPlan") -> dict[str, Any]:
    """Return a fault plan that failed, for programs and files."""
    from ferryman.domain.fault_plan import words

    return {
        "plan": [str(step) for step in failure.plan],
        "shortest": failure.shortest,
        "harmless": failure.harmless,
        "steps": [words(step) for step in failure.plan],
        "complaints": [
            {"kind": complaint.kind, "what": complaint.what, "fix": complaint.fix}
            for complaint in failure.complaints
        ],
        "timeline": _lines(failure),
    }


def document(calm: "Observation", finds: "Sequence[FailingPlan]", runs: int) -> dict[str, Any]:
    """Return the whole report as one JSON document."""
    return {
        "passed": not finds,
        "runs": runs,
        "stateCompared": calm.state is not None,
        "refusedInCalmRun": [
            {"call": call.call, "status": call.status, "code": call.code} for call in calm.refused
        ],
        "finds": [
            {
                **failure_document(failure),
                "difference": _difference(calm, failure),
                "status": failure.seen.status.value,
            }
            for failure in finds
        ],
    }


def _difference(calm: "Observation", failure: "FailingPlan") -> list[str]:
    from ferryman.domain.fault_oracle import difference

    if calm.state is None or failure.seen.state is None:
        return []
    return difference(calm.state, failure.seen.state).splitlines()


def _lines(failure: "FailingPlan") -> list[str]:
    return [line for text in failure.seen.timeline for line in text.splitlines()]
