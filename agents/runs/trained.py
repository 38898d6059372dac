"""Trained models: found and loaded, and new models that start from their networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from stable_baselines3.common.save_util import recursive_getattr

from agents.evaluation.episodes import Policy
from agents.runs.agreement import agent_of, check_recorded
from agents.runs.configuration import env_settings
from agents.runs.directory import RunDirectory
from agents.runs.options import config_differences
from agents.sb3 import saving
from agents.sb3.algorithm import find_algorithm
from agents.sb3.base import ConfiguredAlgorithm
from agents.sb3.parts import shows_enough
from agents.vec_env.make import id_from_file, trained_space
from memory_envs.registry.envs import registered_id


class TrainedModel(NamedTuple):
    """A model and the environment it was trained in."""

    model: Policy
    env_id: str
    env_kwargs: Mapping[str, Any]


def load_trained(
    path: str | Path,
    env_id: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    device: str = "cpu",
    *,
    trust_env_module: bool = False,
) -> TrainedModel:
    """Load the model of a run, or of a file.

    Args:
        path: A run directory: its final model, or its latest checkpoint while there is none. Or a model file.
        env_id: Environment; that of the run when None.
        env_kwargs: Settings of the environment; those of the run when None.
        device: Where to put the networks.
        trust_env_module: Whether the environment of the run may be a "module:id", whose module is imported
            when it is made; one that is passed as `env_id` may be.

    Raises:
        FileNotFoundError: There is no such file, or the folder is no run.
        UntrustedModule: The environment of the run is a "module:id", and `trust_env_module` is False.
        ValueError: The file is not a model, is one of other settings than the configuration of its run says,
            or belongs to no run and `env_id` is None.
    """
    path, run, config = _found(path)
    settings = config.get("run", {})
    if env_id is None and "env" not in settings:
        raise ValueError(f"{path} is not in a run directory, so its environment is unknown: give --env")
    own_id, own_kwargs = settings.get("env"), env_settings(settings)
    if env_id is None:
        assert run is not None
        id_from_file(own_id, run.config, trust_env_module)
    model = _load(path, device, run, config)
    return TrainedModel(model, *choose_env(env_id, env_kwargs, own_id, own_kwargs))


def choose_env(
    env_id: str | None, env_kwargs: Mapping[str, Any] | None, own_id: str, own_kwargs: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """Return the environment asked for, or that of the training, whose settings apply to no other one."""
    chosen = registered_id(env_id or own_id)
    if env_kwargs is None:
        env_kwargs = own_kwargs if chosen == registered_id(own_id or "") else {}
    return chosen, env_kwargs


def load_model(path: str | Path, device: str = "cpu") -> Any:
    """Load the model of a run, or of a file, by itself.

    Args:
        path: As in `load_trained`.
        device: Where to put the networks.

    Raises:
        FileNotFoundError: There is no such file, or the folder is no run.
        ValueError: The file is not a model, or one of other settings than the configuration of its run says.
    """
    path, run, config = _found(path)
    return _load(path, device, run, config)


def _load(path: Path, device: str, run: RunDirectory | None, config: Mapping[str, Any]) -> Any:
    """Load a model by the class that its file names."""
    tree, _ = saving.read(path, "cpu")
    if run is not None:
        check_recorded(tree, path, config, run.config)
    return find_algorithm(agent_of(tree, path)).load(path, device=device)


def _found(path: str | Path) -> tuple[Path, RunDirectory | None, dict[str, Any]]:
    """The file of a model, its run and the configuration of that; None and empty if it belongs to none."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no run directory and no model file {path}")
    run = RunDirectory.open(path) if path.is_dir() else RunDirectory.containing(path)
    config = {} if run is None else run.read_config()
    if run is not None and path.is_dir():
        path = run.model if run.model.exists() else run.latest_checkpoint()
    return path, run, config


class WarmStart(NamedTuple):
    """The trained model that a new one started from.

    Attributes:
        file: Model file.
        preset: Preset it was trained with, None if none or unknown.
        env: Environment it was trained in, None if unknown.
        timesteps: Frames it had been trained for.
    """

    file: str
    preset: str | None
    env: str | None
    timesteps: int

    def describe(self) -> str:
        """Return it in words."""
        trained = self.preset or self.env
        where = f" ({trained})" if trained else ""
        return f"the networks of {self.file}, trained for {self.timesteps:,} frames{where}"


def begin_with(model: ConfiguredAlgorithm, path: str | Path) -> WarmStart:
    """Start a new model from the networks of a trained one, and from the moments that scale its values.

    Optimizers, replay and counters stay those of a new model. Of a model of another class whose policy is of
    the same one, as a student's and that of ALD's actor are, the policy's network is taken alone.

    Args:
        model: The new one, which must have networks of the same kind and size.
        path: As in `load_trained`.

    Returns:
        Which model that was, for the configuration of the run.

    Raises:
        FileNotFoundError: There is no such file, or the folder is no run.
        ValueError: The file is not a model, is one of another class, or its networks do not fit.
    """
    file, own_run, config = _found(path)
    trained = _load(file, "cpu", own_run, config)
    is_alike = type(trained) is type(model)
    if not is_alike and type(trained.policy) is not type(model.policy):
        raise ValueError(
            f"{path} holds a model of {type(trained).__name__}, this run trains {type(model).__name__}"
        )
    check_spaces(trained, model, "this run")
    parameters: dict[str, Any] = trained.get_parameters()
    if not is_alike:
        parameters = {**model.get_parameters(), "policy": parameters["policy"]}
    for name, own in model.get_parameters().items():
        if isinstance(recursive_getattr(model, name), torch.optim.Optimizer):
            parameters[name] = own
    try:
        model.set_parameters(parameters)
    except RuntimeError as problem:  # torch's, which lists every tensor that is missing or of another shape
        raise ValueError(
            f"the networks of {path} do not fit those of this run; these settings differ: "
            f"{_differences(trained, model)}"
        ) from problem
    run = config.get("run", {})
    return WarmStart(str(file), run.get("preset"), run.get("env"), trained.num_timesteps)


def _differences(trained: ConfiguredAlgorithm, model: ConfiguredAlgorithm) -> str:
    differing = config_differences(trained.config, model.config).items()
    return (
        ", ".join(f"{name} ({there} there, {here} here)" for name, (there, here) in differing)
        or "none, so policy or policy_kwargs do"
    )


def check_spaces(model: Any, other: Any, whose: str) -> None:
    """Refuse spaces other than those that a model was trained with, but for what its learner alone was shown.

    Args:
        model: Has the spaces of its training.
        other: Has the spaces to check, of a model or of an environment.
        whose: Name of `other`, for the error.

    Raises:
        ValueError: Naming the space.
    """
    learner_only = getattr(getattr(model, "config", None), "learner_only", ())
    for name in ("observation_space", "action_space"):
        known, found = getattr(model, name), trained_space(getattr(other, name))
        if known != found and not shows_enough(found, known, learner_only):
            raise ValueError(f"the model was trained with the {name} {known}, {whose} has {found}")
