"""What is not finite is never saved to resume from, and what is known of it is kept."""

import json

import numpy as np
import pytest
import torch

from agents import train
from agents.learning.finite import StateNotFinite
from agents.runs.directory import RunDirectory
from agents.sb3 import checkpoint
from tests.support.not_finite import ID
from tests.support.small_run import resume
from tests.support.tiny import UNROLL, maze_lanes, maze_model

LEARNER = (
    *("--unroll-length", "8", "--learner-layers", "1", "--learner-width", "16", "--learner-heads", "2"),
    *("--learner-mlp-width", "16", "--learner-memory", "8", "--replay-size", "2"),
)
ROLLOUTS = ("--n-steps", "8")
PPO = (*ROLLOUTS, "--batch-size", "8", "--n-epochs", "2", "--net-arch", "8")
AGENTS = {
    "ald": (*LEARNER, "--distillation-steps", "2", "--actor-hidden-size", "8"),
    "vmpo": LEARNER,
    "ppo": PPO,
    "recurrent-ppo": (*PPO, "--lstm-hidden-size", "8"),
    "random": ROLLOUTS,
}
SHORT = (
    *("--num-envs", "2", "--checkpoint-every", "16", "--total-timesteps", "160"),
    *("--device", "cpu", "--num-threads", "1"),
)


def leaves(tree):
    if isinstance(tree, dict | list | tuple):
        return [leaf for each in (tree.values() if isinstance(tree, dict) else tree) for leaf in leaves(each)]
    return [np.asarray(tree)] if isinstance(tree, np.ndarray | torch.Tensor | float) else []


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("reward", "inf"),
        ("observation", "nan"),
        pytest.param("reward", "nan", marks=pytest.mark.slow),
        pytest.param("observation", "inf", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("agent", AGENTS)
def test_a_run_that_meets_what_is_not_finite_keeps_it_and_can_be_resumed(
    agent, part, value, tmp_path, capsys, no_report
):
    """Whichever agent it is; the random one learns nothing, but what it met is not to be counted."""
    folder = tmp_path / "run"
    settings = json.dumps({"part": part, "value": value})
    env = ("--env", f"tests.support.not_finite:{ID}", "--env-kwargs", settings)
    with pytest.raises(FloatingPointError, match="nan|inf"):
        train.main(["--run-dir", str(folder), "--agent", agent, *env, *AGENTS[agent], *SHORT])
    assert "Details of the failure are in" in capsys.readouterr().out
    kept = checkpoint.load(folder / "loss_not_finite.zip")
    assert kept["losses"] and not all(map(np.isfinite, kept["losses"].values()))
    assert not all(np.isfinite(leaf).all() for leaf in leaves(kept["unroll"]))
    run = RunDirectory(folder)
    assert 64 <= int(run.latest_checkpoint().stem) <= 80  # 40 steps of 2 lanes were sound
    assert all(np.isfinite(leaf).all() for leaf in leaves(checkpoint.load(run.latest_checkpoint())))
    assert resume(folder, "--trust-env-module") == 0  # the lanes begin with as many sound steps as are left


def test_a_state_that_could_not_be_loaded_is_not_saved(tmp_path):
    model = maze_model().learn(UNROLL)
    model.save(tmp_path / "sound")
    before = (tmp_path / "sound.zip").read_bytes()
    with torch.no_grad():
        next(model.policy.parameters()).view(-1)[0] = float("nan")
    with pytest.raises(StateNotFinite, match="sound.zip is not saved: policy/.* must be finite") as caught:
        model.save(tmp_path / "sound")
    assert (tmp_path / "sound.zip").read_bytes() == before
    assert caught.value.state["counters"]["num_timesteps"] == UNROLL


@pytest.mark.parametrize("agent", ["ald", "ppo"])
def test_an_update_that_breaks_the_state_is_not_saved(agent, tmp_path, monkeypatch, capsys):
    """As one does whose loss is finite and whose gradient overflows; here it is the moments that do."""
    folder, saved = tmp_path / "run", RunDirectory.save_checkpoint

    def broken(run, model):
        if model.num_timesteps > 32:
            for state in next(iter(model.optimizers().values())).state.values():
                state["exp_avg_sq"].fill_(float("inf"))
        return saved(run, model)

    monkeypatch.setattr(RunDirectory, "save_checkpoint", broken)
    with pytest.raises(StateNotFinite, match="exp_avg_sq = .*inf.* must be finite"):
        train.main(
            ["--run-dir", str(folder), "--agent", agent, "--env", "CartPole-v1", *AGENTS[agent], *SHORT]
        )
    assert "state_not_finite.zip" in capsys.readouterr().out.replace("\n", "")
    assert checkpoint.load(folder / "state_not_finite.zip")["counters"]["num_timesteps"] == 48
    assert RunDirectory(folder).latest_checkpoint().name == "000000000032.zip"


def test_metrics_may_be_undefined_and_are_only_shown(tmp_path):
    model = maze_model().learn(UNROLL)
    model._metrics.add({"explained": float("nan")})
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", maze_lanes(), device="cpu", force_reset=False)
    assert np.isnan(loaded._metrics.take()["explained"])
