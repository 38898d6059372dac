import gymnasium
import numpy as np
import pytest

import memory_envs
from memory_envs.certificate.sampling import play_lanes
from memory_envs.meta_fetch import TASK
from memory_envs.policies.decoding import Decoder
from memory_envs.policies.fetching import Fetcher, OrderMemory, RoomMap
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
    OptimalPolicy,
    PerfectMemoryPolicy,
    RandomPolicy,
    reference_policy,
)
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import FORWARD, OBSERVABILITIES, TURN_LEFT, TURN_RIGHT
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers.planner import best_plan, future
from memory_envs.task import Network
from registry.envs import ENVS
from tests.support.meta_fetch_oracle import Fetching

IMAZE, FETCH = "MemoryEnvs/IMaze-v0", "MemoryEnvs/MetaFetch-v0"
FETCHES = [row.id for row in ENVS if "MetaFetch" in row.id]
NAMES = ("random", "memoryless", "perfect_memory", "optimal")


def played(env, policy, **reset):
    """Play one episode; returns its return, success, steps and actions."""
    observation, _ = env.reset(**reset)
    policy.reset()
    total, actions, ended = 0.0, [], False
    while not ended:
        actions.append(policy(observation))
        observation, reward, terminated, truncated, info = env.step(actions[-1])
        total, ended = total + reward, terminated or truncated
    return total, info["is_success"], len(actions), actions


def all_starts(env, policy):
    """Mean return, success and steps over I-Maze's eight starts: exact for policies that draw nothing."""
    found, episode = {}, 0
    while len(found) < 8:
        env.reset(options={"stream": 5, "episode": episode})
        state = env.unwrapped.get_state()
        start = (state["cue"], state["heading"])
        if start not in found:
            found[start] = played(env, policy, options={"stream": 5, "episode": episode})[:3]
        episode += 1
    return np.mean(list(found.values()), axis=0)


# --- I-Maze ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kwargs, memory_steps, optimal_steps",
    [({}, 19.0, 15.0), ({"size": 7}, 11.0, 11.0), ({"size": 15}, 37.0, 27.0), ({"delay": 30}, 49.0, 15.0)],
)
def test_in_a_maze_memory_is_always_right_and_only_the_look_at_the_cue_costs_time(
    kwargs, memory_steps, optimal_steps
):
    env = gymnasium.make(IMAZE, **kwargs)
    assert all_starts(env, PerfectMemoryPolicy(env)).tolist() == [1, 1, memory_steps]
    assert all_starts(env, OptimalPolicy(env)).tolist() == [1, 1, optimal_steps]


def test_in_a_maze_policies_without_memory_are_right_half_of_the_time():
    env = gymnasium.make(IMAZE)
    returned, success, _ = all_starts(env, MemorylessPolicy(env))
    assert (returned, success) == (0.5, 0.5)


@pytest.mark.parametrize("observability", ["full", "perfect_memory"])
def test_in_the_twins_of_a_maze_no_memory_is_needed(observability):
    env = gymnasium.make(IMAZE, observability=observability)
    assert all_starts(env, MemorylessPolicy(env))[1] == 1


def test_a_penalty_per_step_is_weighed_against_the_goal():
    env = gymnasium.make(IMAZE, step_penalty=0.01)
    returned, success, steps = all_starts(env, PerfectMemoryPolicy(env))
    assert (success, steps) == (1, 19) and returned == pytest.approx(1 - 0.19)


# --- Meta-Fetch -----------------------------------------------------------------------------------


@pytest.mark.parametrize("num_objects, share", [(2, 0.9), (3, 0.9), (4, 0.88), (6, 0.8)])
def test_a_fetcher_earns_most_of_what_full_sight_could(num_objects, share):
    env = gymnasium.make(FETCH, num_objects=num_objects, size=9 if num_objects < 6 else 7)
    memory, optimal = PerfectMemoryPolicy(env), OptimalPolicy(env)
    returns = np.array(
        [
            [played(env, policy, options={"stream": 1, "episode": k})[0] for policy in (memory, optimal)]
            for k in range(6)
        ]
    )
    assert (returns[:, 0] <= returns[:, 1]).all()
    assert returns[:, 0].sum() >= share * returns[:, 1].sum()


