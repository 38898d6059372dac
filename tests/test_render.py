"""Pictures show the state, need no display, and windows do not disturb each other."""

import builtins
import os
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import error

import memory_envs
from memory_envs import painter
from memory_envs.env import IMazeEnv
from memory_envs.rules import imaze
from memory_envs.scene import IMAZE_LOOKS, imaze_scene
from memory_envs.vector import IMazeVectorEnv
from tests.env_oracles import drawn_maze, solution

ROOT = Path(memory_envs.__file__).parents[1]


def scene_at(row=1, column=1, heading=0, cue=0, **fields):
    config = imaze.configure()
    return imaze_scene(config, imaze.State(row, column, heading, cue, 0, 0, 0, 0)._replace(**fields))


def paint_at(frame: np.ndarray, row: float, column: float, size: int = 9) -> str:
    """The name of the colour at a place measured in cells; scaling shifts colours by a few levels."""
    cell = frame.shape[1] // size
    pixel = frame[int(row * cell), int(column * cell)].astype(int)
    distance, name = min((np.abs(pixel - colour).max(), name) for name, colour in painter.PALETTE.items())
    assert distance < 5, f"{pixel} is no colour of the palette"
    return name


@pytest.mark.parametrize("cue", [0, 1])
def test_the_scene_shows_the_whole_maze(cue):
    scene = scene_at(cue=cue)
    assert (scene.tiles == drawn_maze(9, cue)).all()
    assert len(scene.looks) == imaze.NUM_TILES


def test_the_cells_the_agent_sees_are_marked():
    expected = np.zeros((9, 9), dtype=bool)
    expected[0:3, 3:6] = True
    assert (scene_at(row=1, column=3, heading=0).visible == expected).all()
    assert scene_at(row=1, column=1, heading=2).visible.sum() == 6  # one column of the window lies outside


def test_frames_show_cue_goals_walls_and_light():
    frame = painter.pixels(scene_at(row=1, column=4, heading=0, cue=1))
    assert frame.dtype == np.uint8 and frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert paint_at(frame, 1.5, 7.5) == "azure"
    assert paint_at(frame, 7.5, 1.16) == "amber" and paint_at(frame, 7.5, 1.5) == "floor"
    assert paint_at(frame, 7.5, 7.16) == "azure"
    assert paint_at(frame, 4.5, 2.5) == "wall" and paint_at(frame, 0.5, 5.5) == "wall lit"
    assert paint_at(frame, 1.5, 6.5) == "floor lit"
    assert paint_at(frame, 1.5, 4.55) == "agent"


def test_the_agent_points_where_it_looks():
    for heading, (down, right) in enumerate(((0, 1), (1, 0), (0, -1), (-1, 0))):
        frame = painter.pixels(scene_at(row=4, column=4, heading=heading))
        assert paint_at(frame, 4.5 + 0.28 * down, 4.5 + 0.28 * right) == "agent"
        assert paint_at(frame, 4.5 - 0.28 * down, 4.5 - 0.28 * right) == "floor lit"


@pytest.mark.parametrize(
    "outcome, steps, mood", [(1, 20, "good"), (-1, 20, "bad"), (0, 150, "bad"), (0, 20, "neutral")]
)
def test_the_outcome_is_told_and_coloured(outcome, steps, mood):
    scene = scene_at(outcome=outcome, steps=steps)
    assert scene.mood == mood
    caption = painter.pixels(scene)[-36:].reshape(-1, 3)
    assert (caption == painter.PALETTE[mood]).all(axis=1).any()


def test_text_shows_the_maze_the_agent_and_the_facts():
    lines = painter.text(scene_at(row=1, column=3, heading=2, cue=1, steps=12)).splitlines()
    assert lines[:3] == ["#########", "#..<   B#", "#### ####"]
    assert lines[7] == "#a     b#"
    assert "step: 12/150" in lines[9] and "cue: B" in lines[9]
    assert len({look.symbol for look in IMAZE_LOOKS}) == len(IMAZE_LOOKS)


