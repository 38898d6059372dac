"""V-MPO, in which the network that learns is the one that acts."""

from __future__ import annotations

from typing import ClassVar

from stable_baselines3.common.policies import BasePolicy

from agents.baselines.vmpo.policies import (
    AsymmetricPolicy,
    GRUPolicy,
    GTrXLPolicy,
    LRUPolicy,
    LSTMPolicy,
    MemoryPolicy,
)
from agents.engines.serial import SerialEngine
from agents.learning.actor import Actor
from agents.learning.config import VMPOConfig
from agents.learning.learner import Learner
from agents.learning.replay_buffer import ReplayBuffer
from agents.sb3.algorithm import UnrollAlgorithm


class VMPO(UnrollAlgorithm):
    """V-MPO (Song et al. 2020, arXiv 1909.12238) on unrolls: the learner of ALD, acting itself.

    The policies are three baselines of Parisotto & Salakhutdinov 2021: "LstmPolicy", "GTrXLPolicy", and
    "AsymmetricPolicy", an acting LSTM with a transformer as its critic. "GRUPolicy" and "LRUPolicy" are
    "LstmPolicy" with another core of as many units. With `rl_loss="vtrace"` the policy is trained by the
    policy gradient of IMPALA (Espeholt et al. 2018), with `rl_loss="primal_dual"` by Bellman's linear program
    (Cho & Wang 2017).

    Example:
        >>> from agents.baselines import VMPO
        >>> model = VMPO("GTrXLPolicy", "memory_envs:MemoryEnvs/IMaze-v0", seed=0)
        >>> model.learn(200_000)  # doctest: +SKIP

    Args:
        policy: Name of a policy, or a subclass of `MemoryPolicy`.
        env: What SB3 accepts: an id, an environment, a VecEnv. Actions may be Discrete, MultiDiscrete,
            MultiBinary or of a Box, see `agents.sb3.actions`; observations of any space that SB3
            preprocesses.
        config: All settings; defaults when None.
        policy_kwargs: Arguments of the policy class, e.g. a features extractor.
        stats_window_size: Number of episodes that logged means are taken over.
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
        "GRUPolicy": GRUPolicy,
        "LRUPolicy": LRUPolicy,
    }
    step_size: ClassVar[str] = "learner_learning_rate"
    policy: MemoryPolicy
    config: VMPOConfig

    def _build(self, action_seed: int, replay_seed: int) -> None:
        config, targets = self.config, self._memory_targets()
        policy_class = _checked_policy(self.policy_class)
        self.policy = policy_class(
            self.observation_space,
            self.action_space,
            self.lr_schedule,
            **self._policy_arguments(policy_class, self._sizes(policy_class)),
        ).to(self.device)
        self.learner = Learner(self.policy.network, config, self.device, self._learner_optimizer())
        self.replay = ReplayBuffer(config.replay_size, replay_seed, config.priority_exponent)
        acting = self.policy.network.acting
        self.actor = Actor(
            acting, self.n_envs, config.unroll_length, action_seed, self.device, targets=targets
        )
        self.engine = SerialEngine(self.actor, self.learner, self.replay, None, config)

    def _sizes(self, policy_class: type[MemoryPolicy]) -> dict[str, str]:
        """Sizes of the policy's networks, by the settings that have them."""
        lstm = {"lstm_hidden_size": "lstm_hidden_size"}
        names = ("layers", "width", "heads", "mlp_width", "memory", "gate_bias")
        gtrxl = {name: f"learner_{name}" for name in names}
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
