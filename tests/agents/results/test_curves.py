"""Learning curves of experiments, as they are drawn."""

from dataclasses import replace

import numpy as np

from agents.results.curves import MOST_LINES, panel, run_line
from agents.results.runs import find_runs, grouped
from agents.runs.curve import PAPER
from tests.support.small_benchmark import write_run


def test_curves_hold_every_logged_row_and_an_interval_from_three_seeds(small_report):
    [group] = grouped(find_runs(small_report.runs))
    *singly, common = panel([group], "success", "frames", "wall").curves
    assert [curve.name for curve in (*singly, common)] == ["", "", "", "IMaze-v0/ald"]
    rows = [row for row in group.runs[1].rows if row["rollout/success_rate"]]
    np.testing.assert_allclose(singly[1].x, [int(row["time/total_timesteps"]) / 1e6 for row in rows])
    np.testing.assert_allclose(singly[1].y, [float(row["rollout/success_rate"]) for row in rows])
    np.testing.assert_allclose(
        common.y, np.interp(common.x, singly[1].x, singly[1].y), atol=2e-3
    )  # 0.1 apart
    low, high = common.band
    assert (low <= common.y + 1e-9).all() and (common.y <= high + 1e-9).all() and low.max() < high.max()


def test_two_seeds_have_no_interval_and_one_name(small_report):
    [group] = grouped(find_runs(small_report.runs))
    two = panel([replace(group, runs=group.runs[:2])], "success", "frames", "wall").curves
    assert [(curve.name, curve.band) for curve in two] == [("", None), ("IMaze-v0/ald", None)]


def test_many_runs_are_drawn_by_what_they_have_in_common_alone(small_report):
    [group] = grouped(find_runs(small_report.runs))
    many = replace(group, runs=group.runs * (MOST_LINES // 3 + 1))
    [curve] = panel([many], "success", "frames", "wall").curves
    assert curve.name == group.name


def test_curves_begin_where_means_run_over_enough_episodes(tmp_path):
    run = write_run(tmp_path, "imaze/ald", 0, [1.0, 0.8, 0.1, 0.2])
    progress = run / "progress.csv"
    head, *rows = progress.read_text().splitlines()
    few = [row.replace(",200,", f",{count},") for row, count in zip(rows, (1, 99, 100, 200), strict=True)]
    progress.write_text("\n".join([head, *few]))
    x, y = run_line(find_runs(tmp_path)[0], "success", "frames")
    assert (x.tolist(), y.tolist()) == ([0.003, 0.004], [0.1, 0.2])
    progress.write_text("\n".join([head, *few[:2]]))
    assert run_line(find_runs(tmp_path)[0], "success", "frames")[1].tolist() == [1.0, 0.8]


def test_axes_say_whose_minutes_and_the_paper_stands_beside_success_alone(tmp_path):
    write_run(tmp_path, "imaze/ald", 0, [0.1, 0.2])
    groups = grouped(find_runs(tmp_path))
    wall, cpu = (panel(groups, "success", "minutes", clock, PAPER) for clock in ("wall", "cpu"))
    assert (wall.x_label, cpu.x_label) == ("minutes of training", "minutes of the processor")
    assert [curve.name for curve in wall.curves][1:] == [f"paper: {each.name}" for each in PAPER]
    assert len(panel(groups, "return", "minutes", "wall", PAPER).curves) == 1
