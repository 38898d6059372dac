"""The training program: its options, what it leaves behind, and when it ends."""

import csv
import dataclasses
import json

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer
from tensorboard.summary.writer.event_file_writer import AtomicCounter

from agents.ald import ALDConfig
from agents.runs import session as train
from agents.runs.curve import PAPER, published_points, reached
from agents.runs.directory import RunDirectory
from agents.runs.log import Events, ProgressTable, read_rows
from agents.runs.options import Options, RunSettings, parse
from agents.runs.progress import clock, count
from memory_envs.replay import Replay
from tests.support.processes import unanswered
from tests.support.small_run import ENV, PROGRAM, UNROLL, resume, run_small


def test_run_directory_holds_everything_promised(small_run):
    names = {path.name for path in small_run.iterdir()}
    assert names == {
        *("config.json", "progress.csv", "tensorboard", "checkpoints", "model.zip"),
        *("learning_curve.png", "evaluation.json", "replay.json", "replay.gif", ".lock"),
    }
    assert (small_run / "learning_curve.png").read_bytes()[:4] == b"\x89PNG"
    assert (small_run / "replay.gif").read_bytes()[:3] == b"GIF"
    Replay.load(small_run / "replay.json").verify()


def test_configuration_is_complete_and_says_what_it_was_made_with(small_run):
    config = json.loads((small_run / "config.json").read_text())
    assert set(config["config"]) == {field.name for field in dataclasses.fields(ALDConfig)}
    assert config["config"]["learner_width"] == 16
    assert config["run"]["env"] == ENV and config["run"]["seed"] == 0
    [session] = config["sessions"]
    assert session["libraries"]["torch"] == torch.__version__
    assert session["cores"] >= 1 and session["from_timesteps"] == 0


def test_log_has_a_row_per_interval_here_and_in_tensorboard(small_run):
    rows = read_rows(small_run / "progress.csv")
    assert [int(row["time/total_timesteps"]) for row in rows] == [5 * UNROLL * (k + 1) for k in range(4)]
    for name in ("time/training_seconds", "time/cpu_seconds"):
        seconds = [float(row[name]) for row in rows]
        assert seconds == sorted(seconds) and seconds[0] > 0
    events = EventAccumulator(str(small_run / "tensorboard")).Reload().Scalars("learner/entropy")
    assert [event.value for event in events] == pytest.approx([float(row["learner/entropy"]) for row in rows])


def test_evaluation_covers_both_ways_to_act(small_run):
    evaluation = json.loads((small_run / "evaluation.json").read_text())
    assert {name: each["episodes"] for name, each in evaluation.items()} == {"sampled": 4, "deterministic": 4}


def test_a_run_that_finds_no_cluster_leaves_nothing(tmp_path, capsys):
    with unanswered() as address:
        assert run_small(tmp_path / "run", 3, "--engine", "ray", "--ray-address", address) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: no Ray cluster answers at {address}") and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_lost_connection_of_an_environment_is_no_missing_cluster(tmp_path, monkeypatch):
    def lose(*arguments):
        raise ConnectionResetError("the simulator is gone")

    monkeypatch.setattr(train, "train", lose)
    with pytest.raises(ConnectionResetError, match="the simulator is gone"):
        run_small(tmp_path / "run", 3)
    assert (tmp_path / "run" / "config.json").is_file()


