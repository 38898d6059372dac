"""Episodes are functions of stream and number: uniform, independent, the same compiled or not."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_envs.rules.randomness import STREAM_LIMIT, draw, draw_order, episode_key, mix

streams = st.integers(0, STREAM_LIMIT - 1)
words = st.integers(0, 2**32 - 1)

MIXED = [0, 3979630085, 624041220]
KEYS = [1927978566, 1825753343, 775799104, 3436511289]
DRAWS = [995, 867, 871, 229]


def chi_square(counts: np.ndarray) -> float:
    expected = counts.sum() / len(counts)
    return float(((counts - expected) ** 2 / expected).sum())


@numba.njit
def compiled_draw(stream, episode, counter, n):
    return draw(episode_key(stream, episode), counter, n)


@settings(deadline=None)  # compiling, and a busy machine, take their time
@given(streams, words, words, st.integers(1, 2**31 - 1))
def test_compiled_draws_equal_those_of_python_integers(stream, episode, counter, n):
    assert compiled_draw(stream, episode, counter, n) == draw(episode_key(stream, episode), counter, n)


@settings(deadline=None)  # compiling, and a busy machine, take their time
@given(streams, words, words, st.integers(1, 2**31 - 1))
def test_draws_stay_in_range_and_words_in_32_bits(stream, episode, counter, n):
    assert 0 <= episode_key(stream, episode) < 2**32
    assert 0 <= draw(episode_key(stream, episode), counter, n) < n


def test_replays_of_earlier_versions_stay_valid():
    assert [mix(0), mix(1), mix(2**32 - 1)] == MIXED
    assert [episode_key(0, 0), episode_key(1, 0), episode_key(0, 1), episode_key(2**53 - 1, 9)] == KEYS
    assert [draw(key, 0, 1000) for key in KEYS] == DRAWS


def test_mixing_flips_half_of_the_bits_for_each_bit_that_changes():
    generator = np.random.default_rng(0)
    flips = np.zeros((32, 32))
    for word in generator.integers(0, 2**32, 2000).tolist():
        for bit in range(32):
            changed = mix(word) ^ mix(word ^ (1 << bit))
            flips[bit] += [(changed >> out) & 1 for out in range(32)]
    assert np.abs(flips / 2000 - 0.5).max() < 0.1


@pytest.mark.parametrize("n", [2, 3, 4, 49])
def test_draws_are_uniform_over_episodes_streams_and_counters(n):
    keys = [episode_key(123456789, episode) for episode in range(20_000)]
    across_episodes = [draw(key, 0, n) for key in keys]
    across_streams = [draw(episode_key(stream, 0), 0, n) for stream in range(20_000)]
    across_counters = [draw(keys[0], counter, n) for counter in range(20_000)]
    # Mean n - 1, standard deviation sqrt(2 (n - 1)); chance hardly ever exceeds five of them.
    limit = n - 1 + 5 * (2 * (n - 1)) ** 0.5 + 5
    for drawn in (across_episodes, across_streams, across_counters):
        assert chi_square(np.bincount(drawn, minlength=n)) < limit


def test_counters_of_an_episode_and_neighbouring_episodes_are_independent():
    keys = [episode_key(7, episode) for episode in range(40_001)]
    first, second = [draw(key, 0, 4) for key in keys], [draw(key, 1, 4) for key in keys]
    for one, other in ((first[1:], second[1:]), (first[1:], first[:-1])):
        pairs = np.bincount(4 * np.array(one) + np.array(other), minlength=16)
        assert chi_square(pairs) < 15 + 5 * 30**0.5


def test_streams_that_share_one_episode_do_not_share_the_next():
    seen: dict[int, int] = {}
    collisions = []
    for stream in np.random.default_rng(0).integers(STREAM_LIMIT, size=300_000).tolist():
        key = episode_key(stream, 0)
        if key in seen:
            collisions.append((seen[key], stream))
        seen[key] = stream
    assert collisions, "300,000 keys of 32 bits must collide"
    assert all(episode_key(one, 1) != episode_key(other, 1) for one, other in collisions)


def test_a_drawn_order_holds_every_number_once():
    for key, n in itertools.product(range(500), range(1, 9)):
        order = draw_order(key, 3, n)
        assert sorted(order >> 3 * position & 7 for position in range(n)) == list(range(n))
        assert order < 8**n
