"""SB3's interface around an engine: the base class of agents that learn from unrolls."""

from __future__ import annotations

import contextlib
import functools
import importlib
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback
from stable_baselines3.common.utils import safe_mean

from agents.engines.ray import RaySettings
from agents.engines.serial import SerialEngine
from agents.learning.actor import Actor
from agents.learning.config import LearnerConfig
from agents.learning.distiller import Distiller
from agents.learning.health import CollapseWatch
from agents.learning.learner import Learner
from agents.learning.memory_targets import MemoryTargets
from agents.learning.replay_buffer import ReplayBuffer
from agents.learning.steps import Step
from agents.process.torch_modes import denormals_as_zero
from agents.sb3 import unrolls
from agents.sb3.actions import action_distribution
from agents.sb3.base import ConfiguredAlgorithm
from agents.sb3.checks import check_engine, check_policy_kwargs, checked_env
from agents.sb3.fitting import Maybe, optimizer_state
from agents.sb3.means import RunningMeans
from agents.sb3.memory import SIZES, memory_targets
from agents.sb3.networks import Layers
from agents.vec_env.steps import GymnasiumSteps, reset_infos
from memory_envs.registry.agents import get_agent

if TYPE_CHECKING:
    from agents.engines.ray.engine import RayEngine

Self = TypeVar("Self", bound="UnrollAlgorithm")

# Whose features may collapse, and what to try then.
_AGAINST_COLLAPSE = {
    "learner": "try a smaller learner_learning_rate, max_grad_norm or value_coef",
    "actor": "try a smaller actor_learning_rate, max_grad_norm or distilled_value_coef",
}


