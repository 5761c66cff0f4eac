"""What ``ferryman test-handler`` says: the script that fails, what it breaks, and what to do."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferryman.cli.render import clean

if TYPE_CHECKING:
    from ferryman.domain.weather import Script
    from ferryman.domain.weather_verdict import Seen
    from ferryman.weather.hunt import Found

_NO_STATE = "No state was compared: name what the app has stored by --state or --state-function.\n"


def spelled(script: "Script") -> str:
    """A script in one line."""
    return ", ".join(map(str, script))


def calm_line(calm: "Seen") -> str:
    """How the calm runs went, and which calls the platform refused in the first of them."""
    events, calls = len(calm.sent), calm.counts.get("any", 0)
    said = "" if calm.state is None else f", {len(calm.state.splitlines())} lines of state"
    line = f"Two calm runs: {calm.status.value}, {events} events, {calls} calls{said}."
    if calm.refused:
        line += f"\nRefused in the calm run: {', '.join(map(str, calm.refused))}."
    return clean(line)


def told(calm: "Seen", finds: "Sequence[Found]", runs: int, save: Path | None) -> str:
    """All of it, for people."""
    unseen = _NO_STATE if calm.state is None else ""
    if not finds:
        return f"{unseen}The handler came through: {runs} runs, nothing wrong."
    parts = []
    for number, found in enumerate(finds):
        if found.harmless:
            head = "No harm was seen, but the handler fails in this weather"
        else:
            head = (
                "Nor through this" if number else "The handler does not come through this weather"
            )
        parts += ["", f"{head}:"] if number else [f"{unseen}{head} ({runs} runs):"]
        parts += _told(calm, found)
    if save is not None:
        what = "The first is written" if len(finds) > 1 else "Written"
        parts += ["", f"{what} to {save}; to run it again: --replay {save}"]
    return clean("\n".join(parts))


def _told(calm: "Seen", found: "Found") -> list[str]:
    from ferryman.domain.weather import words

    parts = [f"  {n}. {words(step)}  [{step}]" for n, step in enumerate(found.script, 1)]
    parts += ["", "What went wrong"]
    for complaint in found.complaints:
        parts += [f"  {complaint.what}  [{complaint.kind}]", f"    fix  {complaint.fix}"]
    if lines := _difference(calm, found):
        parts += ["", "The state: - calm, + in this weather", *(f"  {line}" for line in lines)]
    parts += ["", "What happened", *(f"  {line}" for line in _lines(found))]
    if not found.shortest:
        parts += ["", "It may go shorter: the runs for shortening it were used up."]
    return parts


def failure(found: "Found") -> dict[str, Any]:
    """A script that failed, for programs and for files."""
    from ferryman.domain.weather import words

    return {
        "script": [str(step) for step in found.script],
        "shortest": found.shortest,
        "harmless": found.harmless,
        "steps": [words(step) for step in found.script],
        "complaints": [
            {"kind": each.kind, "what": each.what, "fix": each.fix} for each in found.complaints
        ],
        "timeline": _lines(found),
    }


def document(calm: "Seen", finds: "Sequence[Found]", runs: int) -> dict[str, Any]:
    """All of it, as one JSON document."""
    return {
        "passed": not finds,
        "runs": runs,
        "stateCompared": calm.state is not None,
        "refusedInCalmRun": [
            {"call": each.call, "status": each.status, "code": each.code} for each in calm.refused
        ],
        "finds": [
            {
                **failure(found),
                "difference": _difference(calm, found),
                "status": found.seen.status.value,
            }
            for found in finds
        ],
    }


def _difference(calm: "Seen", found: "Found") -> list[str]:
    from ferryman.domain.weather_verdict import difference

    if calm.state is None or found.seen.state is None:
        return []
    return difference(calm.state, found.seen.state).splitlines()


def _lines(found: "Found") -> list[str]:
    return [line for text in found.seen.timeline for line in text.splitlines()]
