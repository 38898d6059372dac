"""The experiments of a task side by side."""

from agents.results.comparison import compare
from agents.results.runs import find_runs, grouped
from tests.support.small_benchmark import write_benchmark, write_run


def test_comparison_is_of_ald_with_the_others(tmp_path):
    [ours, other] = compare(
        grouped([run for run in find_runs(write_benchmark(tmp_path)) if "imaze" in run.group]), {}
    )
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
