"""I-Maze for Gymnasium: the single and the vector environment of the rules in `memory_envs.rules.imaze`."""

from gymnasium.vector import AutoresetMode

from memory_envs.rendering.scene import Scene, imaze_scene
from memory_envs.rendering.style import check_style
from memory_envs.rules import imaze
from memory_envs.stepping.env import MemoryEnv
from memory_envs.stepping.vector import MemoryVectorEnv


class IMazeEnv(MemoryEnv):
    """I-Maze: read a cue, walk away from it, choose the goal it asked for.

    ## Description
    Two horizontal bars are joined by a stem in the shape of an I. A coloured cue lies at one end of the upper
    bar, the agent starts at the other; two goals lie at the ends of the lower bar, always in the same places.
    Cue A makes the left goal the correct one, cue B the right one. The cue can be seen neither from the start
    nor from the lower half of the stem and the lower bar, so it must be fetched with the eyes, and then
    remembered.
    Following Parisotto & Salakhutdinov, "Efficient Transformers in Reinforcement Learning using Actor-Learner
    Distillation" (2021), whose maze was not published: geometry, rewards and limits are this project's own.

    ## Observation Space
    What lies in a square window in front of the agent, which stands in the middle of its last row and looks
    up: row 0 is farthest ahead. Walls do not block the view. Tiles: 0 wall, 1 floor, 2 cue A, 3 cue B, 4 left
    goal, 5 right goal.
    The window is read row by row into a vector. `observation="onehot"`: `Box(0, 1, (view_size * view_size *
    6,), uint8)`, which `reshape(view_size, view_size, 6)` turns back; `"tiles"`: `Box(0, 5, (view_size *
    view_size,), uint8)`; `"rgb"`: the picture of the window, `Box(0, 255, (height, width, 3), uint8)`, 12
    pixels or more per cell and 36 at least per side.
    `observability` makes twins of equal spaces and equal episodes: with "partial" the agent's own cell shows
    what lies there, with "full" the cue from the first step on, with "perfect_memory" the cue once it has
    been in the window. What is learned on the twins and not on "partial" is the price of remembering the cue.

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
      be visible where it has to be remembered are refused, so that 5 needs `view_size=1`.
    - `start` ("end"): or "center".
    - `view_size` (3): side of the window; odd.
    - `step_penalty` (0.0)
    - `delay` (0): when the cue, having been seen, leaves the window for the first time, the agent is held for
      this many steps. Only the demand on memory grows: the walk stays the same.
    - `observation` ("onehot"): or "tiles", "rgb".
    - `observability` ("partial"): or "full", "perfect_memory".
    - `analysis` (False): add what is known of the state to the info; costs speed.
    - `max_episode_steps` (None): `gymnasium.make(..., max_episode_steps=n)` keeps this argument to itself and
      wraps the environment in a second limit of n steps; to raise the limit, construct `IMazeEnv` or use
      `gymnasium.make_vec`.
    - `render_mode` (None): "human", "rgb_array" or "ansi".
    - `render_view` ("both"): what is painted: the "room" from above, what the "agent" sees, or "both".
    - `render_panel` (True): whether hidden facts, step count and legend are painted as well.

    ## Info
    `is_success`: True in the step that reaches the correct goal, else False. With `analysis=True` also, from
    reset and step alike and never in the observation: `cue` (0 for A, 1 for B), `phase` (0 before the cue was
    in the window, 1 while it is for the first time, 2 from then on), `steps_since_cue` (0 while it is in the
    window, -1 before it ever was) and `optimal_steps_remaining` (the fewest steps to the correct goal for one
    who knows the whole maze).

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
        observability: str = "partial",
        analysis: bool = False,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        render_view: str = "both",
        render_panel: bool = True,
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
            observability=observability,
            max_episode_steps=max_episode_steps,
        )
        super().__init__(
            imaze,
            config,
            observation=observation,
            analysis=analysis,
            render_mode=render_mode,
            style=check_style(render_view, render_panel),
        )

    def scene(self) -> Scene:
        """Return the maze from above."""
        return imaze_scene(self.config, self._lanes.state(0))


class IMazeVectorEnv(MemoryVectorEnv):
    """N lanes of I-Maze; the task and its arguments are described in `IMazeEnv`."""

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        size: int = 9,
        start: str = "end",
        view_size: int = 3,
        step_penalty: float = 0.0,
        delay: int = 0,
        observation: str = "onehot",
        observability: str = "partial",
        analysis: bool = False,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        render_view: str = "both",
        render_panel: bool = True,
    ) -> None:
        """Make `num_envs` mazes.

        Args:
            num_envs: Number of lanes.
            autoreset_mode: What happens to a lane whose episode has ended; an AutoresetMode or its value.
            size: As in IMazeEnv, like all that follow.
            start: See IMazeEnv.
            view_size: See IMazeEnv.
            step_penalty: See IMazeEnv.
            delay: See IMazeEnv.
            observation: See IMazeEnv.
            observability: See IMazeEnv.
            analysis: See IMazeEnv.
            max_episode_steps: See IMazeEnv.
            render_mode: "human" (a mosaic in a window), "rgb_array", "ansi" or None.
            render_view: See IMazeEnv.
            render_panel: See IMazeEnv.

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
            observability=observability,
            max_episode_steps=max_episode_steps,
        )
        super().__init__(
            imaze,
            config,
            num_envs,
            autoreset_mode=autoreset_mode,
            observation=observation,
            analysis=analysis,
            render_mode=render_mode,
            style=check_style(render_view, render_panel),
        )

    def scene(self, lane: int) -> Scene:
        """Return the maze of a lane from above."""
        return imaze_scene(self.config, self._lanes.state(lane))
