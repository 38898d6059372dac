"""The last line of a run: what came out, and what it is compared with."""

import pytest

import memory_envs
from agents.evaluation.episodes import Episode, Evaluation
from agents.runs.yardsticks import compared_line, known_certificate, yardsticks


def evaluation(successes, episodes, worth=1.0):
    return Evaluation.of(
        [Episode(worth if k < successes else 0.0, 20, k < successes) for k in range(episodes)]
    )


def test_a_success_stands_beside_chance_no_memory_and_perfect_memory():
    maze = memory_envs.reference("MemoryEnvs/IMaze-v0")
    line = compared_line(evaluation(200, 200), maze)
    assert line == "success 1.000 [.981, 1.000] · random .036 · without memory .5 · perfect memory 1"
    assert len(line) <= 80
    assert compared_line(evaluation(0, 200), maze).startswith("success 0.000 [.000, .019] · random")


def test_where_an_episode_has_more_to_give_it_is_the_return():
    fetch = memory_envs.reference("MemoryEnvs/MetaFetch-v0")
    line = compared_line(evaluation(200, 200, worth=41.5), fetch)
    assert line == "return 41.500 [41.500, 41.500] · random 1 · without memory 24 · perfect memory 48"


def test_without_a_certificate_there_is_nothing_to_compare_with():
    assert compared_line(evaluation(100, 200), None) == "success 0.500 [.431, .569]"
    silent = Evaluation.of([Episode(-0.5, 20, None), Episode(-0.5, 20, None)])
    assert compared_line(silent, None) == "return -0.500 [-.500, -.500]"


@pytest.mark.parametrize(("settings", "known"), [({}, True), ({"size": 11}, False)])
def test_a_certificate_is_of_its_settings_alone(settings, known):
    found = known_certificate("MemoryEnvs/IMaze-v0", settings)
    assert (found is not None) == known and len(yardsticks(found, "success")) == 3 * known
    assert known_certificate("CartPole-v1", {}) is None


def test_where_each_step_costs_something_success_is_worth_what_it_was():
    known = known_certificate("MemoryEnvs/IMaze-v0", {"step_penalty": 0.01, "render_mode": None})
    assert known is not None and known.settings["step_penalty"] == 0.01
    assert known.random.episode_return.upper < 0
    line = compared_line(evaluation(200, 200), known)
    assert line == "success 1.000 [.981, 1.000] · random .036 · without memory .5 · perfect memory 1"
    assert known_certificate("MemoryEnvs/IMaze-v0", {"step_penalty": 0.02}) is None
