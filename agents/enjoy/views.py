"""Views of an episode: a window, text, a GIF."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import load_env_creator

from agents.vec_env.make import resolve_id
from memory_envs.rendering.video import Gif

# Seconds that the end of an episode stays visible.
REST = 1.0


def check_rendering(env_id: str, mode: str) -> None:
    """Check that an environment renders in a mode, where its class says in which it does.

    Args:
        env_id: As `agents.vec_env.make.make_single` takes it.
        mode: "human", "rgb_array" or "ansi". Gymnasium opens windows for what renders arrays.

    Raises:
        ValueError: It does not; names the options for what it does.
    """
    creator: Any = gymnasium.spec(resolve_id(env_id)).entry_point
    creator = load_env_creator(creator) if isinstance(creator, str) else creator
    if not hasattr(creator, "metadata"):  # a function, which does not say
        return
    modes = creator.metadata.get("render_modes", ())
    if mode in modes or (mode == "human" and "rgb_array" in modes):
        return
    options = {"--ansi": "ansi" in modes, "--gif FILE": "rgb_array" in modes, "--headless": True}
    ways = " or ".join(option for option, works in options.items() if works)
    raise ValueError(f"{env_id} renders {', '.join(modes) or 'nothing'}, not {mode}: use {ways}")


@dataclass
class View:
    """Shows the frames of an episode.

    Attributes:
        render_mode: What the environment must render.
    """

    render_mode: str

    def frame(self, env: gymnasium.Env[Any, Any]) -> None:
        """Show the current state."""

    def rest(self) -> None:
        """Keep the end of an episode visible for a while."""


class WindowView(View):
    """A window that the environment itself opens.

    Raises:
        ValueError: There is no display.
    """

    def __init__(self) -> None:
        super().__init__("human")
        displays = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
        if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in displays):
            raise ValueError("there is no display for a window: use --headless, --gif FILE or --ansi instead")

    def rest(self) -> None:
        """Wait."""
        time.sleep(REST)


class TextView(View):
    """Text: redrawn in place at the pace of the environment in a terminal, printed in sequence elsewhere."""

    def __init__(self) -> None:
        super().__init__("ansi")
        self._in_place = sys.stdout.isatty()

    def frame(self, env: gymnasium.Env[Any, Any]) -> None:
        """Print the current state."""
        print(("\x1b[H\x1b[2J" if self._in_place else "") + str(env.render()), flush=True)
        if self._in_place:
            time.sleep(1 / env.metadata.get("render_fps", 10))

    def rest(self) -> None:
        """Wait, in a terminal."""
        if self._in_place:
            time.sleep(REST)


class GifView(View):
    """Frames that are collected for a GIF; no display is needed."""

    def __init__(self) -> None:
        super().__init__("rgb_array")
        self.gif = Gif()

    def frame(self, env: gymnasium.Env[Any, Any]) -> None:
        """Add a frame of the current state."""
        self.gif.add(np.asarray(env.render()), 1 / env.metadata.get("render_fps", 10))

    def rest(self) -> None:
        """Hold the last frame."""
        self.gif.rest(REST)
