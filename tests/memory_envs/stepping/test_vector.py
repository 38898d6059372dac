"""The vector environment is SyncVectorEnv of single environments, lane by lane and bit by bit."""

import copy
import json
import re

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import error
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import memory_envs  # noqa: F401  (registers the environments)
from memory_envs.imaze import IMazeEnv, IMazeVectorEnv
from memory_envs.rendering.mosaic import STRIP
from memory_envs.rendering.palette import PALETTE
from memory_envs.rendering.sprites import agent_over, sprite

MODES = list(AutoresetMode)
SETTINGS = [
    {},
    {"observation": "tiles", "max_episode_steps": 60, "step_penalty": 0.125},
    {"size": 15, "view_size": 5, "start": "center", "delay": 6, "max_episode_steps": 60},
]


def purposeful(generator: np.random.Generator, num_envs: int) -> np.ndarray:
    """Random actions that walk enough to reach goals often."""
    return generator.choice(3, size=num_envs, p=[0.12, 0.22, 0.66])


def assert_same(found, expected, when) -> None:
    assert data_equivalence(found, expected, exact=True), f"{when}: {found} is not {expected}"


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("mode", MODES)
def test_lanes_equal_single_environments_for_thousands_of_steps(mode, settings):
    lanes = 4
    ours = IMazeVectorEnv(lanes, autoreset_mode=mode, **settings)
    theirs = SyncVectorEnv([lambda: IMazeEnv(**settings)] * lanes, autoreset_mode=mode)
    generator = np.random.default_rng(0)
    goals = limits = 0
    assert_same(ours.reset(seed=40), theirs.reset(seed=40), "reset")
    for step in range(2500):
        actions = purposeful(generator, lanes)
        found = ours.step(actions)
        assert_same(found, theirs.step(actions), f"step {step}")
        over = found[2] | found[3]
        goals, limits = goals + found[2].sum(), limits + found[3].sum()
        if mode == AutoresetMode.DISABLED and over.any():
            found = ours.reset(options={"reset_mask": over})
            assert_same(found, theirs.reset(options={"reset_mask": over.copy()}), f"reset after step {step}")
        if step == 1200:
            assert_same(ours.reset(), theirs.reset(), "reset in the middle")
        if step == 1800:
            assert_same(ours.reset(seed=[7, None, 3, 7]), theirs.reset(seed=[7, None, 3, 7]), "new seeds")
    assert goals >= 5 and limits >= 5, "the comparison must have met both endings"


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_lane_does_not_depend_on_the_others(mode):
    wide, narrow = (IMazeVectorEnv(lanes, autoreset_mode=mode, max_episode_steps=40) for lanes in (70, 1))
    generator = np.random.default_rng(1)
    assert (wide.reset(seed=5)[0][69] == narrow.reset(seed=74)[0][0]).all()
    for _ in range(500):
        actions = purposeful(generator, 70)
        one, other = wide.step(actions), narrow.step(actions[69:])
        assert all((a[69] == b[0]).all() for a, b in zip(one[:4], other[:4], strict=True))


def test_masked_resets_and_seeds_equal_those_of_single_environments_in_every_mode():
    for mode in MODES:
        ours = IMazeVectorEnv(3, autoreset_mode=mode)
        theirs = SyncVectorEnv([IMazeEnv] * 3, autoreset_mode=mode)
        assert_same(ours.reset(seed=1), theirs.reset(seed=1), mode)
        mask = np.array([False, True, True])
        found = ours.reset(seed=9, options={"reset_mask": mask})
        assert_same(found, theirs.reset(seed=9, options={"reset_mask": mask.copy()}), mode)
        found = ours.reset(options={"reset_mask": ~mask})
        assert_same(found, theirs.reset(options={"reset_mask": ~mask}), mode)


def test_same_step_hands_over_the_final_observation_and_success():
    envs = IMazeVectorEnv(64, autoreset_mode="SameStep", max_episode_steps=120)
    envs.reset(seed=0)
    generator = np.random.default_rng(0)
    successes = 0
    for _ in range(600):
        observations, rewards, terminated, truncated, infos = envs.step(purposeful(generator, 64))
        over = terminated | truncated
        assert ("final_obs" in infos) == over.any()
        if over.any():
            assert (infos["_final_obs"] == over).all() and (infos["_final_info"] == over).all()
            assert (infos["final_info"]["is_success"] == (rewards == 1)).all()
            assert not infos["is_success"].any()
            assert all((infos["final_obs"][lane] is not None) == over[lane] for lane in range(64))
            successes += infos["final_info"]["is_success"].sum()
    assert successes > 10


