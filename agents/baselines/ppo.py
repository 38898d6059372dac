"""PPO and RecurrentPPO of SB3 as agents of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3 import PPO

from agents.baselines.config import PPOConfig, RecurrentPPOConfig
from agents.baselines.on_policy import OnPolicyAgent
from agents.baselines.recurrent_ppo.algorithm import FastRecurrentPPO
from agents.sb3.fitting import Data, Each, Number, core_state


class PPOAgent(OnPolicyAgent, PPO):
    """SB3's PPO, whose policies have no memory. Arguments and errors are those of `OnPolicyAgent`."""

    config_class: ClassVar[type[PPOConfig]] = PPOConfig
    step_size: ClassVar[str] = "learning_rate"
    config: PPOConfig


class RecurrentPPOAgent(OnPolicyAgent, FastRecurrentPPO):
    """`FastRecurrentPPO`, PPO with an LSTM. Arguments and errors are those of `OnPolicyAgent`."""

    config_class: ClassVar[type[RecurrentPPOConfig]] = RecurrentPPOConfig
    step_size: ClassVar[str] = "learning_rate"
    config: RecurrentPPOConfig
    _last_lstm_states: Any

    def acting_state(self) -> dict[str, Any]:
        """Return what acting depends on, including LSTM states and the minibatches that are already drawn."""
        memory = {"pi": tuple(self._last_lstm_states.pi), "vf": tuple(self._last_lstm_states.vf)}
        drawn = list(self.rollout_buffer.splits)
        return super().acting_state() | {"memory": memory, "splits": drawn, "told": self._told}

    def wanted_acting_state(self) -> dict[str, Any]:
        """Return what `acting_state` looks like in N lanes."""
        memory = {
            name: core_state(getattr(self._last_lstm_states, name), lane_axis=1) for name in ("pi", "vf")
        }
        splits = Each(Number(0, whole=True))
        told = Data(self._targets.dtype, ("N", len(self._targets)), self._targets.limits)
        return super().wanted_acting_state() | {"memory": memory, "splits": splits, "told": told}

    def set_acting_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `acting_state` returned."""
        super().set_acting_state(state)
        self._last_lstm_states = RNNStates(**state["memory"])
        self._told = state["told"]
        self.rollout_buffer.splits.extend(state["splits"])
