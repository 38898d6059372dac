"""Certificates: what they say of the mazes, of a leaky one, and of a user's own task."""

import functools

import gymnasium
import numpy as np
import pytest

import memory_envs
from memory_envs.certificate import Bounds, Effort
from memory_envs.certificate.analysis import certify_finite
from memory_envs.finite.imaze import FiniteIMaze
from memory_envs.policies.reference import RandomPolicy
from memory_envs.rules import imaze
from tests.support.env_oracles import random_success, route
from tests.support.registered import certified
from tests.support.toys import Alias, Drawn, NamedTMaze, Slide, TMaze

FAST = [f"MemoryEnvs/IMaze-{size}v0" for size in ("", "7x7-", "15x15-")]


SLOW = [f"MemoryEnvs/IMaze-{size}-v0" for size in ("21x21", "31x31")]


# Hardly any search for better policies without memory: it can but raise what bounds leave no doubt about.
LITTLE = Effort(restarts=0, iterations=10)


@functools.cache
def certificate_of(**settings):
    """The certificate of a maze, computed once."""
    return certify_finite(FiniteIMaze(imaze.configure(**settings)), name="maze")


@pytest.mark.parametrize("env_id", [*FAST, *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW)])
def test_every_maze_needs_memory_and_a_proof_says_so(env_id):
    certificate = certified(env_id)
    assert certificate.memory_required and certificate.proved
    assert certificate.guessing.success == Bounds.exactly(0.5)
    assert certificate.memoryless.success.upper <= certificate.guessing.success.upper + 0.01
    assert certificate.deterministic.success == certificate.memoryless.success == Bounds.exactly(0.5)
    assert certificate.memoryless.episode_return == Bounds.exactly(0.5)
    assert certificate.perfect_memory.success.lower >= 0.99
    assert certificate.optimum.success == Bounds.exactly(1.0)
    assert not certificate.leaks
    assert certificate.question_bits == 1
    assert certificate.actions_at_equal_sight >= 2
    assert set(certificate.twins) == {"full", "perfect_memory"}
    for bounds in certificate.twins.values():
        assert bounds.lower == pytest.approx(1.0)


@pytest.mark.parametrize("settings", [{"start": "center"}, {"delay": 30}, {"size": 13, "view_size": 5}])
def test_settings_that_the_rules_accept_need_memory_too(settings):
    certificate = memory_envs.certify("MemoryEnvs/IMaze-v0", env_kwargs=settings, effort=LITTLE)
    assert certificate.memory_required and certificate.proved, str(certificate)
    assert settings.items() <= certificate.settings.items()


@pytest.mark.parametrize("size, steps, rounded", [(9, 150, 0.0355), (15, 350, 0.0121)])
def test_random_play_succeeds_as_rarely_as_the_picture_of_the_maze_says(size, steps, rounded):
    success = certificate_of(size=size).random.success
    assert success.lower == pytest.approx(random_success(size, steps))
    assert round(success.lower, 4) == rounded


def test_random_play_succeeds_as_often_in_the_environment_itself():
    envs = gymnasium.make_vec("MemoryEnvs/IMaze-v0", num_envs=512)
    envs.reset(seed=0)
    policy, wins, ends = RandomPolicy(envs.action_space, seed=0), 0, 0
    for _ in range(3000):
        _, _, terminated, truncated, info = envs.step(policy(None))
        wins, ends = wins + info["is_success"].sum(), ends + (terminated | truncated).sum()
    spread = (0.0355 * 0.9645 / ends) ** 0.5
    assert abs(wins / ends - 0.035525) < 4 * spread


@pytest.mark.parametrize("size", [9, 15])
def test_the_cue_is_held_from_its_last_sight_to_the_fork(size):
    config = imaze.configure(size=size)
    middle = size // 2
    last_sight = (1, size - 2 - 2, 0)  # two cells before the cue, facing it
    fork = route(config, last_sight, lambda *pose: pose == (size - 2, middle, 1))
    certificate = certificate_of(size=size)
    assert certificate.held_shortest == certificate.held_longest == len(fork)


@pytest.mark.parametrize("delay", [1, 17])
def test_a_delay_lengthens_what_must_be_held_and_nothing_else(delay):
    plain, longer = certificate_of(size=9), certificate_of(size=9, delay=delay)
    assert longer.held_longest == plain.held_longest + delay
    assert longer.perfect_memory.steps == pytest.approx(plain.perfect_memory.steps + delay)
    assert longer.memoryless.success == plain.memoryless.success


