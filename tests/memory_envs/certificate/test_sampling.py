"""Certificates of Meta-Fetch: exact in small rooms, honest bounds in those that are registered."""

import gymnasium
import numpy as np
import pytest

import memory_envs
from memory_envs.certificate import Effort
from memory_envs.certificate.sampling import Estimate, play_lanes, reference_played, room_values, share
from memory_envs.finite.meta_fetch import FiniteMetaFetch
from memory_envs.meta_fetch import TASK
from memory_envs.policies.reactive import ReactivePolicy
from memory_envs.rules import meta_fetch
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.values import best, evaluate, uniform
from memory_envs.task import Network
from tests.support.rooms import SMALL, small_states

TINY = Effort(layouts=2, episodes=8, lanes=50)


@pytest.fixture(scope="module")
def small():
    """The same with states that nothing tells apart taken together."""
    return lumped(small_states())


@pytest.fixture(scope="module")
def beliefs(small):
    """The small room as one sees it who forgets nothing."""
    return belief_graph(small)


def test_rooms_computed_one_by_one_average_to_all_rooms_computed_together(small, beliefs):
    config = meta_fetch.configure(**SMALL)
    rooms = [room_values(TASK.rooms, config, cells) for cells in FiniteMetaFetch(config).layouts]
    random, random_success, seen_room, optimum = np.mean(rooms, axis=0)
    assert optimum == pytest.approx(best(small).episode_return)
    assert random == pytest.approx(evaluate(small, uniform(small)).episode_return)
    short = lumped(enumerate_states(FiniteMetaFetch(config, until_success=True)))
    assert random_success == pytest.approx(evaluate(short, uniform(short)).success)
    remembered = best(beliefs).episode_return
    assert random < remembered < seen_room <= optimum


def test_played_policies_keep_to_the_exact_value_of_the_small_room(small, beliefs):
    config = meta_fetch.configure(**SMALL)
    env = gymnasium.make("MemoryEnvs/MetaFetch-v0", **SMALL).unwrapped
    remembered = reference_played(env, "perfect_memory", episodes=150, seed=0).episode_return
    exact = best(beliefs).episode_return
    assert 0.7 * exact < remembered.upper and remembered.lower < exact
    inputs = gymnasium.make("MemoryEnvs/MetaFetch-v0", **SMALL).observation_space.shape[0]
    layers = np.zeros((inputs + 1, 2)), np.zeros((3, 3))  # every action is as good as any other
    network = Network(ReactivePolicy(*layers).probabilities, "every action")
    record = play_lanes(TASK, config, network, 4000, np.random.default_rng(0))
    estimate = Estimate.of(record.returns)
    exact = evaluate(small, uniform(small)).episode_return
    assert estimate.mean == pytest.approx(exact, abs=2 * estimate.margin)


def test_a_small_room_is_certified_exactly_and_can_nearly_be_done_without_memory():
    effort = Effort(node_limit=4, restarts=0, iterations=10)
    certificate = memory_envs.certify("MemoryEnvs/MetaFetch-v0", env_kwargs=SMALL, effort=effort)
    assert certificate.perfect_memory.episode_return.how == "exact"
    assert certificate.perfect_memory.episode_return.lower == pytest.approx(21.456349, abs=1e-5)
    assert certificate.optimum.success.lower == pytest.approx(1.0)
    assert certificate.memoryless.episode_return.lower > 20
    assert not certificate.memory_required


@pytest.mark.parametrize("num_objects", [3])
def test_registered_rooms_get_bounds_that_say_so(num_objects):
    env = gymnasium.make("MemoryEnvs/MetaFetch-v0", num_objects=num_objects)
    before = env.unwrapped.get_state()
    certificate = memory_envs.certify(env, effort=TINY)
    assert env.unwrapped.get_state() == before
    assert certificate.states is None and certificate.deterministic is None
    for level in (
        certificate.random,
        certificate.memoryless,
        certificate.perfect_memory,
        certificate.optimum,
    ):
        assert level.episode_return.lower < level.episode_return.upper
        assert "95 %" in level.episode_return.how
    assert set(certificate.twins) == {"full", "perfect_memory"} and certificate.metric == "return"
    assert not certificate.proved
    assert certificate.question_bits == pytest.approx(np.log2(6))
    assert "to remember: 2.585 bits (order only)" in str(certificate)
    assert max(map(len, str(certificate).splitlines())) <= 110


def test_a_room_of_another_size_is_valued_by_a_network_of_the_registered_one():
    certificate = memory_envs.certify("MemoryEnvs/MetaFetch-v0", env_kwargs={"size": 8}, effort=TINY)
    how = certificate.memoryless.episode_return.how
    assert "50 episodes of a network improved by PPO in rooms of another size" in how
    assert set(certificate.twins) == {"full", "perfect_memory"}


def test_where_only_a_rule_is_known_it_is_not_said_that_memory_is_required():
    kwargs = {"size": 6, "view_size": 3}
    certificate = memory_envs.certify("MemoryEnvs/MetaFetch-v0", env_kwargs=kwargs, effort=TINY)
    assert "8 episodes of the reference policy" in certificate.memoryless.episode_return.how
    assert certificate.perfect_memory.episode_return.lower > 2 * certificate.memoryless.episode_return.lower
    assert not certificate.memory_required and certificate.twins == {}
    assert "no policy without memory was trained in these settings, and a rule shows too little" in " ".join(
        str(certificate).split()
    )
    assert certificate.imitation is None and certificate.imitation_gap is None
    assert "imitation of the optimum: not certified" in str(certificate)


def test_a_time_limit_around_a_room_counts_in_what_is_drawn_and_played():
    env = gymnasium.make("MemoryEnvs/MetaFetch-v0", max_episode_steps=20, split="test")
    certificate = memory_envs.certify(env, effort=TINY)
    assert certificate.horizon == 20
    assert certificate.settings == {"split": "test", "max_episode_steps": 20}
    assert certificate.perfect_memory.episode_return.upper < 6, "no more than two sequences in 20 steps"


def test_an_estimate_is_the_normal_interval_of_a_mean():
    estimate = Estimate.of([0.0, 1.0, 2.0, 3.0])
    assert estimate.mean == 1.5
    assert estimate.margin == pytest.approx(1.96 * np.std([0, 1, 2, 3], ddof=1) / 2)
    assert (estimate.lower, estimate.upper) == (1.5 - estimate.margin, 1.5 + estimate.margin)


def test_a_share_of_all_is_not_taken_for_certainty():
    always = share([True] * 500)
    assert always.lower == pytest.approx(500 / (500 + 1.96**2))
    assert always.upper == pytest.approx(1.0)
    half = share([True, False] * 200)
    assert half.mean == pytest.approx(0.5) and half.margin == pytest.approx(0.0488, abs=1e-3)
