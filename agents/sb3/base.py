"""The base class of every agent: SB3's interface, settings in one object, state in one safe file."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import os
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import is_json_serializable
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback
from stable_baselines3.common.utils import check_for_correct_spaces, get_system_info

from agents.engines.seeds import lane_seed
from agents.sb3 import checkpoint, exchange, former_files, saving
from agents.sb3.budget import no_larger_than
from agents.sb3.checkpoint import CheckpointError, Place
from agents.sb3.configuration import configured
from agents.sb3.fitting import Each, Maybe, Misfit, Number
from agents.sb3.spaces import space_from_json, space_to_json
from agents.sb3.success import SuccessReports
from agents.vec_env.state import get_env_state, set_env_state

Self = TypeVar("Self", bound="ConfiguredAlgorithm")

COUNTERS = ("num_timesteps", "_total_timesteps", "_num_timesteps_at_start", "_episode_num", "_n_updates")


class AgentConfig(Protocol):
    """The settings of an agent: a frozen dataclass.

    The metadata of each field have its description ("help") and the source of its default ("origin").
    """

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    @property
    def unroll_length(self) -> int:
        """Steps of each environment between two updates."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""


class ConfiguredAlgorithm(BaseAlgorithm):
    """An SB3 algorithm with its settings in one object and everything that training depends on in one file.

    A subclass defines what to store beside policy and counters: `state_tree` and its inverse.

    Attributes:
        config: All settings.
    """

    config_class: ClassVar[Any]
    """A class of `AgentConfig`."""
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]]
    config: Any
    step_size: ClassVar[str | None] = None
    """The setting that SB3 calls learning_rate: the initial step size of the policy's optimizer."""
    _reports: SuccessReports
    learner_follows_policy_kwargs: bool = True
    """Whether a learner with a network of its own has the layers and the optimizer of the `policy_kwargs`; it
    had not in files from before there was a word of it in them."""
    engines: ClassVar[tuple[str, ...]] = ("serial",)
    """Engines that can run its loop: "serial", everything in one process, and perhaps "ray"."""

    if TYPE_CHECKING:  # the constructor of every subclass, which differs from SB3's

        def __init__(
            self,
            policy: str | type[BasePolicy],
            env: GymEnv | str | None = None,
            config: Any = None,
            **arguments: Any,
        ) -> None: ...

    def state_tree(self) -> dict[str, Any]:
        """Return what training depends on, by name, in the types that `agents.sb3.checkpoint.save` stores.

        Policy, counters and environments are not part of it: `save` stores them for every agent.
        """
        raise NotImplementedError

    def wanted_state(self) -> dict[str, Any]:
        """Return what `state_tree` of a model of this make looks like, in `agents.sb3.fitting`'s terms.

        The name N stands for the number of lanes.
        """
        raise NotImplementedError

    def load_state_tree(self, tree: Mapping[str, Any], resume: bool) -> None:
        """Restore what `state_tree` returned.

        Args:
            tree: The whole content of the file. A part that was excluded when saving is None.
            resume: Continue the saved episodes, if they had begun, and set `_last_obs`. Otherwise new
                episodes will begin.
        """
        raise NotImplementedError

    def save(  # type: ignore[override]  # any binary file
        self,
        path: Place,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Write everything that training depends on to one file, atomically; `.zip` is appended when missing.

        Args:
            path: File name; its folder is made when missing. Or a binary file that is open for writing, which
                nothing can replace in one step.
            exclude: What to leave out: "replay" and "environment", without which training can be resumed, but
                not bit for bit; and as in SB3 arguments, counters and settings, which are then the default
                ones when the model is loaded.
            include: What to keep although `exclude` names it, as in SB3.

        Raises:
            TypeError: `path` is neither a path nor a binary file.
            ValueError: `exclude` or `include` names nothing, or what the model is made of.
            StateNotFinite: Something of it is NaN or infinite.
            OSError: The file could not be written. An earlier file at `path` is unharmed.
        """
        state = self.state_tree()
        tree = self._described() | state | {"environment": self._environment_state()}
        left_out, kept = (
            exchange.checked_names(argument, names, self, tree)
            for argument, names in (("exclude", exclude), ("include", include))
        )
        tree = exchange.without(tree, left_out - kept, self.config_class)
        masks = {f"policy/{name}" for name, _ in self.policy.named_buffers()}  # may hold infinities
        place = saving.writable(path)
        saving.check_finite(tree, ["policy", "episodes", *state], masks, place)
        checkpoint.save(place, tree)

    @classmethod
    def load(  # type: ignore[override]  # as save
        cls: type[Self],
        path: Place,
        env: GymEnv | None = None,
        device: torch.device | str = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        **kwargs: Any,
    ) -> Self:
        """Read a model that `save` wrote. No code in the file is run.

        Args:
            path: File name, with or without `.zip`, or a binary file that is open for reading.
            env: Environments to train in; their number may differ from that of the saved model.
            device: Device of the networks.
            custom_objects: What replaces saved arguments, such as `policy_kwargs` that contain classes, saved
                spaces and saved settings, under SB3's names. Those that the file has nothing of are ignored,
                as in SB3; see `agents.sb3.exchange.custom_arguments`.
            print_system_info: Print the versions of libraries on this machine.
            force_reset: Start new episodes, not those of the beginning again: their seeds come from that of
                the model, unless `seed` is passed, and from the frames it was trained for. False continues
                the saved episodes, bit for bit, if the state of `env` can be restored; global generators
                that the agent draws from are restored, too.
            kwargs: Further arguments of the constructor (`seed`, `verbose`, `tensorboard_log`) or single
                settings.

        Raises:
            CheckpointError: The file is damaged, of another kind, or of a newer version.
            FileNotFoundError: There is no such file.
            ValueError: `env` has other spaces, or `force_reset=False` and the state of `env` cannot be
                restored.
        """
        if print_system_info:
            get_system_info()
        tree, path = saving.read(path, device)
        saving.check_kind(tree, cls.__name__, path)
        tree = former_files.up_to_date(tree)
        custom = custom_objects or {}
        given = exchange.custom_arguments(custom, cls.config_class, cls.step_size) | kwargs
        model = cls._rebuilt(tree, path, env, device, given, custom)
        saving.check_complete(tree, model.state_tree(), path)
        if not force_reset:
            saving.check_resumable(tree, None if model.env is None else model.n_envs, path)
        saving.check_fits(tree, model._wanted(resume=not force_reset), path)
        if force_reset and model.env is not None and "seed" not in kwargs:
            model._seed_anew(tree["counters"]["num_timesteps"], tree["n_envs"])
        model._restore(tree, not force_reset, path)
        return model

    def _environment_state(self) -> dict[str, Any] | None:
        """The state of the environments; None where their episodes cannot be gone on with."""
        return None if self.env is None else get_env_state(self.env)

    def set_parameters(
        self,
        load_path_or_dict: Place | Mapping[str, Any],
        exact_match: bool = True,
        device: torch.device | str = "auto",
    ) -> None:
        """Take over networks and optimizers; all of them, or where something does not fit none.

        Args:
            load_path_or_dict: What `get_parameters` returned, or a file of the same kind of model, as `load`
                takes it.
            exact_match: Whether there must be all of them, and all of their parameters.
            device: Where SB3 would put them first; they end where the networks are.

        Raises:
            CheckpointError: The file is damaged, of another kind, or does not fit.
            FileNotFoundError: There is no such file.
            ValueError: Names differ from those of `get_parameters`, or moments do not fit their parameters.
            RuntimeError: As torch says it of networks that do not fit.
            TypeError: It is neither a path nor a binary file nor a mapping.
        """
        given = load_path_or_dict
        if isinstance(given, Mapping):
            parameters = dict(given)
            exchange.check_parameters(self, parameters, whole=False, exact=exact_match)
        else:
            parameters = self._parameters_in(given, exact_match)
        before = copy.deepcopy(self.get_parameters())
        try:
            super().set_parameters(parameters, exact_match, device)
        except Exception:
            super().set_parameters(before)  # type: ignore[arg-type]  # theirs is declared wrongly
            raise

    def _parameters_in(self, place: Place, whole: bool) -> dict[str, Any]:
        if not isinstance(place, (str, os.PathLike)) and not hasattr(place, "read"):
            raise TypeError(
                f"parameters come from a path, a binary file or a dictionary, got {type(place).__name__}"
            )
        tree, path = saving.read(place, "cpu")
        saving.check_kind(tree, type(self).__name__, path)
        tree = former_files.up_to_date(tree)
        with saving.described_by(path):
            names, _ = self._get_torch_save_params()
            parameters = exchange.parameters_in(tree, names, self._place_in_file)
        try:
            exchange.check_parameters(self, parameters, whole)
        except Misfit as problem:
            raise CheckpointError(f"{path} does not fit this model: {problem}") from problem
        return parameters

    def _place_in_file(self, name: str) -> tuple[str, ...]:
        """Where a file has what `get_parameters` calls `name`."""
        return tuple(name.split("."))

    def _described(self) -> dict[str, Any]:
        """The entries of every agent's file: arguments, spaces, counters, the policy's parameters."""
        infos = [dict(info) for info in self.ep_info_buffer or ()]  # numpy scalars stay what they are
        successes = [float(success) for success in self.ep_success_buffer or ()]
        return {
            "algorithm": type(self).__name__,
            "arguments": self._arguments(),
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            "n_envs": self.n_envs,
            "counters": {name: getattr(self, name) for name in COUNTERS},
            "episodes": {"infos": infos, "successes": successes},
            "policy": self._own_policy.state_dict(),
        }

    @property
    def _own_policy(self) -> Any:
        """The policy itself, where `torch.compile` has wrapped it."""
        return getattr(self.policy, "_orig_mod", self.policy)

    def _arguments(self) -> dict[str, Any]:
        plain = {name: value for name, value in self.policy_kwargs.items() if is_json_serializable(value)}
        return {
            "policy": type(self._own_policy).__name__,
            "config": self.config.to_dict(),
            "seed": self.seed,
            "stats_window_size": self._stats_window_size,
            "policy_kwargs": plain,
            "lost_policy_kwargs": sorted(set(self.policy_kwargs) - set(plain)),
            "learner_follows_policy_kwargs": self.learner_follows_policy_kwargs,
            "verbose": int(self.verbose),
            "tensorboard_log": None if self.tensorboard_log is None else str(self.tensorboard_log),
        }

    @classmethod
    def _rebuilt(
        cls: type[Self],
        tree: Mapping[str, Any],
        path: Path,
        env: GymEnv | None,
        device: torch.device | str,
        given: Mapping[str, Any],
        custom: Mapping[str, Any],
    ) -> Self:
        """A new model with the saved arguments, settings and spaces, except for those that are given."""
        saving.check_description(tree, path)
        config = saving.saved_config(cls.config_class, tree["arguments"]["config"], given, path)
        arguments = saving.saved_arguments(tree["arguments"], given, cls.policy_aliases.values(), path)
        policy = arguments.pop("policy")
        model = cls(policy, env, config, device=device, _init_setup_model=False, **arguments)
        model.learner_follows_policy_kwargs = saving.learner_follows(tree["arguments"])
        with saving.described_by(path):
            names = ("observation_space", "action_space")
            spaces = [custom[name] if name in custom else space_from_json(tree[name]) for name in names]
            saving.check_rollout(spaces[0], config.unroll_length, tree["n_envs"])
        if model.env is None:
            model.n_envs = tree["n_envs"]
        else:
            check_for_correct_spaces(model.env, *spaces)
        model.observation_space, model.action_space = spaces
        own_code = given.keys() & {"policy", "policy_kwargs"}
        with contextlib.ExitStack() as stack:
            if not own_code:
                stack.enter_context(saving.described_by(path))
                stack.enter_context(no_larger_than(tree))
            model._setup_model()
        return model

    def _wanted(self, resume: bool) -> dict[str, Any]:
        """What the entries of this model's file look like, those apart that it was built from."""
        own = get_env_state(self.env) if resume and self.env is not None else None
        return {
            "environment": Maybe(saving.environment(own)),
            "counters": dict.fromkeys(COUNTERS, Number(0, whole=True)),
            "episodes": {"infos": Each(saving.episode_info), "successes": Each(Number())},
            "policy": self.policy.state_dict(),
        } | self.wanted_state()

    def _seed_anew(self, frames: int, lanes: int) -> None:
        """Seed what was seeded for so many lanes, whose first episodes do not come again after `frames`."""
        if self.seed is not None and frames > 0:
            drawn = int(np.random.SeedSequence([self.seed, frames]).generate_state(1)[0])
            taken = range(self.seed, self.seed + lanes)
            self.set_random_seed(lane_seed(lambda limit: drawn % limit, self.n_envs, taken))

    def _restore(self, tree: Mapping[str, Any], resume: bool, path: Path) -> None:
        self.policy.load_state_dict(tree["policy"])
        for name in COUNTERS:  # no other attribute, whatever the file says
            setattr(self, name, tree["counters"][name])
        self.ep_info_buffer = deque(tree["episodes"]["infos"], maxlen=self._stats_window_size)
        self.ep_success_buffer = deque(tree["episodes"]["successes"], maxlen=self._stats_window_size)
        said = len(self.ep_success_buffer)
        self._reports = SuccessReports(said, max(0, len(self.ep_info_buffer) - said))
        self.load_state_tree(tree, resume)
        if self.env is not None and self._last_obs is not None:
            with saving.described_by(path):
                set_env_state(self.env, tree["environment"])

    def _setup_learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        reset_num_timesteps: bool = True,
        *arguments: Any,
        **named: Any,
    ) -> tuple[int, BaseCallback]:
        if reset_num_timesteps or self.ep_info_buffer is None:  # SB3 forgets the episodes, too
            self._reports = SuccessReports()
        return super()._setup_learn(total_timesteps, callback, reset_num_timesteps, *arguments, **named)

    def _update_info_buffer(self, infos: list[dict[str, Any]], dones: Any = None) -> None:
        """Keep the statistics of episodes, and their successes where all of them say so; see SB3."""
        super()._update_info_buffer(infos, dones)
        if dones is not None:
            self._reports.count(infos, dones)
        if self._reports.are_partial:
            assert self.ep_success_buffer is not None
            self.ep_success_buffer.clear()

    def _get_policy_from_name(self, policy_name: str) -> type[BasePolicy]:
        if policy_name not in self.policy_aliases:
            raise ValueError(f"policy must be one of {', '.join(self.policy_aliases)}, got {policy_name!r}")
        return self.policy_aliases[policy_name]

    @classmethod
    def _configured(cls, config: Any, settings: Mapping[str, Any]) -> Any:
        """`config` with single settings changed; see `agents.sb3.configuration.configured`."""
        return configured(cls.__name__, cls.config_class, config, settings)
