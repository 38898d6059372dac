"""What a benchmark leaves: raw data that is small and whole, and figures and tables from it alone."""

import csv
import json
import math
import shutil

import numpy as np
import pytest
from PIL import Image

from agents.benchmark import __main__ as program
from agents.benchmark.collect import collect
from agents.benchmark.figures import looks, spread
from agents.benchmark.tables import save_page
from agents.report.__main__ import write_report
from agents.results.acting import Cost, measure_acting, read_acting, write_acting
from agents.results.comparison import compare
from agents.results.records import MOST_ROWS, read_records, write_records
from agents.results.runs import Run, find_runs, grouped
from agents.results.scores import final_score, first_reach, measure_of
from agents.results.statistics import aggregate, probability_of_improvement
from agents.runs.log import CPU_SECONDS, FRAMES, SECONDS, column
from tests.support.small_benchmark import FETCH, evaluation, write_benchmark, write_run


@pytest.fixture
def folder(tmp_path):
    return write_benchmark(tmp_path / "runs")


@pytest.fixture
def raw(folder, tmp_path):
    collect(folder, tmp_path / "raw", acting=False)
    write_acting(tmp_path / "raw", {"imaze/ald": {1: Cost(120.0, 1.0)}})
    return tmp_path / "raw"


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


def test_long_curves_are_thinned_and_keep_what_milestones_are_read_from(tmp_path):
    successes = np.linspace(0, 1, 5000)
    run = Run.read(write_run(tmp_path / "runs", "imaze/ald", 0, successes.tolist()))
    write_records([run], tmp_path / "raw")
    [record] = read_records(tmp_path / "raw")
    assert MOST_ROWS <= len(record.rows) <= MOST_ROWS + 3
    assert (tmp_path / "raw" / "curves" / "imaze-ald-s0.csv").stat().st_size < 60_000
    for level in (0.5, 0.95, 0.99):
        assert first_reach(record, level, "frames") == first_reach(run, level, "frames")
    assert record.rows[-1][FRAMES] == "5000000"


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


def test_somebody_elses_results_need_a_curve_and_a_row(raw, tmp_path):
    """As docs/benchmark.md says."""
    (raw / "curves" / "imaze-mine-s0.csv").write_text(
        "time/total_timesteps,time/training_seconds,rollout/success_rate\n1000,5,0.4\n2000,10,0.97\n"
    )
    table = json.loads((raw / "runs.json").read_text())
    settings = {"preset": "imaze/mine", "env": "MemoryEnvs/IMaze-v0", "seed": 0}
    table["imaze-mine-s0"] = {"agent": "mine", "settings": settings, "evaluation": evaluation(0.97)}
    (raw / "runs.json").write_text(json.dumps(table))
    runs = [run for run in read_records(raw) if run.group == "imaze/mine"]
    page = save_page(runs, {}, raw, {"IMaze-v0": (tmp_path, tmp_path)}).read_text()
    assert "| `imaze/mine` | 0.00 | 0.00 | — (0 of 1) | 0:10 | 0:10 | — (0 of 1) |" in page
    assert "| `imaze/mine` | 0.940 |" in page


