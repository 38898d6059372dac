"""Datasets are recorded, built and verified by one command."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from memory_envs.dataset.__main__ import main
from memory_envs.dataset.recipes import RECIPES

minari = pytest.importorskip("minari", reason="the minari extra is not installed")
pytest.importorskip("h5py", reason="the minari extra is not installed")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three episodes in each of the described datasets."""
    for name, recipe in RECIPES.items():
        monkeypatch.setitem(RECIPES, name, dataclasses.replace(recipe, episodes=3))


@pytest.mark.usefixtures("few")
def test_the_described_datasets_are_built_by_one_command_and_verified(capsys: Capture) -> None:
    assert main(["build"]) == 0
    built = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in built] == list(RECIPES) and len(built) == 2
    assert all(": 3 episodes, " in line and "success 1.000" in line for line in built)
    assert main(["verify", *RECIPES]) == 0
    assert capsys.readouterr().out.count(": 3 episodes, every one of ") == 2
    for name, recipe in RECIPES.items():
        metadata = minari.load_dataset(name).storage.metadata
        assert (metadata["description"], metadata["algorithm_name"]) == (recipe.description, recipe.player)


@pytest.mark.usefixtures("few")
def test_one_that_is_there_stops_the_others_from_being_built(capsys: Capture) -> None:
    _, second = RECIPES
    assert main(["build", second]) == 0
    capsys.readouterr()
    assert main(["build"]) == 2
    assert capsys.readouterr().err.startswith(f"error: there is a dataset {second!r} in ")
    assert list(minari.list_local_datasets()) == [second]


def test_a_reference_policy_is_recorded_with_what_is_told_of_it(capsys: Capture) -> None:
    command = ["record", "mazes/optimal-v3", "--policy", "optimal", "--env", "MemoryEnvs/IMaze-7x7-v0"]
    command += ["--env-kwargs", '{"delay": 1}', "--episodes", "2", "--author", "A. N. Author", "--seed", "5"]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("mazes/optimal-v3: 2 episodes, ")
    dataset = minari.load_dataset("mazes/optimal-v3")
    assert dataset.spec.env_spec.kwargs["delay"] == 1
    assert dataset.storage.metadata["author"] == {"A. N. Author"}
    assert dataset.storage.metadata["algorithm_name"] == "optimal"


def test_a_trained_actor_is_recorded_in_the_environment_of_its_training(capsys: Capture) -> None:
    assert main(["record", "ald-v0", "--actor", "imaze/ald", "--episodes", "2", "--deterministic"]) == 0
    assert "success 1.000" in capsys.readouterr().out
    assert minari.load_dataset("ald-v0").spec.env_spec.id == "MemoryEnvs/IMaze-v0"
    command = [
        "record",
        "small-v0",
        "--actor",
        "imaze/ald",
        "--episodes",
        "1",
        "--env",
        "MemoryEnvs/IMaze-7x7-v0",
    ]
    assert main(command) == 0
    assert minari.load_dataset("small-v0").spec.env_spec.id == "MemoryEnvs/IMaze-7x7-v0"


def test_a_policy_that_samples_plays_the_same_under_the_same_seed() -> None:
    for name, seed in (("a-v0", "1"), ("b-v0", "1"), ("c-v0", "2")):
        assert main(["record", name, "--actor", "imaze/ald", "--episodes", "2", "--seed", seed]) == 0
    a, b, c = (minari.load_dataset(f"{name}-v0")[0].actions.tolist() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["record", "maze"], "the id of a dataset must be a namespace, if any, a name"),
        (["record", "a-v0", "--policy", "best"], "there is no reference policy 'best' (there are 'random', "),
        (
            ["record", "a-v0", "--env", "CartPole-v1"],
            "--env must be an id that starts with 'MemoryEnvs/', got ",
        ),
        (["record", "a-v0", "--env", "MemoryEnvs/IMaz-v0"], "Environment `IMaz` doesn't exist in namespace "),
        (
            ["record", "a-v0", "--env-kwargs", '{"size": 4}'],
            "size must be an odd integer, from 5 to 255, got 4",
        ),
        (["record", "a-v0", "--episodes", "0"], "episodes must be at least 1, got 0"),
        (
            ["record", "a-v0", "--actor", "imaze/adl"],
            "there is no run directory and no model file imaze/adl, ",
        ),
        (["build", "memory-envs/imaze/ald"], "there is no dataset 'memory-envs/imaze/ald', did you mean "),
        (["verify", "a-v0"], "there is no dataset 'a-v0'"),
    ],
)
def test_mistakes_are_refused_in_a_sentence(arguments: list[str], sentence: str, capsys: Capture) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {sentence}") and said.count("\n") == 1
    assert minari.list_local_datasets() == {}


def test_without_the_agents_an_actor_names_their_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "agents.pretrained.acting", None)
    assert main(["record", "a-v0", "--actor", "imaze/ald"]) == 2
    assert capsys.readouterr().err.endswith('run `pip install "memory-envs[agents]"`\n')
