"""Rooms of Meta-Fetch: the smallest one whole, any one by its lists, and whether they are drawn evenly."""

import functools
import math
from collections import Counter

from memory_envs.finite.meta_fetch import FiniteMetaFetch
from memory_envs.rules import meta_fetch as rules
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers.graph import Graph, enumerate_states

SMALL = {"size": 5, "num_objects": 2, "view_size": 3}
"""Settings of a room of which all states can be computed."""


HIDDEN_ORDER = {
    **{"size": 10, "num_objects": 4, "view_size": 7, "start": "bottom", "spacing": 3},
    **{"on_wrong": "back", "object_reward": 3.0, "max_episode_steps": 100},
}
"""Settings that make the Hidden Order Discovery of TransDreamer, with 4 balls."""


@functools.cache
def small_states() -> Graph:
    """All states of the small room."""
    return enumerate_states(FiniteMetaFetch(rules.configure(**SMALL)))


def first(key=0, **arguments):
    """A configuration and the first state of an episode in it."""
    config = rules.configure(**arguments)
    return config, rules.begin(config, episode_key(key, 0))


def packed(digits, base):
    """Digits, lowest first, as one integer."""
    return sum(digit * base**place for place, digit in enumerate(digits))


def assert_uniform(values, kinds):
    """Pearson's statistic within four standard deviations of its mean."""
    counts = Counter(values)
    assert len(counts) == kinds or len(values) / kinds < 10
    expected = len(values) / kinds
    statistic = sum((count - expected) ** 2 / expected for count in counts.values())
    statistic += (kinds - len(counts)) * expected
    assert abs(statistic - (kinds - 1)) < 4 * math.sqrt(2 * (kinds - 1))
