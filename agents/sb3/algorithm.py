"""What the agents share: SB3's interface around an actor that collects unrolls and a learner of them."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from stable_baselines3.common.base_class import maybe_make_env
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback
from stable_baselines3.common.utils import safe_mean

from agents.engines.ray import RaySettings, import_ray
from agents.engines.serial import SerialEngine
from agents.learning.actor import Actor
from agents.learning.config import LearnerConfig
from agents.learning.distiller import Distiller
from agents.learning.learner import Learner
from agents.learning.replay_buffer import ReplayBuffer
from agents.learning.steps import Step
from agents.process.torch_modes import denormals_as_zero
from agents.sb3.base import ConfiguredAlgorithm
from agents.sb3.saving import load_model, save_model
from agents.vec_env.steps import GymnasiumSteps
from registry.agents import get_agent

if TYPE_CHECKING:
    from agents.engines.ray.engine import RayEngine

Self = TypeVar("Self", bound="UnrollAlgorithm")


class UnrollAlgorithm(ConfiguredAlgorithm):
    """An SB3 algorithm in which an engine turns a loop: act, learn, and what else there is.

    A subclass says which policies and settings it has, and builds policy, learner, replay, actor and engine.

    Attributes:
        config: All settings.
        policy: What acts, with SB3's interface.
        learner: What learns.
        distiller: What teaches the policy; None where the learner's own network acts.
    """

    config_class: ClassVar[type[LearnerConfig]]
    policy: Any
    learner: Learner
    replay: ReplayBuffer
    actor: Actor
    engine: SerialEngine | RayEngine
    distiller: Distiller | None = None

    def __init__(
        self,
        policy: str | type[BasePolicy] = "LstmPolicy",
        env: GymEnv | str | None = None,
        config: Any = None,
        *,
        policy_kwargs: dict[str, Any] | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        engine: RaySettings | None = None,
        _init_setup_model: bool = True,
        **settings: Any,
    ) -> None:
        self._check_engine(engine)
        self.engine_settings = engine
        self.config = self._configured(config or self.config_class(), settings)
        if env is not None:
            env = self._wrap_env(_checked_kind(maybe_make_env(env, verbose)), verbose)
            # Here, because SB3 refuses some of these spaces with assertions.
            self._check_spaces(env.observation_space, env.action_space)
        super().__init__(
            policy,
            env,
            learning_rate=self._learning_rate(),
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

    def _learning_rate(self) -> float:
        """Step size of the policy's optimizer."""
        raise NotImplementedError

    def _build(self, action_seed: int, replay_seed: int) -> None:
        """Make policy, learner, replay, actor, distiller if there is one, and engine."""
        raise NotImplementedError

    def _policy_arguments(self, sizes: Mapping[str, Any]) -> dict[str, Any]:
        """What the policy's class is given: sizes out of the settings, and the user's `policy_kwargs`.

        Raises:
            ValueError: Both say a size.
        """
        if twice := sorted(sizes.keys() & self.policy_kwargs.keys()):
            names, kind = ", ".join(twice), type(self.config).__name__
            raise ValueError(f"policy_kwargs must not hold {names}: {kind} has settings for that")
        return {**sizes, **self.policy_kwargs}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimizers by the names of the settings that hold their learning rates."""
        return {
            "learner_learning_rate": self.learner.optimizer,
            "dual_learning_rate": self.learner.dual_optimizer,
        }

    def _setup_model(self) -> None:
        """Build the networks and the parts of the engine around them."""
        self._setup_lr_schedule()
        super().set_random_seed(self.seed)
        self._build(*_streams(self.seed))

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed what SB3 seeds, the actor's actions and the samples from replay."""
        super().set_random_seed(seed)
        if seed is not None:
            action_seed, replay_seed = _streams(seed)
            self.actor.seed(action_seed)
            self.replay.seed(replay_seed)

    def learn(
        self: Self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 10,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Train; see `BaseAlgorithm.learn`. `log_interval` counts unrolls, callbacks see vector steps."""
        if self.env is None:
            raise ValueError("no environment to learn in: pass one to load(), or call set_env() first")
        with contextlib.closing(self.engine):
            self._learn(
                total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar
            )
        return self

    def _learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback,
        log_interval: int,
        tb_log_name: str | None,
        reset_num_timesteps: bool,
        progress_bar: bool,
    ) -> None:
        """What `learn` does while the engine is open."""
        env: Any = self.env
        if self.engine.open(env):
            self._last_obs = None  # of episodes that have ended
        begins_anew = reset_num_timesteps or self._last_obs is None
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name or type(self).__name__, progress_bar
        )
        if begins_anew:
            self.engine.begin(self._last_obs)
        callback.on_training_start(locals(), globals())
        iteration, lanes, on_step = 0, GymnasiumSteps(env), functools.partial(self._on_step, callback)

        def before_learning() -> None:
            self._anneal(total_timesteps)
            callback.on_rollout_end()

        while self.num_timesteps < total_timesteps:
            iteration += 1
            callback.on_rollout_start()
            with denormals_as_zero():
                metrics = self.engine.advance(lanes, on_step, before_learning)
            self._last_obs = self.engine.last_observation()
            if metrics is None:
                break
            self._metrics.add(metrics)
            self._update_current_progress_remaining(self.num_timesteps, total_timesteps)
            if log_interval and iteration % log_interval == 0:
                self.dump_logs(iteration)
        callback.on_training_end()

    def _anneal(self, total_timesteps: int) -> None:
        """Set what falls while training to its present value, which depends on the frames so far alone.

        Called when an unroll is complete, so that training that was stopped inside one goes on the same.
        """
        remaining, config = max(0.0, 1.0 - self.num_timesteps / total_timesteps), self.config
        for name, optimizer in self.optimizers().items():
            if name != "dual_learning_rate":  # the constraints are to stay as tight as they are
                for group in optimizer.param_groups:
                    group["lr"] = getattr(config, name) * _left(config.final_learning_rates, remaining)
        self.learner.entropy_coef = config.entropy_coef * _left(config.final_entropy, remaining)

    def _on_step(self, callback: BaseCallback, actions: np.ndarray, step: Step) -> bool:
        """Count a vector step and show it to the callbacks, under SB3's names."""
        dones, infos = step.done, list(step.infos)
        self.num_timesteps += len(dones)
        self._update_info_buffer(infos, dones)
        told = {"actions": actions, "rewards": step.reward, "dones": dones, "infos": infos}
        callback.update_locals({**told, "new_obs": step.observation, "self": self})
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
        for name, value in self.engine.take_figures().items():
            self.logger.record(name, value)
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
        cls: type[Self],
        path: str | os.PathLike[str],
        env: GymEnv | None = None,
        device: torch.device | str = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        **kwargs: Any,
    ) -> Self:
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

    @classmethod
    def _check_engine(cls, engine: RaySettings | None) -> None:
        """Refuse an engine that cannot run this agent, or is not installed."""
        if engine is None:
            return
        if "ray" not in cls.engines:
            raise ValueError(
                f"{cls.__name__} runs on the engine {', '.join(cls.engines)} alone: the Ray engine is for "
                "agents whose actor is distilled from the learner"
            )
        import_ray(engine)

    @classmethod
    def _check_spaces(cls, observation_space: spaces.Space, action_space: spaces.Space) -> None:
        if not isinstance(action_space, spaces.Discrete) or action_space.start != 0:
            raise ValueError(
                f"{cls.__name__} takes actions of a Discrete space that starts at 0, got {action_space}"
            )
        if not isinstance(observation_space, (spaces.Box, spaces.Dict)):
            raise ValueError(
                f"{cls.__name__} takes observations of a Box or a Dict space, got {observation_space}"
            )


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


def find_algorithm(agent: str) -> type[ConfiguredAlgorithm]:
    """Return the class of an agent of the registry.

    Raises:
        ValueError: There is no such agent.
    """
    module, _, name = get_agent(agent).entry_point.partition(":")
    found: type[ConfiguredAlgorithm] = getattr(importlib.import_module(module), name)
    return found


def _left(final: float, remaining: float) -> float:
    """What is left of a number that falls from 1 to `final` when this share of the training is to come."""
    return final + (1.0 - final) * remaining


def _streams(seed: int | None) -> tuple[int, int]:
    """Seeds of the actions and of the replay's samples."""
    actions, replay = np.random.SeedSequence(seed).spawn(2)
    return int(actions.generate_state(1)[0]), int(replay.generate_state(1)[0])


def _checked_kind(env: GymEnv) -> GymEnv:
    if isinstance(env, VectorEnv):
        raise TypeError(f"env is a gymnasium {type(env).__name__}: wrap it in agents.vec_env.GymnasiumVecEnv")
    return env
