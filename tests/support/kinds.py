"""One small model of every kind of agent, in whatever environment."""

from __future__ import annotations

from typing import Any, NamedTuple

from gymnasium import spaces

from agents.ald import ALD
from agents.baselines import VMPO, PPOAgent, RandomAgent, RecurrentPPOAgent
from agents.sb3.base import ConfiguredAlgorithm
from tests.support.tiny import SETTINGS

_UNROLLS = {name: value for name, value in SETTINGS.items() if name != "distillation_steps"}
_VMPO = {name: value for name, value in _UNROLLS.items() if not name.startswith("actor_")}
_ROLLOUTS = {"n_steps": 6, "batch_size": 12, "n_epochs": 1, "net_arch": (8,)}


class Kind(NamedTuple):
    """How to make a small model of an agent: its class, its policy by kind of observation, its settings."""

    algorithm: type[ConfiguredAlgorithm]
    policy: str
    settings: dict[str, Any]
    for_dicts: str | None = None
    for_images: str | None = None

    def model(self, env: Any, **arguments: Any) -> Any:
        """A model for `env`, with the policy that goes with its observations if it has a space."""
        space, policy = getattr(env, "observation_space", None), self.policy
        if isinstance(space, spaces.Dict):
            policy = self.for_dicts or policy
        elif space is not None and len(space.shape or ()) == 3:
            policy = self.for_images or policy
        defaults: dict[str, Any] = {"seed": 0, "device": "cpu"}
        return self.algorithm(policy, env, **{**defaults, **self.settings, **arguments})


KINDS = {
    "ald": Kind(ALD, "LstmPolicy", SETTINGS),
    "vmpo-lstm": Kind(VMPO, "LstmPolicy", _VMPO),
    "vmpo-gtrxl": Kind(VMPO, "GTrXLPolicy", _VMPO),
    "asymmetric": Kind(VMPO, "AsymmetricPolicy", _VMPO),
    "vtrace-lstm": Kind(VMPO, "LstmPolicy", {**_VMPO, "rl_loss": "vtrace"}),
    "ppo": Kind(PPOAgent, "MlpPolicy", _ROLLOUTS, "MultiInputPolicy", "CnnPolicy"),
    "recurrent-ppo": Kind(
        RecurrentPPOAgent,
        "MlpLstmPolicy",
        {**_ROLLOUTS, "lstm_hidden_size": 8},
        "MultiInputLstmPolicy",
        "CnnLstmPolicy",
    ),
    "random": Kind(RandomAgent, "RandomPolicy", {"n_steps": 6}),
}
