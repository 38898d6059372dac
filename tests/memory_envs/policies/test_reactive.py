"""Reactive policies for Meta-Fetch: the networks that ship, and the rule."""

import gymnasium
import numpy as np
import pytest

import memory_envs
from memory_envs.certificate.sampling import play_lanes
from memory_envs.meta_fetch import TASK
from memory_envs.policies.decoding import Decoder
from memory_envs.policies.reactive import (
    ReactivePolicy,
    approach,
    entry_name,
    known_network,
    one_hot,
    rounded,
    save,
    shipped,
)
from memory_envs.policies.reference import (
    MemorylessPolicy,
)
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import FORWARD, OBSERVABILITIES, TURN_LEFT, TURN_RIGHT
from memory_envs.task import Network
from tests.support.plays import FETCH, FETCHES, assert_within, played


@pytest.mark.parametrize(
    "objects, action",
    [
        ({(0, 2): 2}, FORWARD),
        ({(4, 0): 3}, TURN_LEFT),
        ({(4, 4): 4}, TURN_RIGHT),
        ({(3, 1): 2}, FORWARD),
        ({(4, 2): 2, (4, 3): 3}, TURN_RIGHT),  # the one underfoot does not count
        ({(0, 2): 2, (4, 1): 3}, TURN_LEFT),  # the nearer one
    ],
)
def test_the_rule_goes_to_the_nearest_object(objects, action):
    window = np.full((5, 5), meta_fetch.FLOOR, dtype=np.uint8)
    for cell, code in objects.items():
        window[cell] = code
    generator = np.random.default_rng(0)
    actions = [approach(window, generator) for _ in range(400)]
    assert 0.94 < np.mean(np.array(actions) == action) < 1


def test_the_rule_turns_before_a_wall():
    window = np.full((5, 5), meta_fetch.FLOOR, dtype=np.uint8)
    window[:4] = meta_fetch.WALL
    generator = np.random.default_rng(0)
    counts = np.bincount([approach(window, generator) for _ in range(400)], minlength=3)
    assert counts[FORWARD] < 20 and counts[:FORWARD].min() > 150


def test_a_memoryless_policy_draws_what_its_network_says():
    env = gymnasium.make(FETCH)
    network, policy = shipped(env.unwrapped.config), MemorylessPolicy(env, seed=0)
    observation, _ = env.reset(seed=1)
    for _ in range(3):
        (expected,) = network.probabilities(observation[None])
        counts = np.bincount([policy(observation) for _ in range(1000)], minlength=3)
        spread = np.sqrt(expected * (1 - expected) * 1000)
        assert (np.abs(counts - 1000 * expected) <= 4 * spread + 1).all()
        observation = env.step(int(counts.argmax()))[0]


@pytest.mark.parametrize("observation", ["onehot", "tiles", "rgb"])
def test_networks_see_the_same_in_every_form_of_observation(observation):
    env, plain = gymnasium.make(FETCH, observation=observation), gymnasium.make(FETCH)
    decoder = Decoder(env)
    for seed in range(5):
        seen, expected = env.reset(seed=seed)[0], plain.reset(seed=seed)[0]
        assert (one_hot(decoder(seen))[0] == expected).all()


def test_a_network_is_a_hidden_layer_and_a_softmax():
    generator = np.random.default_rng(0)
    network = ReactivePolicy(*(generator.normal(size=shape).astype(np.float32) for shape in ((5, 2), (3, 3))))
    observation = np.array([1, 0, 0, 1], dtype=np.uint8)
    units = np.tanh(network.seeing[0] + network.seeing[3] + network.seeing[4])
    logits = units[0] * network.acting[0] + units[1] * network.acting[1] + network.acting[2]
    expected = np.exp(logits) / np.exp(logits).sum()
    assert network.probabilities(observation[None])[0] == pytest.approx(expected, rel=1e-5)
    many = Network(network.probabilities, "").act(np.repeat(observation[None], 20_000, axis=0), generator)
    counts = np.bincount(many, minlength=3)
    assert counts / 20_000 == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize(
    "kwargs, ships",
    [
        ({}, True),
        ({"split": "test"}, True),
        ({"observability": "full"}, True),
        ({"num_objects": 4, "observability": "perfect_memory"}, True),
        ({"size": 11}, False),
        ({"num_objects": 5}, False),
        ({"view_size": 3}, False),
    ],
)
def test_networks_ship_for_the_registered_rooms_and_their_twins(kwargs, ships):
    env = gymnasium.make(FETCH, **kwargs)
    assert (shipped(env.unwrapped.config) is not None) == ships
    total, _, steps, _ = played(env, MemorylessPolicy(env, seed=0), seed=3)
    assert steps == env.unwrapped.config.max_steps and total >= 0


def test_a_room_of_another_size_is_played_by_the_network_that_ships_and_other_windows_by_the_rule():
    window = np.full((5, 5), meta_fetch.FLOOR, dtype=np.uint8)
    window[0, 0], window[4, 4] = meta_fetch.OBJECT, meta_fetch.OBJECT + 1
    seen = np.append(window.ravel(), np.uint8(0))
    plays = []
    for kwargs in ({}, {"size": 12}, {"num_objects": 5}):
        policy = MemorylessPolicy(gymnasium.make(FETCH, observation="tiles", **kwargs), seed=5)
        plays.append([policy(seen) for _ in range(300)])
    same, larger, other = plays
    generator = np.random.default_rng(5)
    assert same == larger
    assert other == [approach(window, generator) for _ in range(300)]


def test_stored_networks_come_back_rounded_and_leave_the_others_alone(tmp_path, monkeypatch):
    generator, path = np.random.default_rng(1), tmp_path / "networks.npz"
    configs = [meta_fetch.configure(num_objects=count) for count in (5, 6)]
    written = [
        ReactivePolicy(*(generator.normal(size=shape).astype(np.float32) for shape in ((202, 4), (5, 3))))
        for _ in configs
    ]
    for config, network in zip(configs, written, strict=True):
        save(path, entry_name(config), network)
    with np.load(path, allow_pickle=False) as stored:
        for config, network in zip(configs, written, strict=True):
            for layer, weights in network._asdict().items():
                kept = stored[f"{entry_name(config)},{layer}"]
                assert kept.dtype == np.float16
                assert (kept == getattr(rounded(network), layer)).all()
                assert np.abs(kept - weights).max() < 2e-3


@pytest.mark.parametrize("observability", OBSERVABILITIES)
@pytest.mark.parametrize("env_id", FETCHES)
def test_networks_that_ship_earn_what_the_certificate_says_they_do(env_id, observability):
    config = gymnasium.make(env_id, observability=observability).unwrapped.config
    certificate = memory_envs.reference(env_id)
    bounds = ({"partial": certificate.memoryless.episode_return} | certificate.twins)[observability]
    returns = play_lanes(TASK, config, known_network(config), 1000, np.random.default_rng(12)).returns
    assert_within(returns, bounds.lower, bounds.lower)


@pytest.mark.parametrize(
    "settings", [{"on_wrong": "back"}, {"start": "bottom"}, {"spacing": 2}, {"object_reward": 3.0}]
)
def test_a_network_of_other_rules_is_not_taken_for_one_of_these(settings):
    assert known_network(meta_fetch.configure(max_episode_steps=7)) is not None
    assert known_network(meta_fetch.configure(**settings)) is None
