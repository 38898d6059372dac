"""An agent that acts at random: what any other must beat."""

from __future__ import annotations

from typing import ClassVar

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import CategoricalDistribution, Distribution
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from agents.baselines.config import RandomConfig
from agents.baselines.on_policy import OnPolicyAgent
from agents.sb3.networks import lanes_of


class RandomPolicy(BasePolicy):
    """Every action is as likely as any other, whatever is observed; torch's generator draws them.

    Args:
        observation_space: Of the environment.
        action_space: A Discrete space.
        lr_schedule: Is not used, as nothing is learned.
        use_sde: SB3 says whether to explore by noise; there is nothing to add noise to.

    Raises:
        ValueError: Actions of another space.
    """

    action_space: spaces.Discrete

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        use_sde: bool = False,
    ) -> None:
        """See the class."""
        if not isinstance(action_space, spaces.Discrete):
            raise ValueError(f"RandomPolicy takes actions of a Discrete space, got {action_space}")
        super().__init__(observation_space, action_space)

    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Return [B] actions, [B, 1] values, which are 0, and [B] log-probabilities."""
        actions = self._predict(obs, deterministic)
        log_prob = torch.full(actions.shape, 1.0 / float(self.action_space.n)).log()
        return actions, self.predict_values(obs), log_prob

    def get_distribution(self, obs: PyTorchObs) -> Distribution:
        """Return the same chance for every action, in every lane."""
        number = int(self.action_space.n)
        return CategoricalDistribution(number).proba_distribution(torch.zeros(lanes_of(obs), number))

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Return [B, 1] zeros: nothing is expected."""
        return torch.zeros(lanes_of(obs), 1)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        first, number = int(self.action_space.start), int(self.action_space.n)
        return torch.randint(first, first + number, (lanes_of(observation),))


class RandomAgent(OnPolicyAgent):
    """Plays at random for as long as it is told to learn; arguments and errors are those of `OnPolicyAgent`.

    It has no likeliest action, so asking for deterministic ones changes nothing.
    """

    config_class: ClassVar[type[RandomConfig]] = RandomConfig
    config: RandomConfig
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"RandomPolicy": RandomPolicy}

    def train(self) -> None:
        """Learn nothing."""

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return none."""
        return {}

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        """What `get_parameters` and `set_parameters` exchange."""
        return ["policy"], []
