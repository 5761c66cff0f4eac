"""The search for the shortest scripts of bad weather that an app does not come through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from ferryman.domain.weather import Script, without_shares
from ferryman.domain.weather_search import covers, scripts, simpler
from ferryman.domain.weather_verdict import Complaint, Seen
from ferryman.weather.bench import Bench

MOST_SHORTENING = 30
"""Runs that are spent on making a script shorter."""

_MOST_SKIPPED = 1000
"""Scripts in a row that have what was found already, before the search ends."""


@dataclass(frozen=True, slots=True)
class Found:
    """A script, what the app made of it, and what is wrong with that.

    ``shortest`` unless shortening it came to the end of its runs.
    """

    script: Script
    seen: Seen
    complaints: tuple[Complaint, ...]
    shortest: bool = True

    @property
    def harmless(self) -> bool:
        """Whether its only effects are errors that do no harm."""
        return all(each.harmless for each in self.complaints)

    @property
    def kinds(self) -> set[str]:
        """Those of its complaints."""
        return {each.kind for each in self.complaints}


Progress = Callable[[Script, int], None]
"""Told of each script before it is run, and of how many were run before."""


async def hunt(
    bench: Bench, *, budget: int, seed: int, progress: Progress, finds: int = 1
) -> tuple[Found, ...]:
    """Try scripts, at most ``budget`` of them, until ``finds`` did harm; each as short as it goes.

    What has all steps of a script that did harm is not tried: it would do so again. Those that
    are harmless come last, one of each kind, and do not count.
    """
    calm = bench.calm or await bench.begin()
    random = Random(seed)  # noqa: S311 - chooses which scripts are tried
    found: list[Found] = []
    tried = skipped = 0
    for script in scripts(calm.counts, random):
        harmful = [each for each in found if not each.harmless]
        if tried >= budget or len(harmful) >= finds or skipped >= _MOST_SKIPPED:
            break
        if _known(harmful, script):
            skipped += 1
            continue
        progress(script, tried)
        tried, skipped = tried + 1, 0
        new = await attempt(bench, script, seed)
        if new is None or _repeats(found, new):
            continue
        new = await shortened(bench, new, seed, progress)
        if not _known(harmful, new.script):
            found.append(new)
    return tuple(sorted(found, key=lambda each: each.harmless))


def _known(found: Sequence[Found], script: Script) -> bool:
    return any(covers(each.script, script) for each in found)


def _repeats(found: Sequence[Found], new: Found) -> bool:
    """Whether it is harmless, and there is one of its kinds already."""
    return new.harmless and any(new.kinds <= each.kinds for each in found if each.harmless)


async def attempt(bench: Bench, script: Script, seed: int) -> Found | None:
    """One run; None if the app came through."""
    seen, complaints = await bench.judge(script, seed)
    return Found(script, seen, complaints) if complaints else None


async def shortest(bench: Bench, script: Script, seed: int, progress: Progress) -> Found | None:
    """A run in a chosen weather; if it fails, the shortest part of it that does.

    What its shares happened to strike is put in their place, if that fails as well.
    """
    found = await attempt(bench, script, seed)
    if found is None:
        return None
    exact = without_shares(script, found.seen.struck)
    if exact != script:
        found = await attempt(bench, exact, seed) or found
    return await shortened(bench, found, seed, progress)


async def shortened(bench: Bench, found: Found, seed: int, progress: Progress) -> Found:
    """The same with fewer and plainer steps, as long as it still fails, and does as much harm."""
    tried = 0
    while True:
        for script in simpler(found.script):
            if tried >= MOST_SHORTENING:
                return replace(found, shortest=False)
            tried += 1
            progress(script, tried)
            smaller = await attempt(bench, script, seed)
            if smaller is not None and (found.harmless or not smaller.harmless):
                found = smaller
                break
        else:
            return found
