"""Medians of rounds, with the interval that resampling them gives."""

import random
from collections.abc import Sequence
from statistics import median

_SAMPLES = 2_000


def interval(ours: Sequence[float], peer: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the ratio of medians, peer to ours.

    A round has one figure of each, measured one after the other, so rounds are resampled whole.
    """
    draw = random.Random(1)
    rounds = list(zip(ours, peer, strict=True))
    ratios = sorted(
        median(its for _, its in some) / median(mine for mine, _ in some)
        for some in (draw.choices(rounds, k=len(rounds)) for _ in range(_SAMPLES))
    )
    return ratios[int(_SAMPLES * 0.025)], ratios[int(_SAMPLES * 0.975)]
