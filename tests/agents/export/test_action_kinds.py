"""Exported actors whose actions are several choices, bits or numbers."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

from agents.ald.policy import LSTMActorPolicy
from agents.export.check import ExportError, check_agreement
from agents.export.choosing import choosing
from agents.export.exporter import export_actor, export_c
from agents.export.onnx_actor import OnnxActor
from agents.sb3.spaces import space_to_json
from tests.support.exported import BOX, assert_same_play, scatter
from tests.support.steered import ACTIONS

pytestmark = pytest.mark.usefixtures("one_thread")
KINDS: dict[str, spaces.Space[Any]] = {
    **ACTIONS,
    "box": spaces.Box(
        np.array([[-0.2, -1.0], [-np.inf, 0.0]], np.float32),
        np.array([[0.2, 3.0], [np.inf, 0.1]], np.float32),
    ),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
LANES = 2_000


def built(kind: str, base: type[RecurrentActorCriticPolicy] = LSTMActorPolicy) -> RecurrentActorCriticPolicy:
    torch.manual_seed(0)
    made = base(BOX, KINDS[kind], lambda _: 1e-3, lstm_hidden_size=8)
    scatter(made)
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("actors")
    for kind in KINDS:
        export_actor(built(kind), folder / f"{kind}.onnx")
    return {kind: folder / f"{kind}.onnx" for kind in KINDS}


@every_kind
def test_an_exported_actor_does_what_its_policy_does(kind: str, files: dict[str, Path]) -> None:
    policy, actor = built(kind), OnnxActor(files[kind], seed=0)
    assert actor.action_space == KINDS[kind]
    if kind == "box":
        seen = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
        greedy, meant = (each.predict(seen, deterministic=True)[0] for each in (actor, policy))
        np.testing.assert_allclose(greedy, meant, atol=1e-5)
        assert greedy.shape == (5, 2, 2)
    else:
        assert_same_play(policy, actor, BOX)


@every_kind
def test_actions_are_drawn_as_often_as_the_policy_draws_them(kind: str, files: dict[str, Path]) -> None:
    policy, actor = built(kind), OnnxActor(files[kind], seed=0)
    seen = np.tile(np.array([0.3, -0.5, 0.8], np.float32), (LANES, 1))
    torch.manual_seed(0)
    drawn, meant = (each.predict(seen)[0] for each in (actor, policy))
    assert drawn.shape == meant.shape
    assert all(KINDS[kind].contains(np.asarray(action, KINDS[kind].dtype)) for action in drawn)
    for moment in (np.mean, np.std):
        np.testing.assert_allclose(moment(drawn, axis=0), moment(meant, axis=0), atol=0.12)
    one, _ = actor.predict(seen[0])
    assert one.shape == KINDS[kind].shape


@every_kind
def test_a_file_of_another_policy_is_noticed(kind: str, files: dict[str, Path]) -> None:
    other = copy.deepcopy(built(kind))
    with torch.no_grad():
        other.action_net.bias += torch.linspace(0.5, 1.0, len(other.action_net.bias))  # type: ignore
    with pytest.raises(ExportError, match="differs from its policy"):
        check_agreement(other, OnnxActor(files[kind]))


def test_other_policies_of_sb3_contrib_are_exported_too(tmp_path: Path) -> None:
    export = export_actor(built("box", RecurrentActorCriticPolicy), tmp_path / "actor.onnx")
    assert export.outputs[:3] == ("mean_and_log_std", "action", "value")


@every_kind
def test_c_is_for_choices_alone(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a C file is for actions of a Discrete space, got .*ONNX"):
        export_c(built(kind), tmp_path / "actor.c")
    assert not [*tmp_path.iterdir()]


DAMAGED: list[Any] = [
    {},
    {"type": "Tuple"},
    {"type": "Discrete", "n": 0},
    {"type": "MultiDiscrete", "nvec": [2, -1]},
    {"type": "MultiDiscrete", "nvec": []},
    {"type": "MultiBinary", "n": [2, 3]},
    {"type": "Box", "shape": [2], "low": 10**400, "high": 1},
    {"type": "Box", "shape": [2], "low": "nan", "high": 1},
    {"type": "Box", "shape": [10**6, 10**6], "low": 0, "high": 1},
    {"type": "Box", "shape": [2], "low": [0, 1, 2], "high": 1},
]


@pytest.mark.parametrize("space", DAMAGED, ids=str)
def test_spaces_that_are_none_of_an_actor_are_refused(space: Any) -> None:
    with pytest.raises(ValueError, match="metadata that are damaged|no exported actor has"):
        choosing(space)


def test_bounds_are_read_as_they_are_written() -> None:
    read: Any = choosing(space_to_json(KINDS["box"]))
    assert np.array_equal(read.low, KINDS["box"].low) and np.array_equal(read.high, KINDS["box"].high)  # type: ignore
