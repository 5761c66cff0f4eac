"""Fault plans: how to disturb the events and calls of an app.

A plan is a list of faults, each written ``TARGET=HOW``, such as ``uploaded:2=twice`` or
``payload:1=503``. The target is an event or a call: the n-th of its name in a transfer, a share of
them (``find:20%``), or all of them. This module does no IO: the caller asks it what to do.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from ferryman import refusals
from ferryman.domain.limits import MAX_ATTEMPTS
from ferryman.errors import ConfigError
from ferryman.vocab import EventType

EVENTS = {
    "triggered": EventType.TRIGGERED,
    "uploaded": EventType.UPLOADED,
    "cancellation": EventType.CANCELLATION,
    "errored": EventType.ERRORED,
    "exported": EventType.EXPORTED,
    "settled": EventType.SETTLED,
}
EVENT_NAMES = {event: name for name, event in EVENTS.items()}

_RUN_SECONDS = 300.0

ANY = "any"
"""The name that stands for every call of the app, counted together."""

_BASES = r"(?:/app/migration/forge/v1|(?:/wiki)?/rest/atlassian-connect/1/migration)"
_CALLS = (
    ("acknowledge", "POST", rf"{_BASES}/message/[^/]+/status"),
    ("progress", "POST", rf"{_BASES}/progress/[^/]+"),
    ("log", "POST", rf"{_BASES}/log/[^/]+"),
    ("find", "POST", rf"{_BASES}/mapping/[^/]+/find"),
    ("mappings", "GET", rf"{_BASES}/mapping/[^/]+/page"),
    ("containers", "GET", rf"{_BASES}/container/[^/]+/page"),
    ("files", "GET", rf"{_BASES}/data/[^/]+/(?:all|page)"),
    ("payload", "GET", rf"{_BASES}/data/[^/]+/payload"),
    ("url", "GET", rf"{_BASES}/data/[^/]+(?:/parts)?"),
    ("file", "GET", r"/objects/[^/]+/?"),
)
_PATTERNS = tuple((name, method, re.compile(path)) for name, method, path in _CALLS)
CALLS = (ANY, *(name for name, _, _ in _CALLS))


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault; ``words`` completes a sentence that starts with the target's name.

    ``lasting``: a retry gets the same response, so an app may give up, but not silently.
    """

    of: Literal["event", "call"]
    words: str
    lasting: bool = False


