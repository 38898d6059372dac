"""Every tensor of a model's file is compared with what it belongs to before torch gets to see it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

from agents.baselines import PPOAgent, RecurrentPPOAgent
from agents.sb3 import checkpoint, fitting, saving
from agents.sb3.checkpoint import CheckpointError
from agents.sb3.fitting import Data, Maybe, Misfit, Number, fit
from tests.support.tiny import UNROLL, maze_lanes, maze_model, vmpo_model

pytestmark = pytest.mark.usefixtures("one_thread")

ON_POLICY: dict[str, Any] = {"n_steps": 6, "batch_size": 12, "n_epochs": 1, "seed": 0, "device": "cpu"}


class StopsAt(BaseCallback):
    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def _on_step(self) -> bool:
        return self.num_timesteps < self.frames


def ald() -> Any:
    """In the middle of its third unroll, some lanes of which timed out."""
    return maze_model(learner_sees_actions=True).learn(10**6, StopsAt(2 * UNROLL + 16))


def asymmetric() -> Any:
    return vmpo_model("AsymmetricPolicy").learn(48)


def ppo() -> Any:
    return PPOAgent("MlpPolicy", maze_lanes(), **ON_POLICY).learn(48)


def recurrent_ppo() -> Any:
    return RecurrentPPOAgent("MlpLstmPolicy", maze_lanes(), **ON_POLICY).learn(48)


MODELS = (ald, asymmetric, ppo, recurrent_ppo)


@pytest.fixture(scope="module", params=MODELS, ids=lambda make: make.__name__)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """A trained model, the tree of its file, and the file."""
    model = request.param()
    model.save(path := tmp_path_factory.mktemp("saved") / "model.zip")
    return model, checkpoint.load(path), path


def places(tree: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of all tensors and arrays, those of the environments apart, which check their own."""
    if isinstance(tree, dict):
        for name, each in tree.items():
            if (*place, name) != ("environment", "inner"):
                yield from places(each, (*place, name))
    elif isinstance(tree, (list, tuple)):
        for index, each in enumerate(tree):
            yield from places(each, (*place, index))
    elif isinstance(tree, (torch.Tensor, np.ndarray)):
        yield place


def changed(tree: Any, place: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """A tree that differs in one place."""
    if not place:
        return change(tree)
    first, *rest = place
    inner = changed(tree[first], tuple(rest), change)
    if isinstance(tree, dict):
        return tree | {first: inner}
    return type(tree)([*tree[:first], inner, *tree[first + 1 :]])


def as_tensor(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Any], Any]:
    def applied(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return change(
                torch.as_tensor(value.astype(np.int64) if value.dtype == np.uint32 else value)
            ).numpy()
        return change(value)

    return applied


CHANGES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "shorter": lambda value: value.reshape(-1)[:-1],
    "twice as long": lambda value: torch.cat([value.reshape(-1)] * 2),
    "of another dtype": lambda value: value.to(torch.float16 if value.dtype != torch.float16 else torch.int8),
    "complex": lambda value: value.to(torch.complex64),
    "not finite": lambda value: torch.full_like(value, torch.nan),
}