def test_the_optimal_policy_earns_what_was_computed():
    env = gymnasium.make(FETCH)
    for episode in range(3):
        options = {"stream": 2, "episode": episode}
        env.reset(options=options)
        state = meta_fetch.begin(env.unwrapped.config, episode_key(2, episode))
        value = best_plan(future(meta_fetch, env.unwrapped.config, state), 300).episode_return
        assert played(env, OptimalPolicy(env), options=options)[0] == value


def test_the_optimal_policy_goes_on_from_any_state():
    env = gymnasium.make(FETCH)
    policy = OptimalPolicy(env)
    env.reset(seed=0)
    for action in np.random.default_rng(0).integers(3, size=200).tolist():
        env.step(action)
    policy.reset()
    total = sum(env.step(policy(None))[1] for _ in range(100))
    assert total >= 9


@pytest.mark.parametrize("kwargs", [{"observation": "tiles"}, {"observation": "rgb"}])
@pytest.mark.parametrize("env_id", [IMAZE, FETCH])
def test_the_form_of_observations_makes_no_difference(env_id, kwargs):
    options = {"stream": 3, "episode": 1}
    plays = []
    for settings in ({}, kwargs):
        env = gymnasium.make(env_id, **settings)
        plays += [played(env, PerfectMemoryPolicy(env), options=options)]
    assert plays[0] == plays[1]


@pytest.mark.parametrize("observability", ["full", "perfect_memory"])
def test_a_fetcher_takes_the_hint_of_a_twin_for_no_object(observability):
    options = {"stream": 3, "episode": 2}
    plays = []
    for name in ("partial", observability):
        env = gymnasium.make(FETCH, observability=name)
        plays += [played(env, PerfectMemoryPolicy(env), options=options)]
    assert plays[0] == plays[1]


@pytest.mark.parametrize("env_id", [IMAZE, FETCH])
def test_memory_is_played_by_observations_alone(env_id):
    env = gymnasium.make(env_id)
    *_, actions = played(env, PerfectMemoryPolicy(env), seed=4)
    observation, _ = env.reset(seed=4)
    observations = [observation] + [env.step(action)[0] for action in actions[:-1]]
    elsewhere = PerfectMemoryPolicy(gymnasium.make(env_id))  # its environment was never reset
    assert [elsewhere(each) for each in observations] == actions


@pytest.mark.parametrize("size, view_size", [(5, 3), (9, 5), (12, 7), (9, 9)])
def test_a_map_agrees_with_the_room(size, view_size):
    config = meta_fetch.configure(size=size, view_size=view_size, max_episode_steps=10**6)
    generator = np.random.default_rng(size)
    for episode in range(5):
        state = meta_fetch.begin(config, episode_key(8, episode))
        start, turns = (state.row, state.column), state.heading - 3
        room, view = RoomMap(config), np.zeros((view_size, view_size), dtype=np.uint8)
        for action in generator.choice([0, 1, 2, 2, 2], size=150).tolist():
            meta_fetch.observe(config, state, view)
            room.see(view)
            row, column = state.row, state.column
            state, *_ = meta_fetch.transition(config, state, action)
            walked = room.move(action) is not None
            assert walked == ((row, column) != (state.row, state.column))
            assert real(start, turns, room.pose[:2]) == (state.row, state.column)
            for item, cell in room.lies.items():
                assert real(start, turns, cell) == meta_fetch.object_place(config, state, item)
        assert len(room.origins) == 1 and len(room.lies) == 3


def real(start, turns, cell):
    """The cell of the room that a map calls `cell`: quarter turns clockwise about the start."""
    south, east = cell
    for _ in range(turns % 4):
        south, east = east, -south
    return start[0] + south, start[1] + east


