"""A small file cannot ask for much memory, whichever door it comes through."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents import pretrained
from agents.ald import ALD
from agents.baselines import PPOAgent, RecurrentPPOAgent
from agents.pretrained.store import SHIPPED
from agents.runs.directory import RunDirectory
from agents.sb3 import checkpoint
from agents.sb3.budget import TooLarge, no_larger_than
from agents.sb3.checkpoint import CheckpointError
from agents.sb3.spaces import space_from_json
from memory_envs.registry.limits import MAX_LANES, MAX_SPACE
from tests.agents.sb3.test_fitting import ON_POLICY, changed
from tests.support import ROOT
from tests.support.tiny import maze_lanes, maze_model

resource = pytest.importorskip("resource", reason="limits of a process are known on POSIX only")
pytestmark = pytest.mark.usefixtures("one_thread")

BOX = {"type": "Box", "dtype": "float32", "shape": [2**23], "low": 0, "high": 1}
MANY = {"type": "Discrete", "n": 10**9, "start": 0}
ARGUMENTS, KWARGS = ("arguments", "config"), ("arguments", "policy_kwargs")
ROOM = 3 * 2**29  # address space that a test may take beside what there is: 1.5 GiB


@pytest.fixture
def little_room() -> Any:
    """Memory beyond what the process has is limited, so that what is asked for fails rather than is lent."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, limits[1]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 700 * 1024  # KiB


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[type[Any], Path]:
    """A file of each."""
    folder, found = tmp_path_factory.mktemp("models"), {}
    for model in (
        maze_model(),
        PPOAgent("MlpPolicy", maze_lanes(), **ON_POLICY),
        RecurrentPPOAgent("MlpLstmPolicy", maze_lanes(), **ON_POLICY),
    ):
        found[type(model)] = folder / f"{type(model).__name__}.zip"
        model.save(found[type(model)])
    return found


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        (ALD, (*ARGUMENTS, "actor_hidden_size"), 10**4),
        (ALD, (*ARGUMENTS, "actor_hidden_size"), 10**9),
        (ALD, (*ARGUMENTS, "learner_width"), 2 * 10**4),
        (ALD, (*ARGUMENTS, "learner_mlp_width"), 10**7),
        (ALD, (*ARGUMENTS, "learner_layers"), 10**6),
        (ALD, (*ARGUMENTS, "learner_memory"), 10**9),
        (ALD, (*ARGUMENTS, "unroll_length"), 10**9),
        (ALD, ("n_envs",), MAX_LANES + 1),
        (ALD, ("n_envs",), 10**6),
        (ALD, ("n_envs",), 10**12),
        (ALD, ("action_space", "n"), 10**8),
        (ALD, ("observation_space",), {"type": "Dict", "spaces": [[str(k), BOX] for k in range(100)]}),
        (ALD, ("observation_space",), {"type": "Dict", "spaces": [["a", MANY]]}),
        (PPOAgent, (*KWARGS, "net_arch"), [20_000, 20_000]),
        (PPOAgent, (*KWARGS, "net_arch"), [8] * 10**5),
        (PPOAgent, KWARGS, {"net_arch": {"pi": [10**4] * 3, "vf": [4]}}),
        (PPOAgent, (*ARGUMENTS, "n_steps"), 10**9),
        (RecurrentPPOAgent, (*KWARGS, "lstm_hidden_size"), 10**4),
        (RecurrentPPOAgent, (*KWARGS, "n_lstm_layers"), 10**6),
    ],
)  # fmt: skip
def test_settings_of_a_model_are_held_to_its_file(
    models: dict[type[Any], Path], tmp_path: Path, little_room: None, kind: Any, place: Any, value: Any
) -> None:
    path = tmp_path / "large.zip"
    checkpoint.save(path, changed(checkpoint.load(models[kind]), place, lambda _: value))
    assert path.stat().st_size < 4 * 10**6
    with pytest.raises(CheckpointError, match=r"large\.zip"):
        kind.load(path, device="cpu")


