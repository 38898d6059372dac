"""The single environment: one lane with the interface of `gymnasium.Env`."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import error
from numpy.typing import NDArray

from memory_envs.rendering import painter
from memory_envs.rendering.scene import Scene
from memory_envs.rules import grid
from memory_envs.stepping.base import TaskEnv
from memory_envs.stepping.kernels import (
    EPISODE,
    NEVER_RESET,
    OVER,
    PHASE,
    STREAM,
    SUCCESS,
    TERMINATED,
    TRUNCATED,
)
from memory_envs.stepping.lanes import CONFIG, Lanes, RefusedStep, new_stream
from memory_envs.stepping.privileged import Shown, lane_of

Observation = Shown
_TERMINATED, _TRUNCATED, _SUCCEEDED = (1 << flag for flag in (TERMINATED, TRUNCATED, SUCCESS))


class MemoryEnv(TaskEnv, gymnasium.Env[Observation, np.int64]):
    """One lane of a task; a subclass names the task.

    `reset(seed=...)` starts a new stream of episodes at episode 0 and `reset()` goes on to the next one:
    episode k depends on nothing but the stream and k. `reset(options={"stream": s, "episode": k})` goes
    straight to one.
    """

    def __init__(
        self,
        *,
        observation: str = "onehot",
        dtype: str = "uint8",
        analysis: bool | Sequence[str] = False,
        privileged: str | Sequence[str] = (),
        render_mode: str | None = None,
        render_view: str = "both",
        render_panel: bool = True,
        **settings: Any,
    ) -> None:
        """Make one lane.

        Args:
            observation: "onehot", "tiles" or "rgb".
            dtype: Number type of observations: "uint8", or "float32" for libraries that do not convert.
            analysis: Whether infos tell what is known of the state, or the names of what they tell of it.
            privileged: One or several of "full", "memory" and "state": observations are then a Dict of
                "observation" and these, which are meant for training alone.
            render_mode: "human", "rgb_array", "ansi" or None.
            render_view: What is painted: the "room" from above, what the "agent" sees, or "both".
            render_panel: Whether hidden facts, step count and legend are painted as well.
            settings: Options of the task: the arguments of the rulebook's `configure`.

        Raises:
            TypeError: An option is unknown, or not of the kind it should be.
            ValueError: An option is out of range.
        """
        self._set_up(
            settings,
            analysis=analysis,
            privileged=privileged,
            render_mode=render_mode,
            render_view=render_view,
            render_panel=render_panel,
        )
        self._lanes = Lanes(self.task, self.config, 1, observation, dtype=dtype, privileged=self.privileged)
        self._lanes.compile(alone=True)
        self.observation_space = self._lanes.space
        self.action_space = gymnasium.spaces.Discrete(self.task.rules.NUM_ACTIONS)
        self._all = np.ones(1, dtype=np.bool_)
        self._none = np.zeros(1, dtype=np.bool_)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode: the first of a new stream when seeded, else the next one.

        Args:
            seed: Draws a new stream.
            options: May hold "stream" and "episode", to begin that very episode instead; a stream alone
                begins at its episode 0, an episode alone stays in the stream.

        Returns:
            The first observation and the info, with `is_success` False.

        Raises:
            TypeError: `options` is no mapping, or an option no integer.
            ValueError: An option is unknown or out of range.
        """
        chosen = self._chosen({} if options is None else options)
        super().reset(seed=int(seed) if isinstance(seed, np.integer) else seed)
        fresh = seed is not None or self._lanes.rows[0, PHASE] == NEVER_RESET
        self._lanes.assign(0, new_stream(self.np_random) if fresh else None)
        if STREAM in chosen:
            self._lanes.assign(0, chosen[STREAM])
        if EPISODE in chosen:
            self._lanes.rows[0, EPISODE] = chosen[EPISODE]
        observations = self._lanes.begin(self._all)
        if self.render_mode == "human":
            self.render()
        return lane_of(observations, 0), self._info(False)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Play one action.

        Returns:
            Observation, reward, terminated, truncated and the info, with `is_success` telling whether the
            episode has gone well.

        Raises:
            gymnasium.error.InvalidAction: The action is not in the action space.
            gymnasium.error.ResetNeeded: No episode is running.
        """
        before = self._lanes.rows.copy() if self.analysis else None
        try:
            shown, reward, bits = self._lanes.step_one(operator.index(action))
        except (TypeError, OverflowError, RefusedStep) as refusal:
            raise self._refusal(refusal, action) from None
        if self.render_mode == "human":
            self.render()
        info = self._info(bits & _SUCCEEDED != 0, before)
        return shown, reward, bits & _TERMINATED != 0, bits & _TRUNCATED != 0, info

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
        shown: Observation = lane_of(self._lanes.begin(self._none), 0)
        return shown

    def get_state(self) -> dict[str, Any]:
        """Return all that changes in the environment as a dictionary that JSON can hold.

        Behind the integers stands "config", the task and configuration that the state is of.
        """
        values = dict(zip(self._lanes.columns(), self._lanes.rows[0].tolist(), strict=True))
        return values | {CONFIG: self._lanes.identity()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go to a state that `get_state` returned, in this or another environment of equal configuration.

        A state without "config", as older versions saved it, is taken to be of this configuration; fields
        that came later may be missing, too.

        Raises:
            TypeError: `state` is no mapping, or a field no integer.
            ValueError: The state is of another configuration, or a field missing, unknown or out of range.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be a dictionary, got {state!r}")
        self._lanes.check_identity(state)
        columns, state = self._lanes.columns(), self._lanes.filled(state)
        if set(state) - {CONFIG} != set(columns):
            raise ValueError(
                f"state must have the fields {', '.join(columns)}, got {', '.join(map(str, state)) or 'none'}"
            )
        self._lanes.rows[0] = self._lanes.checked_row([state[name] for name in columns], "state")

    def state_hash(self) -> str:
        """Return 16 hexadecimal digits that stand for the state, the same on every machine."""
        return self._lanes.fingerprint(0)

    def scene(self) -> Scene:
        """Return what there is to see of the current state.

        Raises:
            NotImplementedError: The task has no scene.
        """
        return self._scene(0)

    def render(self) -> Any:
        """Paint the current state.

        Returns:
            An RGB image, uint8 [height, width, 3], for "rgb_array"; lines of text for "ansi"; None for
            "human", which shows the state in a window, and without a render mode, which warns.

        Raises:
            gymnasium.error.DependencyNotInstalled: pygame is missing; "ansi" does not need it.
            gymnasium.error.ResetNeeded: There is no state yet.
        """
        shown = self._shown(lambda: painter.pixels(self.scene(), self.style), lambda: [self.scene()])
        return None if shown is None else shown[0]

    def get_keys_to_action(self) -> dict[str, int]:
        """Return the keys of `gymnasium.utils.play`: a and d turn, w walks."""
        return {"a": grid.TURN_LEFT, "d": grid.TURN_RIGHT, "w": grid.FORWARD}

    def close(self) -> None:
        """Close the window, if one is open; windows of other environments stay."""
        self._window.close()

    def _info(self, success: bool, before: NDArray[np.int64] | None = None) -> dict[str, Any]:
        info: dict[str, Any] = {"is_success": success}
        if self.analysis:
            rows = self._lanes.rows
            told = self._told(rows, rows if before is None else before, happened=before is not None)
            info |= {name: values.item() for name, values in told.items()}
        return info

    def _chosen(self, options: Mapping[str, Any]) -> dict[int, int]:
        """Return what the options ask for, column of the lane's row to value."""
        if not isinstance(options, Mapping):
            raise TypeError(f"options must be a dictionary, got {options!r}")
        columns, chosen = {"stream": STREAM, "episode": EPISODE}, {}
        for name, value in options.items():
            if name not in columns:
                raise ValueError(f"options may hold 'stream' and 'episode', got {name!r}")
            if not isinstance(value, (int, np.integer)):
                raise TypeError(f"option {name!r} must be an integer, got {value!r}")
            values = [0] * self._lanes.rows.shape[1]
            values[columns[name]] = chosen[columns[name]] = int(value)
            self._lanes.check_row(values)
        return chosen

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
