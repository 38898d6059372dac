"""PPO with an LSTM (sb3-contrib's RecurrentPPO), several times faster."""

from __future__ import annotations

import contextlib
from typing import ClassVar

import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from sb3_contrib.ppo_recurrent import CnnLstmPolicy, MlpLstmPolicy, MultiInputLstmPolicy
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from agents import processor
from agents.baselines.recurrent_buffer import FlatRecurrentDictRolloutBuffer, FlatRecurrentRolloutBuffer
from agents.baselines.recurrent_policies import FastCnnLstmPolicy, FastLstmPolicy, FastMultiInputLstmPolicy

FAST_POLICIES: dict[type[BasePolicy], type[FastLstmPolicy]] = {
    MlpLstmPolicy: FastLstmPolicy,
    CnnLstmPolicy: FastCnnLstmPolicy,
    MultiInputLstmPolicy: FastMultiInputLstmPolicy,
}


class FastRecurrentPPO(RecurrentPPO):
    """sb3-contrib's RecurrentPPO, arguments and all; the same results to the rounding of floats.

    The algorithm is inherited. What differs is how memory is computed: an LSTM runs over whole sequences
    instead of step by step, networks see no padding, and core states are stored only where a minibatch will
    begin. On one thread of a CPU, training took about a quarter of the time where episodes are short, with
    sb3-contrib's default settings and with 64 environments; with more threads, the LSTMs of actor and critic
    run side by side. It has not been measured on a GPU.

    Deviations, each of which leaves the algorithm as it is:

    - Sums are taken in another order, so results differ in the last digits.
    - Minibatches are drawn when a rollout begins instead of when it is trained on; see `FlatSequences`.
    - Dropout between LSTM layers draws one mask per sequence and layer instead of one per step, so its
      draws differ. Layers that look at a whole batch, such as BatchNorm, see no padding.
    - `normalize_advantage` with a last minibatch of one step is refused: its standard deviation is NaN, and
      sb3-contrib's network with it after one update.
    - MultiBinary actions can be learned; sb3-contrib fails on their integers.

    Example:
        >>> from agents.baselines.recurrent_ppo import FastRecurrentPPO
        >>> model = FastRecurrentPPO("MlpLstmPolicy", "CartPole-v1", seed=0)
        >>> model.learn(10_000)  # doctest: +SKIP

    Raises:
        ValueError: A policy class that is not a `FastLstmPolicy`, or a minibatch of one step to normalize.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpLstmPolicy": FastLstmPolicy,
        "CnnLstmPolicy": FastCnnLstmPolicy,
        "MultiInputLstmPolicy": FastMultiInputLstmPolicy,
    }
    policy: FastLstmPolicy
    rollout_buffer: FlatRecurrentRolloutBuffer | FlatRecurrentDictRolloutBuffer

    def _setup_model(self) -> None:
        # Models that sb3-contrib saved name its own policies.
        self.policy_class = FAST_POLICIES.get(self.policy_class, self.policy_class)
        if not issubclass(self.policy_class, FastLstmPolicy):
            raise ValueError(
                f"policy must be one of {', '.join(map(repr, self.policy_aliases))} or a subclass of "
                f"FastLstmPolicy, got {self.policy_class.__name__}"
            )
        self._check_minibatches()
        super()._setup_model()
        self.rollout_buffer = self._new_buffer()

    def _check_minibatches(self) -> None:
        steps = self.n_steps * self.n_envs
        last_minibatch = (steps - 1) % (self.batch_size or steps) + 1
        if self.normalize_advantage and last_minibatch == 1:
            raise ValueError(
                f"batch_size={self.batch_size} leaves a minibatch of one of the {steps} steps of a rollout, "
                "which normalize_advantage cannot normalize"
            )

    def _new_buffer(self) -> FlatRecurrentRolloutBuffer | FlatRecurrentDictRolloutBuffer:
        is_dict = isinstance(self.observation_space, spaces.Dict)
        lstm = self.policy.lstm_actor
        return (FlatRecurrentDictRolloutBuffer if is_dict else FlatRecurrentRolloutBuffer)(
            self.n_steps,
            self.observation_space,
            self.action_space,
            (self.n_steps, lstm.num_layers, self.n_envs, lstm.hidden_size),
            self.device,
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            n_envs=self.n_envs,
        )

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Collect a rollout whose minibatches are already drawn; see sb3-contrib."""
        self.rollout_buffer.plan(self.batch_size, self.n_epochs)
        with self._threads():
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)

    def train(self) -> None:
        """Update the policy from the rollout; see sb3-contrib."""
        self.policy.two_threads = self.device.type == "cpu" and torch.get_num_threads() > 1
        with self._threads():
            super().train()

    def _threads(self) -> contextlib.AbstractContextManager[None]:
        """One thread for operations that are too small to share; features may be convolutions."""
        is_small = not any(True for _ in self.policy.features_extractor.parameters())
        return processor.one_thread() if is_small else contextlib.nullcontext()