def test_next_step_ignores_the_action_after_the_end():
    one, other = (IMazeVectorEnv(1, max_episode_steps=3) for _ in range(2))
    for envs in (one, other):
        envs.reset(seed=0)
        for _ in range(3):
            _, _, _, truncated, _ = envs.step(np.array([0]))
        assert truncated.all()
    found, expected = one.step(np.array([99])), other.step(np.array([2]))
    assert_same(found, expected, "the step that resets")
    assert found[1:4] == (0.0, False, False) and one.episode(0) == 1


def test_returned_arrays_are_never_written_again():
    envs = IMazeVectorEnv(8, autoreset_mode="SameStep", max_episode_steps=5)
    kept = [envs.reset(seed=0)]
    copies = [[kept[0][0].copy(), {name: value.copy() for name, value in kept[0][1].items()}]]
    for _ in range(12):
        result = envs.step(np.full(8, 2))
        kept.append(result)
        copies.append([part.copy() if isinstance(part, np.ndarray) else _deep(part) for part in result])
    for result, expected in zip(kept, copies, strict=True):
        assert data_equivalence(list(result), expected, exact=True)


def _deep(infos):
    return {name: _deep(value) if isinstance(value, dict) else value.copy() for name, value in infos.items()}


def test_read_only_strided_and_narrow_actions_are_taken():
    results = []
    wide = np.array([2, 0, 1, 0, 2, 0], dtype=np.int64)
    frozen = np.array([2, 1, 2])
    frozen.flags.writeable = False
    for actions in (wide[::2], frozen, np.array([2, 1, 2], dtype=np.uint8), [2, 1, 2]):
        envs = IMazeVectorEnv(3)
        envs.reset(seed=0)
        results.append(envs.step(actions))
    assert all(data_equivalence(result, results[0], exact=True) for result in results)


@pytest.mark.parametrize(
    "actions, message",
    [
        ([0, 3], "actions must be in Discrete(3), lane 1 got 3"),
        ([-1, 0], "actions must be in Discrete(3), lane 0 got -1"),
        ([0, 1, 2], "actions must be integers of shape (2,), got int64 (3,)"),
        ([0.0, 1.0], "actions must be integers of shape (2,), got float64 (2,)"),
        (1, "actions must be integers of shape (2,), got int64 ()"),
    ],
)
def test_bad_actions_are_named_and_change_nothing(actions, message):
    envs = IMazeVectorEnv(2)
    envs.reset(seed=0)
    before = envs.get_state()
    with pytest.raises(error.InvalidAction, match=re.escape(message)):
        envs.step(actions)
    assert envs.get_state() == before


def test_stepping_before_the_first_reset_is_refused():
    with pytest.raises(error.ResetNeeded, match="lane 0 was never reset"):
        IMazeVectorEnv(2).step([0, 0])


def test_with_autoreset_disabled_finished_lanes_must_be_reset():
    envs = IMazeVectorEnv(3, autoreset_mode="Disabled", max_episode_steps=2)
    envs.reset(seed=0)
    envs.step([0, 0, 0])
    envs.step([0, 0, 0])
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    with pytest.raises(error.ResetNeeded, match=re.escape("lanes [0, 2] have ended")):
        envs.step([0, 0, 0])
    envs.reset(options={"reset_mask": np.array([True, False, True])})
    envs.step([0, 0, 0])


@pytest.mark.parametrize(
    "mask, message",
    [
        ([True, False], "must be a boolean array of shape (2,)"),
        (np.array([1, 0]), "must be a boolean array of shape (2,)"),
        (np.array([True]), "must be a boolean array of shape (2,)"),
        (np.array([False, False]), "must name at least one lane"),
    ],
)
def test_bad_reset_masks_are_named(mask, message):
    envs = IMazeVectorEnv(2)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="reset_mask " + re.escape(message)):
        envs.reset(options={"reset_mask": mask})


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="num_envs must be an integer, at least 1, got 0"):
        IMazeVectorEnv(0)
    with pytest.raises(TypeError, match="num_envs must be an integer, got 2.0"):
        IMazeVectorEnv(2.0)
    with pytest.raises(ValueError, match="one of 'NextStep', 'SameStep', 'Disabled', got 'Sometimes'"):
        IMazeVectorEnv(2, autoreset_mode="Sometimes")
    with pytest.raises(ValueError, match="observation must be one of 'onehot', 'tiles', 'rgb', got 'pixels'"):
        IMazeVectorEnv(2, observation="pixels")
    with pytest.raises(
        ValueError, match="render_mode must be None or one of 'human', 'rgb_array', 'ansi', got 'gif'"
    ):
        IMazeVectorEnv(2, render_mode="gif")
    with pytest.raises(ValueError, match="options may hold 'reset_mask', got 'stream'"):
        IMazeVectorEnv(2).reset(options={"stream": 3})
    with pytest.raises(ValueError, match="seed must be an integer or num_envs=2 of them, got 3"):
        IMazeVectorEnv(2).reset(seed=[1, 2, 3])
    with pytest.raises(TypeError, match="seed must be an integer or a sequence of them, got 1.5"):
        IMazeVectorEnv(2).reset(seed=1.5)