@pytest.mark.parametrize("num_objects", range(2, 7))
def test_what_is_known_of_the_order_is_what_follows_from_the_touches(num_objects):
    generator = np.random.default_rng(num_objects)
    for _ in range(30):
        order = generator.permutation(num_objects).tolist()
        lies = {item: (1, 1 + item) for item in range(num_objects)}
        oracle, memory = Fetching(9, 5, lies, order, (5, 5), 0), OrderMemory(num_objects)
        for _ in range(60):
            item = int(generator.choice(oracle.present()))
            oracle.reward = 0
            oracle.touch(item)
            memory.touch(item, oracle.reward == 1)
            assert memory.progress == len(oracle.fetched) and memory.paid == len(oracle.paid)
            assert sorted(memory.present()) == sorted(oracle.present())
            assert memory.known == order[: len(memory.known)]
            assert len(memory.known) >= len(oracle.revealed)
            assert order[memory.progress] in memory.candidates()
            if len(oracle.fetched) == len(oracle.revealed):
                open_to_it = set(lies) - set(oracle.revealed) - oracle.tried
                assert set(memory.candidates()) == open_to_it


def test_a_fetcher_does_what_it_can_in_a_room_that_cannot_be_finished():
    config = meta_fetch.configure(size=5, num_objects=6, max_episode_steps=200)
    decoder = Decoder(gymnasium.make(FETCH, size=5, num_objects=6, observation="tiles"))
    fetcher, returns = Fetcher(config), []
    view, notes = np.zeros(25, dtype=np.uint8), np.zeros(1, dtype=np.uint8)
    for episode in range(25):
        state, total = meta_fetch.begin(config, episode_key(0, episode)), 0.0
        fetcher.reset()
        for _ in range(config.max_steps):
            meta_fetch.observe(config, state, view.reshape(5, 5))
            meta_fetch.write_notes(config, state, notes)
            action = fetcher(decoder(np.concatenate([view, notes])))
            state, reward, _, _ = meta_fetch.transition(config, state, action)
            total += reward
        returns.append((total, best_plan(future(meta_fetch, config, _first(config, episode)), 200)[0]))
    assert min(total for total, _ in returns) >= 1
    assert any(best < 6 for _, best in returns)  # there were such rooms
    assert all(total <= best for total, best in returns)


def _first(config, episode):
    return meta_fetch.begin(config, episode_key(0, episode))


def test_a_window_too_small_to_see_ahead_is_refused():
    with pytest.raises(ValueError, match="view_size must be at least 3 to play from memory, got 1"):
        PerfectMemoryPolicy(gymnasium.make(FETCH, view_size=1))


# --- Reactive -------------------------------------------------------------------------------------


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


def test_a_table_decides_what_a_memoryless_policy_does():
    env = gymnasium.make(IMAZE, observation="tiles")
    known, other = np.arange(9, dtype=np.uint8) % 6, np.zeros(9, dtype=np.uint8)
    sure = MemorylessPolicy(env, {known.tobytes(): TURN_RIGHT}, seed=0)
    assert {sure(known) for _ in range(50)} == {TURN_RIGHT}
    assert {sure(other) for _ in range(50)} == {TURN_LEFT, TURN_RIGHT, FORWARD}
    torn = MemorylessPolicy(env, {known.tobytes(): np.array([0.5, 0.0, 0.5])}, seed=0)
    assert {torn(known) for _ in range(50)} == {TURN_LEFT, FORWARD}


# --- All of them, and their certificates ----------------------------------------------------------


@pytest.mark.parametrize(
    "env_id",
    [
        pytest.param(row.id, marks=pytest.mark.slow if row.kwargs.get("size") == 31 else ())
        for row in ENVS
        if "IMaze" in row.id
    ],
)
def test_in_every_maze_the_policies_earn_what_the_certificate_says(env_id):
    env, certificate = gymnasium.make(env_id), memory_envs.reference(env_id)
    for name, level in (
        ("memoryless", certificate.deterministic),
        ("perfect_memory", certificate.perfect_memory),
        ("optimal", certificate.optimum),
    ):
        returned, success, steps = all_starts(env, reference_policy(name, env))
        assert level.episode_return.how == level.success.how == "exact"
        assert returned == pytest.approx(level.episode_return.lower), name
        assert success == pytest.approx(level.success.lower), name
        assert steps == pytest.approx(level.steps), name
    assert certificate.deterministic.episode_return == certificate.memoryless.episode_return