FAULT_KINDS = {
    "twice": FaultKind("event", "is delivered a second time, right after the first"),
    "at-once": FaultKind("event", "is delivered twice at the same time"),
    "after-all": FaultKind("event", "is delivered again when the transfer is over"),
    "first": FaultKind("event", "comes before all other events"),
    "last": FaultKind("event", "comes after the other events"),
    "late": FaultKind("event", "comes six hours late"),
    "together": FaultKind("event", "comes at the same time as the others of its kind"),
    "403": FaultKind("call", "is answered with 403", lasting=True),
    "404": FaultKind("call", "is answered with 404", lasting=True),
    "409": FaultKind("call", "is answered with 409", lasting=True),
    "429": FaultKind("call", "is answered with 429 and Retry-After: 1"),
    "500": FaultKind("call", "is answered with 500"),
    "503": FaultKind("call", "is answered with 503"),
    "lost": FaultKind("call", "has its effect, but the connection breaks before the answer"),
    "cut": FaultKind("call", "is answered with half of the body, then the connection ends"),
    "slow": FaultKind("call", "is answered with half of the body, and the rest a second later"),
    "expired": FaultKind("call", "gives a URL that has expired when it is used"),
    "kill": FaultKind("call", "is not made: the function's process is killed at this point"),
    "kill-after": FaultKind("call", "has its effect, then the function's process is killed"),
    "limit": FaultKind(
        "call", "is answered so slowly that the function is killed at its time limit"
    ),
}
_HOLDING = ("first", "last", "late", "together")
_STEP = re.compile(r"([a-z]+)(?::(?:([1-9]\d{0,5})|(\d{1,3})%))?=([a-z0-9-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: for the ``nth`` occurrence of its target, for ``percent`` of them, or for all."""

    target: str
    how: str
    nth: int | None = None
    percent: int | None = None

    def __str__(self) -> str:
        """Return the fault as it is written in a plan."""
        if self.percent is not None:
            return f"{self.target}:{self.percent}%={self.how}"
        return f"{self.target}{'' if self.nth is None else f':{self.nth}'}={self.how}"

    @property
    def of_event(self) -> bool:
        """Whether it disturbs an event rather than a call of the app."""
        return self.target in EVENTS


FaultPlan = tuple[Fault, ...]


def parse(text: str) -> FaultPlan:
    """Parse comma-separated faults; raises :class:`ConfigError` (``fault_plan_invalid``)."""
    return tuple(_step(part.strip()) for part in text.split(",") if part.strip())


def _step(text: str) -> Fault:
    match = _STEP.fullmatch(text)
    if match is None:
        raise _invalid("a step such as uploaded:2=twice, payload:1=503 or find:20%=429", text)
    target, nth, percent, how = match.groups()
    targets = (*EVENTS, *CALLS)
    if target not in targets:
        raise _invalid(f"one of {', '.join(targets)}", target, targets)
    kind = "event" if target in EVENTS else "call"
    kinds = [name for name, each in FAULT_KINDS.items() if each.of == kind]
    if how not in kinds:
        raise _invalid(f"one of {', '.join(kinds)} for {target}", how, kinds)
    if how == "expired" and target not in ("url", ANY):
        raise _invalid("expired for url, which gives a URL", text)
    if how == "together" and nth is not None:
        raise _invalid(f"{target}=together, which is about all of them", text)
    if percent is not None and (how in _HOLDING or not 1 <= int(percent) <= 100):
        raise _invalid("1% to 100%, of what does not change the order", text)
    return Fault(target, how, int(nth) if nth else None, int(percent) if percent else None)


def _invalid(expected: str, found: str, known: Sequence[str] = ()) -> ConfigError:
    near = get_close_matches(found, known, n=1)
    if near:
        return refusals.fault.PLAN_INVALID_BUT_NEAR(expected=expected, found=found, near=near[0])
    return refusals.fault.PLAN_INVALID(expected=expected, found=found)


def call_name(method: str, path: str) -> str | None:
    """Return the name of a call in fault plans, or None for calls that are not an app's."""
    method = "GET" if method == "HEAD" else method
    for name, of_method, pattern in _PATTERNS:
        if method == of_method and pattern.fullmatch(path):
            return name
    return None


def hits(
    plan: FaultPlan, name: str, number: int, *, total: int = 0, draw: float = 1.0
) -> list[Fault]:
    """Return the faults for the ``number``-th event or call of this name.

    ``total`` counts all calls up to and including this one; ``draw`` in [0, 1) decides on shares.
    """
    faults = []
    for step in plan:
        count = total if step.target == ANY else number
        if step.target != name and not (step.target == ANY and name not in EVENTS):
            continue
        drawn = step.percent is not None and draw * 100 < step.percent
        if drawn or (step.percent is None and step.nth in (None, count)):
            faults.append(Fault(step.target, step.how, count))
    return faults


def without_shares(plan: FaultPlan, struck: Sequence[Fault]) -> FaultPlan:
    """Return the plan with its shares replaced by the faults they ``struck``."""
    faults: list[Fault] = []
    for step in plan:
        if step.percent is None:
            faults.append(step)
        else:
            faults += [
                fault for fault in struck if (fault.target, fault.how) == (step.target, step.how)
            ]
    return tuple(dict.fromkeys(faults))


def longest_run(files: int, limit: float) -> float:
    """Return the seconds a run may take if every delivery takes ``limit`` and is made twice."""
    return _RUN_SECONDS + 2 * MAX_ATTEMPTS * limit * (files + len(EVENTS))


def lasting(plan: FaultPlan) -> bool:
    """Return whether these faults allow an app to give up, as long as it reports that."""
    return any(FAULT_KINDS[step.how].lasting for step in plan)


def words(step: Fault) -> str:
    """Describe a fault in plain words."""
    noun = "event" if step.of_event else "call"
    what = noun if step.target == ANY else f"{noun} {step.target}"
    if step.percent is not None:
        who = (
            f"{step.percent} % of the calls" if step.target == ANY else f"{what}, {step.percent} %"
        )
    elif step.nth is None:
        who = f"every {what}"
    else:
        who = f"{what} number {step.nth}"
    return f"{who} {FAULT_KINDS[step.how].words}"
