"""What a benchmark leaves: raw data that is small and whole."""

import csv
import json
import shutil

import pytest

from agents.benchmark import __main__ as program
from agents.benchmark.collect import collect
from agents.report import episodes
from agents.report.__main__ import write_report
from agents.results.acting import read_acting
from agents.results.records import read_records
from agents.results.runs import find_runs
from agents.results.scores import first_reach
from agents.runs.log import CPU_SECONDS, FRAMES, SECONDS, column
from tests.support.small_benchmark import write_run


def test_collected_runs_say_what_the_runs_said(folder, raw):
    pairs = zip(
        sorted(find_runs(folder), key=lambda run: (run.group, run.seed)), read_records(raw), strict=True
    )
    for run, record in pairs:
        assert (record.group, record.seed, record.agent) == (run.group, run.seed, run.agent)
        assert column(record.rows, FRAMES) == column(run.rows, FRAMES)
        assert record.evaluation == run.evaluation
        for level in (0.5, 0.95, 0.99):
            assert first_reach(record, level, "minutes") == first_reach(run, level, "minutes")
        assert record.config == run.config == {"unroll_length": 8}
    text = (raw / "runs.json").read_text()
    assert str(folder) not in text and "run_dir" not in text
    with next((raw / "curves").iterdir()).open() as file:
        assert "loss/policy" not in next(csv.reader(file))


def test_a_report_can_be_written_from_raw_data_alone(raw, folder):
    shutil.rmtree(folder)
    page = write_report(raw).read_text()
    assert "2 tasks" in page and "only their numbers are here" in page


def test_runs_that_have_not_finished_are_left_out_and_named(folder, tmp_path, capsys):
    (folder / "imaze-ald-s3" / "evaluation.json").unlink()
    out = tmp_path / "raw"
    assert program.main(["collect", str(folder), "--out", str(out), "--no-measure-acting"]) == 0
    told = capsys.readouterr().out
    assert "imaze-ald-s3" in told and "14 runs in" in told
    assert "imaze-ald-s3" not in json.loads((out / "runs.json").read_text())


def test_runs_that_train_on_beyond_their_evaluation_are_left_out(folder, tmp_path):
    config = folder / "imaze-ald-s3" / "config.json"
    content = json.loads(config.read_text())
    content["run"]["total_timesteps"] += 1
    config.write_text(json.dumps(content))
    assert collect(folder, tmp_path / "raw", acting=False).left_out == (config.parent,)
    content["run"]["stop_at_success"] = 0.9
    config.write_text(json.dumps(content))
    assert not collect(folder, tmp_path / "raw", acting=False).left_out


def test_runs_can_be_added_to_raw_data(raw, folder, tmp_path):
    """As when those of another machine come later: the same files as of all at once."""
    later = tmp_path / "later"
    later.mkdir()
    moved = sorted(folder.iterdir())[::2]
    for each in moved:
        each.rename(later / each.name)
    out = tmp_path / "in-two-steps"
    for place, options in ((folder, []), (later, ["--add"])):
        assert program.main(["collect", str(place), "--out", str(out), "--no-measure-acting", *options]) == 0
    assert {run.group: run.rows for run in read_records(out)} == {
        run.group: run.rows for run in read_records(raw)
    }
    assert json.loads((out / "runs.json").read_text()) == json.loads((raw / "runs.json").read_text())
    with pytest.raises(ValueError, match="there are several"):
        collect(later, out, acting=False, add=True)
    with pytest.raises(FileNotFoundError, match=r"has no runs\.json"):
        collect(later, tmp_path / "nothing", acting=False, add=True)


def test_same_seed_twice_is_refused(folder, tmp_path):
    write_run(folder / "again", "imaze/ald", 0, [0.5])
    with pytest.raises(ValueError, match="imaze-ald-s0"):
        collect(folder, tmp_path / "raw", acting=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: (raw / "runs.json").write_text("[]"), "must hold an object per run"),
        (lambda raw: (raw / "runs.json").write_text('{"a": {"agent": "b"}}'), "a has no settings and no env"),
        (lambda raw: (raw / "curves" / "imaze-ald-s0.csv").unlink(), "has no curve"),
        (lambda raw: (raw / "curves" / "imaze-ald-s0.csv").write_text("x\n1\n"), "time/total_timesteps"),
        (lambda raw: (raw / "acting.csv").write_text("experiment,batch\na,1\n"), "must have the columns"),
    ],
)
def test_damaged_raw_data_is_refused(raw, tmp_path, change, message, capsys):
    change(raw)
    assert program.main(["figures", str(raw), "--images", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_minutes_can_be_those_of_the_processor(raw, tmp_path, capsys):
    for run in read_records(raw):
        by_cpu = run.timed_by("cpu")
        assert column(by_cpu.rows, SECONDS) == column(run.rows, CPU_SECONDS) != column(run.rows, SECONDS)
        assert run.timed_by("wall") is run
    assert program.main(["figures", str(raw), "--images", str(tmp_path), "--clock", "cpu"]) == 0
    page = (raw / "README.md").read_text()
    assert "minutes: of the processor" in page and "| CPU minutes to 95% |" in page
    assert "CPU minutes" in write_report(raw, clock="cpu").read_text()
    curve = next((raw / "curves").iterdir())
    curve.write_text(curve.read_text().replace(CPU_SECONDS, "time/other"))
    assert program.main(["figures", str(raw), "--images", str(tmp_path), "--clock", "cpu"]) == 2
    assert f"has not logged {CPU_SECONDS}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_real_grid_is_run_collected_drawn_and_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(episodes, "ATTEMPTS", 2)  # untrained models time out in nearly all
    grid = tmp_path / "grid"
    size = ["--total-timesteps", "2000", "--evaluation-episodes", "4"]
    presets = ["--presets", "imaze/ald", "imaze/vmpo-gtrxl"]
    assert program.main(["run", *presets, "--seeds", "1", "--folder", str(grid), "--jobs", "1", *size]) == 0
    assert program.main(["collect", str(grid), "--out", str(tmp_path / "raw")]) == 0
    times = read_acting(grid)
    assert times == read_acting(tmp_path / "raw") and set(times) == {"imaze/ald", "imaze/vmpo-gtrxl"}
    assert times["imaze/ald"][1].microseconds < times["imaze/vmpo-gtrxl"][1].microseconds
    assert program.main(["figures", str(tmp_path / "raw"), "--images", str(tmp_path)]) == 0
    assert "µs" in write_report(grid).read_text()
