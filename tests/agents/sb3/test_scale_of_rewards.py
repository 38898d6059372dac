"""What is learnt does not depend on the scale of rewards: the law that PopArt is there for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

from agents.baselines import VMPO
from agents.sb3.algorithm import UnrollAlgorithm
from tests.support.steered import ACTIONS, steered_lanes
from tests.support.tiny import VMPO_POLICIES, VMPO_SETTINGS, differences, maze_lanes, tiny_model

pytestmark = pytest.mark.usefixtures("one_thread")

UNROLLS = 6
VARIANTS: dict[str, dict[str, Any]] = {
    # Enough updates to get beyond those in which PopArt does not rescale the head.
    "V-MPO for long": {"learner_replays": 19},
    "policy gradient": {"rl_loss": "vtrace", "max_grad_norm": None},
    "predicted rewards, features that differ": {"reward_prediction_coef": 1.0, "decorrelation_coef": 1.0},
    "learner that sees actions and rewards": {"learner_sees_actions": True},
    "unusual rewards in hindsight": {"memory_targets": "hindsight:reward"},
    "weighted samples, terminal time-outs": {"importance_weights": True, "timeout_is_terminal": True},
    "entropy of what is imitated": {"entropy_weighting": "psi"},
}


class Changed(VecEnvWrapper):
    """Rewards times a factor, and more of them."""

    def __init__(self, venv: VecEnv, factor: float = 1.0, more: float = 0.0) -> None:
        super().__init__(venv)
        self.factor, self.more = factor, more

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        observations, rewards, dones, infos = self.venv.step_wait()
        return observations, self.factor * rewards + np.float32(self.more), dones, infos


def ald(env: VecEnv, **settings: Any) -> UnrollAlgorithm:
    return tiny_model(env, **settings)


def vmpo(env: VecEnv, policy: str = "LstmPolicy", **settings: Any) -> UnrollAlgorithm:
    return VMPO(policy, env, seed=0, device="cpu", **{**VMPO_SETTINGS, **settings})


def learnt(make: Callable[..., UnrollAlgorithm], env: VecEnv, **settings: Any) -> UnrollAlgorithm:
    model = make(env, **settings)
    return model.learn(UNROLLS * model.config.unroll_length * env.num_envs)


def weights(model: UnrollAlgorithm) -> dict[str, Any]:
    """All that is learnt, apart from the scale itself."""
    return {name: part for name, part in model.get_parameters().items() if name != "learner.popart"}


def assert_same_at_another_scale(
    make: Callable[..., UnrollAlgorithm], factor: float, **settings: Any
) -> None:
    plain = learnt(make, maze_lanes(), **settings)
    scaled = learnt(make, Changed(maze_lanes(), factor), **settings)
    assert plain.learner.updates == UNROLLS * (1 + plain.config.learner_replays)
    assert differences(weights(plain), weights(scaled)) == []
    assert torch.equal(scaled.learner.popart.sigma, factor * plain.learner.popart.sigma)
    assert torch.equal(scaled.learner.popart.mu, factor * plain.learner.popart.mu)
    assert scaled.learner.popart.sigma > 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("factor", [1024.0, 2.0**-20])
def test_a_power_of_two_changes_no_bit_of_learner_and_actor(variant: str, factor: float) -> None:
    assert_same_at_another_scale(ald, factor, **VARIANTS[variant])


@pytest.mark.parametrize("policy", VMPO_POLICIES)
def test_a_power_of_two_changes_no_bit_of_a_baseline(policy: str) -> None:
    assert_same_at_another_scale(vmpo, 1024.0, policy=policy)


@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("make", [ald, vmpo])
def test_a_power_of_two_changes_no_bit_with_other_actions(
    make: Callable[..., UnrollAlgorithm], kind: str
) -> None:
    plain = learnt(make, steered_lanes(kind))
    scaled = learnt(make, Changed(steered_lanes(kind), 1024.0))
    assert differences(weights(plain), weights(scaled)) == []
    assert scaled.learner.popart.sigma == 1024.0 * plain.learner.popart.sigma > 0


def test_values_are_read_at_the_scale_of_the_rewards() -> None:
    plain, scaled = learnt(ald, maze_lanes()), learnt(ald, Changed(maze_lanes(), 1024.0))
    space = plain.observation_space
    seen = torch.as_tensor(np.stack([space.sample() for _ in range(5)]))
    memory, starts = (torch.zeros(1, 5, 8), torch.zeros(1, 5, 8)), torch.ones(5)
    with torch.no_grad():
        small, large = (model.policy.predict_values(seen, memory, starts) for model in (plain, scaled))
    assert torch.equal(1024.0 * small, large) and small.std() > 0


class TimedEnv(gymnasium.Env[np.ndarray, int]):
    """Rewards the number that is shown, for ever; cut off after 5 steps."""

    observation_space = spaces.Box(0, 1, (3,), np.float32)
    action_space = spaces.Discrete(3)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self._shown(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        reward = float(action == self.number)
        self.steps += 1
        return self._shown(), reward, False, self.steps == 5, {}

    def _shown(self) -> np.ndarray:
        self.number = int(self.np_random.integers(3))
        return np.eye(3, dtype=np.float32)[self.number]


def test_a_constant_beside_the_rewards_moves_nothing_but_the_values() -> None:
    """Where episodes are cut off and do not end: else it is worth less the nearer the end is."""

    def env() -> VecEnv:
        return DummyVecEnv([lambda: Monitor(TimedEnv())] * 4)

    settings = {"gamma": 0.875}
    plain, more = learnt(ald, env(), **settings), learnt(ald, Changed(env(), more=0.125), **settings)
    both = zip(plain.learner.network.parameters(), more.learner.network.parameters(), strict=True)
    for mine, theirs in both:
        torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=0)
    torch.testing.assert_close(more.learner.popart.sigma, plain.learner.popart.sigma, rtol=1e-4, atol=0)
    assert (more.learner.popart.mu - plain.learner.popart.mu).item() == pytest.approx(1.0, abs=1e-5)
