"""PPO with an LSTM (sb3-contrib's RecurrentPPO), several times faster."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from sb3_contrib.ppo_recurrent import CnnLstmPolicy, MlpLstmPolicy, MultiInputLstmPolicy
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import preprocess_obs
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from agents.baselines.recurrent_ppo.buffer import (
    FlatRecurrentDictRolloutBuffer,
    FlatRecurrentRolloutBuffer,
    FlatSamples,
)
from agents.baselines.recurrent_ppo.policies import (
    FastCnnLstmPolicy,
    FastLstmPolicy,
    FastMultiInputLstmPolicy,
)
from agents.baselines.recurrent_ppo.update import Losses, Objective, clip_gradients
from agents.learning.memory_targets import MemoryTargets
from agents.learning.networks.memory_head import MemoryLoss, Seen
from agents.process import torch_modes
from agents.sb3.memory import SIZES, memory_targets
from agents.sb3.networks import check_policy
from agents.vec_env.steps import begun_infos, reset_infos

FAST_POLICIES: dict[type[BasePolicy], type[FastLstmPolicy]] = {
    MlpLstmPolicy: FastLstmPolicy,
    CnnLstmPolicy: FastCnnLstmPolicy,
    MultiInputLstmPolicy: FastMultiInputLstmPolicy,
}


class FastRecurrentPPO(RecurrentPPO):
    """sb3-contrib's RecurrentPPO with the same arguments, and the same results up to rounding.

    Rollouts and the loop around them are inherited. The computation of memory differs: an LSTM runs over
    whole sequences instead of step by step, minibatches have no padding, LSTM states are stored only where a
    minibatch will begin, and an update has no operations that only padding needs. With more than one thread
    of a CPU, the LSTMs of actor and critic run at the same time. docs/recurrent_ppo.md has measured times;
    there are none for a GPU.

    Deviations, none of which changes the algorithm:

    - Sums are taken in another order, so results differ in the last digits.
    - Minibatches are drawn when a rollout begins instead of when it is trained on; see `FlatMinibatches`.
    - Dropout between LSTM layers draws one mask per sequence and layer instead of one per step. Layers that
      use statistics of a batch, such as BatchNorm, see no padding.
    - `normalize_advantage` with a last minibatch of one step is an error: its standard deviation is NaN, and
      so are the parameters of sb3-contrib's network after such an update.
    - MultiBinary actions are supported; sb3-contrib fails on their integers.

    One thing is added: memory targets (`agents.learning.memory_targets`), predicted from the actor's LSTM.

    Args:
        arguments: Those of sb3-contrib's RecurrentPPO.
        memory_targets: What the actor's LSTM is taught to predict at every step: names of what the infos of
            the environment tell, those of events behind "hindsight:".
        memory_target_coef: Weight of that prediction.
        named: As `arguments`.

    Example:
        >>> from agents.baselines.recurrent_ppo import FastRecurrentPPO
        >>> model = FastRecurrentPPO("MlpLstmPolicy", "CartPole-v1", seed=0)
        >>> model.learn(10_000)  # doctest: +SKIP

    Raises:
        ValueError: A policy class that is not a `FastLstmPolicy`, or `normalize_advantage` with a minibatch
            of one step.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpLstmPolicy": FastLstmPolicy,
        "CnnLstmPolicy": FastCnnLstmPolicy,
        "MultiInputLstmPolicy": FastMultiInputLstmPolicy,
    }
    policy: FastLstmPolicy
    rollout_buffer: FlatRecurrentRolloutBuffer | FlatRecurrentDictRolloutBuffer

    def __init__(
        self,
        *arguments: Any,
        memory_targets: Sequence[str] = (),
        memory_target_coef: float = 0.5,
        **named: Any,
    ) -> None:
        self.memory_targets = (memory_targets,) if isinstance(memory_targets, str) else tuple(memory_targets)
        self.memory_target_coef = memory_target_coef
        self._targets = MemoryTargets(())
        self._labels: list[np.ndarray] = []
        self._dones: list[np.ndarray] = []
        self._rewards: list[np.ndarray] = []
        self._watching: BaseCallback | None = None  # of the rollout
        super().__init__(*arguments, **named)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_watching"]

    def _setup_model(self) -> None:
        # Models that sb3-contrib saved name its own policies.
        self.policy_class = FAST_POLICIES.get(self.policy_class, self.policy_class)
        if not issubclass(self.policy_class, FastLstmPolicy):
            raise ValueError(
                f"policy must be one of {', '.join(map(repr, self.policy_aliases))} or a subclass of "
                f"FastLstmPolicy, got {self.policy_class.__name__}"
            )
        check_policy(self.policy_class, self.policy_aliases, self.policy_kwargs, self.observation_space)
        self._check_minibatches()
        self._targets = memory_targets(self.memory_targets, self.env, self.policy_kwargs)
        if self._targets.sizes:
            self.policy_kwargs = {**self.policy_kwargs, SIZES: list(self._targets.sizes)}
        super()._setup_model()
        self.rollout_buffer = self._new_buffer()
        # [B, K] labels of the last observations.
        self._told = np.zeros((self.n_envs, len(self._targets)), dtype=self._targets.dtype)

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
        """Draw the minibatches of a rollout, then collect it; see sb3-contrib."""
        self.rollout_buffer.plan(self.batch_size, self.n_epochs)
        self._labels, self._dones, self._rewards = [], [], []
        self._watching = callback
        with self._threads():
            is_whole = super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        if is_whole and self._targets.sizes:
            labels, dones = torch.as_tensor(np.stack(self._labels)), torch.as_tensor(np.stack(self._dones))
            labels = self._targets.backwards(labels, dones)
            assert self.policy.memory_net is not None
            rewards = torch.as_tensor(np.stack(self._rewards), device=self.device)
            met = self.policy.memory_net.meet(labels.to(self.device), rewards)
            self.rollout_buffer.memory_labels = met.cpu().numpy()
        return is_whole

    def _setup_learn(self, total_timesteps: int, *arguments: Any, **named: Any) -> tuple[int, BaseCallback]:
        before = self._last_obs
        prepared = super()._setup_learn(total_timesteps, *arguments, **named)
        if self._targets.sizes and self._last_obs is not before:  # episodes have begun
            assert self.env is not None
            self._told = self._targets.told(reset_infos(self.env))
        return prepared

    def _update_info_buffer(self, infos: list[dict[str, Any]], dones: Any = None) -> None:
        """See SB3, which calls this after every step: what the infos tell is noted for memory targets."""
        super()._update_info_buffer(infos, dones)
        if self._targets.sizes:
            assert self.env is not None
            self._labels.append(self._told + self._targets.happened(infos))
            self._dones.append(np.array(dones))
            assert self._watching is not None
            # Those of the environment, to which SB3 adds values beyond time limits afterwards.
            self._rewards.append(np.array(self._watching.locals["rewards"], dtype=np.float32))
            begun = begun_infos(self.env, dones)
            self._told = self._targets.told([begun.get(lane, info) for lane, info in enumerate(infos)])

    def train(self) -> None:
        """Update the policy from the rollout; see sb3-contrib."""
        self.policy.two_threads = self.device.type == "cpu" and torch.get_num_threads() > 1
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        objective = self._objective()
        parameters: list[Tensor] = list(self.policy.parameters())
        history: list[Losses] = []
        with self._threads():
            for _ in range(self.n_epochs):
                epoch, goes_on = self._train_epoch(objective, parameters)
                history += epoch
                self._n_updates += 1
                if not goes_on:
                    break
        self._record_training(objective, history, last_epoch=epoch)

    def _objective(self) -> Objective:
        remaining = self._current_progress_remaining
        return Objective(
            clip_range=self.clip_range(remaining),  # type: ignore[operator]  # a schedule by now
            clip_range_vf=None if self.clip_range_vf is None else self.clip_range_vf(remaining),  # type: ignore[operator]
            normalize_advantage=self.normalize_advantage,
            ent_coef=self.ent_coef,
            vf_coef=self.vf_coef,
            memory_target_coef=self.memory_target_coef if self._targets.sizes else 0.0,
        )

    def _train_epoch(self, objective: Objective, parameters: Sequence[Tensor]) -> tuple[list[Losses], bool]:
        """One pass over the rollout: its losses, and False if `target_kl` was exceeded."""
        history = []
        for samples in self.rollout_buffer.get(self.batch_size):
            losses = objective.losses(samples, *self._evaluated(samples))
            history.append(losses.detached())
            if self.target_kl is not None and losses.approx_kl > 1.5 * self.target_kl:
                return history, False
            self.policy.optimizer.zero_grad()
            objective.total(losses).backward()
            clip_gradients(parameters, self.max_grad_norm)
            self.policy.optimizer.step()
        return history, True

    def _evaluated(self, samples: FlatSamples) -> tuple[Tensor, Tensor, Tensor | None, MemoryLoss | None]:
        """What `Objective.losses` takes of a minibatch of N steps."""
        is_discrete = isinstance(self.action_space, spaces.Discrete)
        actions = samples.actions.long().flatten() if is_discrete else samples.actions
        steps = (samples.observations, actions, samples.lstm_states, samples.episode_starts)
        head = self.policy.memory_net
        if head is None:
            values, log_prob, entropy = self.policy.evaluate_actions(*steps)
            return values.flatten(), log_prob, entropy, None
        values, log_prob, entropy, core, inputs = self.policy.evaluate_sequences(*steps)
        done: Any = preprocess_obs(actions, self.action_space, normalize_images=False)
        parts = (core, samples.memory_labels, inputs, done, samples.ends)
        core, labels, *seen = (part.unsqueeze(1) for part in parts)
        memory = head.loss(core, labels, Seen(*seen))
        return values.flatten(), log_prob, entropy, memory

    def _record_training(self, objective: Objective, history: list[Losses], last_epoch: list[Losses]) -> None:
        """Log what sb3-contrib logs, under its names."""
        means, buffer = Losses.means(history), self.rollout_buffer
        self.logger.record("train/entropy_loss", float(means.entropy))
        self.logger.record("train/policy_gradient_loss", float(means.policy))
        self.logger.record("train/value_loss", float(means.value))
        self.logger.record("train/approx_kl", float(Losses.means(last_epoch).approx_kl))
        self.logger.record("train/clip_fraction", float(means.clip_fraction))
        self.logger.record("train/loss", float(objective.total(history[-1])))
        explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        self.logger.record("train/explained_variance", explained)
        if hasattr(self.policy, "log_std"):
            self.logger.record("train/std", self.policy.log_std.exp().mean().item())
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/clip_range", objective.clip_range)
        if self._targets.sizes:
            self.logger.record("train/memory_target_loss", float(means.memory))
            for name, value in means.memory_metrics.items():
                self.logger.record(f"train/{name}", float(value))
        if objective.clip_range_vf is not None:
            self.logger.record("train/clip_range_vf", objective.clip_range_vf)

    def _threads(self) -> contextlib.AbstractContextManager[None]:
        """One thread, unless the features extractor has parameters: several threads speed up a CNN."""
        is_small = not any(True for _ in self.policy.features_extractor.parameters())
        return torch_modes.one_thread() if is_small else contextlib.nullcontext()
