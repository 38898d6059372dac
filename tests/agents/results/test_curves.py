"""Learning curves of experiments, as they are drawn."""

import json
from dataclasses import replace

import numpy as np
import pytest

from agents.results.curves import MOST_LINES, panel, run_line
from agents.results.looks import looks
from agents.results.runs import find_runs, grouped
from agents.runs.curve import PAPER
from tests.support.small_benchmark import FETCH, write_run


def test_curves_hold_every_logged_row_and_an_interval_from_three_seeds(small_report):
    [group] = grouped(find_runs(small_report.runs))
    *singly, common = panel(looks([group]), "success", "frames", "wall").curves
    assert [curve.name for curve in (*singly, common)] == ["", "", "", "ALD, told, hindsight"]
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
    two = panel(looks([replace(group, runs=group.runs[:2])]), "success", "frames", "wall").curves
    assert [(curve.name, curve.band) for curve in two] == [("", None), ("ALD, told, hindsight", None)]


def test_many_runs_are_drawn_by_what_they_have_in_common_alone(small_report):
    [group] = grouped(find_runs(small_report.runs))
    many = replace(group, runs=group.runs * (MOST_LINES // 3 + 1))
    [curve] = panel(looks([many]), "success", "frames", "wall").curves
    assert curve.name == "ALD, told, hindsight"


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
    wall, cpu = (panel(looks(groups), "success", "minutes", clock, PAPER) for clock in ("wall", "cpu"))
    assert (wall.x_label, cpu.x_label) == ("minutes of training", "CPU minutes")
    assert [curve.name for curve in wall.curves][1:] == [f"paper: {each.name}" for each in PAPER]
    assert len(panel(looks(groups), "return", "minutes", "wall", PAPER).curves) == 1


def test_panels_say_what_differs_and_what_memory_is_worth(tmp_path):
    write_run(tmp_path, "imaze/ald", 0, [0.1, 0.2])
    write_run(tmp_path, "imaze/random", 0, [0.0, 0.0], agent="random")
    groups = grouped(find_runs(tmp_path))
    frames, minutes = (panel(looks(groups), "success", unit, "cpu") for unit in ("frames", "minutes"))
    assert frames.title == "success while training over million frames"
    assert minutes.title == "success while training over CPU minutes"
    assert panel(looks(groups), "success", "frames", what="steps").title == "by steps, over million frames"
    assert [mark.name for mark in frames.marks] == ["chance", "no memory (proved)", "perfect memory"]
    np.testing.assert_allclose([mark.value for mark in frames.marks], [0.03552, 0.5, 1], atol=1e-4)
    # Chance is a mark, so that it is no curve as well.
    assert [curve.name for curve in frames.curves] == ["ALD"]


def test_tasks_without_a_certificate_have_no_marks_and_a_curve_of_chance(tmp_path):
    write_run(tmp_path, "imaze/random", 0, [0.0, 0.0], agent="random", env_kwargs='{"size": 11}')
    found = panel(looks(grouped(find_runs(tmp_path))), "success", "frames")
    assert list(found.marks) == [] and [curve.name for curve in found.curves] == ["Random"]


def test_what_is_known_only_is_not_called_proved(tmp_path):
    write_run(tmp_path, "meta-fetch/ald", 0, [0.1, 0.2], env=FETCH)
    found = panel(looks(grouped(find_runs(tmp_path))), "return", "frames")
    assert [mark.name for mark in found.marks] == ["chance", "no memory (known)", "perfect memory"]


@pytest.mark.parametrize(
    ("targets", "title"),
    [
        ([], "ALD"),
        (["known_cue"], "ALD, told"),
        (["hindsight:reached"], "ALD, hindsight"),
        (["known_cue", "hindsight:reached"], "ALD, told, hindsight"),
    ],
)
def test_titles_say_whether_memory_was_taught_and_how(tmp_path, targets, title):
    """Also beside untaught runs of the same agent."""
    for name, taught in (("imaze/ald", []), ("other/ald", targets)):
        path = write_run(tmp_path, name, 0, [0.1, 0.2]) / "config.json"
        config = json.loads(path.read_text())
        config["config"]["memory_targets"] = taught
        path.write_text(json.dumps(config))
    shown = {each.group.name: each.title for each in looks(grouped(find_runs(tmp_path)))}
    assert shown["other/ald"].startswith(title)
    if title != "ALD":
        assert shown == {"imaze/ald": "ALD", "other/ald": title}
