"""Meta-Fetch played from memory: the map, the order, and what they earn."""

import gymnasium
import numpy as np
import pytest

from memory_envs.policies.decoding import Decoder
from memory_envs.policies.fetching import Fetcher, OrderMemory, RoomMap
from memory_envs.policies.reference import (
    OptimalPolicy,
    PerfectMemoryPolicy,
)
from memory_envs.rules import meta_fetch
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers.planner import best_plan, future
from tests.support.meta_fetch_oracle import Fetching
from tests.support.plays import FETCH, played
from tests.support.rooms import HIDDEN_ORDER


@pytest.mark.parametrize("num_objects, share", [(2, 0.9), (3, 0.9), (4, 0.88), (6, 0.8)])
def test_a_fetcher_earns_most_of_what_full_sight_could(num_objects, share):
    env = gymnasium.make(FETCH, num_objects=num_objects, size=9 if num_objects < 6 else 7)
    memory, optimal = PerfectMemoryPolicy(env), OptimalPolicy(env)
    returns = np.array(
        [
            [played(env, policy, options={"stream": 1, "episode": k})[0] for policy in (memory, optimal)]
            for k in range(6)
        ]
    )
    assert (returns[:, 0] <= returns[:, 1]).all()
    assert returns[:, 0].sum() >= share * returns[:, 1].sum()


def test_a_fetcher_that_is_thrown_back_knows_where_it_is():
    env = gymnasium.make(FETCH, **HIDDEN_ORDER)
    memory, optimal = PerfectMemoryPolicy(env), OptimalPolicy(env)
    returns = np.array(
        [
            [played(env, policy, options={"stream": 1, "episode": k})[0] for policy in (memory, optimal)]
            for k in range(12)
        ]
    )
    assert (returns[:, 0] <= returns[:, 1]).all()
    assert returns[:, 0].sum() >= 0.6 * returns[:, 1].sum()


@pytest.mark.parametrize("observability", ["full", "perfect_memory"])
def test_a_fetcher_takes_the_hint_of_a_twin_for_no_object(observability):
    options = {"stream": 3, "episode": 2}
    plays = []
    for name in ("partial", observability):
        env = gymnasium.make(FETCH, observability=name)
        plays += [played(env, PerfectMemoryPolicy(env), options=options)]
    assert plays[0] == plays[1]


@pytest.mark.parametrize("size, view_size", [(5, 3), (9, 5), (12, 7), (9, 9)])
def test_a_map_agrees_with_the_room(size, view_size):
    config = meta_fetch.configure(size=size, view_size=view_size, max_episode_steps=10**6)
    generator = np.random.default_rng(size)
    for episode in range(5):
        state = meta_fetch.begin(config, episode_key(8, episode))
        start, turns = (state.row, state.column), state.heading - 3
        room, view = RoomMap(config), np.zeros((view_size, view_size), dtype=np.uint8)
        for action in generator.choice([0, 1, 2, 2, 2], size=150).tolist():
            meta_fetch.observe(config, state, view)
            room.see(view)
            row, column = state.row, state.column
            state, *_ = meta_fetch.transition(config, state, action)
            walked = room.move(action) is not None
            assert walked == ((row, column) != (state.row, state.column))
            assert real(start, turns, room.pose[:2]) == (state.row, state.column)
            for item, cell in room.lies.items():
                assert real(start, turns, cell) == meta_fetch.object_place(config, state, item)
        assert len(room.origins) == 1 and len(room.lies) == 3


def real(start, turns, cell):
    """The cell of the room that a map calls `cell`: quarter turns clockwise about the start."""
    south, east = cell
    for _ in range(turns % 4):
        south, east = east, -south
    return start[0] + south, start[1] + east


@pytest.mark.parametrize("num_objects", range(2, 7))
def test_what_is_known_of_the_order_is_what_follows_from_the_touches(num_objects):
    generator = np.random.default_rng(num_objects)
    for _ in range(30):
        order = generator.permutation(num_objects).tolist()
        lies = {item: (1, 1 + item) for item in range(num_objects)}
        oracle, memory = Fetching(9, 5, lies, order, (5, 5), 0), OrderMemory(num_objects)
        for _ in range(60):
            item = int(generator.choice(oracle.present()))
            oracle.reward = 0
            oracle.touch(item)
            memory.touch(item, oracle.reward == 1)
            assert memory.progress == len(oracle.fetched) and memory.paid == len(oracle.paid)
            assert sorted(memory.present()) == sorted(oracle.present())
            assert memory.known == order[: len(memory.known)]
            assert len(memory.known) >= len(oracle.revealed)
            assert order[memory.progress] in memory.candidates()
            if len(oracle.fetched) == len(oracle.revealed):
                open_to_it = set(lies) - set(oracle.revealed) - oracle.tried
                assert set(memory.candidates()) == open_to_it


def test_a_fetcher_does_what_it_can_in_a_room_that_cannot_be_finished():
    config = meta_fetch.configure(size=5, num_objects=6, max_episode_steps=200)
    decoder = Decoder(gymnasium.make(FETCH, size=5, num_objects=6, observation="tiles"))
    fetcher, returns = Fetcher(config), []
    view, notes = np.zeros(25, dtype=np.uint8), np.zeros(1, dtype=np.uint8)
    for episode in range(25):
        state, total = meta_fetch.begin(config, episode_key(0, episode)), 0.0
        fetcher.reset()
        for _ in range(config.max_steps):
            meta_fetch.observe(config, state, view.reshape(5, 5))
            meta_fetch.write_notes(config, state, notes)
            action = fetcher(decoder(np.concatenate([view, notes])))
            state, reward, _, _ = meta_fetch.transition(config, state, action)
            total += reward
        returns.append((total, best_plan(future(meta_fetch, config, _first(config, episode)), 200)[0]))
    assert min(total for total, _ in returns) >= 1
    assert any(best < 6 for _, best in returns)  # there were such rooms
    assert all(total <= best for total, best in returns)


def _first(config, episode):
    return meta_fetch.begin(config, episode_key(0, episode))


def test_a_window_too_small_to_see_ahead_is_refused():
    with pytest.raises(ValueError, match="view_size must be at least 3 to play from memory, got 1"):
        PerfectMemoryPolicy(gymnasium.make(FETCH, view_size=1))
