"""Actor-Learner Distillation as a Stable-Baselines3 algorithm."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from stable_baselines3.common.policies import BasePolicy

from agents.engines.serial import SerialEngine
from agents.learning.actor import Actor
from agents.learning.config import ALDConfig
from agents.learning.distiller import Distiller
from agents.learning.learner import Learner
from agents.learning.replay_buffer import ReplayBuffer
from agents.sb3.algorithm import UnrollAlgorithm
from agents.sb3.policies import LSTMActorPolicy, gtrxl_actor_critic

if TYPE_CHECKING:
    from agents.engines.ray.engine import RayEngine
    from agents.export.exporter import Export


class ALD(UnrollAlgorithm):
    """Actor-Learner Distillation (Parisotto & Salakhutdinov, ICLR 2021, arXiv 2104.01655).

    A gated transformer learns by V-MPO from what a small LSTM does; the LSTM acts and is distilled from the
    transformer all the while. `predict`, `policy` and everything that SB3 does with a model concern the LSTM.

    Example:
        >>> from agents.ald import ALD
        >>> model = ALD("LstmPolicy", "memory_envs:MemoryEnvs/IMaze-v0", seed=0)
        >>> model.learn(200_000)  # doctest: +SKIP

    Args:
        policy: "LstmPolicy" (also under sb3-contrib's names) or a subclass of `LSTMActorPolicy`.
        env: What SB3 accepts: an id, an environment, a VecEnv. Actions must be Discrete, observations Box or
            Dict.
            Many lanes make learning fast: see `agents.vec_env.GymnasiumVecEnv`.
        config: All settings; defaults when None.
        policy_kwargs: For the policy class, e.g. a features extractor; the learner gets one of its own of
            that kind.
        stats_window_size: Episodes that the logged means run over.
        tensorboard_log: Folder for TensorBoard, or None.
        verbose: 0 silent, 1 information, 2 debugging.
        seed: Seed of weights, actions, replay and environment.
        device: "auto", "cpu", "cuda", ...
        engine: None runs everything in this process. `agents.engines.ray.RaySettings` runs actors and
            distillers in processes of their own; `env` must then be `agents.vec_env.remote.RemoteLanes`, and
            the actor stays on the CPU whatever `device` is.
        settings: Single settings by name, on top of `config`: `ALD("LstmPolicy", env, gamma=0.95)`.

    Raises:
        ValueError: A space or a policy that is not supported, or a setting out of its range.
        TypeError: A setting that does not exist, or a Gymnasium VectorEnv that is not wrapped.
        ImportError: Naming the extra that the engine needs and that is missing.
    """

    config_class: ClassVar[type[ALDConfig]] = ALDConfig
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "LstmPolicy": LSTMActorPolicy,
        "MlpLstmPolicy": LSTMActorPolicy,
        "CnnLstmPolicy": LSTMActorPolicy,
        "MultiInputLstmPolicy": LSTMActorPolicy,
    }
    engines: ClassVar[tuple[str, ...]] = ("serial", "ray")
    policy: LSTMActorPolicy
    config: ALDConfig
    distiller: Distiller

    def _learning_rate(self) -> float:
        return self.config.actor_learning_rate

    def _build(self, action_seed: int, replay_seed: int) -> None:
        config = self.config
        policy_kwargs = self._policy_arguments({"lstm_hidden_size": config.actor_hidden_size})
        if "optimizer_class" not in policy_kwargs:  # SB3's Adam, all parameters in one go
            fused = {"eps": 1e-5, "fused": True}
            policy_kwargs["optimizer_kwargs"] = fused | policy_kwargs.get("optimizer_kwargs", {})
        self.policy = _checked_policy(self.policy_class)(
            self.observation_space, self.action_space, self.lr_schedule, **policy_kwargs
        ).to(self._acting_device)
        actor_network = self.policy.as_network()
        self.learner = Learner(self._learner_network(), config, self.device)
        self.replay = ReplayBuffer(config.replay_size, replay_seed, config.priority_exponent)
        self.distiller = Distiller(actor_network, self.policy.optimizer, config)
        self.actor = Actor(actor_network, self.n_envs, config.unroll_length, action_seed, self._acting_device)
        self.engine = self._new_engine()

    @property
    def _acting_device(self) -> torch.device:
        """Where the actor lives: the processes of the Ray engine share it in a CPU's memory."""
        return self.device if self.engine_settings is None else torch.device("cpu")

    def _new_engine(self) -> SerialEngine | RayEngine:
        parts = (self.actor, self.learner, self.replay, self.distiller, self.config)
        if self.engine_settings is None:
            return SerialEngine(*parts)
        from agents.engines.ray.engine import RayEngine  # imports Ray

        return RayEngine(*parts, self.engine_settings)

    def _learner_network(self) -> Any:
        config = self.config
        return gtrxl_actor_critic(
            self.observation_space,
            self.policy.make_features_extractor(),
            int(self.action_space.n),  # type: ignore[attr-defined]
            layers=config.learner_layers,
            width=config.learner_width,
            heads=config.learner_heads,
            mlp_width=config.learner_mlp_width,
            memory=config.learner_memory,
            gate_bias=config.learner_gate_bias,
            normalize_images=self.policy.normalize_images,
            shows_previous_step=config.shows_previous_step,
        )

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimizers by the names of the settings that hold their learning rates."""
        return super().optimizers() | {"actor_learning_rate": self.policy.optimizer}

    def export(self, path: str | os.PathLike[str]) -> Export:
        """Write the actor as an ONNX file that is checked equal before it appears; see `agents.export`.

        Raises:
            ImportError: Naming the extra that is missing.
        """
        from agents.export.exporter import export_actor  # needs no onnx until it is called, but time

        return export_actor(self, path)

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        """What `get_parameters` and `set_parameters` exchange."""
        learner = ("network", "target", "popart", "optimizer")  # values count in units of PopArt's moments
        return ["policy", "policy.optimizer", *(f"learner.{name}" for name in learner)], []


def _checked_policy(policy_class: type[BasePolicy]) -> type[LSTMActorPolicy]:
    if not issubclass(policy_class, LSTMActorPolicy):
        raise ValueError(f"policy must be a subclass of LSTMActorPolicy, got {policy_class.__name__}")
    return policy_class
