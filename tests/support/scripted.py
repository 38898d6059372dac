"""An actor in environments that follow a script, so that what it should write down is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.learning.actor import Actor
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.lstm import LSTMCore
from agents.learning.steps import Step
from agents.learning.unroll import Observation, Unroll
from tests.support.oracles import TERMINATED, TRUNCATED

LANES, STEPS, ACTIONS = 3, 5, 4
# How each step ends, by step and lane; repeated when it is over.
ENDINGS = np.array([[0, 1, 0], [2, 0, 0], [0, 2, 0], [1, 0, 0], [2, 2, 1], [0, 0, 0], [0, 1, 2]])


class Script:
    """A vector of environments whose observations are (lane, episode, step in it), and whose ends are given.

    It writes over what it has returned, as some environments do.
    """

    def __init__(self, as_dict: bool = False) -> None:
        self.num_envs, self.as_dict = LANES, as_dict
        self.time = 0
        self.rows = np.zeros((LANES, 3), np.float32)
        self.rows[:, 0] = np.arange(LANES)
        self.rewards = np.zeros(LANES, np.float32)
        self.terminated, self.truncated = np.zeros((2, LANES), np.bool_)
        self.actions: list[np.ndarray] = []

    def reset(self) -> Any:
        return self._shown(self.rows)

    def step(self, actions: np.ndarray) -> Step:
        self.actions.append(actions.copy())
        ending = ENDINGS[self.time % len(ENDINGS)]
        self.time += 1
        self.rows[:, 2] += 1
        self.rewards[:] = self.time + np.arange(LANES) / 10
        self.terminated[:], self.truncated[:] = ending == TERMINATED, ending == TRUNCATED
        finals = {int(k): self._shown(self.rows[k].copy()) for k in np.flatnonzero(ending == TRUNCATED)}
        for lane in np.flatnonzero(ending):
            self.rows[lane, 1:] = self.rows[lane, 1] + 1, 0
        infos: list[dict[str, Any]] = [{"time": self.time} for _ in range(LANES)]
        return Step(self._shown(self.rows), self.rewards, self.terminated, self.truncated, infos, finals)

    def _shown(self, rows: np.ndarray) -> Any:
        return {"place": rows[..., :2], "time": rows[..., 2:]} if self.as_dict else rows


class Together(nn.Module):
    """The parts of a Dict observation side by side."""

    def forward(self, observation: Observation) -> Tensor:
        if isinstance(observation, dict):
            return torch.cat([observation["place"], observation["time"]], dim=-1)
        return observation


def network() -> ActorCritic:
    torch.manual_seed(0)
    return ActorCritic(Together(), LSTMCore(nn.LSTM(3, 6)), nn.Linear(6, ACTIONS), nn.Linear(6, 1))


def actor(seed: int = 0) -> Actor:
    return Actor(network(), LANES, STEPS, seed, torch.device("cpu"))


def go_on(actions: np.ndarray, step: Step) -> bool:
    """What `on_step` is where nobody wants to stop."""
    return True


def collected(count: int = 1, as_dict: bool = False) -> list[Unroll]:
    """Consecutive unrolls of a new actor in a new script."""
    env, acting = Script(as_dict), actor()
    acting.begin(env.reset())
    unrolls = [acting.collect(env, go_on) for _ in range(count)]
    assert None not in unrolls
    return unrolls  # type: ignore[return-value]