def test_a_maze_that_shows_its_cue_from_the_lower_bar_is_caught_with_the_place_and_the_picture():
    config = imaze.configure()._replace(view_size=9)
    certificate = certify_finite(FiniteIMaze(config), name="leaky", effort=LITTLE)
    assert not certificate.memory_required and not certificate.proved
    assert certificate.memoryless.success.lower > 0.9
    assert certificate.bottleneck is None
    leak = next(leak for leak in certificate.leaks if leak.place == "row 7, column 4, facing north")
    assert leak.picture.splitlines()[2].endswith("A#") or leak.picture.splitlines()[2].endswith("B#")
    assert "memory required: no\n" in str(certificate)
    assert leak.place.split(",")[0] in " ".join(each.place for each in certificate.leaks)


def test_what_leaks_without_helping_is_reported_all_the_same():
    certificate = certify_finite(NamedTMaze(shown=(0, 2)), name="glimpse")
    assert [leak.place for leak in certificate.leaks] == ["cell 2", "cell 2"]
    assert certificate.memoryless.success.lower == pytest.approx(0.5)
    assert not certificate.memory_required


def test_a_cue_at_the_junction_needs_no_memory():
    certificate = certify_finite(NamedTMaze(shown=(0, 3)), name="shown")
    assert certificate.memoryless.success.lower == pytest.approx(1.0)
    assert {leak.question for leak in certificate.leaks} == {"0", "1"}
    assert not certificate.memory_required


def test_a_named_question_adds_guessing_bits_and_the_steps_it_is_held():
    certificate = certify_finite(NamedTMaze(chances=(0.2, 0.8), length=5), name="t-maze")
    assert certificate.guessing.success == Bounds.exactly(0.8)
    assert certificate.guessing.episode_return.lower == pytest.approx(0.6)
    assert certificate.question_bits == pytest.approx(-0.2 * np.log2(0.2) - 0.8 * np.log2(0.8))
    assert certificate.held_shortest == certificate.held_longest == 5
    assert certificate.bottleneck == "cell 1"
    assert certificate.proved


def test_an_unnamed_question_is_judged_by_what_memory_gains():
    certificate = memory_envs.certify(TMaze(), name="mine")
    assert certificate.id == "mine" and certificate.guessing is None and certificate.question_bits is None
    assert certificate.memory_required and certificate.proved and certificate.verdict == "yes, proved"
    assert not memory_envs.certify(Slide()).memory_required
    assert memory_envs.certify(Slide()).verdict == "no"


def test_what_is_not_proved_is_not_called_so():
    certificate = memory_envs.certify(Alias(), effort=Effort(restarts=1))
    assert certificate.memoryless.success.lower == pytest.approx(0.875, abs=1e-6)
    assert certificate.memoryless.success.upper == pytest.approx(1.0)
    assert "bound" in certificate.memoryless.success.how
    assert not certificate.proved
    assert certificate.memory_required and certificate.verdict == "yes, as far as searched"
    assert "memory required: yes, as far as searched\n" in str(certificate)


def test_too_many_beliefs_leave_perfect_memory_between_bounds():
    env, few = Drawn(2, states=9), Effort(belief_limit=5, restarts=1, iterations=50)
    certificate = memory_envs.certify(env, effort=few)
    bounds = certificate.perfect_memory.episode_return
    assert bounds.lower == certificate.memoryless.episode_return.lower
    assert bounds.upper == certificate.optimum.episode_return.upper > bounds.lower
    assert "optimum" in bounds.how and certificate.perfect_memory.steps is None


def test_the_bottleneck_of_an_unnamed_question_is_told_in_words(t_maze):
    certificate = memory_envs.certify(t_maze.TMazeEnv(length=3))
    assert certificate.bottleneck == "the sight of corridor"
    assert "bottleneck: the sight of corridor" in str(certificate)

    class Coded(TMaze):
        def observe(self, state):
            cell, cue = state
            return bytes([cue if cell == 0 else 2, 7])

    assert memory_envs.certify(TMaze(), name="words").bottleneck == "the sight of corridor"
    assert memory_envs.certify(Coded(), name="codes").bottleneck == "the sight of 2 7"
