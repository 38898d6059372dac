"""V-MPO whose learner acts for itself: what Actor-Learner Distillation is compared with."""

from __future__ import annotations

from typing import Any, ClassVar

from stable_baselines3.common.policies import BasePolicy

from agents.engines.serial import SerialEngine
from agents.learning.actor import Actor
from agents.learning.config import VMPOConfig
from agents.learning.learner import Learner
from agents.learning.replay_buffer import ReplayBuffer
from agents.sb3.algorithm import UnrollAlgorithm
from agents.sb3.memory_policies import AsymmetricPolicy, GTrXLPolicy, LSTMPolicy, MemoryPolicy


class VMPO(UnrollAlgorithm):
    """V-MPO (Song et al. 2020, arXiv 1909.12238) on unrolls, with the learner of ALD and without its actor.

    Three baselines of Parisotto & Salakhutdinov 2021 by the policy's name: "LstmPolicy", "GTrXLPolicy", and
    "AsymmetricPolicy", in which an LSTM acts and a transformer gives the values it learns from. With
    `rl_loss="vtrace"` the policy learns as in IMPALA (Espeholt et al. 2018). What learns acts as it stands
    after the last update.

    Example:
        >>> from agents.baselines import VMPO
        >>> model = VMPO("GTrXLPolicy", "memory_envs:MemoryEnvs/IMaze-v0", seed=0)
        >>> model.learn(200_000)  # doctest: +SKIP

    Args:
        policy: Name of a policy, or a subclass of `MemoryPolicy`.
        env: What SB3 accepts: an id, an environment, a VecEnv. Actions must be Discrete, observations Box or
            Dict.
        config: All settings; defaults when None.
        policy_kwargs: For the policy class, e.g. a features extractor.
        stats_window_size: Episodes that the logged means run over.
        tensorboard_log: Folder for TensorBoard, or None.
        verbose: 0 silent, 1 information, 2 debugging.
        seed: Seed of weights, actions, replay and environment.
        device: "auto", "cpu", "cuda", ...
        settings: Single settings by name, on top of `config`: `VMPO("GTrXLPolicy", env, gamma=0.95)`.

    Raises:
        ValueError: A space or a policy that is not supported, or a setting out of its range.
        TypeError: A setting that does not exist, or a Gymnasium VectorEnv that is not wrapped.
    """

    config_class: ClassVar[type[VMPOConfig]] = VMPOConfig
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "LstmPolicy": LSTMPolicy,
        "GTrXLPolicy": GTrXLPolicy,
        "AsymmetricPolicy": AsymmetricPolicy,
    }
    policy: MemoryPolicy
    config: VMPOConfig

    def _learning_rate(self) -> float:
        return self.config.learner_learning_rate

    def _build(self, action_seed: int, replay_seed: int) -> None:
        config = self.config
        policy_class = _checked_policy(self.policy_class)
        self.policy = policy_class(
            self.observation_space,
            self.action_space,
            self.lr_schedule,
            **self._policy_arguments(self._sizes(policy_class)),
        ).to(self.device)
        self.learner = Learner(self.policy.network, config, self.device)
        self.replay = ReplayBuffer(config.replay_size, replay_seed, config.priority_exponent)
        acting = self.policy.network.acting
        self.actor = Actor(acting, self.n_envs, config.unroll_length, action_seed, self.device)
        self.engine = SerialEngine(self.actor, self.learner, self.replay, None, config)

    def _sizes(self, policy_class: type[MemoryPolicy]) -> dict[str, Any]:
        """The sizes that the policy's networks take from the settings."""
        config = self.config
        lstm = {"lstm_hidden_size": config.lstm_hidden_size}
        gtrxl = {
            "layers": config.learner_layers,
            "width": config.learner_width,
            "heads": config.learner_heads,
            "mlp_width": config.learner_mlp_width,
            "memory": config.learner_memory,
            "gate_bias": config.learner_gate_bias,
        }
        if issubclass(policy_class, AsymmetricPolicy):
            return lstm | gtrxl
        return gtrxl if issubclass(policy_class, GTrXLPolicy) else lstm

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        """What `get_parameters` and `set_parameters` exchange."""
        return ["policy", *(f"learner.{name}" for name in ("target", "popart", "optimizer"))], []


def _checked_policy(policy_class: type[BasePolicy]) -> type[MemoryPolicy]:
    if not issubclass(policy_class, MemoryPolicy):
        raise ValueError(f"policy must be a subclass of MemoryPolicy, got {policy_class.__name__}")
    return policy_class
