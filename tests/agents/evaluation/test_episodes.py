"""Evaluation: unbiased, reproducible, apart from training; intervals against hand-worked numbers."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.evaluation.episodes import (
    FIRST_EVALUATION_SEED,
    Episode,
    Evaluation,
    acting,
    evaluate,
    normal_interval,
    play,
    wilson_interval,
)
from agents.vec_env.make import make_lanes, make_single, told

IMAZE = "MemoryEnvs/IMaze-v0"


class Coin(gymnasium.Env):
    """Heads: an episode of 1 step that succeeds. Tails: one of 9 steps that does not."""

    observation_space = spaces.Box(0, 1, (1,))
    action_space = spaces.Discrete(2)
    seeds: list = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.left = 1 if self.np_random.random() < 0.5 else 9
        self.heads = self.left == 1
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.left -= 1
        over = self.left == 0
        return np.zeros(1, np.float32), float(over), over, False, {"is_success": over and self.heads}


class RandomModel:
    """Samples from torch's generator, as SB3 policies do; remembers what it was told."""

    def __init__(self, actions):
        self.actions, self.states, self.starts = actions, [], []

    def predict(self, observation, state, episode_start, deterministic):
        self.states.append(state)
        self.starts.append(np.array(episode_start))
        chosen = torch.randint(self.actions, (len(episode_start),)).numpy() * (not deterministic)
        return chosen if len(episode_start) > 1 else chosen[0], len(self.states)


def test_short_episodes_are_not_favoured():
    result = evaluate(RandomModel(2), DummyVecEnv([Coin] * 200), 200)
    # Half the coins show heads; of the first 200 episodes to end, nearly all would.
    assert abs(result.success.mean - 0.5) < 3.5 * np.sqrt(0.25 / 200)


@pytest.mark.parametrize("episodes", [1, 3, 7, 8])
def test_exactly_the_episodes_asked_for_are_played(episodes):
    assert evaluate(RandomModel(2), DummyVecEnv([Coin] * 4), episodes).episodes == episodes


def test_seeds_are_disjoint_from_those_of_training():
    Coin.seeds.clear()
    evaluate(RandomModel(2), DummyVecEnv([Coin] * 3), 3, seed=5)
    seeds = [seed for seed in Coin.seeds if seed is not None]
    assert seeds == [FIRST_EVALUATION_SEED + 5 + lane for lane in range(3)]


def test_same_seed_same_result_and_other_generators_untouched():
    env = make_lanes(IMAZE, 8)
    torch.manual_seed(1)
    first = evaluate(RandomModel(3), env, 16, seed=3)
    drawn = torch.rand(1)
    torch.manual_seed(2)
    assert evaluate(RandomModel(3), env, 16, seed=3) == first
    torch.manual_seed(1)
    assert torch.rand(1) == drawn


def test_acting_gives_the_threads_back():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), acting(0):
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before


def test_state_and_episode_starts_reach_the_model():
    model = RandomModel(2)
    evaluate(model, DummyVecEnv([Coin] * 2), 2)
    assert model.states == [None, *range(1, len(model.states))]
    assert model.starts[0].all()


def test_evaluate_agrees_with_episodes_played_one_by_one():
    """A policy that always walks on: lanes play what single environments of the same seeds play."""

    class Forward:
        def predict(self, observation, state, episode_start, deterministic):
            return np.full(len(episode_start), 2) if len(episode_start) > 1 else 2, None

    together = evaluate(Forward(), make_lanes(IMAZE, 6), 6)
    alone = [play(Forward(), make_single(IMAZE), seed=FIRST_EVALUATION_SEED + lane) for lane in range(6)]
    assert together == Evaluation.of(alone)


def test_no_success_key_gives_no_success():
    result = evaluate(RandomModel(2), make_vec_env("CartPole-v1", 2), 4)
    assert result.success is None
    assert result.mean_return.mean == result.mean_length > 1
    assert result.summary() == f"return {result.mean_return.mean:.3f} over 4 episodes"


def test_summary_and_dictionary():
    result = Evaluation.of([Episode(1.0, 10, True)] * 3 + [Episode(-1.0, 20, False)])
    assert result.summary() == "success 0.750 over 4 episodes, return 0.500"
    assert result.to_dict()["mean_length"] == 12.5
    assert Evaluation.of([Episode(1.0, 1, None)]).to_dict()["mean_return"] == {
        "mean": 1.0,
        "low": None,
        "high": None,
    }


def test_wilson_interval_by_hand():
    mean, low, high = wilson_interval(9, 10)
    assert mean == 0.9
    assert (low, high) == pytest.approx((0.59585, 0.98212), abs=1e-5)
    assert wilson_interval(10, 10).high == pytest.approx(1.0)
    assert wilson_interval(0, 10)[:2] == (0.0, 0.0)


def test_normal_interval_by_hand():
    assert normal_interval([1.0, 2.0, 3.0]) == pytest.approx(
        (2.0, 2 - 1.959964 / 3**0.5, 2 + 1.959964 / 3**0.5)
    )


def test_nothing_to_evaluate_is_refused():
    with pytest.raises(ValueError, match="episodes must be at least 1, got 0"):
        evaluate(RandomModel(2), DummyVecEnv([Coin]), 0)
    with pytest.raises(ValueError, match="at least one episode"):
        Evaluation.of([])


class Careless(gymnasium.Env):
    """Episodes of 3 steps; an action of 1 is a mistake."""

    observation_space = spaces.Box(0, 1, (1,))
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 3
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.left -= 1
        return np.zeros(1, np.float32), 0.0, self.left == 0, False, {"avoidable": int(action)}


class Scripted:
    """Plays 1 in the first step of every episode, and in the second one of lane 0."""

    def predict(self, observation, state, episode_start, deterministic):
        steps = np.where(episode_start, 0, (state if state is not None else np.zeros(len(episode_start))) + 1)
        chosen = (steps == 0) | ((steps == 1) & (np.arange(len(steps)) == 0))
        return chosen.astype(np.int64), steps


def test_avoidable_mistakes_are_counted_by_episode():
    result = evaluate(Scripted(), DummyVecEnv([Careless] * 4), 8)
    assert result.avoidable is not None and result.avoidable.mean == (2 * 2 + 6 * 1) / 8
    assert result.to_dict()["avoidable"]["mean"] == 1.25
    assert result.summary().endswith(", avoidable mistakes 1.25")
    silent = evaluate(RandomModel(2), DummyVecEnv([Coin] * 4), 8)
    assert silent.avoidable is None and "avoidable" not in silent.to_dict()


@pytest.mark.parametrize("env_id", [IMAZE, "MemoryEnvs/MetaFetch-v0"])
def test_environments_of_the_suite_tell_avoidable_mistakes_to_an_evaluation(env_id):
    env = make_lanes(env_id, 4, told(env_id, {"max_episode_steps": 50}, "avoidable"))
    assert evaluate(RandomModel(3), env, 8).avoidable is not None
