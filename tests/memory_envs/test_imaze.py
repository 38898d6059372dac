"""I-Maze's record: its scene and the steps that are left. Its rules have tests of their own."""

import time

import gymnasium as gym
import numpy as np
import pytest

from memory_envs import imaze as imaze_env
from memory_envs.imaze import IMazeEnv
from memory_envs.rendering import painter
from memory_envs.rendering.palette import PALETTE
from memory_envs.rules import imaze
from memory_envs.rules.grid import WEST
from memory_envs.rules.randomness import episode_key
from tests.support.env_oracles import drawn_maze, solution
from tests.support.scenes import fact, scene_at
from tests.support.searches import breadth_first


@pytest.mark.parametrize("cue", [0, 1])
def test_the_scene_shows_the_whole_maze(cue):
    scene = scene_at(cue=cue)
    assert (scene.tiles == drawn_maze(9, cue)).all()
    assert len(scene.looks) == 6


@pytest.mark.parametrize(
    "fields, memory",
    [
        ({"seen_at": -1, "steps": 9}, "cue not seen yet"),
        ({"seen_at": 9, "steps": 9}, "cue in view"),
        ({"seen_at": 8, "steps": 9}, "carried 1 step"),
        ({"seen_at": 2, "steps": 30}, "carried 28 steps"),
    ],
)
def test_the_panel_tells_how_long_the_cue_is_carried(fields, memory):
    assert fact(scene_at(**fields), "memory").text == memory


def test_the_panel_says_that_the_cue_is_in_view_whenever_it_is():
    env = gym.make("MemoryEnvs/IMaze-v0", observation="tiles")
    observation, _ = env.reset(seed=0)
    shown, since = set(), None
    for action in np.random.default_rng(1).integers(3, size=3000):
        in_view = bool(np.isin(observation, (2, 3)).any())
        since = 0 if in_view else None if since is None else since + 1
        told = fact(env.unwrapped.scene(), "memory").text
        assert told == {None: "cue not seen yet", 0: "cue in view", 1: "carried 1 step"}.get(
            since, f"carried {since} steps"
        )
        shown.add(told)
        observation, _, terminated, truncated, _ = env.step(int(action))
        if terminated or truncated:
            (observation, _), since = env.reset(), None
    assert len(shown) > 10


@pytest.mark.parametrize(
    "fields, outcome, mood",
    [
        ({"outcome": 1, "steps": 20}, "correct goal", "good"),
        ({"outcome": -1, "steps": 20}, "wrong goal", "bad"),
        ({"steps": 150}, "out of time", "bad"),
        ({"steps": 20}, "under way", "neutral"),
        ({"steps": 20, "hold": 3, "delay": 5}, "held for 3", "neutral"),
    ],
)
def test_the_outcome_is_told_and_coloured(fields, outcome, mood):
    scene = scene_at(**fields)
    assert (fact(scene, "outcome").text, scene.mood) == (outcome, mood)
    written = (painter.pixels(scene) == PALETTE["text" if mood == "neutral" else mood]).all(axis=-1)
    assert written[:, -painter.COLUMN :].any()


def test_a_solved_episode_ends_in_a_good_mood():
    env = IMazeEnv(render_mode="ansi")
    env.reset(seed=0)
    for action in solution(env.config, imaze.State(*(env.get_state()[name] for name in imaze.State._fields))):
        env.step(action)
    assert env.scene().mood == "good" and "correct goal" in env.render()


@pytest.mark.parametrize("delay", [0, 5])
def test_the_steps_left_in_a_maze_are_the_fewest_there_are(delay):
    config = imaze.configure(size=7, delay=delay, start="center" if delay else "end")

    def step(state, action):
        following, _, _, _ = imaze.transition(config._replace(max_steps=10**6), state, action)
        return None if following.outcome == -1 else following._replace(steps=0, seen_at=-1)

    generator = np.random.default_rng(0)
    state = imaze.begin(config, episode_key(0, 0))
    for action in generator.choice([0, 1, 2, 2], size=150).tolist():
        expected = breadth_first(
            state._replace(steps=0, seen_at=-1), step, lambda _, after: after.outcome == 1
        )
        assert imaze_env.steps_remaining(config, state) == expected
        following, _, terminated, _ = imaze.transition(config, state, action)
        state = state if terminated else following
    assert state.sight != imaze.CUE_UNSEEN  # the delay was met


def test_no_step_is_left_at_a_goal():
    config = imaze.configure()
    state = imaze.begin(config, episode_key(0, 0))
    at_goal = state._replace(row=7, column=1, heading=WEST, outcome=1 if state.cue == 0 else -1)
    assert imaze_env.steps_remaining(config, at_goal) == 0


def test_a_long_delay_takes_no_longer_to_plan():
    """The held steps are counted, not walked through; a plan state by state would take minutes."""
    config = imaze.configure(delay=1_000_000)
    state = imaze.begin(config, episode_key(0, 0))
    start = time.perf_counter()
    free = imaze_env.steps_remaining(config._replace(delay=0), state)
    assert imaze_env.steps_remaining(config, state) == free  # the best route never sees the cue
    held = state._replace(seen_at=0, sight=imaze.CUE_LEFT_BEHIND, hold=123)
    assert imaze_env.steps_remaining(config, held) == free + 123
    assert time.perf_counter() - start < 5
