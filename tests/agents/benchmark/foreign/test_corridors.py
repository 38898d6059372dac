"""The T-maze and the memory chain: their rules on paper, and what memory is worth in them."""

import numpy as np
import pytest

from agents.benchmark.foreign.corridors import MemoryChain, PlayedFinite, TMaze
from memory_envs import certify
from memory_envs.certificate import Bounds
from memory_envs.finite.classic import EAST, NORTH, SOUTH, WEST


def played(env, actions, first):
    """What is seen, earned and told from a first state on."""
    env.reset(seed=0)
    env.state = first
    return [env.step(action) for action in actions]


def test_t_maze_shows_the_signal_in_its_first_cell_and_pays_for_the_turn():
    env = PlayedFinite(TMaze(2), 0.0, 1.0)
    assert TMaze(2).observe((0, NORTH)) == (0, 1, 1) and TMaze(2).observe((0, SOUTH)) == (1, 1, 0)
    steps = played(env, [WEST, EAST, NORTH, EAST, EAST, WEST, EAST, SOUTH], (0, SOUTH))
    bits = ["".join(str(int(bit)) for bit in observation) for observation, *_ in steps]
    assert bits == ["110", "101", "101", "010", "010", "101", "010", "010"]
    assert [reward for _, reward, *_ in steps] == [-0.1, 0.0, -0.1, 0.0, -0.1, 0.0, 0.0, 4.0]
    assert [ended for _, _, ended, *_ in steps] == [False] * 7 + [True]
    assert steps[-1][4] == {"is_success": True} and steps[-2][4] == {}
    _, reward, ended, _, info = played(env, [EAST, EAST, SOUTH], (0, NORTH))[-1]
    assert (reward, ended, info) == (-0.1, True, {"is_success": False})


def test_t_maze_ends_without_a_turn_by_time_alone():
    env = PlayedFinite(TMaze(1), 0.0, 1.0)
    steps = played(env, [WEST] * 40, (0, NORTH))
    assert [truncated for *_, truncated, _ in steps] == [False] * 39 + [True]
    assert not any(ended for _, _, ended, *_ in steps)


def test_memory_chain_shows_its_bit_first_and_asks_last():
    env = PlayedFinite(MemoryChain(4), -1.0, 1.0)
    steps = played(env, [0, 1, 0, 0, 1], (0, 1))
    assert MemoryChain(4).observe((0, 0)) == (1.0, 0.0, -1.0)
    seen = [tuple(map(float, observation)) for observation, *_ in steps]
    assert seen == [(1, 0, 1), (0.75, 0, 0), (0.5, 0, 0), (0.25, 0, 0), (0, 0, 0)]
    assert [(reward, ended) for _, reward, ended, *_ in steps] == [(0, False)] * 4 + [(1.0, True)]
    assert played(env, [0, 0, 0, 0, 0], (0, 1))[-1][1] == -1.0


@pytest.mark.parametrize(
    ("task", "blind", "best"), [(MemoryChain(10), 0.0, 1.0), (TMaze(4), (4.0 - 0.1) / 2, 4.0)]
)
def test_memory_is_required_and_worth_what_the_table_of_tasks_says(task, blind, best):
    certificate = certify(task)
    assert certificate.memory_required and certificate.proved
    assert certificate.perfect_memory.episode_return == Bounds.exactly(best)
    assert certificate.memoryless.success == Bounds.exactly(0.5)
    assert certificate.memoryless.episode_return.lower == pytest.approx(blind, abs=1e-6)


def test_both_sides_are_drawn():
    env = PlayedFinite(MemoryChain(3), -1.0, 1.0)
    bits = [float(env.reset(seed=seed)[0][2]) for seed in range(200)]
    assert 70 < bits.count(1.0) < 130 and np.unique(bits).tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("kind", [TMaze, MemoryChain])
def test_no_corridor_of_no_length(kind):
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        kind(0)
