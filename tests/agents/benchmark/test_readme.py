"""The page of a benchmark: its tables as Markdown."""

import json
import re

import pytest

from agents.benchmark.figures import Figures
from agents.benchmark.readme import _markdown, save_readme
from agents.results.acting import read_acting
from agents.results.records import read_records
from agents.results.runs import by_task, find_runs, grouped
from agents.results.verdicts import verdict_table
from tests.support import ROOT
from tests.support.small_benchmark import evaluation, write_run


@pytest.fixture
def figures(tmp_path):
    return {task: Figures(tmp_path / "a.svg", tmp_path / "b.svg") for task in ("IMaze-v0", "MetaFetch-v0")}


def test_page_has_the_numbers_that_follow_from_the_runs(raw, figures):
    page = save_readme(read_records(raw), read_acting(raw), raw, figures).read_text()
    # ALD comes to 50 % at 2,000 frames, or one minute, to 95 % a row later; to 99 % at the end with 3 seeds.
    assert "| ALD | 0.00 | 0.00 | 0.00 (3 of 5) |" in page and "| ALD | 1:00 | 1:30 | 2:00 (3 of 5) |" in page
    assert "| LSTM | 0.00 | — (2 of 5) | — (0 of 5) |" in page
    assert "| *the paper's ALD* | 2.12 | 2.98 | 3.25 |" in page
    # The middle three of 1, 0.995, ..., 0.98, which are 2s - 1 as scores.
    assert "| ALD | 5 | 0.990 [" in page and "| ALD | 0.980 [" in page
    assert "Presets: ALD `imaze/ald`; LSTM `imaze/vmpo-lstm`." in page
    assert "| 4.0 | 120 | 250 |" in page  # CPU minutes, then microseconds
    assert "## All tasks" in page and "processor: abacus" in page


def test_agents_with_the_papers_settings_are_others_than_ours_over_all_tasks(folder, figures, tmp_path):
    for preset in ("paper/imaze/ald", "paper/imaze/vmpo-lstm", "imaze/ald-steps-16", "imaze/ald-steps-2"):
        write_run(folder, preset, 0, [0.5])
    runs = find_runs(folder)
    page = save_readme(runs, {}, tmp_path, figures).read_text()
    _, every = page.split("## All tasks")
    assert [line.split()[1] for line in every.splitlines() if line.startswith("| ")] == ["agent", "ald"]
    assert page.index("| ALD steps 2 |") < page.index("| ALD steps 16 |")


def test_somebody_elses_results_need_a_curve_and_a_row(raw, figures):
    """As docs/benchmark.md says."""
    (raw / "curves" / "imaze-mine-s0.csv").write_text(
        "time/total_timesteps,time/training_seconds,rollout/success_rate\n1000,5,0.4\n2000,10,0.97\n"
    )
    table = json.loads((raw / "runs.json").read_text())
    settings = {"preset": "imaze/mine", "env": "MemoryEnvs/IMaze-v0", "seed": 0}
    table["imaze-mine-s0"] = {"agent": "mine", "settings": settings, "evaluation": evaluation(0.97)}
    (raw / "runs.json").write_text(json.dumps(table))
    runs = [run for run in read_records(raw) if run.group == "imaze/mine"]
    page = save_readme(runs, {}, raw, figures).read_text()
    assert "| imaze/mine | 0.00 | 0.00 | — (0 of 1) |" in page
    assert "| imaze/mine | 0:10 | 0:10 | — (0 of 1) |" in page
    assert "| imaze/mine | 0.940 |" in page


def test_no_table_is_wider_than_a_page(raw, figures):
    """Of 740 pixels, with letters 7 pixels wide and 20 pixels between two columns."""
    page = save_readme(read_records(raw), read_acting(raw), raw, figures).read_text()
    for block in page.split("\n\n"):
        lines = [line[2:-2].split(" | ") for line in block.splitlines() if line.startswith("| ")]
        if lines:
            # A head breaks where it has a space.
            columns = [max(map(len, [*head.split(), *cells])) for head, *cells in zip(*lines, strict=True)]
            assert sum(7 * column + 20 for column in columns) <= 740, lines[0]


def test_the_page_of_results_has_the_verdicts_of_the_raw_data():
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    copied = re.findall(r"^\| agent \|.*?(?=\n\n)", page, re.M | re.S)
    folders = (
        *("imaze", "imaze-15x15", "meta-fetch", "memory-targets", "step-penalty", "imaze-twenty-seeds"),
        *("paper", "ablations-distillation"),
    )
    made = []
    for folder in folders:
        raw = ROOT / "docs" / "results" / folder
        runs = [run.timed_by("cpu") for run in read_records(raw)]
        tables = [_markdown(verdict_table(grouped(of_task), "cpu"))[0] for of_task in by_task(runs).values()]
        made += tables
        readme = (raw / "README.md").read_text(encoding="utf-8")
        assert all(table in readme for table in tables), folder
    assert made == copied
