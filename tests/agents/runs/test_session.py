"""A training session: what it writes down of itself, and when it ends early."""

import dataclasses
import json

import pytest
import torch

from agents.ald import ALDConfig
from agents.evaluation.episodes import evaluate
from agents.runs import log, session
from agents.runs.log import read_rows
from agents.runs.progress import TrainingProgress
from agents.runs.trained import load_trained
from agents.sb3 import checkpoint
from agents.vec_env.make import make_lanes
from tests.support.small_run import ENV, UNROLL, resume, run_small


def test_configuration_is_complete_and_says_what_it_was_made_with(small_run):
    config = json.loads((small_run / "config.json").read_text())
    assert set(config["config"]) == {field.name for field in dataclasses.fields(ALDConfig)}
    assert config["config"]["learner_width"] == 16
    assert config["run"]["env"] == ENV and config["run"]["seed"] == 0
    [first] = config["sessions"]
    assert first["libraries"]["torch"] == torch.__version__
    assert first["cores"] >= 1 and first["from_timesteps"] == 0


@pytest.mark.parametrize("analysis", [None, False, True, ["steps_since_cue"]])
def test_the_environment_is_asked_to_tell_what_memory_is_taught(tmp_path, no_report, analysis):
    """Nobody should have to name a target twice; and what is taught goes on being told after a resume."""
    task = ("--env", ENV)
    if analysis is not None:
        task += ("--env-kwargs", json.dumps({"analysis": analysis}))
    targets = ("--memory-targets", "known_cue", "hindsight:reached")
    assert run_small(tmp_path / "run", 4, *targets, task=task) == 0
    assert float(read_rows(tmp_path / "run" / "progress.csv")[-1]["loss/memory_target"]) > 0
    assert resume(tmp_path / "run", "--total-timesteps", str(6 * UNROLL)) == 0
    assert int(read_rows(tmp_path / "run" / "progress.csv")[-1]["time/total_timesteps"]) == 6 * UNROLL


def test_the_environment_of_training_alone_shows_what_the_learner_alone_sees(tmp_path, no_report):
    """Nobody should have to name a part twice, and evaluation, report and whoever loads it do without."""
    run = tmp_path / "run"
    assert run_small(run, 4, "--learner-only", "state") == 0
    assert float(read_rows(run / "progress.csv")[-1]["loss/privileged_value"]) > 0
    assert resume(run, "--total-timesteps", str(6 * UNROLL)) == 0
    model, env_id, env_kwargs = load_trained(run)
    plain = make_lanes(env_id, 1, env_kwargs)
    assert model.policy.observation_space == plain.observation_space != model.observation_space
    assert evaluate(model, plain, 2).episodes == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--learner-only", "stat"), "privileged may name full, memory, state in I-Maze, got ['stat'], did"),
        (("--memory-targets", "known_cu"), "known_cu', did you mean"),
        (("--memory-targets", "known_cue", "--env-kwargs", '{"analysis": "known_cue"}'), "list of names"),
    ],
)
def test_targets_that_the_environment_cannot_tell_are_refused(tmp_path, capsys, options, message):
    assert run_small(tmp_path / "run", 4, *options) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()


def test_training_ends_at_the_success_asked_for(tmp_path, monkeypatch, no_report, capsys):
    """In the smallest maze, which chance solves soon, one success in the last two episodes is enough."""
    monkeypatch.setattr(session, "SUCCESS_WINDOW", 2)
    maze = ("--env", ENV, "--env-kwargs", json.dumps({"size": 5, "view_size": 1}))
    assert run_small(tmp_path / "run", 1000, "--stop-at-success", "0.5", task=maze) == 0
    assert "frames: success" in capsys.readouterr().out
    rows = read_rows(tmp_path / "run" / "progress.csv")
    assert float(rows[-1]["rollout/success_rate"]) >= 0.5
    assert int(rows[-1]["time/total_timesteps"]) < 1000 * UNROLL


def test_success_that_is_held_stops():
    class Model:
        ep_success_buffer = [1.0] * 190 + [0.0] * 10

    assert session._success_reached(Model(), 0.96) is None
    assert "success 0.950 over the last 200 episodes" in session._success_reached(Model(), 0.95)
    assert session._success_reached(Model(), None) is None
    Model.ep_success_buffer = [1.0] * 199
    assert session._success_reached(Model(), 0.5) is None


@pytest.mark.parametrize(("owner", "name"), [(checkpoint, "replacing"), (log, "replacing")])
@pytest.mark.parametrize("unrolls", [0, 5])
def test_a_full_disk_is_told_in_a_sentence_and_costs_nothing_saved(
    owner, name, unrolls, tmp_path, monkeypatch, capsys, no_report
):
    def fail(path):
        raise OSError(28, "No space left on device", str(path))

    def fill(self):
        if self.model.num_timesteps == unrolls * UNROLL:
            monkeypatch.setattr(owner, name, fail)

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(TrainingProgress, "_on_rollout_end", fill)
        if unrolls == 0:
            patch.setattr(owner, name, fail)
        assert run_small(folder, 10, "--checkpoint-every", str(UNROLL)) == 1
    error = capsys.readouterr()
    assert error.err.startswith(f"error: the run in {folder} cannot be written: ") and "no space" in error.err
    assert error.err.count("\n") == 1
    assert folder.exists() == (unrolls > 0)
    monkeypatch.undo()
    if unrolls:
        assert error.out.strip().splitlines()[-1].startswith("Resume with:")
        assert resume(folder) == 0
    else:
        assert run_small(folder, 10) == 0
