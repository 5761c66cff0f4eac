"""The search for the shortest fault plans under which an app fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from ferryman.devtools.faults.trial import TrialRunner
from ferryman.domain.fault_candidates import covers, plans, reductions
from ferryman.domain.fault_oracle import Observation, Violation
from ferryman.domain.fault_plan import FaultPlan, without_shares

MAX_SHRINK_RUNS = 30
"""The maximum number of runs for shortening a plan."""

_MOST_SKIPPED = 1000
"""The search ends after this many plans in a row that contain a known failure."""


@dataclass(frozen=True, slots=True)
class FailingPlan:
    """A plan under which the app fails, the app's behaviour, and the complaints about it.

    ``shortest`` is False if the runs for shortening the plan were used up.
    """

    plan: FaultPlan
    seen: Observation
    complaints: tuple[Violation, ...]
    shortest: bool = True

    @property
    def harmless(self) -> bool:
        """Return whether its only effects are harmless errors."""
        return all(complaint.harmless for complaint in self.complaints)

    @property
    def kinds(self) -> set[str]:
        """Return the kinds of its complaints."""
        return {complaint.kind for complaint in self.complaints}


Progress = Callable[[FaultPlan, int], None]
"""Called with each plan before it is run, and with the number of earlier runs."""


async def search(
    runner: TrialRunner, *, budget: int, seed: int, progress: Progress, finds: int = 1
) -> tuple[FailingPlan, ...]:
    """Try at most ``budget`` plans until ``finds`` of them fail, and shorten each failing one.

    A plan that contains a failing plan is skipped, since it would fail too. Harmless failures
    come last, one of each kind, and do not count.
    """
    calm = runner.calm or await runner.begin()
    random = Random(seed)  # noqa: S311 - chooses which plans are tried
    failures: list[FailingPlan] = []
    tried = skipped = 0
    for plan in plans(calm.counts, random):
        harmful = [failure for failure in failures if not failure.harmless]
        if tried >= budget or len(harmful) >= finds or skipped >= _MOST_SKIPPED:
            break
        if _known(harmful, plan):
            skipped += 1
            continue
        progress(plan, tried)
        tried, skipped = tried + 1, 0
        new = await try_plan(runner, plan, seed)
        if new is None or _repeats(failures, new):
            continue
        new = await shrunk(runner, new, seed, progress)
        if not _known(harmful, new.plan):
            failures.append(new)
    return tuple(sorted(failures, key=lambda failure: failure.harmless))


def _known(failures: Sequence[FailingPlan], plan: FaultPlan) -> bool:
    return any(covers(failure.plan, plan) for failure in failures)


def _repeats(failures: Sequence[FailingPlan], new: FailingPlan) -> bool:
    """Return whether it is harmless and one of its kinds is already known."""
    return new.harmless and any(
        new.kinds <= failure.kinds for failure in failures if failure.harmless
    )


async def try_plan(runner: TrialRunner, plan: FaultPlan, seed: int) -> FailingPlan | None:
    """Run one fault plan; return None if the app passes."""
    seen, complaints = await runner.judge(plan, seed)
    return FailingPlan(plan, seen, complaints) if complaints else None


async def shrink(
    runner: TrialRunner, plan: FaultPlan, seed: int, progress: Progress
) -> FailingPlan | None:
    """Run a chosen fault plan; if it fails, return the shortest part of it that fails.

    Shares are replaced by the calls that they struck, if that plan fails as well.
    """
    failure = await try_plan(runner, plan, seed)
    if failure is None:
        return None
    exact = without_shares(plan, failure.seen.struck)
    if exact != plan:
        failure = await try_plan(runner, exact, seed) or failure
    return await shrunk(runner, failure, seed, progress)


async def shrunk(
    runner: TrialRunner, failure: FailingPlan, seed: int, progress: Progress
) -> FailingPlan:
    """Drop and simplify steps while the plan still fails and does as much harm."""
    tried = 0
    while True:
        for plan in reductions(failure.plan):
            if tried >= MAX_SHRINK_RUNS:
                return replace(failure, shortest=False)
            tried += 1
            progress(plan, tried)
            smaller = await try_plan(runner, plan, seed)
            if smaller is not None and (failure.harmless or not smaller.harmless):
                failure = smaller
                break
        else:
            return failure