@pytest.mark.parametrize("every", [len(CHANGES), pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("change", CHANGES)
def test_no_tensor_is_taken_that_does_not_fit(saved: tuple[Any, Any, Path], change: str, every: int) -> None:
    """Every tensor is changed in one of the ways; in all of them takes minutes."""
    model, tree, path = saved
    wanted, found = model._wanted(resume=True), list(places(tree))
    saving.check_fits(tree, wanted, path)
    assert len(found) > 20
    for place in found[list(CHANGES).index(change) % every :: every]:
        original = tree
        for name in place:
            original = original[name]
        if change == "not finite" and not str(original.dtype).startswith(("float", "torch.float")):
            continue
        if 0 in original.shape and change in ("shorter", "twice as long", "not finite"):
            continue  # it stays empty
        if "final_observation" in place and change == "of another dtype":
            continue  # environments may show them in any
        wrong = changed(tree, place, as_tensor(CHANGES[change]))
        with pytest.raises(CheckpointError, match="/".join(map(str, place[:2]))):
            saving.check_fits(wrong, wanted, path)


def test_moments_that_are_missing_or_of_no_parameter_are_refused(tmp_path: Path) -> None:
    ald().save(path := tmp_path / "model.zip")
    whole = checkpoint.load(path)
    for name in ("exp_avg", "exp_avg_sq", "step"):
        tree = copy.deepcopy(whole)
        del tree["learner"]["optimizer"]["state"][0][name]
        checkpoint.save(path, tree)
        with pytest.raises(CheckpointError, match=rf"learner/optimizer/state/0 lacks \['{name}'\]"):
            type(ald()).load(path)
    tree = copy.deepcopy(whole)
    tree["distiller"]["optimizer"]["state"][999] = tree["distiller"]["optimizer"]["state"][0]
    checkpoint.save(path, tree)
    with pytest.raises(CheckpointError, match="distiller/optimizer/state must be by parameter"):
        type(ald()).load(path)


GROUP = ("learner", "optimizer", "param_groups", 0)
WRONG: dict[str, tuple[tuple[Any, ...], Any]] = {
    "amsgrad without its moments": ((*GROUP, "amsgrad"), True),
    "a rate that is no number": ((*GROUP, "lr"), "fast"),
    "betas beyond one": ((*GROUP, "betas"), (2.0, 2.0)),
    "parameters of another group": ((*GROUP, "params"), [0]),
    "parameters that are a tensor": ((*GROUP, "params"), torch.zeros(3)),
    "a group without a rate": (GROUP, {"params": [0]}),
    "environments that were never reset": (("environment", "inner", "env", "lanes"), [[0] * 12] * 4),
    "actions that there are not": (("replay", "unrolls", 0, "action"), torch.full((6, 4), 99)),
    "rows that there are not": (("replay", "unrolls", 0, "is_first"), torch.zeros(6, 4, dtype=torch.bool)),
    "updates that are no number": (("learner", "updates"), 0.5),
    "totals that are no number": (("metrics", "totals"), {"loss": "much"}),
    "a generator of numpy's that is none": (("replay", "rng", "state", "inc"), -1),
    "a generator of torch's that is none": (
        ("actor", "generator"),
        torch.full((5056,), 255, dtype=torch.uint8),
    ),
    "no lanes": (("n_envs",), 0),
    "lanes that are no number": (("n_envs",), "4"),
    "a setting of another kind": (("arguments", "config", "learner_width"), "8"),
    "a setting out of range": (("arguments", "config", "learner_heads"), 3),
    "an episode without a return": (("episodes", "infos"), [{"l": 3}]),
    "a space that is none": (("observation_space",), {"type": "Box"}),
    "a space that no agent acts in": (("action_space", "n"), 0),
    "an argument of no policy": (("arguments", "policy_kwargs"), {"warp": 9}),
}


@pytest.mark.parametrize("name", WRONG)
def test_sound_containers_with_wrong_content_are_refused(tmp_path: Path, name: str) -> None:
    ald().save(path := tmp_path / "model.zip")
    place, value = WRONG[name]
    checkpoint.save(path, changed(checkpoint.load(path), place, lambda _: value))
    with pytest.raises(CheckpointError, match=r"model\.zip"):
        type(ald()).load(path, maze_lanes(), force_reset=False)


def test_a_position_beyond_numpys_generator_is_refused(tmp_path: Path) -> None:
    ppo().save(path := tmp_path / "model.zip")
    tree = changed(checkpoint.load(path), ("generators", "numpy", 2), lambda _: 10**9)
    checkpoint.save(path, tree)
    with pytest.raises(CheckpointError, match="generators/numpy/2 must be at most 624"):
        PPOAgent.load(path, maze_lanes(), force_reset=False)


def test_counters_set_no_other_attribute(tmp_path: Path) -> None:
    ald().save(path := tmp_path / "model.zip")
    tree = checkpoint.load(path)
    tree["counters"]["tensorboard_log"] = str(tmp_path / "elsewhere")
    checkpoint.save(path, tree)
    with pytest.raises(CheckpointError, match=r"counters .* unknown \['tensorboard_log'\]"):
        type(ald()).load(path)


def test_a_description_says_what_was_wanted_and_what_was_found() -> None:
    wanted = {"w": Data(torch.float32, ("N", 3)), "b": Maybe(Number(0, whole=True))}
    fit({"w": torch.zeros(2, 3), "b": None}, wanted, "part", {"N": 2})
    with pytest.raises(Misfit, match=r"part/w must be a tensor of torch.float32 \[N, 3\] with N = 2, got"):
        fit({"w": torch.zeros(1, 3), "b": None}, wanted, "part", {"N": 2})
    with pytest.raises(Misfit, match="part/b must be a whole number from 0, got -1"):
        fit({"w": torch.zeros(2, 3), "b": -1}, wanted, "part", {"N": 2})


@pytest.mark.parametrize(
    "kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop, torch.optim.Adagrad]
)
def test_the_state_of_any_optimizer_fits_itself(kind: type[torch.optim.Optimizer]) -> None:
    weight = torch.nn.Parameter(torch.ones(2, 3))
    optimizer = kind([weight], lr=0.1)  # type: ignore[call-arg]
    check = fitting.optimizer_state(optimizer)
    check(optimizer.state_dict(), "optimizer")
    weight.sum().backward()
    optimizer.step()
    check(optimizer.state_dict(), "optimizer")
