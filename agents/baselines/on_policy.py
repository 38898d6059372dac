"""SB3's on-policy algorithms as agents of this package: settings in one object, safe files, resuming."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback

from agents.baselines.config import RolloutConfig
from agents.baselines.rollouts import Rollout, not_finite_parameters
from agents.learning.finite import LossNotFinite
from agents.sb3.base import ConfiguredAlgorithm
from agents.sb3.checks import checked_env
from agents.sb3.fitting import (
    Data,
    Maybe,
    fit,
    generator_state,
    numpy_global_state,
    observations,
    optimizer_state,
)
from agents.sb3.networks import check_policy

Self = TypeVar("Self", bound="OnPolicyAgent")


class OnPolicyAgent(ConfiguredAlgorithm, OnPolicyAlgorithm):
    """A mixin: the first base of a class whose second base is an on-policy algorithm of SB3.

    The algorithm itself is unchanged. Settings are passed as one object or one by one, files are those of
    `agents.sb3.checkpoint`, and a model that is loaded with `force_reset=False` continues as if it had never
    been saved, provided that its environments can be restored and that it was saved between two rollouts. A
    rollout in progress, as where SB3's `CheckpointCallback` saves, is not in the file: such a model goes on
    with new episodes alone, and `force_reset=False` is refused.

    Args:
        policy: Name of a policy, or its class.
        env: What SB3 accepts: an id, an environment, a VecEnv.
        config: All settings; defaults when None.
        policy_kwargs: Arguments of the policy class that are not settings, e.g. a features extractor.
        stats_window_size: Number of episodes that logged means are taken over.
        tensorboard_log: Folder for TensorBoard, or None.
        verbose: 0 silent, 1 information, 2 debugging.
        seed: Seed of weights, actions, minibatches and environment.
        device: "auto", "cpu", "cuda", ...
        settings: Single settings by name, on top of `config`.

    Raises:
        ValueError: An unknown policy, or a setting out of its range.
        TypeError: An unknown setting, or a Gymnasium VectorEnv that is not wrapped.
    """

    config_class: ClassVar[type[RolloutConfig]]
    config: RolloutConfig
    _rollout_begun_at: int | None = None
    """Frames at which the rollout began that was not learnt from yet."""

    def __init__(
        self,
        policy: str | type[BasePolicy],
        env: GymEnv | str | None = None,
        config: Any = None,
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
        self.config = self._configured(config, settings)
        super().__init__(
            policy,
            checked_env(type(self).__name__, env, verbose),
            **self.config.arguments(),
            policy_kwargs=self.config.policy_arguments() | (policy_kwargs or {}),
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=_init_setup_model,
        )

    def _setup_model(self) -> None:
        check_policy(self.policy_class, self.policy_aliases, self.policy_kwargs, self.observation_space)
        super()._setup_model()

    def learn(
        self: Self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Train; see SB3. With a `log_interval` of 0, only callbacks write to the log."""
        never = cast(int, None)  # what SB3 looks for
        return super().learn(
            total_timesteps,
            callback,
            log_interval or never,
            tb_log_name or type(self).__name__,
            reset_num_timesteps,
            progress_bar,
        )

    def collect_rollouts(self, *arguments: Any, **named: Any) -> bool:
        """Collect a rollout; see SB3.

        Raises:
            LossNotFinite: It failed, and what was observed, or the policy, is not finite.
        """
        self._rollout_begun_at = self.num_timesteps
        with self._telling_what_is_not_finite():
            return super().collect_rollouts(*arguments, **named)

    def train(self) -> None:
        """Learn from a rollout; see SB3.

        Raises:
            LossNotFinite: The rollout is not finite, or the policy is not after it.
        """
        self._check_finite()
        with self._telling_what_is_not_finite():
            self._update()
        self._check_finite()
        self._rollout_begun_at = None

    @contextlib.contextmanager
    def _telling_what_is_not_finite(self) -> Iterator[None]:
        """In place of what torch's distributions say of it."""
        try:
            yield
        except (ValueError, RuntimeError):
            self._check_finite()
            raise

    def _check_finite(self) -> None:
        rollout = Rollout.of(self.rollout_buffer, self._last_obs)
        broken = rollout.not_finite() | not_finite_parameters(dict(self.policy.named_parameters()))
        if broken:
            raise LossNotFinite(broken, rollout)

    def _update(self) -> None:
        super().train()

    def _environment_state(self) -> dict[str, Any] | None:
        begun = self._rollout_begun_at
        return None if begun is not None and self.num_timesteps > begun else super()._environment_state()

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimizers by name."""
        return {"policy": self.policy.optimizer}

    def acting_state(self) -> dict[str, Any]:
        """Return what acting depends on in the middle of episodes, apart from the environments."""
        return {"observation": self._last_obs, "is_first": self._last_episode_starts}

    def set_acting_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `acting_state` returned."""
        self._last_obs, self._last_episode_starts = state["observation"], state["is_first"]

    def state_tree(self) -> dict[str, Any]:
        """Return what training depends on, by name; see `ConfiguredAlgorithm.state_tree`."""
        return {
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers().items()},
            "acting": self.acting_state(),
            "generators": _generator_states(self.device),
        }

    def wanted_state(self) -> dict[str, Any]:
        """Return what `state_tree` of such a model looks like; see `ConfiguredAlgorithm.wanted_state`."""
        return {
            "optimizers": {name: optimizer_state(each) for name, each in self.optimizers().items()},
            "acting": self.wanted_acting_state(),
            "generators": {
                "torch": generator_state(torch.default_generator),
                "cuda": Maybe(_cuda_state),
                "numpy": numpy_global_state,
            },
        }

    def wanted_acting_state(self) -> dict[str, Any]:
        """Return what `acting_state` looks like in N lanes."""
        return {
            "observation": Maybe(observations(self.observation_space, "N", arrays=True)),
            "is_first": Maybe(Data(np.dtype(bool), ("N",))),
        }

    def _place_in_file(self, name: str) -> tuple[str, ...]:
        return ("optimizers", "policy") if name == "policy.optimizer" else super()._place_in_file(name)

    def load_state_tree(self, tree: Mapping[str, Any], resume: bool) -> None:
        """Restore what `state_tree` returned; see `ConfiguredAlgorithm.load_state_tree`."""
        for name, optimizer in self.optimizers().items():
            optimizer.load_state_dict(tree["optimizers"][name])
        if resume:
            self.set_acting_state(tree["acting"])
            _set_generators(self.device, tree["generators"])


def _generator_states(device: torch.device) -> dict[str, Any]:
    """Of the global generators that SB3 draws from."""
    on_device = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return {"torch": torch.get_rng_state(), "cuda": on_device, "numpy": np.random.get_state()}


def _set_generators(device: torch.device, states: Mapping[str, Any]) -> None:
    torch.set_rng_state(states["torch"].cpu())
    np.random.set_state(states["numpy"])
    if device.type == "cuda" and states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"].cpu(), device)


def _cuda_state(found: Any, place: str) -> None:
    """Check the state of a GPU's generator, whose length no machine without one knows."""
    fit(found, Data(torch.uint8, ("bytes",)), place)
