"""Chance branches into all that numpy's generator may draw, with its probabilities."""

import math
from collections import Counter

import numpy as np
import pytest

from memory_envs.finite import Chance, NotFinite, TooLarge

DRAWS = 10_000


def shares(play):
    found = Counter()
    for share, each in outcomes_of(play):
        found[each] += share
    assert sum(found.values()) == pytest.approx(1)
    return found


def outcomes_of(play, **limits):
    chance = Chance(**limits)
    return chance.outcomes(lambda: play(chance))


def drawn(play):
    """What numpy's own generator gives, as shares of many draws."""
    generator = np.random.default_rng(0)
    return {each: count / DRAWS for each, count in Counter(play(generator) for _ in range(DRAWS)).items()}


def shuffled(rng):
    cards = [1, 1, 2, 3]
    rng.shuffle(cards)
    return tuple(cards)


def rejected(rng):
    while (number := rng.integers(3)) == 2 and rng.random() < 0.9:
        pass
    return int(number)


PLAYS = {
    "a range": lambda rng: int(rng.integers(3)),
    "a range with ends": lambda rng: int(rng.integers(2, 4, endpoint=True)),
    "several": lambda rng: tuple(rng.integers(2, size=2).tolist()),
    "a table": lambda rng: tuple(rng.integers(0, 2, (1, 2)).ravel().tolist()),
    "an item": lambda rng: str(rng.choice(["a", "b", "a"])),
    "a row": lambda rng: tuple(rng.choice(np.eye(2)).tolist()),
    "a weighted item": lambda rng: int(rng.choice([3, 4, 5], p=[0.5, 0.0, 0.5])),
    "items": lambda rng: tuple(rng.choice(3, size=2).tolist()),
    "different items": lambda rng: tuple(rng.choice(4, size=2, replace=False).tolist()),
    "weighted different items": lambda rng: tuple(
        rng.choice(3, size=2, replace=False, p=[0.5, 0.3, 0.2]).tolist()
    ),
    "an order": lambda rng: tuple(rng.permutation(3).tolist()),
    "an order of equals": shuffled,
    "successes": lambda rng: int(rng.binomial(3, 0.2)),
    "a comparison": lambda rng: bool(rng.random() < 0.3),
    "a comparison turned round": lambda rng: bool(np.float64(0.3) > rng.random()),
    "a comparison that is repeated": lambda rng: (lambda u: (u < 0.5, u < 0.2, u >= 0.5, u > 0.7))(
        rng.random()
    ),
    "cumulated chances": lambda rng: int(np.argmax(np.cumsum([0.2, 0.3, 0.5]) > rng.random())),
    "several comparisons": lambda rng: tuple((rng.random(2) < 0.25).tolist()),
    "other ends": lambda rng: bool(rng.uniform(-1, 3) > 0),
    "rounded down": lambda rng: int(rng.random() * 3),
    "shifted": lambda rng: math.floor(1 - 2 * rng.random()),
    "towards zero": lambda rng: int(rng.uniform(-2, 2)),
    "one after the other": lambda rng: (int(rng.integers(2)), bool(rng.random() < 0.5)),
    "one if": lambda rng: int(rng.integers(4)) if rng.random() < 0.5 else -1,
}


@pytest.mark.parametrize("name", PLAYS)
def test_shares_are_those_of_numpy(name):
    exact, sampled = shares(PLAYS[name]), drawn(PLAYS[name])
    assert set(sampled) <= set(exact)
    for each, share in exact.items():
        spread = (share * (1 - share) / DRAWS) ** 0.5
        assert abs(sampled.get(each, 0.0) - share) < 5 * spread + 1e-12, each


def test_types_are_those_of_numpy():
    for play in (
        lambda rng: rng.integers(3, size=2, dtype=np.int8),
        lambda rng: rng.choice([1.5, 2.5]),
        lambda rng: rng.permutation([1, 2]),
    ):
        expected = play(np.random.default_rng(0))
        for _, each in outcomes_of(play):
            assert (each.dtype, each.shape) == (expected.dtype, expected.shape)


def endless(rng):
    while rng.random() < 0.5:
        pass


@pytest.mark.parametrize(
    "play, error, message",
    [
        (lambda rng: rng.normal(), NotFinite, "what normal of a generator gives cannot be enumerated"),
        (lambda rng: rng.standard_exponential(3), NotFinite, "standard_exponential"),
        (lambda rng: rng.random() ** 2 < 0.5, NotFinite, "the power 2"),
        (lambda rng: np.sin(rng.random()), TypeError, "ufunc"),
        (lambda rng: float(rng.random()), NotFinite, "its value as a float"),
        (lambda rng: rng.random() == 0.5, NotFinite, "whether it equals 0.5"),
        (lambda rng: rng.random() < rng.random(), NotFinite, "a comparison with a number of random"),
        (lambda rng: rng.integers(2**40), TooLarge, "integers has 1099511627776 values"),
        (lambda rng: rng.permutation(52), TooLarge, "a shuffle of 52 items has 8.1e[+]67 orders"),
        (lambda rng: rng.integers(10, size=9), TooLarge, "more than 2000 outcomes"),
        (lambda rng: rng.choice(3, size=2, replace=False, shuffle=False), NotFinite, "shuffle=False"),
        (endless, TooLarge, "more than 1000 times"),
    ],
)
def test_what_cannot_be_enumerated_is_refused_with_what_was_met(play, error, message):
    with pytest.raises(error, match=message):
        list(outcomes_of(play, outcome_limit=2000))


def test_a_program_that_draws_otherwise_when_run_again_is_refused():
    runs = []

    def play(rng):
        runs.append(1)
        return rng.integers(2 + len(runs))

    with pytest.raises(NotFinite, match="not restored"):
        list(outcomes_of(play))


def test_nothing_is_drawn_outside():
    with pytest.raises(NotFinite, match="outside of a step or reset"):
        Chance().integers(2)