@pytest.mark.parametrize("row", ENVS, ids=lambda row: row.id)
def test_random_play_earns_what_the_certificate_says(row):
    env, level = gymnasium.make(row.id), memory_envs.reference(row.id).random
    policy = reference_policy("random", env, seed=0)
    env.reset(seed=0)
    returns = [played(env, policy)[0] for _ in range(60)]
    assert_within(returns, level.episode_return.lower, level.episode_return.upper)


@pytest.mark.parametrize("name, episodes", [("memoryless", 60), ("perfect_memory", 10), ("optimal", 10)])
@pytest.mark.parametrize("env_id", FETCHES)
def test_in_meta_fetch_the_policies_earn_what_the_certificate_says(env_id, name, episodes):
    env, certificate = gymnasium.make(env_id), memory_envs.reference(env_id)
    policy = reference_policy(name, env, seed=0)
    env.reset(seed=11)
    returns = [played(env, policy)[0] for _ in range(episodes)]
    if name == "optimal":
        level = certificate.optimum.episode_return
        assert_within(returns, level.lower, level.upper)
    else:  # the lower end is that of the very policy, the upper end that of all policies
        level = getattr(certificate, name).episode_return
        assert_within(returns, level.lower, level.lower)


@pytest.mark.parametrize("observability", OBSERVABILITIES)
@pytest.mark.parametrize("env_id", FETCHES)
def test_networks_that_ship_earn_what_the_certificate_says_they_do(env_id, observability):
    config = gymnasium.make(env_id, observability=observability).unwrapped.config
    certificate = memory_envs.reference(env_id)
    bounds = ({"partial": certificate.memoryless.episode_return} | certificate.twins)[observability]
    returns = play_lanes(TASK, config, known_network(config), 1000, np.random.default_rng(12)).returns
    assert_within(returns, bounds.lower, bounds.lower)


def assert_within(returns, lower, upper):
    """Assert that a sample's mean is within four standard errors of an interval."""
    mean, error = np.mean(returns), np.std(returns, ddof=1) / len(returns) ** 0.5
    assert lower - 4 * error <= mean <= upper + 4 * error, (mean, error)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("env_id", [IMAZE, "MemoryEnvs/IMaze-7x7-v0", FETCH, "MemoryEnvs/MetaFetch-4-v0"])
def test_every_reference_policy_plays_every_task(name, env_id):
    env = gymnasium.make(env_id)
    policy = reference_policy(name, env, seed=1)
    first = played(env, policy, seed=1)
    assert all(env.action_space.contains(action) for action in first[3])
    again = played(env, reference_policy(name, env, seed=1), seed=1)
    assert first == again


def test_lanes_of_a_vector_environment_have_a_policy_each():
    lanes = gymnasium.make_vec(IMAZE, num_envs=4)
    policies = [PerfectMemoryPolicy(lanes) for _ in range(4)]
    observations, _ = lanes.reset(seed=0)
    ended, successes = np.zeros(4, dtype=bool), np.zeros(4, dtype=bool)
    while not ended.all():
        actions = [
            0 if over else policy(seen)
            for policy, seen, over in zip(policies, observations, ended, strict=True)
        ]
        observations, _, terminated, _, infos = lanes.step(np.array(actions))
        successes |= infos["is_success"] & ~ended
        ended |= terminated
    assert successes.all()


def test_an_unknown_policy_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="'perfect_memry', did you mean 'perfect_memory'"):
        reference_policy("perfect_memry", gymnasium.make(IMAZE))


@pytest.mark.parametrize("kind", [MemorylessPolicy, PerfectMemoryPolicy, OptimalPolicy])
def test_other_environments_are_refused(kind):
    with pytest.raises(TypeError, match="env must be an environment of memory_envs"):
        kind(gymnasium.make("CartPole-v1"))


def test_the_state_of_lanes_is_not_read():
    with pytest.raises(TypeError, match="env must be a single environment"):
        OptimalPolicy(gymnasium.make_vec(IMAZE, num_envs=2))


def test_an_episode_makes_no_difference_to_chance():
    policy = RandomPolicy(gymnasium.spaces.Discrete(3), seed=0)
    policy.reset()
    assert {policy(None) for _ in range(50)} == {0, 1, 2}
