"""The runner of the benchmarks: a cut run goes on, and what falls short is named."""

from pathlib import Path

import pytest

from bench import _tiers
from bench.__main__ import benchmarks
from bench.report import Figure, as_json, as_lines, from_json, shortfall

NAMES = ["alpha", "beta", "gamma"]


def figure(name: str, ours: float = 2.0) -> Figure:
    return Figure(figure=name, unit="s", ours=ours, peer=3.0, peer_name="a peer", target=1.2)


def test_a_cut_run_goes_on_with_what_is_not_done(tmp_path: Path) -> None:
    def cut(name: str, _tier: str) -> list[Figure]:
        if name == "beta":
            raise KeyboardInterrupt
        return [figure(name)]

    with pytest.raises(KeyboardInterrupt):
        _tiers.complete(_tiers.begun("full", "one", tmp_path), NAMES, cut)

    ran: list[str] = []

    def go_on(name: str, _tier: str) -> list[Figure] | None:
        ran.append(name)
        return None if name == "beta" else []

    run = _tiers.begun("full", "one", tmp_path)
    assert _tiers.complete(run, NAMES, go_on) == ["beta"]
    assert ran == ["beta", "gamma"]
    assert run.failed == ["beta"]
    assert run.done["alpha"] == [figure("alpha")]
    # The one that failed is tried again; once all are done, the next run begins from nothing.
    again = _tiers.begun("full", "one", tmp_path)
    assert not _tiers.complete(again, NAMES, lambda name, _: [figure(name)])
    assert not _tiers.begun("full", "one", tmp_path).done


def test_figures_of_other_sources_or_another_tier_are_not_taken(tmp_path: Path) -> None:
    _tiers.begun("quick", "one", tmp_path).keep("alpha", [figure("alpha")])
    assert _tiers.begun("quick", "one", tmp_path).done
    assert not _tiers.begun("quick", "two", tmp_path).done
    assert not _tiers.begun("full", "one", tmp_path).done


def test_the_quick_tier_begins_nothing_after_half_an_hour(tmp_path: Path) -> None:
    passed = iter(range(0, 10_000, 1000))
    run = _tiers.begun("quick", "one", tmp_path)
    left = _tiers.complete(run, NAMES, lambda name, _: [figure(name)], lambda: next(passed))
    assert left == ["beta", "gamma"]


def test_only_benchmarks_have_a_quick_size() -> None:
    assert set(_tiers.QUICK) <= set(benchmarks())


def test_figures_survive_json_and_those_that_fall_short_are_marked() -> None:
    found = [figure("quick"), figure("slow", ours=3.0)]
    assert from_json(as_json(found)) == found
    assert "1.2: missed" not in as_lines(found).splitlines()[1]
    assert as_lines(found).splitlines()[2].endswith("1.2: missed")
    assert shortfall(found).startswith("1 of 2 targets reached; missed:")
    assert "slow, beside a peer" in shortfall(found)


def test_a_figure_of_nothing_at_all_is_told() -> None:
    found = [figure("none", ours=0.0)]
    assert from_json(as_json(found)) == found
    assert "inf" in as_lines(found)
    assert "missed" not in shortfall(found)
