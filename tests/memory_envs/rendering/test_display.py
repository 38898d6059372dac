"""Windows do not disturb each other, and nothing else needs a display."""

import copy
import os
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from memory_envs.imaze import IMazeEnv
from memory_envs.meta_fetch import MetaFetchEnv
from memory_envs.rendering import painter
from tests.support import ROOT

WITHOUT_DISPLAY = {
    name: value for name, value in os.environ.items() if "DISPLAY" not in name and "SDL" not in name
} | {"PYTHONPATH": str(ROOT)}


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


@pytest.mark.parametrize("button", ["QUIT", "WINDOWCLOSE"])
def test_the_closing_button_closes_one_window_and_the_run_goes_on(monkeypatch, button):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame = pytest.importorskip("pygame")
    env, other = IMazeEnv(render_mode="human"), IMazeEnv(render_mode="human")
    other.reset(seed=0)
    env.reset(seed=0)
    fields = {"window": env._window._window} if button == "WINDOWCLOSE" else {}
    pygame.event.post(pygame.event.Event(getattr(pygame, button), **fields))
    for _ in range(3):
        env.step(0)
        assert env._window._window is None and other._window._window is not None
    env.close()
    env.reset()  # a closed environment that is used again shows itself again
    assert env._window._window is not None
    env.close()
    other.close()


def test_a_window_shows_the_frame(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = MetaFetchEnv(render_mode="human")
    env.reset(seed=0)
    pygame = pytest.importorskip("pygame")
    shown = pygame.surfarray.array3d(env._window._window.get_surface()).swapaxes(0, 1)
    assert (shown == painter.pixels(env.scene())).all()
    env.close()


def test_a_vector_environment_shows_its_mosaic_in_a_window(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    envs = gym.make_vec("MemoryEnvs/MetaFetch-v0", num_envs=4, render_mode="human")
    envs.reset(options={"reset_mask": np.array([True, False, False, False])})
    assert envs._window._window is None  # the other lanes have no state yet
    envs.reset(seed=0)
    pygame = pytest.importorskip("pygame")
    shown = pygame.surfarray.array3d(envs._window._window.get_surface()).swapaxes(0, 1)
    assert (shown == envs.mosaic()).all()
    envs.step(envs.action_space.sample())
    envs.close()
    assert envs._window._window is None


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_an_environment_with_an_open_window_can_be_copied(monkeypatch, duplicate):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = IMazeEnv(render_mode="human")
    env.reset(seed=0)
    twin = duplicate(env)
    assert twin._window._window is None and env._window._window is not None
    assert twin.get_state() == env.get_state()
    twin.step(0)  # opens its own
    twin.close()
    env.step(0)
    env.close()


def test_painting_initialises_neither_display_nor_sound():
    code = (
        "import gymnasium, memory_envs\n"
        "env = gymnasium.make('MemoryEnvs/MetaFetch-v0', render_mode='rgb_array'); env.reset(seed=0)\n"
        "env.render(); import os, pygame\n"
        "print(pygame.display.get_init(), pygame.mixer.get_init(), os.environ.get('SDL_VIDEODRIVER'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=WITHOUT_DISPLAY,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["False", "None", "None"], done.stderr


@pytest.mark.parametrize("driver", [{}, {"SDL_VIDEODRIVER": "x11"}])
def test_without_a_display_pixels_work_and_windows_say_what_does(driver):
    code = (
        "from memory_envs.imaze import IMazeEnv\n"
        "env = IMazeEnv(render_mode='rgb_array'); env.reset(seed=0); print(env.render().shape)\n"
        "try:\n    IMazeEnv(render_mode='human').reset(seed=0)\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    environment = WITHOUT_DISPLAY | driver
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    shape, complaint = found.stdout.splitlines()
    assert shape == "(466, 684, 3)"
    assert complaint.startswith("Error") and 'use render_mode="rgb_array" or "ansi"' in complaint


@pytest.mark.parametrize("ended_by", ["quit", "display.quit"])
@pytest.mark.parametrize("begun_again", [False, True])
def test_a_window_survives_another_program_part_that_shuts_pygame_down(monkeypatch, ended_by, begun_again):
    """As the classic control tasks of Gymnasium do when they are closed."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame = pytest.importorskip("pygame")
    env = IMazeEnv(render_mode="human")
    env.reset(seed=0)
    for after in (
        lambda: env.step(0),
        lambda: env._window.keys() == [] and env.step(0),
        env.close,
        env.close,
    ):
        lost = env._window._window
        pygame.quit() if ended_by == "quit" else pygame.display.quit()
        if begun_again:
            pygame.display.init()
            pygame.display.set_mode((8, 8))
        after()
        assert env._window._window is not lost or lost is None
    env.reset(seed=0)
    shown = pygame.surfarray.array3d(env._window._window.get_surface()).swapaxes(0, 1)
    assert (shown == painter.pixels(env.scene())).all()
    env.close()


def test_a_task_of_gymnasium_closed_in_between_leaves_our_window_alone(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env, other = IMazeEnv(render_mode="human"), gym.make("CartPole-v1", render_mode="human")
    for each in (env, other):
        each.reset(seed=0)
    other.close()
    env.step(0)
    painted = IMazeEnv(render_mode="rgb_array")
    painted.reset(seed=0)
    assert painted.render().ndim == 3
    env.close()


def test_the_classic_pygame_paints_and_opens_no_window(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame = pytest.importorskip("pygame")
    monkeypatch.delattr(pygame, "Window")
    monkeypatch.delattr(pygame, "IS_CE", raising=False)
    env = IMazeEnv(render_mode="rgb_array")
    env.reset(seed=0)
    assert env.render().ndim == 3
    with pytest.raises(gym.error.DependencyNotInstalled, match="needs pygame-ce.*classic pygame.*uninstall"):
        IMazeEnv(render_mode="human").reset(seed=0)


def test_windows_that_are_opened_anew_are_not_taken_for_one_another(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame = pytest.importorskip("pygame")
    envs = [IMazeEnv(render_mode="human") for _ in range(3)]
    for env in envs:
        env.reset(seed=0)
    pygame.display.quit()
    for env in reversed(envs):
        env.step(0)
    assert len({env._window._window.id for env in envs}) == 3
    for env in envs:
        env.close()
