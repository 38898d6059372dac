"""Observations of every kind that SB3 preprocesses are served by every agent, from training to export."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from agents.evaluation.episodes import evaluate, play
from agents.evaluation.latency import sample_observations
from agents.vec_env.make import make_lanes
from tests.support.kinds import KINDS
from tests.support.tiny import Showcase, differences

pytestmark = pytest.mark.usefixtures("one_thread")

SPACES: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(5),
    "multi-discrete": spaces.MultiDiscrete([3, 2, 4]),
    "multi-binary": spaces.MultiBinary(4),
    "binary table": spaces.MultiBinary([2, 3]),
    "dict": spaces.Dict(
        one=spaces.Discrete(5),
        several=spaces.MultiDiscrete([3, 2]),
        flags=spaces.MultiBinary(3),
        vector=spaces.Box(-1, 1, (2,), np.float32),
    ),
}
TAXI = max(name for name in gymnasium.registry if name.startswith("Taxi-v"))
every_kind = pytest.mark.parametrize("name", KINDS)
every_space = pytest.mark.parametrize("kind", SPACES)


def lanes(kind: str, number: int = 2) -> VecEnv:
    return DummyVecEnv([partial(Showcase, SPACES[kind], spaces.Discrete(3))] * number)


@every_kind
@every_space
def test_such_observations_are_learnt_from_saved_resumed_and_played(
    name: str, kind: str, tmp_path: Path
) -> None:
    model = KINDS[name].model(lanes(kind)).learn(36)  # with both kinds of ending
    model.save(tmp_path / "model")
    loaded = KINDS[name].algorithm.load(tmp_path / "model", lanes(kind), device="cpu")
    assert loaded.observation_space == SPACES[kind]
    assert differences(dict(model.get_parameters()), dict(loaded.get_parameters())) == []
    loaded.learn(24, reset_num_timesteps=False)
    batch = lanes(kind, 3).reset()
    actions, state = loaded.predict(batch, deterministic=True)
    assert actions.shape == (3,)
    again, _ = loaded.predict(batch, state, np.zeros(3, bool), deterministic=True)
    assert again.shape == (3,)
    assert np.ndim(loaded.predict(SPACES[kind].sample())[0]) == 0
    assert evaluate(loaded, lanes(kind, 3), 4).mean_length == 5
    assert len(evaluate_policy(loaded, lanes(kind), 3, return_episode_rewards=True, warn=False)[0]) == 3
    assert play(loaded, Showcase(SPACES[kind], spaces.Discrete(3)), seed=0).length == 5


@every_space
def test_what_is_sampled_to_measure_times_is_what_environments_show(kind: str) -> None:
    shown, sampled = lanes(kind, 3).reset(), sample_observations(SPACES[kind], 3, seed=0)
    parts = [[*each.values()] if isinstance(each, dict) else [each] for each in (shown, sampled)]
    for a, b in zip(*parts, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype


@pytest.mark.parametrize("env_id", [TAXI, "FrozenLake-v1", "CliffWalking-v1"])
@pytest.mark.parametrize("name", ["ald", "vmpo-gtrxl", "recurrent-ppo"])
def test_gymnasiums_own_tables_are_served(name: str, env_id: str) -> None:
    model = KINDS[name].model(make_lanes(env_id, 2)).learn(24)
    observation, _ = gymnasium.make(env_id).reset(seed=0)
    assert model.action_space.contains(model.predict(observation)[0])


REFUSED: dict[str, spaces.Space[Any]] = {
    "text": spaces.Text(5),
    "shifted": spaces.Discrete(3, start=1),
    "shifted multi-discrete": spaces.MultiDiscrete([2, 2], start=[1, 0]),
    "a table of choices": spaces.MultiDiscrete([[2, 2], [3, 3]]),
    "shifted inside": spaces.Dict(x=spaces.Discrete(3, start=-1)),
    "text inside": spaces.Dict(x=spaces.Box(0, 1, (2,)), words=spaces.Text(3)),
    "tuple": spaces.Tuple([spaces.Discrete(2), spaces.Discrete(3)]),
    "complex numbers": spaces.Sequence(spaces.Discrete(2)),
}


@every_kind
@pytest.mark.parametrize("kind", REFUSED)
def test_others_are_refused_before_anything_is_built(name: str, kind: str) -> None:
    env = Showcase(REFUSED[kind], spaces.Discrete(3))
    inside = {"shifted inside": r"'x' .*Discrete\(3, start=-1\)", "text inside": r"'words' .*Text"}
    with pytest.raises(ValueError, match=r"\w+ takes observations .*, got .*" + inside.get(kind, "")):
        KINDS[name].model(env)


DTYPES = (
    *("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
)


@pytest.mark.parametrize("name", ["ald", "asymmetric", "ppo", "recurrent-ppo", "random"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_any_type_are_bootstrapped_from_at_time_outs_replayed_and_saved(
    name: str, dtype: str, tmp_path: Path
) -> None:
    box = spaces.Box(0, 100, (3,), np.dtype(dtype).type)
    for space in (box, spaces.Dict(a=box)):

        def env(space: spaces.Space[Any] = space) -> VecEnv:
            return DummyVecEnv([partial(Showcase, space, spaces.Discrete(3))] * 2)

        model = KINDS[name].model(env()).learn(60)
        if hasattr(model, "replay"):
            assert any(len(unroll.final_time) for unroll in model.replay.unrolls)
        model.save(tmp_path / "model")
        loaded = KINDS[name].algorithm.load(tmp_path / "model", env(), device="cpu")
        loaded.learn(24, reset_num_timesteps=False)
        assert loaded.predict(space.sample())[0] in range(3)