@pytest.mark.parametrize("size", [5, 9, 15, 31, 101])
def test_every_size_can_be_painted(size):
    env = IMazeEnv(size=size, view_size=1, render_mode="rgb_array")
    env.reset(seed=0)
    frame = env.render()
    assert frame.ndim == 3 and frame.shape[1] == size * ((frame.shape[0] - 36) // size)


def test_frames_are_new_objects_and_follow_the_state():
    env = IMazeEnv(render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    kept = before.copy()
    env.step(0)
    assert (env.render() != before).any() and (before == kept).all()


def test_a_vector_environment_paints_each_lane_like_its_single_one():
    for render_mode in ("rgb_array", "ansi"):
        envs = IMazeVectorEnv(3, render_mode=render_mode)
        envs.reset(seed=4)
        single = IMazeEnv(render_mode=render_mode)
        for lane, frame in enumerate(envs.render()):
            single.reset(seed=4 + lane)
            assert np.array_equal(frame, single.render())


def test_rendering_before_reset_or_without_a_mode_says_so():
    with pytest.raises(error.ResetNeeded, match=r"render\(\) is not known before the first reset"):
        IMazeEnv(render_mode="ansi").render()
    with pytest.raises(error.ResetNeeded, match="before the first reset"):
        IMazeVectorEnv(2, render_mode="ansi").render()
    env = IMazeEnv()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="does nothing without a render_mode"):
        assert env.render() is None


def test_a_missing_pygame_is_named_and_text_does_without_it(monkeypatch):
    real_import = builtins.__import__

    def without_pygame(name, *arguments, **keywords):
        if name == "pygame":
            raise ImportError(name)
        return real_import(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_pygame)
    with pytest.raises(error.DependencyNotInstalled, match=r'pip install "memory-envs\[render\]"'):
        painter.pixels(scene_at())
    assert painter.text(scene_at()).startswith("####")


def test_windows_live_and_die_alone(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    envs = [gym.make("MemoryEnvs/IMaze-v0", render_mode="human") for _ in range(2)]
    for env in envs:
        env.reset(seed=0)
        env.step(0)
    envs[0].close()
    envs[0].close()
    envs[1].step(1)
    assert envs[1].render() is None
    envs[1].close()
    envs[1].reset()  # opens a new window
    envs[1].close()


def test_without_a_display_pixels_work_and_windows_say_what_does(tmp_path):
    code = (
        "from memory_envs.env import IMazeEnv\n"
        "env = IMazeEnv(render_mode='rgb_array'); env.reset(seed=0); print(env.render().shape)\n"
        "try:\n    IMazeEnv(render_mode='human').reset(seed=0)\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    environment |= {"SDL_VIDEODRIVER": "x11", "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    shape, complaint = found.stdout.splitlines()
    assert shape == "(504, 468, 3)"
    assert complaint.startswith("Error") and 'use render_mode="rgb_array" or "ansi"' in complaint


def test_a_solved_episode_ends_in_a_good_mood():
    env = IMazeEnv(render_mode="ansi")
    env.reset(seed=0)
    for action in solution(env.config, imaze.State(*list(env.get_state().values())[3:])):
        env.step(action)
    assert env.scene().mood == "good" and "correct goal" in env.render()


def test_the_panel_says_that_the_cue_is_in_sight_whenever_it_is() -> None:
    env = gym.make("MemoryEnvs/IMaze-v0", observation="tiles")
    observation, _ = env.reset(seed=0)
    shown, seen = set(), False
    for action in env.unwrapped.np_random.integers(3, size=3000):
        in_view = bool(np.isin(observation, (2, 3)).any())
        seen = seen or in_view
        expected = "in sight" if in_view else "out of sight" if seen else "not seen yet"
        assert env.unwrapped.scene().facts["cue"].endswith(expected)
        shown.add((expected, env.unwrapped.get_state()["sight"]))
        observation, _, terminated, truncated, _ = env.step(int(action))
        if terminated or truncated:
            (observation, _), seen = env.reset(), False
    assert ("in sight", 2) in shown  # seen again after it had been left behind
