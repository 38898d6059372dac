"""Meta-Fetch without its clock is Meta-Fetch."""

import numpy as np
import pytest

from memory_envs.certificate.sampling import drawn_rooms
from memory_envs.finite.meta_fetch import FiniteMetaFetch, FiniteSeenRoom
from memory_envs.meta_fetch import TASK
from memory_envs.rules import meta_fetch
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers.graph import enumerate_states
from tests.support.rooms import HIDDEN_ORDER, SMALL


@pytest.mark.parametrize("settings", [{}, HIDDEN_ORDER])
def test_a_room_without_its_clock_is_the_room(settings):
    config = meta_fetch.configure(**settings)
    task, random = FiniteMetaFetch(config, layouts=()), np.random.default_rng(0)
    for key in range(10):
        state = meta_fetch.begin(config, episode_key(0, key))
        lasting = task.lasting(state)
        for action in random.integers(3, size=300).tolist():
            state, reward, _, _ = meta_fetch.transition(config, state, action)
            (outcome,) = task.step(lasting, action)
            lasting = outcome.state
            assert outcome.reward == reward and not outcome.terminated
            assert task.observe(lasting) == task.observe(state)
            assert lasting == task.lasting(state)


@pytest.mark.parametrize("settings", [{}, {"spacing": 2}, {"start": "bottom"}])
def test_starts_are_those_of_the_rulebook_each_as_often(settings):
    config = meta_fetch.configure(**SMALL, **settings)
    starts = dict((state, chance) for chance, state in FiniteMetaFetch(config).starts())
    drawn = {meta_fetch.begin(config, episode_key(1, episode)) for episode in range(60_000)}
    assert drawn == set(starts)
    assert len(set(starts.values())) == 1


def test_layouts_are_those_of_the_split():
    both = [
        set(FiniteMetaFetch(meta_fetch.configure(split=split, **SMALL)).layouts)
        for split in ("train", "test")
    ]
    assert not both[0] & both[1]
    assert both[0] | both[1] == set(FiniteMetaFetch(meta_fetch.configure(**SMALL)).layouts)


def test_a_seen_room_hides_nothing_but_the_order():
    config = meta_fetch.configure(**SMALL)
    task = FiniteSeenRoom(config, *drawn_rooms(TASK, TASK.rooms, config, 1, seed=0))
    graph = enumerate_states(task)
    told = {}
    for number, state in enumerate(graph.states):
        fetched = tuple(meta_fetch.ordered(state, position) for position in range(state.progress))
        key = state._replace(order=0), fetched
        assert told.setdefault(graph.seen[number], key) == key
    assert len(told) == len(set(told.values()))


def test_a_twin_is_not_taken_for_the_task():
    with pytest.raises(ValueError, match="observability='partial'"):
        FiniteMetaFetch(meta_fetch.configure(observability="full"))