def test_threads_are_no_more_than_the_environment_allows(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert parse(PROGRAM, ["--env", ENV]).run.num_threads == 1
    assert parse(PROGRAM, ["--env", ENV, "--num-threads", "3"]).run.num_threads == 3


def test_events_of_a_session_hide_earlier_ones_even_if_begun_in_the_same_second(tmp_path, monkeypatch):
    """Names of files count up as text, so that 10 sorts before 9."""
    monkeypatch.setattr(event_file_writer, "_global_uid", AtomicCounter(9))
    for first, last in ((0, 3), (2, 4)):
        events = Events(tmp_path, first)
        for step in range(first + 1, last + 1):
            events.write({"x": float(first)}, {"x": ()}, step)
        events.close()
    found = EventAccumulator(str(tmp_path), purge_orphaned_data=True).Reload().Scalars("x")
    assert [(event.step, event.value) for event in found] == [(1, 0.0), (2, 0.0), (3, 2.0), (4, 2.0)]


def test_latest_and_previous_checkpoint_are_kept(tmp_path, no_report):
    run_small(tmp_path / "run", 9, "--checkpoint-every", str(2 * UNROLL))
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert names == [f"{unrolls * UNROLL:012d}.zip" for unrolls in (8, 9)]


def test_training_ends_at_the_success_asked_for(tmp_path, monkeypatch, no_report, capsys):
    """In the smallest maze, which chance solves soon, one success in the last two episodes is enough."""
    monkeypatch.setattr(train, "SUCCESS_WINDOW", 2)
    maze = ("--env", ENV, "--env-kwargs", json.dumps({"size": 5, "view_size": 1}))
    assert run_small(tmp_path / "run", 1000, "--stop-at-success", "0.5", task=maze) == 0
    assert "frames: success" in capsys.readouterr().out
    rows = read_rows(tmp_path / "run" / "progress.csv")
    assert float(rows[-1]["rollout/success_rate"]) >= 0.5
    assert int(rows[-1]["time/total_timesteps"]) < 1000 * UNROLL


def test_success_that_is_held_stops():
    class Model:
        ep_success_buffer = [1.0] * 190 + [0.0] * 10

    assert train._success_held(Model(), 0.96) is None
    assert "success 0.950 over the last 200 episodes" in train._success_held(Model(), 0.95)
    assert train._success_held(Model(), None) is None
    Model.ep_success_buffer = [1.0] * 199
    assert train._success_held(Model(), 0.5) is None


def test_two_programs_cannot_train_in_one_folder(small_run, capsys):
    run = RunDirectory.open(small_run)
    run.claim()
    before = (small_run / "config.json").read_bytes()
    assert resume(small_run) == 2
    assert "another program is training" in capsys.readouterr().err
    assert (small_run / "config.json").read_bytes() == before
    run.release()


def test_folder_that_is_not_empty_is_refused(small_run, capsys):
    assert run_small(small_run, 1) == 2
    assert f"--resume {small_run}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to train on: give --preset, one of imaze/ald"),
        (["--preset", "imaze/adl"], "did you mean 'imaze/ald'"),
        (["--env", "MemoryEnvs/IMase-v0"], "IMaze"),
        (["--env", ENV, "--gamma", "2"], "gamma must be in [0, 1], got 2.0"),
        (["--env", ENV, "--num-envs", "0"], "--num-envs must be at least 1, got 0"),
        (["--env", ENV, "--seed", "-1"], "--seed must be from 0 to"),
        (["--env", ENV, "--stop-at-success", "1.5"], "--stop-at-success must be in (0, 1], got 1.5"),
        (["--env", ENV, "--env-kwargs", "[1]"], "--env-kwargs must be a JSON object"),
        (["--env", ENV, "--env-kwargs", '{"size": 8}'], "size"),
        (["--env", "MountainCarContinuous-v0"], "Discrete"),
        (["--resume", "no/such/run"], "no/such/run is no run directory"),
    ],
)
def test_wrong_options_are_refused_in_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train.main(PROGRAM, arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert not list(tmp_path.iterdir())


def test_command_line_wins_over_preset_and_preset_over_defaults(monkeypatch):
    preset = dataclasses.replace(
        train_presets()["imaze/ald"], num_envs=3, overrides={"gamma": 0.9, "entropy_coef": 0.5}
    )
    monkeypatch.setitem(train_presets(), "imaze/ald", preset)
    options = parse(PROGRAM, ["--preset=imaze/ald", "--gamma", "0.8"])
    assert (options.config.gamma, options.config.entropy_coef) == (0.8, 0.5)
    assert options.config.eps_eta == ALDConfig().eps_eta
    assert (options.run.num_envs, options.run.env) == (3, ENV)
    assert options.run.run_dir.startswith("runs/imaze-ald-s0-")


def train_presets():
    from registry.presets import PRESETS

    return PRESETS


def test_help_names_every_field_with_its_origin(capsys):
    with pytest.raises(SystemExit) as ended:
        parse(PROGRAM, ["--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for field in dataclasses.fields(ALDConfig):
        assert f"--{field.name.replace('_', '-')}" in text
        assert f"{field.metadata['help']} [{field.metadata['origin']}]" in text
    for field in dataclasses.fields(RunSettings):
        assert f"--{field.name.replace('_', '-')}" in text


def test_options_survive_json():
    options = Options("ald", RunSettings(env=ENV, stop_at_success=0.9), ALDConfig(max_grad_norm=1.0))
    assert Options.from_dict(json.loads(json.dumps(options.to_dict()))) == options
    with pytest.raises(ValueError, match="not one of this version"):
        Options.from_dict({"run": {"colour": "red"}, "config": {}})


def test_settings_that_a_saved_configuration_lacks_are_what_their_absence_means(monkeypatch):
    content = Options("ald", RunSettings(env=ENV), ALDConfig(reward_prediction_coef=0.5)).to_dict()
    del content["config"]["reward_prediction_coef"]
    field = ALDConfig.__dataclass_fields__["reward_prediction_coef"]
    monkeypatch.setattr(field, "metadata", {**field.metadata, "absent": 0.25})
    assert Options.from_dict(content).config.reward_prediction_coef == 0.25


def test_rows_are_12000_frames_apart_at_most_unless_told_otherwise():
    arguments = ["--env", ENV, "--num-envs", "10", "--unroll-length", "50"]
    assert parse(PROGRAM, arguments).run.log_every == 24
    assert parse(PROGRAM, [*arguments, "--num-envs", "1000"]).run.log_every == 1
    assert parse(PROGRAM, [*arguments, "--log-every", "3"]).run.log_every == 3
    with pytest.raises(ValueError, match="--log-every must be at least 1, got 0"):
        parse(PROGRAM, [*arguments, "--log-every", "0"])


def test_table_goes_on_with_new_columns(tmp_path):
    path = tmp_path / "progress.csv"
    ProgressTable(path, []).write({"a": 1.5}, {"a": ()})
    table = ProgressTable(path, read_rows(path))
    table.write({"a": 2.5, "b": 3, "hidden": 4}, {"a": (), "b": (), "hidden": ("csv",)})
    table.write({"b": 5}, {"b": ()})
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], ["1.5", ""], ["2.5", "3"], ["", "5"]]


def test_paper_is_drawn_only_beside_its_own_maze():
    assert published_points(ENV, {}) == published_points(ENV, {"size": 9}) == PAPER
    assert published_points(ENV, {"size": 11}) == published_points("MemoryEnvs/IMaze-15x15-v0", {}) == ()


def test_first_row_that_reaches_a_success():
    rows = [
        {"time/total_timesteps": "1000000", "time/training_seconds": "60"},
        {"time/total_timesteps": "2000000", "time/training_seconds": "90", "rollout/success_rate": "0.96"},
    ]
    assert reached(rows, 0.95, "frames") == 2.0
    assert reached(rows, 0.95, "minutes") == 1.5
    assert reached(rows, 0.99, "minutes") is None


def test_a_success_over_a_handful_of_episodes_reaches_nothing():
    rows = [
        {
            "time/total_timesteps": str(frames),
            "rollout/success_rate": "1.0",
            "rollout/episodes": episodes,
        }
        for frames, episodes in ((1000, "1"), (2000, "99"), (3000, "100"))
    ]
    assert reached(rows, 0.95, "frames") == 0.003


def test_clock():
    assert [clock(seconds) for seconds in (0, 59.6, 3599, 3600)] == ["0:00", "1:00", "59:59", "1:00:00"]


def test_counts_of_frames_stay_short():
    assert [count(frames) for frames in (0, 99_999, 100_000, 1_600_000)] == ["0", "99,999", "0.10M", "1.60M"]