def test_a_first_reset_without_a_seed_gives_each_lane_its_own_stream():
    one, other = IMazeVectorEnv(50), IMazeVectorEnv(50)
    one.reset(), other.reset()
    streams = {envs.stream(lane) for envs in (one, other) for lane in range(50)}
    assert len(streams) == 100


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_saved_state_continues_bit_for_bit_in_another_process_through_json(mode):
    envs = IMazeVectorEnv(6, autoreset_mode=mode, max_episode_steps=17)
    envs.reset(seed=3)
    generator = np.random.default_rng(0)
    for _ in range(100):  # with lanes in the middle of episodes and, in NEXT_STEP, lanes about to be reset
        envs.step(purposeful(generator, 6))
    twin = IMazeVectorEnv(6, autoreset_mode=mode, max_episode_steps=17)
    twin.set_state(json.loads(json.dumps(envs.get_state())))
    assert (twin.observe() == envs.observe()).all()
    for _ in range(100):
        actions = purposeful(generator, 6)
        assert_same(twin.step(actions), envs.step(actions), "after restoring")
    assert twin.get_state() == envs.get_state()


def test_copies_of_lanes_go_on_from_the_same_state():
    envs = IMazeVectorEnv(5, autoreset_mode="SameStep", observation="tiles")
    envs.reset(seed=0)
    twin = copy.deepcopy(envs)
    for action in (2, 0, 2):
        assert_same(twin.step([action] * 5), envs.step([action] * 5), "a copy")
    twin.step([0] * 5)
    assert twin.get_state() != envs.get_state()


def test_a_saved_state_holds_the_generator_of_unseeded_lanes():
    envs = IMazeVectorEnv(3)
    envs.reset(seed=3, options={"reset_mask": np.array([True, False, False])})
    twin = IMazeVectorEnv(3)
    twin.set_state(envs.get_state())
    envs.reset(), twin.reset()
    assert twin.get_state() == envs.get_state()


def test_a_state_of_another_shape_is_refused_and_changes_nothing():
    envs = IMazeVectorEnv(2)
    envs.reset(seed=0)
    before = envs.get_state()
    broken = json.loads(json.dumps(before))
    broken["lanes"][1][before["columns"].index("heading")] = 9
    with pytest.raises(ValueError, match="heading must be in"):
        envs.set_state(broken)
    with pytest.raises(ValueError, match="num_envs=2 lanes, got 1"):
        envs.set_state(before | {"lanes": before["lanes"][:1]})
    with pytest.raises(ValueError, match="state must have the columns"):
        envs.set_state(before | {"columns": ["stream"]})
    assert envs.get_state() == before


def test_broken_states_of_lanes_are_refused_by_name():
    envs = IMazeVectorEnv(2, autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset(seed=0)
    state = envs.get_state()
    over = [*state["lanes"][0]]
    over[envs._lanes.columns().index("steps")], over[envs._lanes.columns().index("phase")] = 150, 2
    for broken, kind, message in (
        ({"columns": state["columns"]}, ValueError, "but lacks lanes, np_random"),
        (state | {"lanes": [[1, 2]] * 2}, ValueError, "lane 0 must have 15 values, got 2"),
        (state | {"lanes": [["x"] * 15] * 2}, TypeError, "integer"),
        (state | {"lanes": [over] * 2}, ValueError, "where lanes are reset in the same step"),
    ):
        with pytest.raises(kind, match=message):
            envs.set_state(broken)
    assert envs.get_state() == state


def test_hashes_of_lanes_are_those_of_single_environments():
    envs, env = IMazeVectorEnv(2), IMazeEnv()
    envs.reset(seed=4), env.reset(seed=5)
    envs.step([2, 2]), env.step(2)
    assert envs.state_hash(1) == env.state_hash() != envs.state_hash(0)


def test_spaces_and_metadata_are_what_gymnasium_asks_for():
    envs = gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=3, autoreset_mode="SameStep")
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert "autoreset_mode" not in IMazeVectorEnv.metadata
    observations, _ = envs.reset(seed=0)
    assert observations in envs.observation_space and observations[0] in envs.single_observation_space
    assert envs.action_space.sample().shape == (3,)
    assert envs.single_observation_space == gym.make("MemoryEnvs/IMaze-v0").observation_space


