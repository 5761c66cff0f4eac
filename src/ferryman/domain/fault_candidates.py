"""Choose the fault plans to try, and reduce one that fails (delta debugging)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, combinations
from random import Random

from ferryman.domain.fault_plan import ANY, CALLS, EVENTS, Fault, FaultPlan

Counts = Mapping[str, int]
"""The number of events and calls of each name in a run without faults."""

MAX_FAULTS = 4
"""Faults in a random plan: an event has five attempts, and each fault may cost one."""

_EVENT_KINDS = ("twice", "after-all", "at-once", "last", "first", "late")
_CALL_KINDS = ("kill-after", "kill", "503", "429", "lost", "404", "403", "500", "409")
_READ_KINDS = ("cut", *_CALL_KINDS, "slow", "limit")
_KINDS_OF = {
    "acknowledge": _CALL_KINDS,
    "progress": _CALL_KINDS,
    "url": ("expired", *_CALL_KINDS),
    "payload": _READ_KINDS,
    "file": _READ_KINDS,
}
_OTHER_KINDS = ("503", "kill", *(how for how in _CALL_KINDS if how not in ("503", "kill")), "cut")
_ALONE_FIRST = 40
"""How many single faults to try before other kinds: one of them finds most bugs."""

_BUSY = ("503", "429")

_BEHIND = 5
"""How much later the second occurrence of a name is tried than the first, and the last than it."""

_GENTLE = ("twice", "at-once", "after-all", "kill", "kill-after", "503", "429", "lost", "cut")
"""Faults that may be combined freely: a correct handler still completes all of its work."""


def singles(counts: Counts) -> list[FaultPlan]:
    """Return every useful single fault, the most productive ones first.

    For each name, only its first, second and last occurrence are disturbed.
    """
    faults: list[Fault] = []
    if counts.get("uploaded", 0) > 1:
        faults.append(Fault("uploaded", "together"))
    rounds: dict[int, list[Fault]] = {}
    for name in (*EVENTS, *CALLS):
        kinds = _EVENT_KINDS if name in EVENTS else _KINDS_OF.get(name, _OTHER_KINDS)
        if name == "settled":
            kinds = ("twice", "at-once")  # nothing comes after it
        for place, number in enumerate(_chosen(0 if name == ANY else counts.get(name, 0))):
            for rank, how in enumerate(kinds):
                rounds.setdefault(rank + _BEHIND * place, []).append(Fault(name, how, number))
    for rank in sorted(rounds):
        faults += rounds[rank]
    return [(step,) for step in faults]


def bursts(counts: Counts) -> Iterator[FaultPlan]:
    """Yield plans that refuse the same call two to four times in a row, as a busy platform does.

    A handler that retries by itself survives one refusal, and perhaps not the next.
    """
    names = [name for name in CALLS if name != ANY and counts.get(name, 0)]
    for length in range(2, MAX_FAULTS + 1):
        for how in _BUSY:
            for name in names:
                yield tuple(Fault(name, how, number) for number in range(1, length + 1))


def pairs(counts: Counts, random: Random) -> Iterator[FaultPlan]:
    """Yield pairs of gentle faults, in an order that depends only on the seed."""
    choices = list(combinations(_gentle(counts), 2))
    random.shuffle(choices)
    yield from choices


def several(counts: Counts, random: Random) -> Iterator[FaultPlan]:
    """Yield plans of three and four gentle faults, endlessly if there are enough of them."""
    steps = _gentle(counts)
    if len(steps) <= MAX_FAULTS:
        return
    while True:
        yield tuple(random.sample(steps, random.randint(3, MAX_FAULTS)))


def plans(counts: Counts, random: Random) -> Iterator[FaultPlan]:
    """Yield the best single faults, then the rest alternating with bursts and combinations.

    No plan is repeated.
    """
    seen: set[frozenset[Fault]] = set()
    repeated = 0
    alone = singles(counts)
    others = alone[_ALONE_FIRST:], bursts(counts), pairs(counts, random), several(counts, random)
    for plan in chain(alone[:_ALONE_FIRST], _by_turns(*others)):
        if frozenset(plan) in seen:
            repeated += 1
            if repeated > 1000:
                return
            continue
        repeated = 0
        seen.add(frozenset(plan))
        yield plan


def _by_turns(*sources: Iterable[FaultPlan]) -> Iterator[FaultPlan]:
    """Yield from the sources in turn until all are exhausted."""
    left = [iter(source) for source in sources]
    while left:
        for source in tuple(left):
            plan = next(source, None)
            if plan is None:
                left.remove(source)
            else:
                yield plan


def reductions(plan: FaultPlan) -> Iterator[FaultPlan]:
    """Yield smaller plans: half of this one, one fault fewer, or one with a simpler fault."""
    half = len(plan) // 2
    if half > 1:
        yield plan[:half]
        yield plan[half:]
    if len(plan) > 1:
        for i in range(len(plan)):
            yield plan[:i] + plan[i + 1 :]
    for i, step in enumerate(plan):
        for plainer in _plainer(step):
            if plainer not in plan:
                yield (*plan[:i], plainer, *plan[i + 1 :])


def covers(known: FaultPlan, plan: FaultPlan) -> bool:
    """Return whether ``plan`` has every fault of ``known``, at whichever occurrence of its name."""
    return _kinds(known) <= _kinds(plan)


def _kinds(plan: FaultPlan) -> "Counter[tuple[str, str]]":
    return Counter((step.target, step.how) for step in plan)


def _plainer(step: Fault) -> Iterator[Fault]:
    if step.nth is not None and step.nth > 1:
        yield Fault(step.target, step.how, 1)
    if step.nth is None and step.how != "together":
        yield Fault(step.target, step.how, 1)


def _gentle(counts: Counts) -> list[Fault]:
    return [
        step
        for (step,) in singles(counts)
        if step.how in _GENTLE and step.target not in ("triggered", "exported", "settled")
    ]


def _chosen(count: int) -> Iterable[int]:
    return sorted({n for n in (1, 2, count) if 1 <= n <= count})
