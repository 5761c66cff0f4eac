"""Decide whether an app survived its faults, by comparing the run with a calm one. No IO."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any

from ferryman.domain.fault_plan import Fault
from ferryman.vocab import TransferStatus

_DIFFERENCE_LINES = 40
_SETTLED = "transfer_settled"
_HARMLESS = frozenset({"threw_settled"})


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """The result of an event: whether it was delivered, and how it was acknowledged."""

    name: str
    delivered: bool
    acknowledgement: str | None


@dataclass(frozen=True, slots=True)
class AppRefusal:
    """A call refused by the platform itself; ``code`` is empty if the response has none."""

    call: str
    status: int
    code: str

    def __str__(self) -> str:
        """Return a short form such as ``find:1 403 scope_missing``."""
        return f"{self.call} {self.status} {self.code}".rstrip()


@dataclass(frozen=True, slots=True)
class Thrown:
    """An exception of the handler; ``refusal`` is set if the delivery's last call was refused."""

    what: str
    refusal: AppRefusal | None = None

    @property
    def kind(self) -> str:
        """The kind of violation; a refusal because the transfer is over does no harm."""
        settled = self.refusal is not None and self.refusal.code == _SETTLED
        return "threw_settled" if settled else "threw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The result of a run; ``state`` is the app's declared state, None if it declares none.

    ``threw`` lists exceptions of the handler although none of its calls was disturbed, for events
    that were acknowledged or over. ``counts`` has events and calls by name, ``struck`` the faults
    that took effect, ``refused`` the calls that the platform refused by itself.
    """

    status: TransferStatus
    sent: tuple[EventOutcome, ...]
    state: str | None = None
    threw: tuple[Thrown, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    timeline: tuple[str, ...] = ()
    struck: tuple[Fault, ...] = ()
    refused: tuple[AppRefusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that went wrong: a stable ``kind``, a description, and the fix."""

    kind: str
    what: str
    fix: str

    @property
    def harmless(self) -> bool:
        """Whether the error leaves nothing lost or wrong."""
        return self.kind in _HARMLESS


_REPEATABLE = (
    "Make every write repeatable: write by the id of the record, acknowledge after all is "
    "stored, and keep nothing that matters in memory between two events."
)
_FIXES = {
    "state": _REPEATABLE,
    "silent": "What cannot be imported must be told: call messageFailed, do not leave it out.",
    "status": "Let errors that pass (no answer, 429, 5xx) be thrown, so that the event comes "
    "again; call messageFailed only for what will never work.",
    "unacknowledged": "Call messageProcessed or messageFailed on every way through the handler, "
    "or throw, so that the event comes again.",
    "undelivered": "See the error in the timeline: the handler threw at each of five attempts.",
    "threw": "An event may come again after its acknowledgement, and after the end of the "
    "transfer: see that it is done with, and return.",
    "threw_settled": "Return where a call is refused with 409 transfer_settled: nothing is left "
    "to do. Or accept it by --ignore threw_settled.",
}

CODES = tuple(_FIXES)
"""Every ``kind`` of violation."""


def canonical(text: str, names: Mapping[str, str], *, unordered: bool = False) -> str:
    """Return an app's state in canonical form, for comparison.

    ``names`` maps ids that differ between runs to placeholders. JSON gets sorted keys;
    ``unordered`` also sorts the lines.
    """
    text = _named(text, names).strip()
    whole = _document(text)
    if whole is not None:
        lines = json.dumps(whole, sort_keys=True, ensure_ascii=False, indent=1).splitlines()
    else:
        lines = [_line(line) for line in text.splitlines()]
    return "\n".join(sorted(lines) if unordered else lines)


def canonical_lines(text: str, names: Mapping[str, str]) -> str:
    """Return lines of JSON in canonical form, in an order that no id changes."""
    # Not splitlines: a text in JSON may have other ends of lines, such as U+2028.
    return "\n".join(sorted(_line(line) for line in _named(text, names).split("\n")))


def _named(text: str, names: Mapping[str, str]) -> str:
    for id_, name in names.items():
        text = text.replace(id_, name)
    return text


def _line(text: str) -> str:
    value = _document(text)
    if value is None:
        return text.rstrip()
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _document(text: str) -> dict[str, Any] | list[Any] | None:
    """Parse a JSON object or list; return None for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def difference(calm: str, other: str) -> str:
    """Return the lines that differ between two states, about forty at most."""
    lines = list(unified_diff(calm.splitlines(), other.splitlines(), lineterm="", n=1))[2:]
    lines = [line for line in lines if not line.startswith("@@")]
    if len(lines) > _DIFFERENCE_LINES:
        more = len(lines) - _DIFFERENCE_LINES
        lines = [*lines[:_DIFFERENCE_LINES], f"… and {more} lines more"]
    return "\n".join(lines)


def judge(calm: Observation, run: Observation, *, lasting: bool) -> tuple[Violation, ...]:
    """Return the violations of ``run``, harmless ones last; none if the app survived.

    With a ``lasting`` fault an app may give up, but not silently: a transfer that ends like the
    calm one must also have done the same.
    """
    problems: list[tuple[str, str]] = []
    gave_up = run.status is not calm.status
    if gave_up and lasting and run.status is not TransferStatus.SUCCESS:
        return ()
    if gave_up:
        problems.append(
            ("status", f"the transfer ended as {run.status.value}, calm it is {calm.status.value}")
        )
    silent = [name for name in _unacknowledged(run.sent) if name not in _unacknowledged(calm.sent)]
    if silent:
        problems.append(("unacknowledged", f"never acknowledged: {', '.join(silent)}"))
    delivered = {event.name for event in calm.sent if event.delivered}
    lost = [event.name for event in run.sent if not event.delivered and event.name in delivered]
    if lost and not lasting:
        problems.append(("undelivered", f"given up after five attempts: {', '.join(lost)}"))
    if calm.state is not None and run.state is not None and run.state != calm.state:
        kind = "silent" if lasting else "state"
        problems.append((kind, "the app's state is not that of the calm run"))
    problems += [(thrown.kind, f"the handler threw: {thrown.what}") for thrown in run.threw]
    violations = [Violation(kind, what, _FIXES[kind]) for kind, what in problems]
    return tuple(sorted(violations, key=lambda event: event.harmless))


def _unacknowledged(sent: Sequence[EventOutcome]) -> list[str]:
    return [
        event.name
        for event in sent
        if event.name.startswith("uploaded") and event.acknowledgement is None
    ]
