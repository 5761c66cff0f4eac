"""The search for the shortest script of bad weather that an app does not come through."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from ferryman.domain.weather import Script, without_shares
from ferryman.domain.weather_search import scripts, simpler
from ferryman.domain.weather_verdict import Complaint, Seen
from ferryman.weather.bench import Bench

MOST_SHORTENING = 30
"""Runs that are spent on making a script shorter."""


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


async def hunt(bench: Bench, *, budget: int, seed: int, progress: Progress) -> Found | None:
    """Try scripts, at most ``budget`` of them; the first that fails, made as short as it goes."""
    calm = bench.calm or await bench.begin()
    random = Random(seed)  # noqa: S311 - chooses which scripts are tried
    for number, script in enumerate(scripts(calm.counts, random)):
        if number >= budget:
            return None
        progress(script, number)
        found = await attempt(bench, script, seed)
        if found is not None:
            return await shortened(bench, found, seed, progress)
    return None


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