@pytest.mark.parametrize(
    "changes",
    [
        {"net_arch": [20_000, 20_000]},
        {"net_arch": [5000]},
        {"net_arch": [4] * 10**5},
        {"lstm_hidden_size": 20_000},
        {"lstm_kwargs": {"proj_size": 10**9}},
    ],
)
def test_a_card_is_held_to_its_weights(tmp_path: Path, little_room: None, changes: dict[str, Any]) -> None:
    copied = Path(shutil.copytree(SHIPPED, tmp_path / "actors"))
    card = copied / "imaze/ald.json"
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {"architecture": content["architecture"] | changes}))
    with pytest.raises(CheckpointError, match="make no policy"):
        pretrained.load("imaze/ald", folder=copied)


@pytest.mark.parametrize("dtype", ["S0", "U0", "|V0", "M8[0s]"])
def test_values_of_no_size_are_refused(tmp_path: Path, little_room: None, dtype: str) -> None:
    checkpoint.save(path := tmp_path / "tree.zip", np.empty(0, "S1"))
    content = path.read_bytes()
    assert content.count(b'"shape": [0]') == 1 and content.count(b'"dtype": "|S1"') == 1
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["tree.json"] = (
        members["tree.json"].replace(b"[0]", b"[3000000000]").replace(b'"|S1"', json.dumps(dtype).encode())
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, each in members.items():
            archive.writestr(name, each)
    assert path.stat().st_size < 1000
    with pytest.raises(CheckpointError, match=r"tree\.zip"):
        checkpoint.load(path)


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot be stored"):
        checkpoint.save(tmp_path / "tree.zip", np.ndarray((3,), "S0"))


def test_spaces_are_counted_together(little_room: None) -> None:
    half = {"type": "Box", "dtype": "uint8", "shape": [MAX_SPACE // 2], "low": 0, "high": 255}
    space_from_json({"type": "Tuple", "spaces": [half, half]})
    for spaces in ([half] * 3, [half, {"type": "Dict", "spaces": [["a", half], ["b", half]]}]):
        with pytest.raises(ValueError, match=f"at most {MAX_SPACE} elements together"):
            space_from_json({"type": "Tuple", "spaces": spaces})
    with pytest.raises(ValueError, match="together"):
        space_from_json({"type": "MultiBinary", "n": [10**6, 10**6]})


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_envs", 10**9), ("num_threads", 10**6), ("num_actors", 10**6), ("num_distillers", 10**6)],
)
def test_a_configuration_asks_for_no_more_than_a_machine_has(tmp_path: Path, name: str, value: int) -> None:
    config = json.loads((ROOT / "tests/support/saved/ald/config.json").read_text())
    config["run"][name] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=rf"run/{name} must be at most \d+, got {value}"):
        RunDirectory(tmp_path).read_config()


def test_parameters_are_counted_before_they_take_memory() -> None:
    tree = {"weight": torch.zeros(2000, 1000), "bias": torch.zeros(2000)}
    with no_larger_than(tree):
        torch.nn.Linear(1000, 2000)
    builds: tuple[Callable[[], Any], ...] = (
        lambda: torch.nn.Linear(1001, 2000),
        lambda: torch.nn.Linear(10**6, 10**6),
        lambda: [torch.nn.Linear(1, 1) for _ in range(513)],
        lambda: torch.zeros(10**5, 10**5),
        lambda: [torch.zeros(10**6) for _ in range(1000)],
        lambda: torch.zeros(1).new_zeros((10**5, 10**5)),
        lambda: torch.full(size=(10**5, 10**5), fill_value=1.0),
    )
    for build in builds:
        with pytest.raises(TooLarge), no_larger_than(tree):
            build()
    torch.nn.Linear(100, 100)  # nothing is counted any more
