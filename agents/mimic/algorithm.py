"""Actor-Mimic as a Stable-Baselines3 algorithm: a student whose teachers are no learners."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from agents.ald.acting import TaughtActorAlgorithm
from agents.learning.actor import Actor
from agents.learning.distributions.discrete import Categorical
from agents.learning.replay_buffer import ReplayBuffer
from agents.mimic.config import MimicConfig
from agents.mimic.engine import TeachingEngine
from agents.mimic.student import Student
from agents.mimic.teachers import teachers_of
from agents.sb3 import unrolls
from agents.sb3.fitting import generator_state, optimizer_state


class Mimic(TaughtActorAlgorithm):
    """Actor-Mimic (Parisotto, Ba & Salakhutdinov 2015, arXiv 1511.06342): an LSTM taught by any policy.

    The student acts. At every step of its own its teachers say what they would do there, and it learns that
    by cross entropy, as in DAgger (Ross et al. 2011); rewards are not used. Teachers are reference policies,
    which are told what the student really did, or trained models.

    Deviations from the paper: the student acts from the first step on by its own stochastic policy, and not
    greedily with exploration; teachers have policies, where those of the paper have values, so that the
    temperature divides logits; the student has memory; features are not regressed.

    Example:
        >>> from agents.mimic import Mimic
        >>> from agents.vec_env.make import make_lanes
        >>> model = Mimic("LstmPolicy", make_lanes("MemoryEnvs/IMaze-v0", 16), seed=0)
        >>> model.learn(100_000)  # doctest: +SKIP

    A model that was saved goes on with new episodes: what teachers remember of an episode is in no file.

    Args:
        policy: "LstmPolicy" (also under sb3-contrib's names) or a subclass of `LSTMActorPolicy`.
        env: What SB3 accepts. Reference policies teach in lanes of this package
            (`agents.vec_env.make.make_lanes`); several tasks are an `agents.vec_env.joined.JoinedVecEnv`.
            Actions must be Discrete.
        config: All settings; defaults when None. `tasks` are made by who trains, as the program does.
        policy_kwargs: Arguments of the policy class. Sizes and step sizes are settings.
        stats_window_size: Number of episodes that logged means are taken over.
        tensorboard_log: Folder for TensorBoard, or None.
        verbose: 0 silent, 1 information, 2 debugging.
        seed: Seed of weights, actions, replay, teachers and environment.
        device: "auto", "cpu", "cuda", ...
        settings: Single settings by name, on top of `config`: `Mimic("LstmPolicy", env, temperature=0.5)`.

    Raises:
        ValueError: A space, a policy or a teacher that is not supported, or a setting out of its range.
        TypeError: A setting that does not exist, or a Gymnasium VectorEnv that is not wrapped.
        FileNotFoundError: A teacher's path leads to no model.
    """

    config_class: ClassVar[type[Any]] = MimicConfig
    config: MimicConfig
    engine: TeachingEngine  # type: ignore[assignment]

    def _build(self, action_seed: int, replay_seed: int) -> None:
        config, targets = self.config, self._memory_targets()
        self.policy = self._acting_policy(self.observation_space, self.device)
        if not isinstance(self.policy.distribution, Categorical):
            raise ValueError(f"Mimic takes Discrete actions, got {self.action_space}")
        network = self.policy.as_network()
        self.replay = ReplayBuffer(config.distillation_window, replay_seed)
        self.actor = Actor(
            network, self.n_envs, config.unroll_length, action_seed, self.device, targets=targets
        )
        make = functools.partial(
            teachers_of,
            chosen=config.teachers,
            temperature=config.temperature,
            device=self.device,
            seed=self.seed,
        )
        self.engine = TeachingEngine(
            self.actor, self.replay, Student(network, self.policy.optimizer, config), make
        )
        if self.env is not None:
            self.engine.open(self.env)  # which refuses teachers that do not fit

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimizer by the name of the setting that holds its learning rate."""
        return {"actor_learning_rate": self.policy.optimizer}

    def _environment_state(self) -> None:
        """None: the teachers' memories of the episodes cannot be saved beside it."""
        return None

    def state_tree(self) -> dict[str, Any]:
        """Return what training depends on, by name; see `ConfiguredAlgorithm.state_tree`."""
        return {
            "metrics": self._metrics.state_dict(),
            "optimizer": self.policy.optimizer.state_dict(),
            "generator": self.actor.generator.get_state(),
        }

    def wanted_state(self) -> dict[str, Any]:
        """Return what `state_tree` of such a model looks like; see `ConfiguredAlgorithm.wanted_state`."""
        return {
            "metrics": unrolls.running_means,
            "optimizer": optimizer_state(self.policy.optimizer),
            "generator": generator_state(self.actor.generator),
        }

    def load_state_tree(self, tree: Mapping[str, Any], resume: bool) -> None:
        """Restore what `state_tree` returned; see `ConfiguredAlgorithm.load_state_tree`."""
        self._metrics.load_state_dict(tree["metrics"])
        self.policy.optimizer.load_state_dict(tree["optimizer"])
        self.actor.generator.set_state(tree["generator"].cpu())
        self._set_changed_rates(tree["arguments"]["config"])

    def _place_in_file(self, name: str) -> tuple[str, ...]:
        return ("optimizer",) if name == "policy.optimizer" else (name,)

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        """What `get_parameters` and `set_parameters` exchange."""
        return ["policy", "policy.optimizer"], []
