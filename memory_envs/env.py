"""The single environments: one lane with the interface of `gymnasium.Env`."""

import operator
from collections.abc import Mapping
from types import ModuleType
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import error
from numpy.typing import NDArray

from memory_envs import painter
from memory_envs.kernels import EPISODE, NEVER_RESET, OVER, PHASE, STREAM
from memory_envs.lanes import Lanes, RefusedStep, new_stream
from memory_envs.rules import grid, imaze
from memory_envs.scene import Scene, imaze_scene

Observation = NDArray[np.uint8]


class MemoryEnv(gymnasium.Env[Observation, np.int64]):
    """One lane of a rulebook; a task is a subclass that says how it is configured and how it looks.

    `reset(seed=...)` starts a new stream of episodes at episode 0 and `reset()` goes on to the next one:
    episode k depends on nothing but the stream and k. `reset(options={"stream": s, "episode": k})` goes
    straight to one.
    """

    metadata: dict[str, Any] = {"render_modes": ["human", "rgb_array", "ansi"], "render_fps": 10}

    def __init__(
        self, rulebook: ModuleType, config: Any, *, observation: str, render_mode: str | None
    ) -> None:
        """Set up one lane of `rulebook`.

        Raises:
            ValueError: `observation` or `render_mode` is unknown.
        """
        check_render_mode(render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self.config = config
        self._lanes = Lanes(rulebook, config, 1, observation)
        self.observation_space = cast(gymnasium.Space[Observation], self._lanes.space)
        self.action_space = gymnasium.spaces.Discrete(rulebook.NUM_ACTIONS)
        self._actions = np.zeros(1, dtype=np.int64)
        self._all = np.ones(1, dtype=np.bool_)
        self._none = np.zeros(1, dtype=np.bool_)
        self._window = painter.Window(type(self).__name__, self.metadata["render_fps"])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode: the first of a new stream when seeded, else the next one.

        Args:
            seed: Draws a new stream.
            options: May hold "stream" and "episode", to begin that very episode instead.

        Returns:
            The first observation and `{"is_success": False}`.

        Raises:
            ValueError: An option is unknown or out of range.
        """
        super().reset(seed=seed)
        fresh = seed is not None or self._lanes.rows[0, PHASE] == NEVER_RESET
        row = self._lanes.rows[0].copy()
        self._lanes.assign(0, new_stream(self.np_random) if fresh else None)
        try:
            self._choose_episode(options or {})
        except ValueError:
            self._lanes.rows[0] = row
            raise
        observations = self._lanes.begin(self._all)
        if self.render_mode == "human":
            self.render()
        return observations[0], {"is_success": False}

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Play one action.

        Returns:
            Observation, reward, terminated, truncated and `{"is_success": whether the episode ended well}`.

        Raises:
            gymnasium.error.InvalidAction: The action is not in the action space.
            gymnasium.error.ResetNeeded: No episode is running.
        """
        try:
            self._actions[0] = operator.index(action)
            steps = self._lanes.step(self._actions)
        except (TypeError, OverflowError, RefusedStep) as refusal:
            raise self._refusal(refusal, action) from None
        terminated, truncated, success, _ = steps.flags[:, 0].tolist()
        if self.render_mode == "human":
            self.render()
        return steps.observations[0], steps.rewards.item(), terminated, truncated, {"is_success": success}

    @property
    def stream(self) -> int:
        """The stream of episodes that is being played, an integer below 2**53."""
        self._require_reset("stream")
        return int(self._lanes.rows[0, STREAM])

    @property
    def episode(self) -> int:
        """The number of the episode that is being played, from 0 in each stream."""
        self._require_reset("episode")
        return int(self._lanes.rows[0, EPISODE])

    def observe(self) -> Observation:
        """Return the current observation again, for instance after `set_state`."""
        self._require_reset("observe()")
        return self._lanes.begin(self._none)[0]

    def get_state(self) -> dict[str, int]:
        """Return all that changes in the environment as a flat dictionary that JSON can hold."""
        return dict(zip(self._lanes.columns(), self._lanes.rows[0].tolist(), strict=True))

    def set_state(self, state: Mapping[str, int]) -> None:
        """Go to a state that `get_state` returned, in this or another environment of equal configuration.

        Raises:
            ValueError: A field is missing, unknown or out of range.
        """
        columns = self._lanes.columns()
        if set(state) != set(columns):
            raise ValueError(
                f"state must have the fields {', '.join(columns)}, got {', '.join(state) or 'none'}"
            )
        values = [operator.index(state[name]) for name in columns]
        self._lanes.check_row(values)
        self._lanes.rows[0] = values

    def state_hash(self) -> str:
        """Return 16 hexadecimal digits that stand for the state, the same on every machine."""
        return self._lanes.fingerprint(0)

    def scene(self) -> Scene:
        """Return what there is to see of the current state."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it looks")

    def render(self) -> Any:
        """Paint the current state.

        Returns:
            An RGB image, uint8 [height, width, 3], for "rgb_array"; lines of text for "ansi"; None for
            "human", which shows the state in a window, and without a render mode, which warns.

        Raises:
            gymnasium.error.DependencyNotInstalled: pygame is missing; "ansi" does not need it.
            gymnasium.error.ResetNeeded: There is no state yet.
        """
        if self.render_mode is None:
            gymnasium.logger.warn("render() does nothing without a render_mode; give one to gymnasium.make")
            return None
        self._require_reset("render()")
        if self.render_mode == "human":
            return self._window.show(self.scene())
        return painter.painted(self.scene(), self.render_mode)

    def close(self) -> None:
        """Close the window, if one is open; windows of other environments stay."""
        self._window.close()

    def _choose_episode(self, options: Mapping[str, Any]) -> None:
        columns = {"stream": STREAM, "episode": EPISODE}
        for name, value in options.items():
            if name not in columns:
                raise ValueError(f"options may hold 'stream' and 'episode', got {name!r}")
            values = [0] * self._lanes.rows.shape[1]
            values[columns[name]] = operator.index(value)
            self._lanes.check_row(values)
            self._lanes.rows[0, columns[name]] = values[columns[name]]

    def _require_reset(self, name: str) -> None:
        if self._lanes.rows[0, PHASE] == NEVER_RESET:
            raise error.ResetNeeded(f"{name} is not known before the first reset(); call reset() first")

    def _refusal(self, refusal: Exception, action: Any) -> error.Error:
        phase = refusal.phase if isinstance(refusal, RefusedStep) else None
        if phase == NEVER_RESET:
            return error.ResetNeeded("step() was called before the first reset(); call reset() first")
        if phase == OVER:
            return error.ResetNeeded(
                f"step() was called although episode {self.episode} has ended; call reset() to begin another"
            )
        return error.InvalidAction(
            f"action must be an integer in {self.action_space}, got {action!r} ({type(action).__name__})"
        )


class IMazeEnv(MemoryEnv):
    """I-Maze: read a cue, walk away from it, choose the goal it asked for.

    ## Description
    Two horizontal bars are joined by a stem in the shape of an I. A coloured cue lies at one end of the upper
    bar, the agent starts at the other; two goals lie at the ends of the lower bar, always in the same places.
    Cue A makes the left goal the correct one, cue B the right one. The cue can be seen neither from the start
    nor from the stem, nor from the lower bar, so it must be fetched with the eyes, and then remembered.
    Following Parisotto & Salakhutdinov, "Efficient Transformers in Reinforcement Learning using Actor-Learner
    Distillation" (2021), whose maze was not published: geometry, rewards and limits are this project's own.

    ## Observation Space
    What lies in a square window in front of the agent, which stands in the middle of its last row and looks
    up: row 0 is farthest ahead. Walls do not block the view. Tiles: 0 wall, 1 floor, 2 cue A, 3 cue B, 4 left
    goal, 5 right goal.
    The window is read row by row into a vector. `observation="onehot"`: `Box(0, 1, (view_size * view_size *
    6,), uint8)`, which `reshape(view_size, view_size, 6)` turns back; `"tiles"`: `Box(0, 5, (view_size *
    view_size,), uint8)`.

    ## Action Space
    `Discrete(3)`, as in MiniGrid: 0 turn left, 1 turn right, 2 forward. Walking into a wall does nothing.

    ## Starting State
    Cue A or B, and one of four headings, each with equal probability. `start="end"`: the left end of the
    upper bar; `start="center"`: the middle of the stem (Oh et al., 2016). The cue lies at the right end of
    the upper bar.

    ## Rewards
    +1 at the correct goal, -1 at the wrong one, minus `step_penalty` (default 0) in every step, the last one
    included.

    ## Episode End
    Terminated at a goal. Truncated after `max_episode_steps`: (25 size^2 + 675) // 18 + delay unless given,
    which is 150 steps for 9x9 and 350 for 15x15.

    ## Arguments
    - `size` (9): cells along each side, walls included; odd, at least 5. Settings under which the cue would
      be visible where it has to be remembered are refused, so that 5 and 7 need `view_size=1`.
    - `start` ("end"): or "center".
    - `view_size` (3): side of the window; odd.
    - `step_penalty` (0.0)
    - `delay` (0): when the cue, having been seen, leaves the window for the first time, the agent is held for
      this many steps. Only the demand on memory grows: the walk stays the same.
    - `observation` ("onehot"): or "tiles".
    - `max_episode_steps` (None): `gymnasium.make(..., max_episode_steps=n)` keeps this argument to itself and
      wraps the environment in a second limit of n steps; to raise the limit, construct `IMazeEnv` or use
      `gymnasium.make_vec`.
    - `render_mode` (None): "human", "rgb_array" or "ansi".

    ## Info
    `is_success`: True in the step that reaches the correct goal, else False.

    ## Version History
    - v0: first version
    """

    def __init__(
        self,
        *,
        size: int = 9,
        start: str = "end",
        view_size: int = 3,
        step_penalty: float = 0.0,
        delay: int = 0,
        observation: str = "onehot",
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Make one maze; see the class for the arguments.

        Raises:
            TypeError: A number is not of the kind it should be.
            ValueError: An argument is out of range, or the cue could be seen where it must be remembered.
        """
        config = imaze.configure(
            size=size,
            start=start,
            view_size=view_size,
            step_penalty=step_penalty,
            delay=delay,
            max_episode_steps=max_episode_steps,
        )
        super().__init__(imaze, config, observation=observation, render_mode=render_mode)

    def scene(self) -> Scene:
        """Return the maze from above."""
        return imaze_scene(self.config, self._lanes.state(0))

    def get_keys_to_action(self) -> dict[str, int]:
        """Return the keys of `gymnasium.utils.play`: a and d turn, w walks."""
        return {"a": grid.TURN_LEFT, "d": grid.TURN_RIGHT, "w": grid.FORWARD}


def check_render_mode(render_mode: str | None, choices: list[str]) -> None:
    """Refuse an unknown render mode.

    Raises:
        ValueError: Naming the choices.
    """
    if render_mode is not None and render_mode not in choices:
        raise ValueError(
            f"render_mode must be None or one of {', '.join(map(repr, choices))}, got {render_mode!r}"
        )
