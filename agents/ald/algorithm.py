"""ALD as a Stable-Baselines3 algorithm."""

from __future__ import annotations

import dataclasses
import difflib
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from stable_baselines3.common.base_class import BaseAlgorithm, maybe_make_env
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback
from stable_baselines3.common.utils import safe_mean

from agents.actor import Actor
from agents.ald.saving import load_model, save_model
from agents.config import ALDConfig
from agents.distiller import Distiller
from agents.engines.serial import SerialEngine
from agents.learner import Learner
from agents.policies import LSTMActorPolicy, gtrxl_actor_critic
from agents.processor import denormals_as_zero
from agents.replay import Replay


class ALD(BaseAlgorithm):
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
        settings: Single settings by name, on top of `config`: `ALD("LstmPolicy", env, gamma=0.95)`.

    Raises:
        ValueError: A space or a policy that is not supported, or a setting out of its range.
        TypeError: A setting that does not exist, or a Gymnasium VectorEnv that is not wrapped.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "LstmPolicy": LSTMActorPolicy,
        "MlpLstmPolicy": LSTMActorPolicy,
        "CnnLstmPolicy": LSTMActorPolicy,
        "MultiInputLstmPolicy": LSTMActorPolicy,
    }
    policy: LSTMActorPolicy

    def __init__(
        self,
        policy: str | type[LSTMActorPolicy] = "LstmPolicy",
        env: GymEnv | str | None = None,
        config: ALDConfig | None = None,
        *,
        policy_kwargs: dict[str, Any] | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
        **settings: Any,
    ) -> None:
        self.config = _configured(config or ALDConfig(), settings)
        if env is not None:
            env = self._wrap_env(_checked_kind(maybe_make_env(env, verbose)), verbose)
            # Here, because SB3 refuses some of these spaces with assertions.
            _check_spaces(env.observation_space, env.action_space)
        super().__init__(
            policy,
            env,
            learning_rate=self.config.actor_learning_rate,
            policy_kwargs=policy_kwargs,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            support_multi_env=True,
            seed=seed,
            device=device,
        )
        self._metrics = _Means()
        if _init_setup_model:
            self._setup_model()

    def _get_policy_from_name(self, policy_name: str) -> type[BasePolicy]:
        if policy_name not in self.policy_aliases:
            raise ValueError(f"policy must be one of {', '.join(self.policy_aliases)}, got {policy_name!r}")
        return self.policy_aliases[policy_name]

    def _setup_model(self) -> None:
        """Build the networks and the parts of the engine around them."""
        config = self.config
        self._setup_lr_schedule()
        super().set_random_seed(self.seed)
        action_seed, replay_seed = _streams(self.seed)
        policy_kwargs = {"lstm_hidden_size": config.actor_hidden_size} | self.policy_kwargs
        if "optimizer_class" not in policy_kwargs:  # SB3's Adam, all parameters in one go
            fused = {"eps": 1e-5, "fused": True}
            policy_kwargs["optimizer_kwargs"] = fused | policy_kwargs.get("optimizer_kwargs", {})
        self.policy = _checked_policy(self.policy_class)(
            self.observation_space, self.action_space, self.lr_schedule, **policy_kwargs
        ).to(self.device)
        actor_network = self.policy.as_network()
        self.learner = Learner(self._learner_network(), config, self.device)
        self.replay = Replay(config.replay_size, replay_seed, config.priority_exponent)
        self.distiller = Distiller(actor_network, self.policy.optimizer, config)
        self.actor = Actor(actor_network, self.n_envs, config.unroll_length, action_seed, self.device)
        self.engine = SerialEngine(self.actor, self.learner, self.replay, self.distiller, config)

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
        )

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed what SB3 seeds, the actor's actions and the samples from replay."""
        super().set_random_seed(seed)
        if seed is not None:
            action_seed, replay_seed = _streams(seed)
            self.actor.seed(action_seed)
            self.replay.seed(replay_seed)

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 10,
        tb_log_name: str = "ALD",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> ALD:
        """Train; see `BaseAlgorithm.learn`. `log_interval` counts unrolls, callbacks see vector steps."""
        if self.env is None:
            raise ValueError("no environment to learn in: pass one to load(), or call set_env() first")
        env, begins_anew = self.env, reset_num_timesteps or self._last_obs is None
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        if begins_anew:
            self.actor.begin(self._last_obs)
        callback.on_training_start(locals(), globals())
        iteration = 0
        while self.num_timesteps < total_timesteps:
            iteration += 1
            callback.on_rollout_start()
            with denormals_as_zero():
                metrics = self.engine.advance(
                    env, lambda step: self._on_step(step, callback), callback.on_rollout_end
                )
            self._last_obs = self.actor.last_observation()
            if metrics is None:
                break
            self._metrics.add(metrics)
            self._update_current_progress_remaining(self.num_timesteps, total_timesteps)
            if log_interval and iteration % log_interval == 0:
                self.dump_logs(iteration)
        callback.on_training_end()
        return self

    def _on_step(self, step: Mapping[str, Any], callback: BaseCallback) -> bool:
        self.num_timesteps += self.n_envs
        self._update_info_buffer(step["infos"], step["dones"])
        callback.update_locals({**step, "self": self})
        return callback.on_step()

    def dump_logs(self, iteration: int = 0) -> None:
        """Write what happened since the last call to the logger."""
        assert self.ep_info_buffer is not None and self.ep_success_buffer is not None
        elapsed = max((time.time_ns() - self.start_time) / 1e9, 1e-9)
        if self.ep_info_buffer:
            self.logger.record("rollout/ep_rew_mean", safe_mean([info["r"] for info in self.ep_info_buffer]))
            self.logger.record("rollout/ep_len_mean", safe_mean([info["l"] for info in self.ep_info_buffer]))
        if self.ep_success_buffer:
            self.logger.record("rollout/success_rate", safe_mean(self.ep_success_buffer))
        for name, value in self._metrics.take().items():
            self.logger.record(name, value)
        for part, seconds in self.engine.take_seconds().items():
            self.logger.record(f"time/{part}_seconds", seconds)
        self.logger.record("time/iterations", iteration, exclude="tensorboard")
        self.logger.record("time/fps", int((self.num_timesteps - self._num_timesteps_at_start) / elapsed))
        self.logger.record("time/time_elapsed", elapsed, exclude="tensorboard")
        self.logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        self.logger.dump(step=self.num_timesteps)

    def save(  # type: ignore[override]  # a file object cannot be replaced in one step
        self,
        path: str | os.PathLike[str],
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Write everything that training depends on to one file, atomically; `.zip` is appended when missing.

        Args:
            path: File name.
            exclude: Of "replay", "environment": parts to leave out; without them training resumes, but not
                bit for bit.
            include: Parts not to leave out although `exclude` names them, as in SB3.
        """
        left_out = set(exclude or ()) - set(include or ())
        save_model(self, path, left_out)

    @classmethod
    def load(  # type: ignore[override]  # as save
        cls,
        path: str | os.PathLike[str],
        env: GymEnv | None = None,
        device: torch.device | str = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        **kwargs: Any,
    ) -> ALD:
        """Read a model that `save` wrote. No code in the file is run.

        Args:
            path: File name, with or without `.zip`.
            env: Environments to go on with; their number may differ from that of the saved model.
            device: Where to put the networks.
            custom_objects: Entries that replace saved ones, such as a `policy_kwargs` that holds classes.
            print_system_info: Print versions of the libraries here.
            force_reset: Start new episodes. False goes on inside the saved ones, bit for bit, if `env` can be
                restored.
            kwargs: Further arguments of the constructor (`seed`, `verbose`, `tensorboard_log`) or single
                settings.

        Raises:
            CheckpointError: The file is truncated, foreign or of a newer format.
            FileNotFoundError: There is no such file.
            ValueError: `env` has other spaces, or `force_reset=False` with an environment that cannot be
                restored.
        """
        return load_model(cls, path, env, device, custom_objects, print_system_info, force_reset, **kwargs)

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        """What `get_parameters` and `set_parameters` exchange."""
        learner = ("network", "target", "popart", "optimizer")  # values count in units of PopArt's moments
        return ["policy", "policy.optimizer", *(f"learner.{name}" for name in learner)], []


class _Means:
    """Running means of metrics that stay tensors, and so on their device, until they are read."""

    def __init__(self) -> None:
        self.totals: dict[str, Any] = {}
        self.counts: dict[str, int] = {}

    def add(self, metrics: Mapping[str, Any]) -> None:
        for name, value in metrics.items():
            self.totals[name] = self.totals.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def state_dict(self) -> dict[str, Any]:
        return {
            "totals": {name: float(total) for name, total in self.totals.items()},
            "counts": dict(self.counts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.totals, self.counts = dict(state["totals"]), dict(state["counts"])

    def take(self) -> dict[str, float]:
        means = {name: float(total) / self.counts[name] for name, total in self.totals.items()}
        self.totals, self.counts = {}, {}
        return means


def _configured(config: ALDConfig, settings: Mapping[str, Any]) -> ALDConfig:
    names = [field.name for field in dataclasses.fields(config)]
    for name in settings:
        if name not in names:
            near = difflib.get_close_matches(name, names)
            hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise TypeError(f"ALD has no setting {name!r}.{hint} The settings are {', '.join(names)}")
    return dataclasses.replace(config, **settings)


def _streams(seed: int | None) -> tuple[int, int]:
    """Seeds of the actions and of the replay's samples."""
    actions, replay = np.random.SeedSequence(seed).spawn(2)
    return int(actions.generate_state(1)[0]), int(replay.generate_state(1)[0])


def _checked_policy(policy_class: type[BasePolicy]) -> type[LSTMActorPolicy]:
    if not issubclass(policy_class, LSTMActorPolicy):
        raise ValueError(f"policy must be a subclass of LSTMActorPolicy, got {policy_class.__name__}")
    return policy_class


def _checked_kind(env: GymEnv) -> GymEnv:
    if isinstance(env, VectorEnv):
        raise TypeError(f"env is a gymnasium {type(env).__name__}: wrap it in agents.vec_env.GymnasiumVecEnv")
    return env


def _check_spaces(observation_space: spaces.Space, action_space: spaces.Space) -> None:
    if not isinstance(action_space, spaces.Discrete) or action_space.start != 0:
        raise ValueError(f"ALD takes actions of a Discrete space that starts at 0, got {action_space}")
    if not isinstance(observation_space, (spaces.Box, spaces.Dict)):
        raise ValueError(f"ALD takes observations of a Box or a Dict space, got {observation_space}")
