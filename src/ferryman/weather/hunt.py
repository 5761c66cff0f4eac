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


Progress = Callable[[Script, int], None]
"""Told of each script before it is run, and of how many were run before."""


async def hunt(
    bench: Bench, *, budget: int, seed: int, progress: Progress, finds: int = 1
) -> tuple[Found, ...]:
    """Try scripts, at most ``budget`` of them, until ``finds`` failed; each as short as it goes.

    What has all steps of a script that failed is not tried: it would fail again.
    """
    calm = bench.calm or await bench.begin()
    random = Random(seed)  # noqa: S311 - chooses which scripts are tried
    found: list[Found] = []
    tried = skipped = 0
    for script in scripts(calm.counts, random):
        if tried >= budget or len(found) >= finds or skipped >= _MOST_SKIPPED:
            break
        if _known(found, script):
            skipped += 1
            continue
        progress(script, tried)
        tried, skipped = tried + 1, 0
        new = await attempt(bench, script, seed)
        if new is not None:
            new = await shortened(bench, new, seed, progress)
            if not _known(found, new.script):
                found.append(new)
    return tuple(found)


def _known(found: Sequence[Found], script: Script) -> bool:
    return any(covers(each.script, script) for each in found)


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
    """The same with fewer and plainer steps, as long as it still fails."""
    tried = 0
    while True:
        for script in simpler(found.script):
            if tried >= MOST_SHORTENING:
                return replace(found, shortest=False)
            tried += 1
            progress(script, tried)
            smaller = await attempt(bench, script, seed)
            if smaller is not None:
                found = smaller
                break
        else:
            return found
