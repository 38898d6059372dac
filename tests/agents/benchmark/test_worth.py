"""The figure of the first page, from raw data alone."""

import re

import pytest

import memory_envs
from agents.benchmark.worth import PLACES, draw_worth, save_worth
from agents.results.acting import read_acting
from agents.results.records import read_records
from agents.results.runs import grouped
from memory_envs.registry.looks import LOOKS
from tests.support import ROOT

RAW = ROOT / "docs" / "results" / "imaze"
COMMITTED = ROOT / "docs" / "images" / "first_page" / "worth.svg"


@pytest.fixture(scope="module")
def groups():
    return grouped(read_records(RAW))


def test_every_seed_stands_at_its_success_and_its_experiments_time(groups):
    acting = read_acting(RAW)
    axes = draw_worth(groups, acting, memory_envs.reference("MemoryEnvs/IMaze-v0")).axes[0]
    drawn = {tuple(point) for line in axes.lines if line.get_marker() == "o" for point in line.get_xydata()}
    expected = {
        (acting[group.name][1].microseconds, run.evaluation["sampled"]["success"]["mean"])
        for group in groups
        for run in group.runs
    }
    assert drawn == expected and len(expected) > 20
    names = {text.get_text() for text in axes.texts}
    assert names >= {LOOKS[name].title for name in PLACES}
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.y0, band.y1) == pytest.approx((0.5, 1.0))


def test_without_times_there_are_no_points(groups):
    axes = draw_worth(groups, {}, memory_envs.reference("MemoryEnvs/IMaze-v0")).axes[0]
    assert not [line for line in axes.lines if line.get_marker() == "o"]


def test_what_is_committed_is_what_is_drawn(tmp_path):
    made, picture = save_worth(RAW, tmp_path)
    assert picture.stat().st_size > 5_000

    def told(file):  # versions of matplotlib may write paths in other ways
        return re.findall(r">([^<>\n]+)</text>", file.read_text(encoding="utf-8"))

    assert told(made) == told(COMMITTED) and len(told(made)) > 12


def test_a_task_without_a_certificate_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("agents.benchmark.worth.certificate_of", lambda run: None)
    with pytest.raises(ValueError, match="folder must hold runs of a task whose certificate ships, got "):
        save_worth(RAW, tmp_path)
