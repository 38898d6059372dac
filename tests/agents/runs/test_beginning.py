"""A run folder can be resumed or started again, whatever moment its program ended at."""

import os
import signal

import pytest

from agents import train
from agents.runs import session
from agents.runs.callback import RunCallback
from agents.runs.directory import RunDirectory
from agents.runs.log import read_rows
from agents.sb3.base import ConfiguredAlgorithm
from tests.agents.runs.test_resume import assert_same_state, rows_without_times
from tests.support.small_run import ENV, UNROLL, UNROLLS, resume, run_small

pytestmark = pytest.mark.usefixtures("signals_by_default")

SHORT = ("--num-envs", "2", "--total-timesteps", "64", "--log-every", "1", "--device", "cpu")
ON_POLICY = ("--n-steps", "8", "--evaluation-episodes", "2")
# "--batch-size" divides the frames of a rollout.
AGENTS = {
    "vmpo": ("--unroll-length", "8", "--policy", "LstmPolicy"),
    "ppo": (*ON_POLICY, "--batch-size", "8"),
    "recurrent-ppo": (*ON_POLICY, "--batch-size", "8"),
    "random": ON_POLICY,
}


class Killed(BaseException):
    """The end of the process at this place, as far as files are concerned."""


def killed(*arguments, **named):
    raise Killed


def killed_run(folder, owner, name):
    """Begin a run that is killed when a function is called: nothing behind that call happens."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(RunDirectory, "discard", lambda self: None, raising=False)
        patch.setattr(owner, name, killed)
        run_small(folder, UNROLLS)


def test_the_first_checkpoint_is_saved_before_the_first_frame(tmp_path, monkeypatch):
    killed_run(tmp_path / "run", ConfiguredAlgorithm, "_update_info_buffer")  # in the first step
    assert [each.name for each in (tmp_path / "run" / "checkpoints").iterdir()] == ["000000000000.zip"]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (session, "_callback"),  # the configuration is written and nothing else
        (RunDirectory, "save_checkpoint"),
        (ConfiguredAlgorithm, "_update_info_buffer"),
    ],
)
def test_a_run_killed_before_its_first_unroll_is_resumed_bit_for_bit(
    owner, name, small_run, tmp_path, no_report
):
    folder = tmp_path / "run"
    killed_run(folder, owner, name)
    assert resume(folder) == 0
    assert_same_state(small_run, folder)
    assert rows_without_times(folder) == rows_without_times(small_run)


@pytest.mark.parametrize(
    ("owner", "name"), [(session, "_write_configuration"), (RunDirectory, "write_config")]
)
def test_a_run_killed_before_it_wrote_anything_is_started_by_the_same_command(
    owner, name, tmp_path, no_report
):
    folder = tmp_path / "run"
    killed_run(folder, owner, name)
    assert folder.exists()
    unfinished = folder / f".{'0123456789abcdef' * 2}.config.json"
    unfinished.write_text('{"run": {')
    assert run_small(folder, 2) == 0
    assert not unfinished.exists()


def test_a_folder_with_a_file_of_somebody_is_not_begun_in(tmp_path, capsys):
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    notes = folder / "checkpoints" / "notes.txt"
    notes.write_text("mine")
    assert run_small(folder, 2) == 2
    assert "is not an empty folder" in capsys.readouterr().err
    assert [each.name for each in folder.rglob("*")] == ["checkpoints", "notes.txt"]


def test_a_model_without_checkpoints_is_not_overwritten_by_a_new_beginning(tmp_path, capsys, no_report):
    folder = tmp_path / "run"
    assert run_small(folder, 2) == 0
    run = RunDirectory(folder)
    os.replace(run.latest_checkpoint(), run.model)
    for each in run.checkpoints.iterdir():
        each.unlink()
    before = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
    assert resume(folder) == 2
    error = capsys.readouterr().err
    assert "holds no checkpoint" in error and "--trained-agent" in error
    assert {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()} == before


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("name", ["write_config", "claim"])
@pytest.mark.parametrize("existed", [False, True])
def test_a_run_that_does_not_get_as_far_as_training_leaves_nothing(
    name, problem, existed, tmp_path, monkeypatch
):
    def fail(*arguments):
        raise problem

    folder = tmp_path / "deep" / "run"
    if existed:
        folder.mkdir(parents=True)
    monkeypatch.setattr(RunDirectory, name, fail)
    assert run_small(folder, 2) == (130 if isinstance(problem, KeyboardInterrupt) else 2)
    assert [str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*")] == (
        ["deep", "deep/run"] if existed else []
    )


def test_a_run_to_resume_that_is_refused_is_kept(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    killed_run(folder, session, "_callback")
    monkeypatch.setattr(RunDirectory, "write_config", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        resume(folder)
    assert (folder / "config.json").is_file()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are terminals that hang up on POSIX alone")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize(
    ("owner", "name"),
    [(train, "prepare"), (RunCallback, "_on_training_start"), (RunCallback, "log"), (train, "finish")],
)
def test_signals_end_a_run_at_any_moment_as_ctrl_c_does(owner, name, number, tmp_path, monkeypatch, capsys):
    original, folder = getattr(owner, name), tmp_path / "run"

    def hang_up(*arguments):
        os.kill(os.getpid(), number)
        return original(*arguments)

    before = signal.getsignal(number)
    monkeypatch.setattr(owner, name, hang_up)
    assert run_small(folder, UNROLLS) == 130
    assert signal.getsignal(number) is before
    assert folder.exists() == (name != "prepare")
    if name != "prepare":
        assert capsys.readouterr().out.strip().splitlines()[-1].startswith("Resume with:")
        assert RunDirectory(folder).latest_checkpoint().is_file()


@pytest.mark.parametrize("agent", AGENTS)
def test_all_agents_go_on_from_their_first_checkpoint(agent, tmp_path, no_report):
    def begin(name):
        where = ("--env", ENV, "--run-dir", str(tmp_path / name))
        return train.main([*where, "--agent", agent, *SHORT, *AGENTS[agent]])

    assert begin("whole") == 0
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(RunCallback, "_after_unroll", killed)
        begin("resumed")
    assert resume(tmp_path / "resumed") == 0
    assert_same_state(tmp_path / "whole", tmp_path / "resumed")


def test_rows_of_a_run_that_begins_anew_are_dropped(small_run, tmp_path, no_report):
    folder = tmp_path / "run"
    assert run_small(folder, 7) == 0
    for each in RunDirectory(folder).checkpoints.iterdir():
        each.unlink()
    assert len(read_rows(folder / "progress.csv")) == 2
    assert resume(folder, "--total-timesteps", str(UNROLLS * UNROLL)) == 0
    assert rows_without_times(folder) == rows_without_times(small_run)