@pytest.mark.parametrize("num_envs", [1, 2, 5, 16, 300])
def test_a_mosaic_shows_the_first_lanes_near_to_a_square(num_envs):
    envs = IMazeVectorEnv(num_envs)
    with pytest.raises(error.ResetNeeded, match=r"mosaic\(\) was asked for before the first reset"):
        envs.mosaic()
    envs.reset(seed=0)
    frame = envs.mosaic()
    columns = next(n for n in range(1, 10) if n * n >= min(num_envs, 64))
    rows = -(-min(num_envs, 64) // columns)
    cell = (frame.shape[1] - 6) // columns // 9
    assert frame.shape == (rows * (9 * cell + 6 + STRIP) + 6, columns * (9 * cell + 6) + 6, 3)
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0 and max(frame.shape) <= 1000 + rows * STRIP
    start = agent_over(sprite(envs.scene(0).looks[1], cell), envs.scene(0).heading)
    top = 6 + STRIP + cell
    assert (frame[top : top + cell, 6 + cell : 6 + 2 * cell] == start).all()
    with pytest.raises(ValueError, match="max_lanes must be at least 1, got 0"):
        envs.mosaic(max_lanes=0)


def test_the_border_tells_of_the_episode_that_a_step_ended_and_began_anew():
    envs = IMazeVectorEnv(2, autoreset_mode="SameStep", max_episode_steps=2)
    envs.reset(seed=0)
    colours = []
    for _ in range(4):
        colours.append(tuple(envs.mosaic()[40, 4].tolist()))
        envs.step(np.zeros(2, dtype=int))
    assert colours == [PALETTE["page"], PALETTE["page"], PALETTE["bad"], PALETTE["page"]]
    envs.reset()
    assert tuple(envs.mosaic()[40, 4].tolist()) == PALETTE["page"]


def test_lanes_of_another_configuration_are_refused_and_nothing_is_half_applied():
    envs, other = IMazeVectorEnv(2), IMazeVectorEnv(2, delay=3)
    envs.reset(seed=0), other.reset(seed=1)
    before = envs.get_state()
    with pytest.raises(ValueError, match="max_steps 153 where this one has 150|delay 3 where this one has 0"):
        envs.set_state(other.get_state())
    theirs = other.get_state() | {"config": before["config"], "np_random": {"bit_generator": "MT19937"}}
    with pytest.raises(ValueError, match="np_random must be the state of a PCG64 generator"):
        envs.set_state(theirs)
    with pytest.raises(TypeError, match="lane 1 field episode must be an integer, got 'x'"):
        lanes = [before["lanes"][0], [0, "x", *before["lanes"][1][2:]]]
        envs.set_state(before | {"lanes": lanes})
    with pytest.raises((ValueError, error.Error)):
        envs.reset(seed=[5, -1])
    assert envs.get_state() == before
    envs.set_state({name: value for name, value in before.items() if name != "config"})


@pytest.mark.parametrize(
    "seed, message",
    [
        ("ab", "seed must be an integer or a sequence of them, got 'ab'"),
        (["x", 1], "seed of lane 0 must be an integer or None, got 'x'"),
        ([1, 2.5], "seed of lane 1 must be an integer or None, got 2.5"),
    ],
)
def test_seeds_of_another_kind_are_named(seed, message):
    with pytest.raises(TypeError, match=message):
        IMazeVectorEnv(2).reset(seed=seed)


def test_an_action_beyond_64_bits_is_named_as_it_was_given():
    envs = IMazeVectorEnv(2)
    envs.reset(seed=0)
    with pytest.raises(error.InvalidAction, match=f"lane 1 got {2**63}$"):
        envs.step(np.array([0, 2**63], dtype=np.uint64))


def test_a_mosaic_of_no_whole_number_of_lanes_is_refused():
    envs = IMazeVectorEnv(2)
    envs.reset(seed=0)
    with pytest.raises(TypeError, match="max_lanes must be an integer, got 1.5"):
        envs.mosaic(1.5)


def test_the_title_of_a_window_says_when_lanes_are_left_out():
    assert IMazeVectorEnv(100)._window._title == "IMazeVectorEnv, lanes 0 to 63 of 100"
    assert IMazeVectorEnv(64)._window._title == "IMazeVectorEnv"
