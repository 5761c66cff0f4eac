"""How streams are cut, and how much of them is held."""

import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.sdk.budget import MemoryBudget
from ferryman.sdk.part import MIB, PartPlan
from ferryman.wire.upload import UploadView

GIB = 1024 * MIB

PLAN = PartPlan(first=8 * MIB, smallest=5 * MIB, largest=1024 * MIB, max_parts=10_000)


def test_parts_begin_as_the_platform_says() -> None:
    assert PLAN.size(1) == PLAN.size(500) == 8 * MIB
    assert PLAN.size(501) == 16 * MIB


def test_ten_thousand_parts_have_no_practical_ceiling() -> None:
    assert sum(PLAN.size(n) for n in range(1, 10_001)) > 800 * 1024 * MIB


def test_the_largest_allowed_file_stays_within_the_default_budget() -> None:
    total, number = 0, 0
    while total < 50 * 1024 * MIB:
        number += 1
        total += PLAN.size(number)
    assert PLAN.size(number) <= 48 * MIB


@given(st.integers(1, 12_000), st.integers(5 * MIB, 64 * MIB), st.integers(0, 1 << 50))
def test_the_greatest_file_fits_whatever_the_number_of_parts(
    max_parts: int, part_size: int, greatest: int
) -> None:
    greatest = min(greatest, max_parts * GIB)
    plan = PartPlan.of(view(max_parts, part_size, greatest))
    assert plan.room == sum(plan.size(number) for number in range(1, max_parts + 1))
    assert plan.room >= greatest


def test_parts_are_no_larger_than_the_greatest_file_needs() -> None:
    """At the defaults a store that takes 1,000 parts changes nothing but how soon they grow."""
    greatest = 50_000_000_000
    assert PartPlan.of(view(10_000, 8 * MIB, greatest)) == replace(PLAN, largest=GIB)
    assert PartPlan.of(view(1_000, 8 * MIB, greatest)).first == 8 * MIB
    assert PartPlan.of(view(1_000, 8 * MIB, 2 * greatest)).first == 16 * MIB
    assert PartPlan.of(view(1_000, 8 * MIB, None)).first == 8 * MIB


def view(max_parts: int, part_size: int, greatest: int | None) -> UploadView:
    return UploadView(
        upload_id="u",
        key="k",
        part_size=part_size,
        min_part_size=5 * MIB,
        max_part_size=GIB,
        max_parts=max_parts,
        checksums=[],
        max_file_size=greatest,
    )


@given(
    st.integers(1, 1 << 30),
    st.integers(1, 1 << 30),
    st.integers(1, 1 << 34),
    st.integers(1, 20_000),
    st.integers(1, 20_000),
)
def test_sizes_never_shrink_and_keep_the_bounds(
    first: int, smallest: int, largest: int, max_parts: int, number: int
) -> None:
    plan = PartPlan(first=first, smallest=smallest, largest=largest, max_parts=max_parts)
    assert plan.size(number) <= plan.size(number + 1) <= largest
    assert plan.size(number) >= min(smallest, largest)


@pytest.mark.parametrize(("part", "at_once"), [(8, 8), (40, 2), (96, 1), (500, 1)])
def test_as_many_parts_go_at_once_as_the_budget_holds(part: int, at_once: int) -> None:
    budget, taken = MemoryBudget(96), []

    def take() -> None:
        for _ in range(10):
            budget.take(part)
            taken.append(part)

    threading.Thread(target=take, daemon=True).start()
    deadline = time.monotonic() + 60
    while len(taken) < at_once and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert len(taken) == at_once


def test_a_budget_holds_back_what_does_not_fit() -> None:
    budget = MemoryBudget(10)
    budget.take(6)
    taken = threading.Event()

    def take() -> None:
        budget.take(5)
        taken.set()

    waiting = threading.Thread(target=take)
    waiting.start()
    assert not taken.wait(0.05)
    budget.release(memoryview(bytes(6)))
    assert taken.wait(60)
    waiting.join()


def test_a_single_part_larger_than_the_budget_passes() -> None:
    MemoryBudget(10).take(1000)


def test_memory_is_lent_again_until_it_is_trimmed() -> None:
    budget = MemoryBudget(100)
    part = budget.acquire(10)
    budget.take(part.nbytes)
    memory = part.obj
    budget.release(part[:7])
    assert budget.acquire(10).obj is memory
    other = budget.acquire(10)
    assert other.obj is not memory
    budget.take(other.nbytes)
    budget.release(other)
    budget.trim()
    assert budget.acquire(10).obj is not other.obj
