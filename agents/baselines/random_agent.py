"""An agent that acts at random, as the lower end of every comparison."""

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
    """A uniform distribution over actions, whatever is observed; torch's global generator draws them.

    Args:
        observation_space: Of the environment.
        action_space: Discrete.
        lr_schedule: Not used.
        use_sde: Not used.

    Raises:
        ValueError: The action space is not Discrete.
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
        """Return actions [B], values [B, 1], which are 0, and log-probabilities [B]."""
        actions = self._predict(obs, deterministic)
        log_prob = torch.full(actions.shape, 1.0 / float(self.action_space.n)).log()
        return actions, self.predict_values(obs), log_prob

    def get_distribution(self, obs: PyTorchObs) -> Distribution:
        """Return uniform distributions, one per row of `obs`."""
        number = int(self.action_space.n)
        return CategoricalDistribution(number).proba_distribution(torch.zeros(lanes_of(obs), number))

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Return zeros [B, 1]."""
        return torch.zeros(lanes_of(obs), 1)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        first, number = int(self.action_space.start), int(self.action_space.n)
        return torch.randint(first, first + number, (lanes_of(observation),))


class RandomAgent(OnPolicyAgent):
    """Acts at random and learns nothing. Arguments and errors are those of `OnPolicyAgent`.

    No action is likelier than another, so `deterministic` has no effect.
    """

    config_class: ClassVar[type[RandomConfig]] = RandomConfig
    config: RandomConfig
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"RandomPolicy": RandomPolicy}

    def _update(self) -> None:
        """Learn nothing."""

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return no optimizers."""
        return {}

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        """What `get_parameters` and `set_parameters` exchange."""
        return ["policy"], []
