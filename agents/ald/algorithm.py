"""Actor-Learner Distillation as a Stable-Baselines3 algorithm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from agents.ald.acting import TaughtActorAlgorithm
from agents.engines.serial import SerialEngine
from agents.learning.actor import Actor
from agents.learning.config import ALDConfig
from agents.learning.distiller import Distiller
from agents.learning.learner import Learner
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.cores import LearnerSizes, learning_core
from agents.learning.networks.parts import Insight, JoinedEncoder
from agents.learning.networks.previous_step import PreviousStepEncoder
from agents.learning.replay_buffer import ReplayBuffer
from agents.sb3.networks import linear_actor_critic
from agents.sb3.parts import acting_encoder, acting_part, acting_space, privileged_encoder

if TYPE_CHECKING:
    from agents.engines.ray.engine import RayEngine


class ALD(TaughtActorAlgorithm):
    """Actor-Learner Distillation (Parisotto & Salakhutdinov, ICLR 2021, arXiv 2104.01655).

    A small LSTM acts. A gated transformer, the learner, is trained by V-MPO on what the LSTM collects, and
    the LSTM is continually distilled from it. `predict`, `policy` and all that SB3 does with a model use the
    LSTM. The settings `actor_core` and `learner_core` put other recurrent cores in the places of the two;
    `learner_only` names keys of a Dict observation that the learner alone is shown, and that acting never
    needs.

    Example:
        >>> from agents.ald import ALD
        >>> model = ALD("LstmPolicy", "memory_envs:MemoryEnvs/IMaze-v0", seed=0)
        >>> model.learn(200_000)  # doctest: +SKIP

    Args:
        policy: "LstmPolicy" (also under sb3-contrib's names) or a subclass of `LSTMActorPolicy`.
        env: What SB3 accepts: an id, an environment, a VecEnv. Actions may be Discrete, MultiDiscrete,
            MultiBinary or of a Box, see `agents.sb3.actions`; observations of any space that SB3
            preprocesses. Many parallel environments make training fast: see
            `agents.vec_env.GymnasiumVecEnv`.
        config: All settings; defaults when None.
        policy_kwargs: Arguments of the policy class. The learner gets a features extractor, hidden layers in
            front of its heads (`net_arch`, `activation_fn`) and an optimizer of the same kind, of its own;
            what is left describes the acting LSTM alone. Sizes and step sizes are settings.
        stats_window_size: Number of episodes that logged means are taken over.
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
    engines: ClassVar[tuple[str, ...]] = ("serial", "ray")
    config: ALDConfig
    distiller: Distiller

    def _build(self, action_seed: int, replay_seed: int) -> None:
        config, targets = self.config, self._memory_targets()
        seen = acting_space(self.observation_space, config.learner_only)
        self.policy = self._acting_policy(seen, self._acting_device)
        actor_network = self.policy.as_network()
        actor_network.encoder = self._acting_encoder(actor_network.encoder)
        network = self._learner_network(targets.sizes)
        insight = self._insight(network.core.output_size) if config.privileged_critic else None
        self.learner = Learner(network, config, self.device, self._learner_optimizer(), insight)
        self.replay = ReplayBuffer(config.replay_size, replay_seed, config.priority_exponent)
        self.distiller = Distiller(actor_network, self.policy.optimizer, config)
        self.actor = Actor(
            actor_network,
            self.n_envs,
            config.unroll_length,
            action_seed,
            self._acting_device,
            targets=targets,
        )
        self.engine = self._new_engine()

    @property
    def _acting_device(self) -> torch.device:
        """The CPU with the Ray engine, whose processes share the actor in memory."""
        return self.device if self.engine_settings is None else torch.device("cpu")

    def _new_engine(self) -> SerialEngine | RayEngine:
        parts = (self.actor, self.learner, self.replay, self.distiller, self.config)
        if self.engine_settings is None:
            return SerialEngine(*parts)
        from agents.engines.ray.engine import RayEngine  # imports Ray

        return RayEngine(*parts, self.engine_settings)

    def _learner_network(self, memory_sizes: Sequence[Any]) -> ActorCritic:
        """The learner's core with heads and a features extractor of its own."""
        config, extractor = self.config, self.policy.make_features_extractor()
        distribution = self.policy.distribution
        further = distribution.num_features + 1 if config.shows_previous_step else 0
        encoder, own = self._privileged_encoder() if config.privileged_policy else (None, 0)
        further += own
        input_size = extractor.features_dim + further
        sizes = LearnerSizes(
            config.learner_width,
            config.learner_layers,
            config.learner_heads,
            config.learner_mlp_width,
            config.learner_memory,
            config.learner_gate_bias,
        )
        core = learning_core(config.learner_core, input_size, sizes)
        space, scaled = self.policy.observation_space, self.policy.normalize_images
        network = linear_actor_critic(
            space,
            extractor,
            distribution,
            core,
            scaled,
            self._learner_layers(),
            memory_sizes,
            further,
            self.policy.log_std_init,
        )
        network.encoder = self._acting_encoder(network.encoder)
        if encoder is not None:
            network.encoder = JoinedEncoder(network.encoder, encoder)
        if config.shows_previous_step:
            has_parts = isinstance(self.observation_space, spaces.Dict)
            network.encoder = PreviousStepEncoder(network.encoder, has_parts)
        return network

    def _insight(self, width: int) -> Insight:
        """Values of the learner that see what it alone is shown, beside what a core of this width says."""
        encoder, features = self._privileged_encoder()
        return Insight(encoder, features + width, self.config.learner_mlp_width)

    def _acting_encoder(self, encoder: nn.Module) -> nn.Module:
        """An encoder of whole observations, out of one of what is left of them for acting."""
        return acting_encoder(encoder, self.observation_space, self.config.learner_only)

    def _privileged_encoder(self) -> tuple[nn.Module, int]:
        """An encoder of what the learner alone is shown, and its number of features."""
        return privileged_encoder(
            self.observation_space, self.config.learner_only, self.policy.normalize_images
        )

    def predict(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """Choose actions; see SB3. Parts that the learner alone is shown may be there or not."""
        seen = acting_part(observation, self.observation_space, self.config.learner_only)
        return super().predict(seen, state, episode_start, deterministic)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimizers by the names of the settings that hold their learning rates."""
        return super().optimizers() | {"actor_learning_rate": self.policy.optimizer}

    def _learnt(self) -> None:
        """Let the acting policy's values be in units of the return, as its users read them."""
        self.policy.set_value_moments(self.learner.popart.mu, self.learner.popart.sigma)

    def load_state_tree(self, tree: Mapping[str, Any], resume: bool) -> None:
        """Restore what `state_tree` returned; see `ConfiguredAlgorithm.load_state_tree`."""
        super().load_state_tree(tree, resume)
        self._learnt()

    def set_parameters(self, *arguments: Any, **further: Any) -> None:
        """Load parameters; see `BaseAlgorithm.set_parameters`."""
        super().set_parameters(*arguments, **further)
        self._learnt()

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        """What `get_parameters` and `set_parameters` exchange."""
        learner = ["network", "target", "popart", "optimizer"]  # values count in units of PopArt's moments
        learner += [] if self.learner.insight is None else ["insight"]
        return ["policy", "policy.optimizer", *(f"learner.{name}" for name in learner)], []
