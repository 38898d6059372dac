"""Seeds of lanes that begin anew: small as those of the beginning, and none of them again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from agents.engines.seeds import FEW_BITS, lane_seed


def every(wanted: int) -> Callable[[int], int]:
    """Draw a number below a limit, the same share of it each time."""
    return lambda limit: min(limit - 1, limit * wanted // 100)


@pytest.mark.parametrize(
    ("lanes", "taken", "limit"),
    [
        (8, range(0), FEW_BITS),
        (8, range(0, 8), FEW_BITS),
        (8, range(100, 108), FEW_BITS),
        (1, range(FEW_BITS - 1, FEW_BITS), FEW_BITS),
        (8, range(60_000, 60_008), 2**16),  # who took these has 16 bits at least
        (8, range(2**16 - 8, 2**16), 2**16),
        (8, range(2**16 - 7, 2**16 + 1), 2**17),
        (2, range(2**31 - 2, 2**31), 2**31),
        (FEW_BITS // 2, range(0, FEW_BITS // 2), FEW_BITS),
        (FEW_BITS, range(0, FEW_BITS), 2 * FEW_BITS),  # there is no other way
        (FEW_BITS, range(5, FEW_BITS), 2 * FEW_BITS),
        (1, range(0), FEW_BITS),
        (28, range(0, 448), FEW_BITS),
    ],
    ids=str,
)
def test_lanes_that_begin_anew_have_seeds_that_were_not_taken_and_no_larger_ones(
    lanes: int, taken: range, limit: int
) -> None:
    found = {lane_seed(every(share), lanes, taken) for share in range(101)}
    assert all(0 <= first and first + lanes <= limit for first in found)
    assert all(not set(range(first, first + lanes)) & set(taken) for first in found)
    assert max(found) + lanes == limit or max(found) + lanes == taken.start


def test_every_place_is_drawn_equally_often() -> None:
    rng = np.random.default_rng(0)
    found = [lane_seed(lambda limit: int(rng.integers(limit)), 8, range(16_000, 16_008)) for _ in range(4000)]
    assert np.histogram(found, bins=4, range=(0, FEW_BITS))[0] == pytest.approx([1000] * 4, abs=120)
