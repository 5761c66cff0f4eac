"""Bad weather on purpose: what a script of disturbances makes of an event or of an app's call.

A script is a few steps, each written ``TARGET=HOW``, such as ``uploaded:2=twice`` or
``payload:1=503``. A target is an event or a call, the n-th of its name in a transfer, a share of
them (``find:20%``), or every one. Nothing here sends or waits: whoever does asks what to do.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

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
"""The name of every call of the app, counted together."""

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
class How:
    """One kind of disturbance, in words that follow the name of what it is done to.

    ``lasting``: asking again gives the same, so an app may give up, as long as it is seen.
    """

    of: Literal["event", "call"]
    words: str
    lasting: bool = False


HOWS = {
    "twice": How("event", "is delivered a second time, right after the first"),
    "at-once": How("event", "is delivered twice at the same time"),
    "after-all": How("event", "is delivered again when the transfer is over"),
    "first": How("event", "comes before all other events"),
    "last": How("event", "comes after the other events"),
    "late": How("event", "comes six hours late"),
    "together": How("event", "comes at the same time as the others of its kind"),
    "403": How("call", "is answered with 403", lasting=True),
    "404": How("call", "is answered with 404", lasting=True),
    "409": How("call", "is answered with 409", lasting=True),
    "429": How("call", "is answered with 429 and Retry-After: 1"),
    "500": How("call", "is answered with 500"),
    "503": How("call", "is answered with 503"),
    "lost": How("call", "has its effect, but the connection breaks before the answer"),
    "cut": How("call", "is answered with half of the body, then the connection ends"),
    "slow": How("call", "is answered with half of the body, and the rest a second later"),
    "expired": How("call", "gives a URL that has expired when it is used"),
    "kill": How("call", "is not made: the function's process is killed at this point"),
    "kill-after": How("call", "has its effect, then the function's process is killed"),
    "limit": How("call", "is answered so slowly that the function is killed at its time limit"),
}
_HOLDING = ("first", "last", "late", "together")
_STEP = re.compile(r"([a-z]+)(?::(?:([1-9]\d{0,5})|(\d{1,3})%))?=([a-z0-9-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    """One disturbance: of the ``nth`` of its name, of ``percent`` of them, or of each."""

    target: str
    how: str
    nth: int | None = None
    percent: int | None = None

    def __str__(self) -> str:
        """As it is written in a script."""
        if self.percent is not None:
            return f"{self.target}:{self.percent}%={self.how}"
        return f"{self.target}{'' if self.nth is None else f':{self.nth}'}={self.how}"

    @property
    def of_event(self) -> bool:
        """Whether it disturbs an event; else it is a call of the app."""
        return self.target in EVENTS


Script = tuple[Step, ...]


def parse(text: str) -> Script:
    """Read steps, with commas between them; ``ConfigError`` (``weather_invalid``) otherwise."""
    return tuple(_step(part.strip()) for part in text.split(",") if part.strip())


def _step(text: str) -> Step:
    found = _STEP.fullmatch(text)
    if found is None:
        raise _invalid("a step such as uploaded:2=twice, payload:1=503 or find:20%=429", text)
    target, nth, percent, how = found.groups()
    known = (*EVENTS, *CALLS)
    if target not in known:
        raise _invalid(f"one of {', '.join(known)}", target, known)
    kind = "event" if target in EVENTS else "call"
    hows = [name for name, each in HOWS.items() if each.of == kind]
    if how not in hows:
        raise _invalid(f"one of {', '.join(hows)} for {target}", how, hows)
    if how == "expired" and target not in ("url", ANY):
        raise _invalid("expired for url, which gives a URL", text)
    if how == "together" and nth is not None:
        raise _invalid(f"{target}=together, which is about all of them", text)
    if percent is not None and (how in _HOLDING or not 1 <= int(percent) <= 100):
        raise _invalid("1% to 100%, of what does not change the order", text)
    return Step(target, how, int(nth) if nth else None, int(percent) if percent else None)


def _invalid(expected: str, found: str, known: Sequence[str] = ()) -> ConfigError:
    near = get_close_matches(found, known, n=1)
    return ConfigError(
        "weather_invalid",
        expected=expected,
        found=repr(found)[:80],
        fix=f"Did you mean {near[0]}?" if near else "`ferryman weather` lists targets and kinds.",
    )


def call_name(method: str, path: str) -> str | None:
    """What a call of an app is called here; None for calls that are not an app's."""
    method = "GET" if method == "HEAD" else method
    for name, of_method, pattern in _PATTERNS:
        if method == of_method and pattern.fullmatch(path):
            return name
    return None


def hits(
    script: Script, name: str, number: int, *, total: int = 0, draw: float = 1.0
) -> list[Step]:
    """How the ``number``-th thing of that name is disturbed; each as a step for it alone.

    ``total`` counts all calls, this one included; ``draw`` in [0, 1) decides on shares.
    """
    found = []
    for step in script:
        count = total if step.target == ANY else number
        if step.target != name and not (step.target == ANY and name not in EVENTS):
            continue
        drawn = step.percent is not None and draw * 100 < step.percent
        if drawn or (step.percent is None and step.nth in (None, count)):
            found.append(Step(step.target, step.how, count))
    return found


def without_shares(script: Script, struck: Sequence[Step]) -> Script:
    """The script with what its shares have ``struck`` in place of them."""
    found: list[Step] = []
    for step in script:
        if step.percent is None:
            found.append(step)
        else:
            found += [each for each in struck if (each.target, each.how) == (step.target, step.how)]
    return tuple(dict.fromkeys(found))


def longest_run(files: int, limit: float) -> float:
    """Seconds that a run may take where every delivery takes ``limit``, each made twice."""
    return _RUN_SECONDS + 2 * MAX_ATTEMPTS * limit * (files + len(EVENTS))


def lasting(script: Script) -> bool:
    """Whether an app may give up in this weather, as long as it says so."""
    return any(HOWS[step.how].lasting for step in script)


def words(step: Step) -> str:
    """A step in plain words."""
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
    return f"{who} {HOWS[step.how].words}"


@dataclass(frozen=True, slots=True)
class Caller:
    """An event that could be delivered now: its name, and the how-many-th of its name it is."""

    name: str
    number: int
    hows: tuple[str, ...] = ()


def turn(waiting: Sequence[Caller]) -> tuple[list[int], bool]:
    """Whose turn it is, of all that could be delivered now, in the order they were made.

    Indexes of those that go together, and whether hours pass before.
    """
    if not waiting:
        return [], False
    together = [i for i, each in enumerate(waiting) if "together" in each.hows]
    first = min(range(len(waiting)), key=lambda i: (_rank(waiting[i], waiting), i))
    if first in together:
        name = waiting[first].name
        return [i for i in together if waiting[i].name == name], False
    return [first], "late" in waiting[first].hows


def _rank(one: Caller, waiting: Sequence[Caller]) -> int:
    """Lower goes earlier. The end of a transfer is told after all that it waited for."""
    if "first" in one.hows:
        return 0
    held = "late" in one.hows or "last" in one.hows
    if held:
        # What needs no acknowledgement would come after the end: before the last that does.
        due = [each for each in waiting if each.name == "uploaded" and not _held(each)]
        if one.name not in ("uploaded", "settled") and len(due) == 1:
            return 1
        return 4 if "late" in one.hows else 3
    return 5 if one.name == "settled" and any(map(_held, waiting)) else 2


def _held(one: Caller) -> bool:
    return "late" in one.hows or "last" in one.hows
