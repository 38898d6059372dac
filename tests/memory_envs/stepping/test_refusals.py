"""What is refused changes nothing: neither a lane, nor the generator, nor what comes next."""

from __future__ import annotations

import copy

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import memory_envs  # noqa: F401  registers the environments

LANES = 3
REFUSALS = (ValueError, TypeError, gymnasium.error.Error)


def made(seeded=True):
    env = gymnasium.make_vec("MemoryEnvs/IMaze-v0", num_envs=LANES, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=3 if seeded else None)
    env.step(np.full(LANES, 2))
    return env


def everything(env):
    return copy.deepcopy((env.get_state(), env.observe(), env.np_random_seed))


def assert_same(left, right):
    assert left[0] == right[0] and left[2] == right[2]
    np.testing.assert_array_equal(left[1], right[1])


def changed(**entries):
    """A state of the lanes with other entries."""
    return lambda env: env.set_state(env.get_state() | entries)


def with_value(lane, column, value):
    def call(env):
        state = env.get_state()
        state["lanes"][lane][column] = value
        env.set_state(state)

    return call


def never_reset_with(value):
    def call(env):
        state = env.get_state()
        state["np_random"] = np.random.default_rng(9).bit_generator.state
        state["lanes"][-1][2] = 0  # never reset
        state["lanes"][-1][-1] = value
        env.set_state(state)

    return call


MASK = np.array([True, True, False])
CALLS = {
    "a negative seed of the last lane": lambda env: env.reset(seed=[5, 6, -1]),
    "a negative seed behind one that is drawn": lambda env: env.reset(seed=[None, 6, -1]),
    "a negative seed": lambda env: env.reset(seed=-1),
    "a seed that is a text": lambda env: env.reset(seed=[5, 6, "7"]),
    "a fractional seed": lambda env: env.reset(seed=[5, 6, 7.5]),
    "too few seeds": lambda env: env.reset(seed=[5, 6]),
    "a short mask": lambda env: env.reset(seed=5, options={"reset_mask": MASK[:2]}),
    "an unknown option": lambda env: env.reset(seed=5, options={"mask": MASK}),
    "an action of the last lane": lambda env: env.step(np.array([2, 2, 99])),
    "a state without generator": changed(np_random=None),
    "a generator of another kind": changed(np_random=np.random.MT19937(0).state),
    "too few lanes": changed(lanes=[]),
    "lanes that are none": changed(lanes=7),
    "other columns": changed(columns=["stream"]),
    "a text in the last lane": with_value(-1, -1, "1"),
    "a number out of range in the last lane": with_value(-1, -1, 10**6),
    "a number beyond 64 bits": with_value(-1, -1, 2**70),
    "a stream out of range": with_value(-1, 0, 2**60),
    "a number beyond 64 bits where nothing is read": never_reset_with(2**70),
    "one below them": never_reset_with(-(2**70)),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("seeded", [True, False])
def test_a_refused_call_of_a_vector_changes_nothing(call, seeded):
    env = made(seeded)
    before = everything(env)
    with pytest.raises(REFUSALS):
        CALLS[call](env)
    assert_same(everything(env), before)


def test_a_refused_first_reset_draws_nothing():
    one, other = (
        gymnasium.make_vec("MemoryEnvs/IMaze-v0", num_envs=LANES, autoreset_mode=AutoresetMode.SAME_STEP)
        for _ in range(2)
    )
    other.set_state(one.get_state())
    with pytest.raises(REFUSALS):
        one.reset(seed=[None, None, -1])
    one.reset()
    other.reset()
    assert one.get_state() == other.get_state()


SINGLE = {
    "a negative seed": lambda env: env.reset(seed=-1),
    "an episode out of range": lambda env: env.reset(seed=1, options={"stream": 5, "episode": -1}),
    "an unknown option": lambda env: env.reset(seed=1, options={"stream": 5, "lane": 1}),
    "an action": lambda env: env.step(99),
    "a state without a field": lambda env: env.unwrapped.set_state({}),
    "a state with another": lambda env: env.unwrapped.set_state(env.unwrapped.get_state() | {"x": 1}),
    "a state that is none": lambda env: env.unwrapped.set_state(
        env.unwrapped.get_state() | {"stream": 5, "phase": 9}
    ),
    "a number beyond 64 bits": lambda env: env.unwrapped.set_state(
        dict.fromkeys(env.unwrapped.get_state(), 2**70)
        | {"stream": 0, "episode": 0, "phase": 0}
        | {"config": env.unwrapped.get_state()["config"]}
    ),
}


@pytest.mark.parametrize("call", SINGLE)
def test_a_refused_call_of_one_environment_changes_nothing(call):
    env = gymnasium.make("MemoryEnvs/IMaze-v0", disable_env_checker=True)
    env.reset(seed=3)
    env.step(2)
    base = env.unwrapped
    before = copy.deepcopy((base.get_state(), base.np_random.bit_generator.state))
    with pytest.raises(REFUSALS):
        SINGLE[call](env)
    assert (base.get_state(), base.np_random.bit_generator.state) == before