# --


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Raw data whose runs are gone, and every file that was drawn of it, twice."""
    home = tmp_path_factory.mktemp("drawn")
    collect(write_benchmark(home / "runs"), home / "raw", acting=False)
    write_acting(home / "raw", {"imaze/ald": {1: Cost(120.0, 1.0), 64: Cost(250.0, 1.0)}})
    shutil.rmtree(home / "runs")
    times = []
    for _ in range(2):
        assert program.main(["figures", str(home / "raw"), "--images", str(home / "images")]) == 0
        files = [*sorted((home / "images").iterdir()), home / "raw" / "README.md"]
        times.append({file.name: file.read_bytes() for file in files})
    return home, times


def test_figures_and_tables_come_again_bit_for_bit_from_raw_data_alone(drawn):
    home, (first, second) = drawn
    assert first == second and len(first) == 5
    for file in (home / "images").iterdir():
        assert f"](../images/{file.name})" in first["README.md"].decode()
        with Image.open(file) as picture:
            assert picture.width > 1000 and len(picture.getcolors()) > 20 and file.stat().st_size < 150_000


def test_page_has_the_numbers_that_follow_from_the_runs(drawn):
    page = drawn[1][0]["README.md"].decode()
    # ALD comes to 50 % at 2,000 frames, or one minute, to 95 % a row later; to 99 % at the end with 3 seeds.
    assert "| `imaze/ald` | 0.00 | 0.00 | 0.00 (3 of 5) | 1:00 | 1:30 | 2:00 (3 of 5) |" in page
    assert "| `imaze/vmpo-lstm` | 0.00 | — (2 of 5) | — (0 of 5) |" in page
    assert "| *the paper's ALD* | 2.12 | 2.98 | 3.25 |" in page
    # The middle three of 1, 0.995, ..., 0.98, which are 2s - 1 as scores.
    assert "| `imaze/ald` | 5 | 0.990 [" in page and "| `imaze/ald` | 0.980 [" in page
    assert "| 4.0 | 120 | 250 |" in page  # CPU minutes, then microseconds
    assert "## All tasks" in page and "processor: abacus" in page


def test_agents_with_the_papers_settings_are_others_than_ours_over_all_tasks(folder, tmp_path):
    for preset in ("paper/imaze/ald", "paper/imaze/vmpo-lstm", "imaze/ald-steps-16", "imaze/ald-steps-2"):
        write_run(folder, preset, 0, [0.5])
    runs = find_runs(folder)
    figures = {task: (tmp_path / "a.png", tmp_path / "b.png") for task in ("IMaze-v0", "MetaFetch-v0")}
    page = save_page(runs, {}, tmp_path, figures).read_text()
    _, every = page.split("## All tasks")
    assert [line.split()[1] for line in every.splitlines() if line.startswith("| ")] == ["agent", "ald"]
    assert page.index("`imaze/ald-steps-2`") < page.index("`imaze/ald-steps-16`")


def test_minutes_can_be_those_of_the_processor(raw, tmp_path, capsys):
    for run in read_records(raw):
        by_cpu = run.timed_by("cpu")
        assert column(by_cpu.rows, SECONDS) == column(run.rows, CPU_SECONDS) != column(run.rows, SECONDS)
        assert run.timed_by("wall") is run
    assert program.main(["figures", str(raw), "--images", str(tmp_path), "--clock", "cpu"]) == 0
    page = (raw / "README.md").read_text()
    assert "minutes: of the processor" in page and "| CPU minutes to 95% |" in page
    assert '"clock":"cpu"' in write_report(raw, clock="cpu").read_text().replace(" ", "")
    curve = next((raw / "curves").iterdir())
    curve.write_text(curve.read_text().replace(CPU_SECONDS, "time/other"))
    assert program.main(["figures", str(raw), "--images", str(tmp_path), "--clock", "cpu"]) == 2
    assert f"has not logged {CPU_SECONDS}" in capsys.readouterr().err


def test_an_agent_that_took_no_part_is_refused(raw, tmp_path, capsys):
    assert program.main(["figures", str(raw), "--images", str(tmp_path / "images"), "--agent", "vmpo"]) == 2
    assert "no agent 'vmpo', did you mean 'vmpo-lstm'? (there are 'ald', " in capsys.readouterr().err
    assert not (tmp_path / "images").exists()


def test_labels_are_moved_apart_and_stay_in_order():
    places = spread([0.5, 0.99, 1.0, 0.98], 0.1)
    np.testing.assert_allclose(places, [0.5, 0.9, 1.0, 0.8])
    assert len(set(looks(20))) == 20


# --


def test_interquartile_mean_pools_tasks_and_has_no_interval_of_two_seeds():
    assert aggregate([[0.0, 1.0, 5.0, 9.0]]).mean == 3.0
    assert aggregate([[0.0, 1.0], [5.0, 9.0]]) == (3.0, None, None)
    same = aggregate([[2.0, 2.0, 2.0], [4.0, 4.0, 4.0]])
    assert same == (3.0, 3.0, 3.0)  # strata are never mixed: each draw has three of either
    with pytest.raises(ValueError, match="at least one run each, got \\[2, 0\\]"):
        aggregate([[1.0, 2.0], []])


def test_probability_of_improvement_counts_pairs_and_halves_ties():
    assert probability_of_improvement([1.0, 3.0], [2.0]).mean == 0.5
    assert probability_of_improvement([1.0, 2.0, 3.0], [2.0, 0.0, 2.0]).mean == pytest.approx(6 / 9)
    assert probability_of_improvement([-1.0, -math.inf], [-math.inf, -math.inf]).mean == 0.75
    assert probability_of_improvement([1.0, 2.0, 3.0], [0.0, 0.5, 0.9]) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="got 1 and 0"):
        probability_of_improvement([1.0], [])


def test_scores_are_those_of_the_certificate(tmp_path):
    maze = Run.read(write_run(tmp_path, "imaze/ald", 0, [0.2, 0.75]))
    assert (measure_of(maze), final_score(maze)) == ("success", 0.5)
    fetch = Run.read(write_run(tmp_path, "meta-fetch/ald", 0, [0.5, 0.9], env=FETCH, worth=50.0))
    memoryless, perfect = 23.989774251810438, 48.3358403411302  # lower ends, as shipped
    assert measure_of(fetch) == "return"
    assert final_score(fetch) == pytest.approx((45.0 - memoryless) / (perfect - memoryless))
    assert first_reach(fetch, 0.5, "frames") == 0.002 and first_reach(fetch, 0.99, "frames") is None


def test_comparison_is_of_ald_with_the_others(folder):
    [ours, other] = compare(grouped([run for run in find_runs(folder) if "imaze" in run.group]), {})
    assert ours.improvement is None and other.improvement is not None
    assert other.improvement["score"].mean == 1.0
    assert other.improvement["minutes"].mean == 1.0  # at row 3 at the latest, the other at row 4 or never
    assert ours.cpu_minutes == 4.0


def test_nobody_is_sooner_where_nobody_arrives(tmp_path):
    for preset in ("imaze/ald", "imaze/vmpo-lstm"):
        write_run(tmp_path, preset, 0, [0.1, 0.2])
    [_, other] = compare(grouped(find_runs(tmp_path)), {})
    assert other.improvement["score"].mean == 0.5
    assert other.improvement["frames"] is None and other.improvement["minutes"] is None


@pytest.mark.slow
def test_a_real_grid_is_run_collected_drawn_and_reported(tmp_path):
    grid = tmp_path / "grid"
    size = ["--total-timesteps", "2000", "--evaluation-episodes", "4"]
    presets = ["--presets", "imaze/ald", "imaze/vmpo-gtrxl"]
    assert program.main(["run", *presets, "--seeds", "1", "--folder", str(grid), "--jobs", "1", *size]) == 0
    assert program.main(["collect", str(grid), "--out", str(tmp_path / "raw")]) == 0
    costs = read_acting(grid)
    assert costs == read_acting(tmp_path / "raw") and set(costs) == {"imaze/ald", "imaze/vmpo-gtrxl"}
    assert costs["imaze/ald"][1].microseconds < costs["imaze/vmpo-gtrxl"][1].microseconds
    assert program.main(["figures", str(tmp_path / "raw"), "--images", str(tmp_path)]) == 0
    assert "µs" in write_report(grid).read_text()


def test_acting_is_measured_of_every_group_that_has_a_model(small_report):
    costs = measure_acting(grouped(find_runs(small_report.runs)), rounds=2, steps=3)
    [by_batch] = costs.values()
    assert set(by_batch) == {1, 64} and all(cost.microseconds > 0 for cost in by_batch.values())
    assert by_batch[1].ratio == 1.0
