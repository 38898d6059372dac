"""Frames are what their mode says, belong to the caller, and drawing them changes nothing."""

import contextlib
import copy
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from memory_envs.testing.failure import ConformanceError, demand_same, difference
from memory_envs.testing.fresh import FreshProcessError, call_fresh
from memory_envs.testing.player import Player
from memory_envs.testing.source import AnyEnv, EnvLike, Source

_CHECK = "rendering"
_LIST = "_list"
_NO_DISPLAY = dict.fromkeys(("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "PYGLET_HEADLESS"))


def check_rendering(
    env: EnvLike,
    *,
    steps: int = 30,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
    fresh_process: bool = True,
) -> None:
    """Check every declared render mode, and the list form of "rgb_array" that `gymnasium.make` adds.

    Frames are of the declared kind ("rgb_array": uint8 [height, width, 3]; "ansi": text; "human": None; a
    "_list": a list of frames), of constant shape, new in each call and equal when nothing has happened.
    Rendering changes neither episodes nor `np_random`. In a process without a display, "rgb_array" and "ansi"
    still work. The mode "human" opens a window: set SDL_VIDEODRIVER=dummy to have none with pygame.

    Args:
        env: A registered id, its spec, or a function that returns a new environment and takes `render_mode`.
        steps: Calls for each mode.
        seed: Seeds environments and actions.
        kwargs: Settings of the environment.
        fresh_process: Whether to start a process without a display too.

    Raises:
        ConformanceError: A frame is not what it should be, or drawing changes something.
    """
    source = Source.of(env, kwargs)
    with contextlib.closing(source.make()) as plain:
        modes = list(plain.metadata.get("render_modes", []))
    if source.spec is not None and "rgb_array" in modes and "rgb_array_list" not in modes:
        modes.append("rgb_array_list")
    for mode in modes:
        _check_mode(source, mode, steps, seed)
    arrays = [mode for mode in modes if mode in ("rgb_array", "ansi")]
    if fresh_process and arrays:
        _check_without_display(source, arrays)


def _check_mode(source: Source, mode: str, steps: int, seed: int) -> None:
    with (
        contextlib.closing(source.make()) as plain,
        contextlib.closing(source.make(render_mode=mode)) as shown,
    ):
        one, other = Player(plain, seed), Player(shown, seed)
        _demand_untouched(mode, one.reset(seed), other.reset(seed))
        frames = _Frames(mode, shown)
        for step in range(steps):
            frames.take(step)
            _demand_untouched(mode, one.advance(), other.advance())
        if _randomness(plain) != _randomness(shown):
            raise ConformanceError(_CHECK, f"drawing frames of {mode!r} changes np_random")
        frames.demand_unwritten()


class _Frames:
    """The frames of one environment so far."""

    def __init__(self, mode: str, env: AnyEnv) -> None:
        self._mode = mode
        self._env = env
        self._kept: list[tuple[int, Any, Any]] = []

    def take(self, step: int) -> None:
        """Render twice, and compare with each other and with earlier frames."""
        first = self._rendered(step)
        if first is None:
            return
        self._demand_alike(first, step)
        if self._mode.endswith(_LIST):
            self._kept.append((step, first, copy.deepcopy(first)))
            return
        expected, second = copy.deepcopy(first), self._rendered(step)
        self._demand_new(second, first, step)
        message = f"two frames of {self._mode!r} of one moment differ"
        demand_same(_CHECK, message, second, expected, step=step)
        self._kept.append((step, first, expected))

    def demand_unwritten(self) -> None:
        """Compare every frame with the copy made when it was new."""
        for step, frame, expected in self._kept:
            message = f"a frame of {self._mode!r} was written to by a later call"
            demand_same(_CHECK, message, frame, expected, step=step)

    def _rendered(self, step: int) -> Any:
        frame: Any = self._env.render()
        if isinstance(frame, io.StringIO):
            frame = frame.getvalue()
        wanted = _fault(self._mode, frame)
        if wanted is not None:
            raise ConformanceError(
                _CHECK, f"render() of {self._mode!r}", step=step, expected=wanted, got=_kind(frame)
            )
        return frame

    def _demand_alike(self, frame: Any, step: int) -> None:
        parts = frame if self._mode.endswith(_LIST) else [frame]
        shapes = {part.shape for part in parts if isinstance(part, np.ndarray)}
        if self._kept and isinstance(parts[0], np.ndarray):
            earlier = self._kept[0][1]
            shapes.add(earlier[0].shape if self._mode.endswith(_LIST) else earlier.shape)
        if len(shapes) > 1:
            raise ConformanceError(
                _CHECK,
                f"frames of {self._mode!r} have several shapes",
                step=step,
                expected=1,
                got=sorted(shapes),
            )

    def _demand_new(self, frame: Any, just_before: Any, step: int) -> None:
        if not isinstance(frame, np.ndarray):
            return
        for earlier in (just_before, *(kept for _, kept, _ in self._kept[-3:])):
            if np.shares_memory(frame, earlier):
                raise ConformanceError(
                    _CHECK, f"a frame of {self._mode!r} shares memory with an earlier one", step=step
                )


def _fault(mode: str, frame: Any) -> str | None:
    """Return what the mode promises if the frame is something else."""
    if mode.endswith(_LIST):
        if not isinstance(frame, list) or not frame:
            return "a list of frames"
        return next((fault for each in frame if (fault := _fault(mode.removesuffix(_LIST), each))), None)
    if mode == "human":
        return None if frame is None else "None"
    if mode == "ansi":
        return None if isinstance(frame, str) and frame else "text"
    if mode != "rgb_array":
        return "something" if frame is None else None
    if isinstance(frame, np.ndarray) and frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3:
        return None if frame.size else "an image with pixels"
    return "uint8 (height, width, 3)"


def _kind(frame: Any) -> str:
    return f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else repr(frame)


def _demand_untouched(mode: str, expected: Any, got: Any) -> None:
    message = f"an environment with render_mode={mode!r}, rendered, plays differently"
    demand_same(_CHECK, message, got.result, expected.result, step=expected.step)


def _randomness(env: AnyEnv) -> Any:
    return repr(env.unwrapped.np_random.bit_generator.state)


def _check_without_display(source: Source, modes: list[str]) -> None:
    try:
        frames = call_fresh(_first_frames, source, modes, environ=_NO_DISPLAY)
    except FreshProcessError as problem:
        raise ConformanceError(
            _CHECK, f"{' and '.join(modes)} fail without a display: {problem}"
        ) from problem
    for mode, got, expected in zip(modes, frames, _first_frames(source, modes), strict=True):
        if difference(got, expected) is not None:
            raise ConformanceError(_CHECK, f"frames of {mode!r} are others without a display")


def _first_frames(source: Source, modes: list[str]) -> list[Any]:
    frames = []
    for mode in modes:
        with contextlib.closing(source.make(render_mode=mode)) as env:
            env.reset(seed=0)
            frame: Any = env.render()
            frames.append(frame.getvalue() if isinstance(frame, io.StringIO) else frame)
    return frames
