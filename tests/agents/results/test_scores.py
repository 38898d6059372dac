"""Scores that can be compared between tasks."""

import pytest

from agents.results.runs import Run, task_name
from agents.results.scores import final_score, first_reach, measure_of
from tests.support.small_benchmark import FETCH, write_run


def test_scores_are_those_of_the_certificate(tmp_path):
    maze = Run.read(write_run(tmp_path, "imaze/ald", 0, [0.2, 0.75]))
    assert (measure_of(maze), final_score(maze)) == ("success", 0.5)
    fetch = Run.read(write_run(tmp_path, "meta-fetch/ald", 0, [0.5, 0.9], env=FETCH, worth=50.0))
    memoryless, perfect = 23.989774251810438, 48.3358403411302  # lower ends, as shipped
    assert measure_of(fetch) == "return"
    assert final_score(fetch) == pytest.approx((45.0 - memoryless) / (perfect - memoryless))
    assert first_reach(fetch, 0.5, "frames") == 0.002 and first_reach(fetch, 0.99, "frames") is None


def test_what_infos_tell_makes_no_other_task(tmp_path):
    settings = '{"analysis": ["known_cue"], "render_view": "agent"}'
    run = Run.read(write_run(tmp_path, "imaze/ald", 0, [0.2, 0.75], env_kwargs=settings))
    assert run.env_kwargs["analysis"] == ["known_cue"]
    assert (task_name(run), final_score(run)) == ("IMaze-v0", 0.5)
    other = Run.read(write_run(tmp_path, "imaze/ald", 1, [0.2, 0.75], env_kwargs='{"delay": 3}'))
    assert (task_name(other), final_score(other)) == ("IMaze-v0 (delay=3)", None)
