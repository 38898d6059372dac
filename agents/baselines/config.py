"""Settings of SB3's algorithms, each with the source of its default; "sb3" is SB3's own default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.common.utils import LinearSchedule

from agents.learning.memory_targets import MemoryTargetSettings
from agents.learning.settings import Settings, setting


@dataclass(frozen=True)
class RolloutConfig(Settings):
    """Settings of SB3's on-policy algorithms: how rollouts are collected."""

    n_steps: int = setting(128, "steps of each environment in one rollout", "sb3-contrib; PPO: 2048")

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is out of range; names the setting, the value and what it must be.
        """
        super().__post_init__()
        self._require_each("n_steps", 1)

    @property
    def unroll_length(self) -> int:
        """`n_steps`, under the name that it has in the other agents."""
        return self.n_steps

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of SB3's constructor, except those of the policy."""
        return {"n_steps": self.n_steps}

    def policy_arguments(self) -> dict[str, Any]:
        """Return the settings that SB3 takes as `policy_kwargs`."""
        return {}


@dataclass(frozen=True)
class RandomConfig(RolloutConfig):
    """Settings of the agent that acts at random."""

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of SB3's constructor; those of updates, which never happen, are 0."""
        unused = "learning_rate gamma gae_lambda ent_coef vf_coef max_grad_norm".split()
        return super().arguments() | dict.fromkeys(unused, 0.0) | {"use_sde": False, "sde_sample_freq": -1}


@dataclass(frozen=True)
class PPOConfig(RolloutConfig):
    """Settings of PPO (Schulman et al. 2017, arXiv 1707.06347)."""

    learning_rate: float = setting(
        3e-4, "Adam step size, at the beginning", "sb3", falls_by="final_learning_rate"
    )
    final_learning_rate: float | None = setting(
        None, "Adam step size at the end, approached linearly; that of the beginning when None", "ours"
    )
    batch_size: int = setting(128, "steps in a minibatch, at most", "sb3-contrib; PPO: 64")
    n_epochs: int = setting(10, "passes over each rollout", "sb3")
    gamma: float = setting(0.99, "discount", "sb3")
    gae_lambda: float = setting(0.95, "lambda of the generalised advantages", "sb3")
    clip_range: float = setting(0.2, "how far the ratio of policies counts, from 1", "sb3")
    clip_range_vf: float | None = setting(
        None, "how far a value may move in one update; any when None", "sb3"
    )
    normalize_advantage: bool = setting(True, "standardise advantages in each minibatch", "sb3")
    ent_coef: float = setting(0.0, "weight of the entropy bonus", "sb3")
    vf_coef: float = setting(0.5, "weight of the value loss", "sb3")
    max_grad_norm: float = setting(0.5, "clip the gradient's norm", "sb3")
    target_kl: float | None = setting(None, "end an update beyond 1.5 times this divergence", "sb3")
    use_sde: bool = setting(
        False, "explore continuous actions by noise that depends on the state (gSDE)", "sb3", absent=False
    )
    sde_sample_freq: int = setting(
        -1, "steps between draws of that noise; -1: once per rollout", "sb3", absent=-1
    )
    net_arch: tuple[int, ...] = setting((64, 64), "widths of the hidden layers of policy and value", "sb3")

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is out of range; names the setting, the value and what it must be.
        """
        super().__post_init__()
        self._require_each("batch_size", 2)
        self._require_each("n_epochs", 1)
        self._require("net_arch", all(width >= 1 for width in self.net_arch), "widths of at least 1")
        positive = "learning_rate final_learning_rate clip_range clip_range_vf max_grad_norm target_kl"
        for name in positive.split():
            self._require(name, (value := getattr(self, name)) is None or value > 0, "greater than 0")
        self._require_shares("gamma gae_lambda")
        frequency = self.sde_sample_freq
        self._require("sde_sample_freq", frequency == -1 or frequency >= 1, "at least 1, or -1")
        self._require_each("ent_coef vf_coef", 0)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of SB3's constructor, except those of the policy."""
        taken_otherwise = ("learning_rate", "final_learning_rate", *self.policy_arguments())
        same = {name: value for name, value in self.to_dict().items() if name not in taken_otherwise}
        return same | {"learning_rate": self._schedule()}

    def policy_arguments(self) -> dict[str, Any]:
        """Return the settings that SB3 takes as `policy_kwargs`."""
        return {"net_arch": list(self.net_arch)}

    def _schedule(self) -> float | Schedule:
        if self.final_learning_rate is None:
            return self.learning_rate
        return LinearSchedule(self.learning_rate, self.final_learning_rate, 1.0)


@dataclass(frozen=True)
class RecurrentPPOConfig(PPOConfig, MemoryTargetSettings):
    """Settings of PPO with an LSTM."""

    lstm_hidden_size: int = setting(256, "units of each layer of an LSTM", "sb3-contrib")
    n_lstm_layers: int = setting(1, "layers of an LSTM", "sb3-contrib")
    enable_critic_lstm: bool = setting(True, "give the critic an LSTM of its own", "sb3-contrib")
    shared_lstm: bool = setting(
        False, "let the critic read the actor's LSTM, without teaching it", "sb3-contrib"
    )
    net_arch: tuple[int, ...] = setting(
        (64, 64), "widths of the hidden layers behind the LSTMs, of policy and value", "sb3-contrib"
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is out of range; names the setting, the value and what it must be.
        """
        super().__post_init__()
        self._require_each("lstm_hidden_size n_lstm_layers", 1)
        self._require(
            "shared_lstm", not (self.shared_lstm and self.enable_critic_lstm), "False with enable_critic_lstm"
        )

    def policy_arguments(self) -> dict[str, Any]:
        """Return the settings that SB3 takes as `policy_kwargs`."""
        names = ("lstm_hidden_size", "n_lstm_layers", "enable_critic_lstm", "shared_lstm")
        return super().policy_arguments() | {name: getattr(self, name) for name in names}