class UnrollAlgorithm(ConfiguredAlgorithm):
    """An SB3 algorithm whose training loop an engine runs: act, learn, and distil if there is a distiller.

    A subclass defines its policies and settings, and builds policy, learner, replay, actor and engine.

    Attributes:
        config: All settings.
        policy: The acting policy, with SB3's interface.
        learner: Computes losses on unrolls and updates its network.
        replay: Recent unrolls.
        actor: Steps the environments and collects unrolls.
        engine: Runs the loop.
        distiller: Trains the policy to act like the learner; None if the learner's own network acts.
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
        check_engine(type(self).__name__, self.engines, engine)
        self.engine_settings = engine
        self.config = self._configured(config, settings)
        if env is not None:
            made = checked_env(type(self).__name__, env, verbose)
            # Actions that there is no distribution for are refused here, before anything is built.
            action_distribution(type(self).__name__, made.action_space)
            env = self._wrap_env(made, verbose)
        super().__init__(
            policy,
            env,
            learning_rate=getattr(self.config, str(self.step_size)),
            policy_kwargs=policy_kwargs,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            support_multi_env=True,
            seed=seed,
            device=device,
        )
        self._metrics = RunningMeans()
        self._watches = [CollapseWatch(whose, advice) for whose, advice in _AGAINST_COLLAPSE.items()]
        if _init_setup_model:
            self._setup_model()

    @property
    def gamma(self) -> float:
        """The discount, under SB3's name."""
        return float(self.config.gamma)

    @property
    def n_steps(self) -> int:
        """The length of an unroll, under SB3's name for that of a rollout."""
        return int(self.config.unroll_length)

    def _build(self, action_seed: int, replay_seed: int) -> None:
        """Create policy, learner, replay, actor, engine, and a distiller if the agent has one."""
        raise NotImplementedError

    def _policy_arguments(self, policy: type[BasePolicy], sizes: Mapping[str, str]) -> dict[str, Any]:
        """Arguments of the policy class: its sizes, by the settings that have them, and the `policy_kwargs`.

        Raises:
            ValueError: `policy_kwargs` has a size that is a setting.
            TypeError: It has what the policy does not take.
        """
        settings = self.config.to_dict()
        check_policy_kwargs(type(self).__name__, policy, self.policy_kwargs, sizes, settings)
        return {name: settings[setting] for name, setting in sizes.items()} | self.policy_kwargs

    def _memory_targets(self) -> MemoryTargets:
        """What memory is taught to predict; the numbers of values are kept in the `policy_kwargs`."""
        targets = memory_targets(self.config.memory_targets, self.env, self.policy_kwargs)
        if targets.sizes:
            self.policy_kwargs = {**self.policy_kwargs, SIZES: list(targets.sizes)}
        return targets

    def _learner_optimizer(self) -> Callable[..., torch.optim.Optimizer]:
        """What makes the learner's optimizer: of the class and with the options of the `policy_kwargs`."""
        kwargs = self.policy_kwargs if self.learner_follows_policy_kwargs else {}
        own = {} if "optimizer_class" in kwargs else {"fused": True}  # all parameters in one go
        options = own | (kwargs.get("optimizer_kwargs") or {})
        return functools.partial(kwargs.get("optimizer_class", torch.optim.Adam), **options)

    def _learner_layers(self) -> Layers | None:
        """Hidden layers in front of the learner's heads: those of the `policy_kwargs`."""
        kwargs = self.policy_kwargs if self.learner_follows_policy_kwargs else {}
        activation = {"activation_fn": kwargs["activation_fn"]} if "activation_fn" in kwargs else {}
        return Layers(kwargs["net_arch"], **activation) if kwargs.get("net_arch") else None

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
        """Seed the actor's actions, the samples from replay, and what SB3 seeds."""
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
        """Train; see `BaseAlgorithm.learn`. `log_interval` counts unrolls, callbacks see every step."""
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
        """The training loop, while the engine is open."""
        env: Any = self.env
        if self.engine.open(env):
            self._last_obs = None  # of episodes that have ended
        begins_anew = reset_num_timesteps or self._last_obs is None
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name or type(self).__name__, progress_bar
        )
        if begins_anew:
            self.engine.begin(self._last_obs, reset_infos(env))
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
            self._learnt()
            self._metrics.add(metrics)
            for watch in self._watches:
                watch.see(metrics)
            self._update_current_progress_remaining(self.num_timesteps, total_timesteps)
            if log_interval and iteration % log_interval == 0:
                self.dump_logs(iteration)
        callback.on_training_end()

    def _learnt(self) -> None:
        """What a subclass does when its learner has learnt."""

    def _anneal(self, total_timesteps: int) -> None:
        """Set learning rates and entropy bonus to their present values, a function of the frames so far.

        Called when an unroll is complete, so that resuming in the middle of one changes nothing.
        """
        remaining, config = max(0.0, 1.0 - self.num_timesteps / total_timesteps), self.config
        for name, optimizer in self.optimizers().items():
            if name != "dual_learning_rate":  # the constraints are to stay as tight as they are
                for group in optimizer.param_groups:
                    group["lr"] = getattr(config, name) * _left(config.final_learning_rates, remaining)
        if isinstance(config, LearnerConfig):
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
        """Log what happened since the last call."""
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

    def state_tree(self) -> dict[str, Any]:
        """Return what training depends on, by name; see `ConfiguredAlgorithm.state_tree`."""
        return {
            "metrics": self._metrics.state_dict(),
            "learner": self.learner.state_dict(),
            # Its network is the policy.
            "distiller": self.distiller and {"optimizer": self.policy.optimizer.state_dict()},
            "actor": self.actor.state_dict(),
            "replay": self.replay.state_dict(),
        }

    def wanted_state(self) -> dict[str, Any]:
        """Return what `state_tree` of such a model looks like; see `ConfiguredAlgorithm.wanted_state`."""
        distilled = self.distiller and {"optimizer": optimizer_state(self.policy.optimizer)}
        return {
            "metrics": unrolls.running_means,
            "learner": unrolls.learner(self.learner),
            "distiller": distilled,
            "actor": unrolls.actor(self.actor, self.observation_space),
            "replay": Maybe(unrolls.replay(self.replay, self.actor, self.learner, self.observation_space)),
        }

    def _place_in_file(self, name: str) -> tuple[str, ...]:
        return ("distiller", "optimizer") if name == "policy.optimizer" else super()._place_in_file(name)

    def load_state_tree(self, tree: Mapping[str, Any], resume: bool) -> None:
        """Restore what `state_tree` returned; see `ConfiguredAlgorithm.load_state_tree`."""
        self._metrics.load_state_dict(tree["metrics"])
        self.learner.load_state_dict(tree["learner"])
        if self.distiller is not None:
            self.policy.optimizer.load_state_dict(tree["distiller"]["optimizer"])
        if tree["replay"] is not None:
            self.replay.load_state_dict(tree["replay"])
        self._set_changed_rates(tree["arguments"]["config"])
        if not resume:
            self.learner.core_state = None  # it is of episodes that end here
            self.actor.generator.set_state(tree["actor"]["generator"].cpu())
            return
        self.actor.load_state_dict(tree["actor"])
        if tree["actor"]["observation"] is not None:
            self._last_obs = self.actor.last_observation()

    def _set_changed_rates(self, saved: Mapping[str, Any]) -> None:
        """Set learning rates that differ from the saved settings; optimizer states contain the saved ones."""
        for name, optimizer in self.optimizers().items():
            if (rate := getattr(self.config, name)) != saved.get(name):
                for group in optimizer.param_groups:
                    group["lr"] = rate


def find_algorithm(agent: str) -> type[ConfiguredAlgorithm]:
    """Return the class of an agent of the registry.

    Raises:
        ValueError: There is no such agent.
    """
    module, _, name = get_agent(agent).entry_point.partition(":")
    found: type[ConfiguredAlgorithm] = getattr(importlib.import_module(module), name)
    return found


def _left(final: float, remaining: float) -> float:
    """Linear from 1 at the beginning of training (`remaining` is 1) to `final` at its end (0)."""
    return final + (1.0 - final) * remaining


def _streams(seed: int | None) -> tuple[int, int]:
    """Seeds of the actions and of the samples from replay."""
    actions, replay = np.random.SeedSequence(seed).spawn(2)
    return int(actions.generate_state(1)[0]), int(replay.generate_state(1)[0])
