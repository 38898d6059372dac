"""The raw data of a benchmark."""

import numpy as np

from agents.results.records import MOST_ROWS, read_records, write_records
from agents.results.runs import Run
from agents.results.scores import first_reach
from agents.runs.log import FRAMES
from tests.support.small_benchmark import write_run


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
    write_records([record], tmp_path / "again")
    assert read_records(tmp_path / "again")[0].rows == record.rows
