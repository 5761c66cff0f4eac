"""Whether an app came through bad weather: a run compared with a calm one, without any IO."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any

from ferryman.domain.weather import Step
from ferryman.vocab import TransferStatus

_DIFFERENCE_LINES = 40
_SETTLED = "transfer_settled"
_HARMLESS = frozenset({"threw_settled"})


@dataclass(frozen=True, slots=True)
class Sent:
    """How an event ended: its place in the transfer, whether it needed an acknowledgement."""

    name: str
    delivered: bool
    acknowledgement: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that the platform itself refused; ``code`` is empty if the answer has none."""

    call: str
    status: int
    code: str

    def __str__(self) -> str:
        """In a few words, such as ``find:1 403 scope_missing``."""
        return f"{self.call} {self.status} {self.code}".rstrip()


@dataclass(frozen=True, slots=True)
class Thrown:
    """A throw of the handler; ``refusal`` of the delivery's last call, None if that succeeded."""

    what: str
    refusal: Refusal | None = None

    @property
    def kind(self) -> str:
        """As a complaint: a refusal that only says that the transfer is over does no harm."""
        settled = self.refusal is not None and self.refusal.code == _SETTLED
        return "threw_settled" if settled else "threw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a run came to. ``state`` is what the app declares, None where it declares none.

    ``threw`` are deliveries of what was acknowledged, or over, in which the handler threw although
    no call of it was disturbed. ``counts`` are events and calls by name, ``struck`` each
    disturbance that there was, ``refused`` the calls that the platform refused by itself.
    """

    status: TransferStatus
    sent: tuple[Sent, ...]
    state: str | None = None
    threw: tuple[Thrown, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    timeline: tuple[str, ...] = ()
    struck: tuple[Step, ...] = ()
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that went wrong: a stable ``kind``, what it is, and what to do."""

    kind: str
    what: str
    fix: str

    @property
    def harmless(self) -> bool:
        """Whether it is an error after which nothing is lost or wrong."""
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
"""Every ``kind`` of complaint that there is."""


def canonical(text: str, names: Mapping[str, str], *, unordered: bool = False) -> str:
    """A state in the one form in which it is compared.

    ``names`` are ids that differ from run to run, and what stands for them. JSON is laid out
    with its keys in order; ``unordered`` also sorts lines.
    """
    for found, name in names.items():
        text = text.replace(found, name)
    text = text.strip()
    whole = _document(text)
    if whole is not None:
        lines = json.dumps(whole, sort_keys=True, ensure_ascii=False, indent=1).splitlines()
    else:
        lines = [_line(line) for line in text.splitlines()]
    return "\n".join(sorted(lines) if unordered else lines)


def _line(text: str) -> str:
    value = _document(text)
    if value is None:
        return text.rstrip()
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _document(text: str) -> dict[str, Any] | list[Any] | None:
    """The JSON object or list that a text is; None for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def difference(calm: str, found: str) -> str:
    """What is in one state and not in the other, a line each, at most some forty."""
    lines = list(unified_diff(calm.splitlines(), found.splitlines(), lineterm="", n=1))[2:]
    lines = [line for line in lines if not line.startswith("@@")]
    if len(lines) > _DIFFERENCE_LINES:
        more = len(lines) - _DIFFERENCE_LINES
        lines = [*lines[:_DIFFERENCE_LINES], f"… and {more} lines more"]
    return "\n".join(lines)


def judge(calm: Seen, run: Seen, *, lasting: bool) -> tuple[Complaint, ...]:
    """What is wrong with ``run``, harmless things last; nothing, if the app came through.

    Where the weather is ``lasting``, an app may give up, but not behind the admin's back: a
    transfer that ends as the calm one did has to have done the same.
    """
    found: list[tuple[str, str]] = []
    gave_up = run.status is not calm.status
    if gave_up and lasting and run.status is not TransferStatus.SUCCESS:
        return ()
    if gave_up:
        found.append(
            ("status", f"the transfer ended as {run.status.value}, calm it is {calm.status.value}")
        )
    silent = [name for name in _unacknowledged(run.sent) if name not in _unacknowledged(calm.sent)]
    if silent:
        found.append(("unacknowledged", f"never acknowledged: {', '.join(silent)}"))
    delivered = {each.name for each in calm.sent if each.delivered}
    lost = [each.name for each in run.sent if not each.delivered and each.name in delivered]
    if lost and not lasting:
        found.append(("undelivered", f"given up after five attempts: {', '.join(lost)}"))
    if calm.state is not None and run.state is not None and run.state != calm.state:
        kind = "silent" if lasting else "state"
        found.append((kind, "the app's state is not that of the calm run"))
    found += [(thrown.kind, f"the handler threw: {thrown.what}") for thrown in run.threw]
    complaints = [Complaint(kind, what, _FIXES[kind]) for kind, what in found]
    return tuple(sorted(complaints, key=lambda each: each.harmless))


def _unacknowledged(sent: Sequence[Sent]) -> list[str]:
    return [
        each.name
        for each in sent
        if each.name.startswith("uploaded") and each.acknowledgement is None
    ]
