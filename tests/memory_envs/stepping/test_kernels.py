"""The loops over lanes do what the rules say, compiled or not."""

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_envs import meta_fetch
from memory_envs.imaze import TASK, IMazeEnv
from memory_envs.rules import imaze
from memory_envs.stepping.kernels import make_loops, pack
from memory_envs.stepping.lanes import Lanes
from tests.support.env_oracles import one_hot, play_in_python
from tests.support.rooms import HIDDEN_ORDER

CONFIGS = [
    {},
    {"size": 15, "view_size": 5, "start": "center", "delay": 9, "step_penalty": 0.01},
    {"size": 5, "view_size": 1, "max_episode_steps": 7},
    {"num_cues": 4},
    {"size": 5, "view_size": 1, "endless": True, "step_penalty": 0.01, "delay": 2},
    {"num_cues": 4, "endless": True},
]


@pytest.mark.parametrize("settings", CONFIGS)
@settings(deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_compiled_lane_equals_the_uncompiled_rules(settings, seed):
    env, tiles = IMazeEnv(**settings), 2 + 2 * settings.get("num_cues", 2)
    actions = np.random.default_rng(seed).choice(3, size=400, p=[0.15, 0.25, 0.6]).tolist()
    observation, info = env.reset(seed=seed)
    expected = play_in_python(env.config, env.stream, env.episode, actions)
    state, window, *_ = next(expected)
    assert (observation == one_hot(window, tiles)).all()
    for action, (state, window, *outcome) in zip(actions, expected, strict=False):
        observation, *played, info = env.step(action)
        assert (observation == one_hot(window, tiles)).all()
        assert played == outcome
        assert info == {"is_success": imaze.is_success(env.config, state)}
        assert {name: env.get_state()[name] for name in state._fields} == state._asdict()


MAZE = TASK, imaze.configure(max_episode_steps=30, delay=2)
ENDLESS = TASK, imaze.configure(size=5, view_size=1, endless=True, max_episode_steps=60)
ROOM = meta_fetch.TASK, meta_fetch.TASK.rules.configure(**HIDDEN_ORDER | {"max_episode_steps": 60})


@pytest.mark.parametrize(
    "played, observation, autoreset",
    [
        *((MAZE, *each) for each in product(["onehot", "tiles"], range(3))),
        (ENDLESS, "tiles", 0),
        (ROOM, "tiles", 1),
    ],
)
def test_compiled_loops_equal_the_same_loops_in_python(played, observation, autoreset):
    task, config = played
    compiled, plain = (Lanes(task, config, 3, observation, autoreset) for _ in range(2))
    plain._kernels = make_loops(task.rules)
    generator = np.random.default_rng(0)
    compiled.rows[:, 0] = plain.rows[:, 0] = [11, 22, 33]
    everyone = np.ones(3, dtype=bool)
    assert (compiled.begin(everyone) == plain.begin(everyone)).all()
    for _ in range(200):
        actions = generator.choice(3, size=3, p=[0.15, 0.25, 0.6])
        before = plain.rows.copy()
        one, other = compiled.step(actions), plain.step(actions)
        over = one.flags[:2].any(axis=0)
        assert all((a == b).all() for a, b in zip(one[:1] + one[2:], other[:1] + other[2:], strict=True))
        if autoreset == 1:
            assert (one.final_observations[over] == other.final_observations[over]).all()
        if autoreset == 2 and over.any():
            assert (compiled.begin(over) == plain.begin(over)).all()
        assert (compiled.rows == plain.rows).all()
        for name, facts in compiled.facts(compiled.rows, task.rules.FACTS).items():
            assert (facts == plain.facts(plain.rows, task.rules.FACTS)[name]).all()
        for name, events in compiled.events(before, compiled.rows, task.rules.EVENTS).items():
            assert (events == plain.events(before, plain.rows, task.rules.EVENTS)[name]).all()
    assert compiled.rows[:, 1].sum() > 3 or autoreset == 2


def test_a_config_with_fields_out_of_order_is_refused():
    class Config(NamedTuple):
        weight: float
        size: int

    with pytest.raises(TypeError, match="Config must have int fields, then float fields"):
        pack(Config(0.5, 3))
