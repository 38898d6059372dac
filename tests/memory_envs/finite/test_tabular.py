"""Tables of transitions are the tasks that plain value iteration and the environments themselves say."""

import gymnasium
import numpy as np
import pytest

import memory_envs
from memory_envs.certificate import Effort
from memory_envs.finite import FiniteGym, FiniteTable, NotFinite, from_table
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.values import best

QUICK = Effort(restarts=0, iterations=5)


def _worth(row, values):
    return sum(chance * (reward + (not over) * values[state]) for chance, state, reward, over in row)


def value_iteration(env, steps):
    """The best expected return of `steps` steps, by the textbook."""
    table = env.unwrapped.P
    values = np.zeros(len(table))
    for _ in range(steps):
        values = np.array([max(_worth(row, values) for row in rows.values()) for rows in table.values()])
    return float(values @ env.unwrapped.initial_state_distrib)


@pytest.mark.parametrize(
    "env_id, kwargs, steps",
    [
        ("FrozenLake-v1", {}, 100),
        ("FrozenLake-v1", {"map_name": "8x8"}, 100),
        ("FrozenLake-v1", {"is_slippery": False}, 100),
        ("CliffWalking-v1", {"max_episode_steps": 60}, 60),
        ("CliffWalking-v1", {"is_slippery": True, "max_episode_steps": 60}, 60),
        ("Taxi-v4", {}, 200),
        ("Taxi-v4", {"is_rainy": True, "max_episode_steps": 30}, 30),
    ],
)
def test_the_optimum_is_that_of_value_iteration(env_id, kwargs, steps):
    env = gymnasium.make(env_id, **kwargs)
    task = from_table(env)
    assert task.horizon == steps
    assert best(enumerate_states(task)).episode_return == pytest.approx(value_iteration(env, steps))


def test_frozen_lakes_are_worth_what_is_known_of_them():
    slippery = gymnasium.make("FrozenLake-v1", max_episode_steps=100_000).unwrapped
    task = FiniteTable(slippery.P, slippery.initial_state_distrib, horizon=5_000)
    assert best(enumerate_states(task)).success == pytest.approx(14 / 17, abs=1e-6)


def test_table_and_code_are_one_task():
    env = gymnasium.make("FrozenLake-v1", max_episode_steps=30)
    by_table = memory_envs.certify(env, effort=QUICK)
    by_code = memory_envs.certify(FiniteGym(env, ignored="lastaction"), name="FrozenLake-v1", effort=QUICK)
    assert by_table.settings == {"map_name": "4x4"} and by_table.verdict == "no"
    for level in ("random", "deterministic", "perfect_memory", "optimum"):
        one, other = (getattr(each, level).success for each in (by_table, by_code))
        assert (one.lower, one.upper) == pytest.approx((other.lower, other.upper))


def test_a_table_whose_states_are_hidden_may_need_memory():
    env = gymnasium.make("FrozenLake-v1", is_slippery=False, max_episode_steps=20)
    blind = memory_envs.certify(from_table(env, observe=lambda state: None), effort=QUICK)
    assert blind.perfect_memory.success.lower == 1, "who remembers its actions needs to see nothing"
    assert blind.deterministic.success.upper == 0


def test_an_environment_that_does_not_keep_to_its_table_is_refused():
    fickle = gymnasium.make("Taxi-v4", fickle_passenger=True)
    with pytest.raises(NotFinite, match="does not keep to its table: on action"):
        from_table(fickle)

    class Otherwise(type(gymnasium.make("FrozenLake-v1").unwrapped)):
        def reset(self, **given):
            observation, info = super().reset(**given)
            self.s = 1
            return 1, info

    with pytest.raises(NotFinite, match="begins otherwise"):
        from_table(Otherwise(), horizon=9)


def test_tables_of_another_form_are_refused():
    with pytest.raises(NotFinite, match="the same actions"):
        FiniteTable({0: {0: []}, 1: {1: []}}, [1, 0], horizon=3)
    with pytest.raises(NotFinite, match="must be .probability, next state, .* got .1.0, 0."):
        FiniteTable({0: {0: [(1.0, 0)]}}, [1], horizon=3).step(0, 0)
    with pytest.raises(NotFinite, match="leads to the state 7"):
        FiniteTable({0: {0: [(1.0, 7, 0, False)]}}, [1], horizon=3).step(7, 0)
    with pytest.raises(TypeError, match="needs an environment with P"):
        from_table(gymnasium.make("CartPole-v1"))
    with pytest.raises(TypeError, match="no account of the wrapper TransformReward"):
        from_table(gymnasium.wrappers.TransformReward(gymnasium.make("FrozenLake-v1"), float))
