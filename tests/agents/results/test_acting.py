"""The time that a step of each policy takes."""

from agents.results.acting import measure_acting, read_acting, write_acting
from agents.results.runs import find_runs, grouped


def test_acting_is_measured_of_every_group_that_has_a_model_and_kept(small_report, tmp_path):
    times = measure_acting(grouped(find_runs(small_report.runs)), rounds=2, steps=3)
    [by_batch] = times.values()
    assert set(by_batch) == {1, 64} and all(time.microseconds > 0 for time in by_batch.values())
    assert by_batch[1].ratio == 1.0
    assert read_acting(tmp_path) == {}
    write_acting(tmp_path, times)
    [(name, kept)] = read_acting(tmp_path).items()
    assert name == "IMaze-v0/ald" and abs(kept[64].microseconds - by_batch[64].microseconds) <= 0.051
