"""Environments that refuse the seeds of evaluations are known before anything is trained or played."""

import warnings

import gymnasium
import pytest

from agents.enjoy.__main__ import main as enjoy
from agents.evaluation.episodes import FIRST_EVALUATION_SEED
from agents.evaluation.seeds import check_seeds
from agents.train import main as train
from agents.vec_env.make import make_lanes
from tests.support import foreign  # noqa: F401  (registers environments)
from tests.support.kinds import KINDS

NARROW = '{"seeds": 2147483648}'
ARGUMENTS = ["--agent", "random", "--policy", "RandomPolicy", "--env", "Foreign/Open-v0", "--num-envs", "2"]
ARGUMENTS += ["--n-steps", "8", "--total-timesteps", "64", "--evaluation-episodes", "2", "--device", "cpu"]


@pytest.mark.parametrize("room", [0, 1, 4])
def test_the_last_seed_of_an_evaluation_is_tried_too(room):
    settings = {"seeds": FIRST_EVALUATION_SEED + 7 + room}
    check_seeds("Foreign/Open-v0", settings, seed=7, lanes=room) if room else None
    with pytest.raises(ValueError, match=rf"Foreign/Open-v0 refuses the seed {2**31 + 7 + room},"):
        check_seeds("Foreign/Open-v0", settings, seed=7, lanes=room + 1)


def test_a_training_whose_evaluation_would_fail_does_not_begin(tmp_path, capsys):
    run = tmp_path / "run"
    assert train([*ARGUMENTS, "--run-dir", str(run), "--env-kwargs", NARROW]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: Foreign/Open-v0 refuses the seed 2147483648, ")
    assert "OverflowError" in message and message.count("\n") == 1
    assert not run.exists()
    narrower = '{"seeds": 2147483649}'  # enough for one lane
    assert train([*ARGUMENTS, "--run-dir", str(run), "--env-kwargs", narrower]) == 2
    assert "refuses the seed 2147483649" in capsys.readouterr().err
    wide = '{"seeds": 2147483650}'
    assert train([*ARGUMENTS, "--run-dir", str(run), "--env-kwargs", wide]) == 0
    assert (run / "evaluation.json").exists()


@pytest.mark.parametrize("view", [["--headless"], ["--gif", "shown.gif"]])
def test_watching_says_so_in_a_sentence(view, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    KINDS["random"].model(make_lanes("Foreign/Open-v0", 1)).save(tmp_path / "model")
    arguments = ["model.zip", "--env", "Foreign/Open-v0", "--env-kwargs", NARROW, "--episodes", "1", *view]
    assert enjoy(arguments) == 2
    message = capsys.readouterr().err
    assert "refuses the seed 2147483648" in message and message.count("\n") == 1


def test_environments_that_can_be_made_once_only_are_known_too():
    def broken(**_):
        raise RuntimeError("the port is taken")

    gymnasium.register("Foreign/Once-v0", broken)
    with pytest.raises(
        ValueError, match="Foreign/Once-v0 cannot be made for.*RuntimeError: the port is taken"
    ):
        check_seeds("Foreign/Once-v0", {}, seed=0, lanes=1)


def test_environments_that_take_no_word_of_rendering_are_trained_in_and_played(tmp_path, capsys):
    run = tmp_path / "run"
    arguments = [each if each != "Foreign/Open-v0" else "Foreign/Bare-v0" for each in ARGUMENTS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Gymnasium's, of what Stable-Baselines3 asks for first
        assert train([*arguments, "--run-dir", str(run)]) == 0
    assert enjoy([str(run), "--headless", "--episodes", "2"]) == 0
    with pytest.raises(ValueError, match="Foreign/Bare-v0 refuses the seed"):
        check_seeds("Foreign/Bare-v0", {"seeds": 5}, seed=0, lanes=1)
    capsys.readouterr()
    assert enjoy([str(run), "--gif", str(tmp_path / "shown.gif"), "--episodes", "1"]) == 2
    assert (
        capsys.readouterr().err == "error: Foreign/Bare-v0 renders nothing, not rgb_array: use --headless\n"
    )
