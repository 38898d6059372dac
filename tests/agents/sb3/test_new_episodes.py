"""Where episodes cannot be gone on with, those after a resume are new, and the same after each resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from agents.baselines import PPOAgent, RandomAgent, RecurrentPPOAgent
from agents.sb3.base import ConfiguredAlgorithm
from tests.support.tiny import LANES, UNROLL, CueEnv, tiny_model, vmpo_model

pytestmark = pytest.mark.usefixtures("one_thread")

LIMIT = 2**31  # the seeds of evaluation lie from here on


class SeededCues(CueEnv):
    """Keeps the seeds it was given, and what was drawn and done."""

    def __init__(self) -> None:
        self.seeds: list[int] = []
        self.story: list[Any] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.seeds += [] if seed is None else [seed]
        observation, info = super().reset(seed=seed, options=options)
        self.story.append(("cue", self.cue))
        return observation, info

    def step(self, action: int) -> Any:
        self.story.append(int(action))
        return super().step(action)


def lanes(number: int = LANES) -> VecEnv:
    return DummyVecEnv([SeededCues] * number)


def models(kind: str) -> tuple[ConfiguredAlgorithm, type[ConfiguredAlgorithm]]:
    if kind == "ald":
        model: Any = tiny_model(lanes(), seed=7)
    else:
        agent: Any = {"ppo": PPOAgent, "recurrent": RecurrentPPOAgent, "random": RandomAgent}[kind]
        policy = {"ppo": "MlpPolicy", "recurrent": "MlpLstmPolicy", "random": "RandomPolicy"}[kind]
        settings = {} if kind == "random" else {"batch_size": LANES}
        model = agent(policy, lanes(), n_steps=UNROLL // LANES, seed=7, device="cpu", **settings)
    return model, type(model)


def told(model: ConfiguredAlgorithm) -> tuple[list[int], list[Any]]:
    """The seeds that the lanes were given, and all that happened in them."""
    assert model.env is not None
    envs = [env.unwrapped for env in model.env.envs]  # type: ignore[attr-defined]
    return [seed for env in envs for seed in env.seeds], [env.story for env in envs]


@pytest.mark.parametrize("kind", ["ald", "ppo", "recurrent", "random"])
def test_every_resume_plays_other_episodes_and_draws_other_actions(kind: str, tmp_path: Path) -> None:
    model, agent = models(kind)
    model.learn(UNROLL)
    seeds, stories = told(model)
    assert seeds == [7 + lane for lane in range(LANES)]
    seen, known = set(seeds), [stories]
    for session in range(1, 4):
        model.save(tmp_path / f"{session}")
        stories_of = []
        for _ in range(2):
            model = agent.load(tmp_path / f"{session}", lanes(), device="cpu")
            model.learn(UNROLL, reset_num_timesteps=False)
            stories_of.append(told(model))
        assert stories_of[0] == stories_of[1]
        seeds, stories = stories_of[0]
        assert not seen & set(seeds) and max(seeds) < LIMIT
        assert stories not in known
        seen, known = seen | set(seeds), [*known, stories]


def test_a_model_that_has_not_trained_begins_as_it_would_have(tmp_path: Path) -> None:
    model, agent = models("ald")
    model.save(tmp_path / "model")
    loaded = agent.load(tmp_path / "model", lanes(), device="cpu").learn(UNROLL)
    assert told(loaded) == told(model.learn(UNROLL))


def test_a_seed_that_is_asked_for_is_used(tmp_path: Path) -> None:
    model, agent = models("ald")
    model.learn(UNROLL).save(tmp_path / "model")
    loaded = agent.load(tmp_path / "model", lanes(), device="cpu", seed=50)
    assert told(loaded.learn(UNROLL, reset_num_timesteps=False))[0] == [50 + lane for lane in range(LANES)]


def test_without_a_seed_there_is_none_to_derive(tmp_path: Path) -> None:
    model = tiny_model(lanes(), seed=None).learn(UNROLL)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", lanes(), device="cpu")
    assert told(loaded.learn(UNROLL, reset_num_timesteps=False))[0] == []


def test_episodes_that_are_given_up_on_purpose_are_followed_by_new_ones(tmp_path: Path) -> None:
    """Our own environments, whose state is in the file, and of which `load` takes no notice by default."""
    model = vmpo_model().learn(24)
    model.save(tmp_path / "model")
    first = model.env.env_method("stream", 0)[0]  # type: ignore[union-attr]
    loaded = type(model).load(tmp_path / "model", vmpo_model().env, device="cpu")
    loaded.learn(24, reset_num_timesteps=False)
    assert loaded.env.env_method("stream", 0)[0] != first  # type: ignore[union-attr]
