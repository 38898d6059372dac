"""The vector environment: N lanes with the interface of `gymnasium.vector.VectorEnv`."""

import operator
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import error
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from memory_envs.rendering.mosaic import mosaic
from memory_envs.rendering.scene import Mood, Scene
from memory_envs.rendering.sprites import Pixels
from memory_envs.rules.settings import LARGEST, check_integer
from memory_envs.stepping.base import TaskEnv
from memory_envs.stepping.kernels import EPISODE, FINAL_SUCCESS, NEVER_RESET, OVER, PHASE, STREAM
from memory_envs.stepping.lanes import CONFIG, Lanes, RefusedStep, Steps, new_stream, seeded_stream
from memory_envs.stepping.privileged import Shown, lane_of

Observations = Shown
Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]

MOSAIC_LANES = 64
"""Lanes in a mosaic that is not asked for more; the title of a window says if there are."""

_AUTORESET = {mode: number for number, mode in enumerate(AutoresetMode)}


class MemoryVectorEnv(TaskEnv, VectorEnv[Observations, NDArray[np.int64], NDArray[Any]]):
    """N lanes of a task, stepped in one call of compiled code; a subclass names the task.

    Lane i returns, call by call, what the single environment reset with `seed + i` returns inside a
    `gymnasium.vector.SyncVectorEnv` of the same autoreset mode, infos included; all arrays are new in each
    call.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        observation: str = "onehot",
        dtype: str = "uint8",
        analysis: bool | Sequence[str] = False,
        privileged: str | Sequence[str] = (),
        render_mode: str | None = None,
        render_view: str = "both",
        render_panel: bool = True,
        **settings: Any,
    ) -> None:
        """Make `num_envs` lanes.

        Args:
            num_envs: Number of lanes.
            autoreset_mode: What happens to a lane whose episode has ended; an AutoresetMode or its value.
            observation: As in the single environment, like all that follow.
            dtype: See the single environment.
            analysis: See the single environment.
            privileged: See the single environment.
            render_mode: "human" (a mosaic in a window), "rgb_array", "ansi" or None.
            render_view: See the single environment.
            render_panel: See the single environment.
            settings: See the single environment.

        Raises:
            TypeError: An option is unknown, or not of the kind it should be.
            ValueError: An option is out of range.
        """
        self.num_envs = check_integer("num_envs", num_envs, 1)
        self.autoreset_mode = _checked_mode(autoreset_mode)
        self.metadata = self.metadata | {"autoreset_mode": self.autoreset_mode}
        self._set_up(
            settings,
            analysis=analysis,
            privileged=privileged,
            render_mode=render_mode,
            render_view=render_view,
            render_panel=render_panel,
        )
        # How the episodes ended that the last step began anew, which the states no longer tell.
        self._outcomes: dict[int, Mood] = {}
        number = _AUTORESET[self.autoreset_mode]
        self._lanes = Lanes(
            self.task,
            self.config,
            self.num_envs,
            observation,
            number,
            keep_final_rows=bool(self.analysis),
            dtype=dtype,
            privileged=self.privileged,
        )
        self._lanes.compile(alone=False)
        self.single_observation_space = self._lanes.space
        self.single_action_space = gymnasium.spaces.Discrete(self.task.rules.NUM_ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin an episode in each lane, or in the lanes of `options["reset_mask"]`.

        Args:
            seed: An integer seeds lane i with `seed + i`; a sequence gives each lane its own, None leaving a
                lane in its stream. A seeded lane begins a new stream, any other goes on to its next episode.
            options: May hold "reset_mask", bool [num_envs].

        Returns:
            The observations of all lanes, and the infos with the mask of the lanes that were reset.

        Raises:
            ValueError: The number of seeds, the mask or an option is wrong.
        """
        mask = self._reset_mask(options or {})
        lanes, seeds = np.flatnonzero(mask).tolist(), self._lane_seeds(seed)
        # Refuses seeds that are none, before anything is drawn or changed.
        seeded = {lane: seeded_stream(each) for lane in lanes if (each := seeds[lane]) is not None}
        if isinstance(seed, (int, np.integer)):
            super().reset(seed=int(seed))
        for lane in lanes:
            self._lanes.assign(lane, seeded[lane] if lane in seeded else self._unseeded_stream(lane))
        observations = self._lanes.begin(mask)
        self._outcomes = {}
        self._show()
        success = np.zeros(self.num_envs, dtype=np.bool_)
        return observations, self._infos(success, self._lanes.rows, mask, None)

    def step(self, actions: Any) -> tuple[Observations, NDArray[np.float64], Flags, Flags, dict[str, Any]]:
        """Play one action per lane, an integer array [num_envs].

        Returns:
            Observations, rewards float64 [num_envs], terminated and truncated bool [num_envs], infos.

        Raises:
            gymnasium.error.InvalidAction: The actions have another shape or type, or one is out of range.
            gymnasium.error.ResetNeeded: A lane was never reset, or, in the mode DISABLED, its episode has
                ended.
        """
        chosen = self._checked_actions(actions)
        before = self._lanes.rows.copy() if self.analysis else None
        try:
            steps = self._lanes.step(chosen)
        except RefusedStep as refusal:
            raise self._refusal(refusal, actions) from None
        terminated, truncated, success, _ = steps.flags
        infos = self._infos(success, self._lanes.rows, np.ones(self.num_envs, dtype=np.bool_), before)
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            done = terminated | truncated
            infos |= self._final_infos(steps, done, before)
            solved = steps.flags[FINAL_SUCCESS]
            self._outcomes = {
                lane: "good" if solved[lane] else "bad" for lane in np.flatnonzero(done).tolist()
            }
        self._show()
        return steps.observations, steps.rewards, terminated, truncated, infos

    def stream(self, lane: int) -> int:
        """Return the stream of episodes that a lane is playing."""
        self._require_reset("stream()", lane)
        return int(self._lanes.rows[lane, STREAM])

    def episode(self, lane: int) -> int:
        """Return the number of the episode that a lane is playing, from 0 in each stream."""
        self._require_reset("episode()", lane)
        return int(self._lanes.rows[lane, EPISODE])

    def observe(self) -> Observations:
        """Return the current observations of all lanes again, for instance after `set_state`.

        Raises:
            gymnasium.error.ResetNeeded: A lane was never reset.
        """
        self._require_reset("observe()")
        return self._lanes.begin(np.zeros(self.num_envs, dtype=np.bool_))

    def get_state(self) -> dict[str, Any]:
        """Return all that changes, pending resets included, as a dictionary that JSON can hold.

        Its "lanes" are rows with the columns named in "columns"; "np_random" is the state of the generator
        that gives a stream to lanes reset for the first time without a seed; "config" the task and
        configuration that the state is of.
        """
        return {
            CONFIG: self._lanes.identity(),
            "columns": self._lanes.columns(),
            "lanes": self._lanes.rows.tolist(),
            "np_random": self.np_random.bit_generator.state,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go to a state that `get_state` returned, in this or another environment of equal configuration.

        As Gymnasium asks of a generator of unknown seed, `np_random_seed` is -1 afterwards.

        A state without "config", as older versions saved it, is taken to be of this configuration; columns
        that came later may be missing, too. One that is refused changes nothing.

        Raises:
            TypeError: A value is not an integer.
            ValueError: A part is missing, the state is of another configuration, or the columns, the number
                of lanes, a field or the generator's state is wrong.
        """
        self._lanes.check_identity(state)
        missing = [name for name in ("columns", "lanes", "np_random") if name not in state]
        if missing:
            raise ValueError(f"state must have columns, lanes and np_random, but lacks {', '.join(missing)}")
        columns, lanes = list(state["columns"]), state["lanes"]
        later = self._lanes.later_values(columns)
        if len(lanes) != self.num_envs:
            raise ValueError(f"state must have num_envs={self.num_envs} lanes, got {len(lanes)}")
        rows = []
        for lane, values in enumerate(lanes):
            if len(values) != len(columns):
                raise ValueError(f"lane {lane} must have {len(columns)} values, got {len(values)}")
            rows.append(self._lanes.checked_row([*values, *later], f"lane {lane}"))
        self.np_random = _generator(state["np_random"])
        self._lanes.rows[:] = rows
        self._outcomes = {}

    def state_hash(self, lane: int) -> str:
        """Return 16 hexadecimal digits that stand for the state of a lane, as the single environment's do."""
        return self._lanes.fingerprint(lane)

    def scene(self, lane: int) -> Scene:
        """Return what there is to see of the current state of a lane.

        Raises:
            NotImplementedError: The task has no scene.
            gymnasium.error.ResetNeeded: The lane was never reset.
        """
        return self._scene(lane)

    def render(self) -> tuple[Any, ...] | None:
        """Paint the current state of each lane.

        Returns:
            Per lane, as Gymnasium's wrappers for vector environments expect it, an RGB image, uint8 [height,
            width, 3], for "rgb_array", or lines of text for "ansi"; None for "human", which shows `mosaic()`
            in a window, and without a render mode, which warns.

        Raises:
            gymnasium.error.DependencyNotInstalled: pygame is missing; "ansi" does not need it.
            gymnasium.error.ResetNeeded: A lane has no state yet.
        """
        shown = self._shown(self.mosaic, lambda: map(self.scene, range(self.num_envs)))
        return None if shown is None else tuple(shown)

    def mosaic(self, max_lanes: int = MOSAIC_LANES) -> Pixels:
        """Return one RGB image, uint8 [height, width, 3], of the first lanes; needs no render mode.

        Rooms are seen from above, in rows from lane 0 on, each below its number and, where the task has an
        order, what of it is done. A tick and a green border tell that the task was solved, a cross and a red
        one that it was missed, also right after the step in which the mode SAME_STEP began it anew.

        Raises:
            TypeError: `max_lanes` is no integer.
            ValueError: It is below 1.
            gymnasium.error.ResetNeeded: A lane has no state yet.
        """
        if check_integer("max_lanes", max_lanes, -LARGEST) < 1:
            raise ValueError(f"max_lanes must be at least 1, got {max_lanes}")
        self._require_reset("mosaic()")
        scenes = [self.scene(lane) for lane in range(min(max_lanes, self.num_envs))]
        moods = [self._outcomes.get(lane, scene.mood) for lane, scene in enumerate(scenes)]
        return mosaic(scenes, moods)

    def _title(self) -> str:
        shown = f"lanes 0 to {MOSAIC_LANES - 1} of {self.num_envs}"
        return super()._title() + (f", {shown}" if self.num_envs > MOSAIC_LANES else "")

    def close_extras(self, **kwargs: Any) -> None:
        """Close the window, if one is open; windows of other environments stay."""
        self._window.close()

    def _show(self) -> None:
        # A first reset with a mask leaves lanes without a state, and a mosaic would have holes.
        if self.render_mode == "human" and self._was_reset():
            self.render()

    def _unseeded_stream(self, lane: int) -> int | None:
        return new_stream(self.np_random) if self._lanes.rows[lane, PHASE] == NEVER_RESET else None

    def _lane_seeds(self, seed: int | Sequence[int | None] | None) -> Sequence[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + lane for lane in range(self.num_envs)]
        if isinstance(seed, (str, bytes)) or not isinstance(seed, (Sequence, np.ndarray)):
            raise TypeError(f"seed must be an integer or a sequence of them, got {seed!r}")
        if len(seed) != self.num_envs:
            raise ValueError(f"seed must be an integer or num_envs={self.num_envs} of them, got {len(seed)}")
        return [None if each is None else _lane_seed(lane, each) for lane, each in enumerate(seed)]

    def _reset_mask(self, options: dict[str, Any]) -> Flags:
        unknown = set(options) - {"reset_mask"}
        if unknown:
            raise ValueError(f"options may hold 'reset_mask', got {', '.join(map(repr, sorted(unknown)))}")
        if "reset_mask" not in options:
            return np.ones(self.num_envs, dtype=np.bool_)
        mask = options["reset_mask"]
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            raise ValueError(f"reset_mask must be a boolean array of shape ({self.num_envs},), got {mask!r}")
        if not mask.any():
            raise ValueError("reset_mask must name at least one lane, got none")
        return np.ascontiguousarray(mask)

    def _checked_actions(self, actions: Any) -> NDArray[np.int64]:
        given = np.asarray(actions)
        if given.shape != (self.num_envs,) or given.dtype.kind not in "iu":
            raise error.InvalidAction(
                f"actions must be integers of shape ({self.num_envs},), got {given.dtype} {given.shape}"
            )
        return np.array(given, dtype=np.int64)  # a copy: the kernels take no read-only or strided arrays

    def _final_infos(self, steps: Steps, done: Flags, before: Rows | None) -> dict[str, Any]:
        if not done.any():
            return {}
        final_obs = np.full(self.num_envs, None, dtype=object)
        for lane in np.flatnonzero(done).tolist():
            final_obs[lane] = lane_of(steps.final_observations, lane)
        return {
            "final_obs": final_obs,
            "_final_obs": done,
            "final_info": self._infos(steps.flags[FINAL_SUCCESS], steps.final_rows, done, before),
            "_final_info": done.copy(),
        }

    def _infos(self, success: Flags, rows: Rows, told: Flags, before: Rows | None) -> dict[str, Any]:
        """Return the infos of the lanes that are `told`; the others hold zeros, as Gymnasium leaves them.

        Args:
            success: Of each lane.
            rows: Of all lanes, after the step.
            told: Which lanes.
            before: Rows before the step; None if no step was played.
        """
        infos: dict[str, Any] = {"is_success": success, "_is_success": told.copy()}
        if not self.analysis:
            return infos
        earlier = rows[told] if before is None else self._one_episode(before, rows)[told]
        for name, values in self._told(rows[told], earlier, happened=before is not None).items():
            infos[name] = np.zeros(self.num_envs, dtype=np.int64)
            infos[name][told] = values
            infos[f"_{name}"] = told.copy()
        return infos

    def _one_episode(self, before: Rows, after: Rows) -> Rows:
        """Return `before`, over where an episode has begun since, so that nothing happened in between."""
        same = (before[:, [STREAM, EPISODE]] == after[:, [STREAM, EPISODE]]).all(axis=1)
        before = before.copy()
        before[~same, PHASE] = OVER
        return before

    def _refusal(self, refusal: RefusedStep, actions: Any) -> error.Error:
        if refusal.phase == NEVER_RESET:
            return error.ResetNeeded(f"lane {refusal.lane} was never reset; call reset() before step()")
        if refusal.phase == OVER:
            over = np.flatnonzero(self._lanes.rows[:, PHASE] == OVER).tolist()
            return error.ResetNeeded(
                f"the episodes of lanes {over} have ended and autoreset is disabled; "
                'call reset(options={"reset_mask": terminated | truncated}) before step()'
            )
        return error.InvalidAction(
            f"actions must be in {self.single_action_space}, lane {refusal.lane} got "
            f"{np.asarray(actions)[refusal.lane]}"
        )


def _lane_seed(lane: int, seed: Any) -> int:
    try:
        return operator.index(seed)
    except TypeError:
        raise TypeError(f"seed of lane {lane} must be an integer or None, got {seed!r}") from None


def _generator(state: Any) -> np.random.Generator:
    generator = np.random.Generator(np.random.PCG64())
    try:
        generator.bit_generator.state = state
    except (TypeError, ValueError, KeyError, OverflowError) as problem:
        raise ValueError(f"np_random must be the state of a PCG64 generator, got {state!r}") from problem
    return generator


def _checked_mode(autoreset_mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(autoreset_mode)
    except ValueError:
        choices = ", ".join(repr(mode.value) for mode in AutoresetMode)
        raise ValueError(
            f"autoreset_mode must be an AutoresetMode or one of {choices}, got {autoreset_mode!r}"
        ) from None
