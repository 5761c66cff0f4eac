"""Which scripts of bad weather to try, and how to make one that fails shorter."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, combinations
from random import Random

from ferryman.domain.weather import ANY, CALLS, EVENTS, Script, Step

Counts = Mapping[str, int]
"""How many events and calls of each name there were in a calm run."""

MOST_STEPS = 4
"""Of a script made at random: an event has five attempts, and each step may cost one."""

_EVENT_HOWS = ("twice", "after-all", "at-once", "last", "first", "late")
_CALL_HOWS = ("kill-after", "kill", "503", "429", "lost", "404", "403", "500", "409")
_READ_HOWS = ("cut", *_CALL_HOWS, "slow", "limit")
_HOWS_OF = {
    "acknowledge": _CALL_HOWS,
    "progress": _CALL_HOWS,
    "url": ("expired", *_CALL_HOWS),
    "payload": _READ_HOWS,
    "file": _READ_HOWS,
}
_OTHER_HOWS = ("503", "kill", *(how for how in _CALL_HOWS if how not in ("503", "kill")), "cut")
_ALONE_FIRST = 40
"""Single steps before others have their turn: most mistakes are found by one of them."""

_BUSY = ("503", "429")

_BEHIND = 5
"""How much later the second of a name has its turn than the first, and the last than that."""

_GENTLE = ("twice", "at-once", "after-all", "kill", "kill-after", "503", "429", "lost", "cut")
"""Of these any few may come together, and a sound handler still does all of its work."""


def singles(counts: Counts) -> list[Script]:
    """Every step that makes a difference, those that find most first.

    Of each name the first, the second and the last one.
    """
    found: list[Step] = []
    if counts.get("uploaded", 0) > 1:
        found.append(Step("uploaded", "together"))
    rounds: dict[int, list[Step]] = {}
    for name in (*EVENTS, *CALLS):
        hows = _EVENT_HOWS if name in EVENTS else _HOWS_OF.get(name, _OTHER_HOWS)
        if name == "settled":
            hows = ("twice", "at-once")  # nothing comes after it
        for place, number in enumerate(_chosen(0 if name == ANY else counts.get(name, 0))):
            for rank, how in enumerate(hows):
                rounds.setdefault(rank + _BEHIND * place, []).append(Step(name, how, number))
    for rank in sorted(rounds):
        found += rounds[rank]
    return [(step,) for step in found]


def bursts(counts: Counts) -> Iterator[Script]:
    """The same call refused two, three and four times in a row, as by a platform that is busy.

    A handler that asks again by itself comes through one refusal, and may not through the next.
    """
    names = [name for name in CALLS if name != ANY and counts.get(name, 0)]
    for length in range(2, MOST_STEPS + 1):
        for how in _BUSY:
            for name in names:
                yield tuple(Step(name, how, number) for number in range(1, length + 1))


def pairs(counts: Counts, random: Random) -> Iterator[Script]:
    """Two gentle steps at a time, in an order that depends on the seed alone."""
    found = list(combinations(_gentle(counts), 2))
    random.shuffle(found)
    yield from found


def several(counts: Counts, random: Random) -> Iterator[Script]:
    """Scripts of three and four gentle steps, without end where there are so many."""
    steps = _gentle(counts)
    if len(steps) <= MOST_STEPS:
        return
    while True:
        yield tuple(random.sample(steps, random.randint(3, MOST_STEPS)))


def scripts(counts: Counts, random: Random) -> Iterator[Script]:
    """The single steps that find most; then by turns the others, bursts, pairs, longer ones.

    Each script once.
    """
    seen: set[frozenset[Step]] = set()
    repeated = 0
    alone = singles(counts)
    others = alone[_ALONE_FIRST:], bursts(counts), pairs(counts, random), several(counts, random)
    for script in chain(alone[:_ALONE_FIRST], _by_turns(*others)):
        if frozenset(script) in seen:
            repeated += 1
            if repeated > 1000:
                return
            continue
        repeated = 0
        seen.add(frozenset(script))
        yield script


def _by_turns(*sources: Iterable[Script]) -> Iterator[Script]:
    """One of each, as long as any has more."""
    left = [iter(source) for source in sources]
    while left:
        for source in tuple(left):
            script = next(source, None)
            if script is None:
                left.remove(source)
            else:
                yield script


def simpler(script: Script) -> Iterator[Script]:
    """Scripts that say less than this one: half of it, a step fewer, then with a plainer step."""
    half = len(script) // 2
    if half > 1:
        yield script[:half]
        yield script[half:]
    if len(script) > 1:
        for i in range(len(script)):
            yield script[:i] + script[i + 1 :]
    for i, step in enumerate(script):
        for plainer in _plainer(step):
            if plainer not in script:
                yield (*script[:i], plainer, *script[i + 1 :])


def covers(known: Script, script: Script) -> bool:
    """Whether a script has each step of a known one, of whichever event or call of that name."""
    return _kinds(known) <= _kinds(script)


def _kinds(script: Script) -> "Counter[tuple[str, str]]":
    return Counter((step.target, step.how) for step in script)


def _plainer(step: Step) -> Iterator[Step]:
    if step.nth is not None and step.nth > 1:
        yield Step(step.target, step.how, 1)
    if step.nth is None and step.how != "together":
        yield Step(step.target, step.how, 1)


def _gentle(counts: Counts) -> list[Step]:
    return [
        step
        for (step,) in singles(counts)
        if step.how in _GENTLE and step.target not in ("triggered", "exported", "settled")
    ]


def _chosen(count: int) -> Iterable[int]:
    return sorted({n for n in (1, 2, count) if 1 <= n <= count})
