"""Meta-Fetch for Gymnasium: single and vector environment of the rules in `memory_envs.rules.meta_fetch`."""

from gymnasium.vector import AutoresetMode

from memory_envs.rendering.scene import Scene, meta_fetch_scene
from memory_envs.rendering.style import check_style
from memory_envs.rules import meta_fetch
from memory_envs.stepping.env import MemoryEnv
from memory_envs.stepping.vector import MemoryVectorEnv


class MetaFetchEnv(MemoryEnv):
    """Meta-Fetch: find out in which order objects have to be fetched, then fetch them again and again.

    ## Description
    A room without inner walls holds a few distinct objects on random cells. They have to be fetched in an
    order that is hidden; cells and order stay the same for one episode. Walking onto an object fetches it. If
    it is the next one of the order, it disappears and is rewarded; if it is not, every fetched object returns
    to its cell and the order has to be begun again. Once all have been fetched, all return, and the sequence
    can be fetched again until time is up. So the agent has to remember what it tried, what came of it, and
    where the objects lie, of which its window shows only some.
    Following Parisotto & Salakhutdinov, "Efficient Transformers in Reinforcement Learning using Actor-Learner
    Distillation" (2021), who say of their task that 3 or 4 objects are fetched in a hidden sequence; rules,
    sizes and limits are this project's own.

    ## Observation Space
    What lies in a square window in front of the agent, which stands in the middle of its last row and looks
    up: row 0 is farthest ahead. Tiles: 0 wall, 1 floor, 2 to 7 objects 1 to 6, whatever `num_objects` is.
    Behind the window comes one note: 1 if the last step was rewarded, else 0.
    The window is read row by row into a vector. `observation="onehot"`: `Box(0, 1, (view_size * view_size *
    8 + 1,), uint8)`, which without its last entry `reshape(view_size, view_size, 8)` turns back; `"tiles"`:
    `Box` of shape `(view_size * view_size + 1,)`; `"rgb"`: the picture of the window, `Box(0, 255, (height,
    width, 3), uint8)`, 12 pixels or more per cell, above a band that is white after a reward and else black.
    `observability` makes twins of equal spaces and equal episodes: with "partial" the agent's own cell shows
    what lies there, with "full" the object that is next, with "perfect_memory" the object that is next as far
    as the history tells it: the lowest-numbered one that has not been ruled out. Where the objects lie has to
    be seen in all of them.

    ## Action Space
    `Discrete(3)`, as in MiniGrid: 0 turn left, 1 turn right, 2 forward. Walking into a wall does nothing. An
    object that returns under the agent, or was not next, has to be left and walked onto again.

    ## Starting State
    Objects and agent on distinct cells, a heading and an order, all with equal probability.

    ## Rewards
    +1 for the next object of the order, once per position until the sequence is completed: fetching the first
    object over and over earns nothing. 0 for everything else.

    ## Episode End
    Never terminated. Truncated after `max_episode_steps`: 150 * (num_objects - 1) * size // 9 unless given,
    which for 9x9 is 300 steps with 3 objects and 450 with 4.

    ## Arguments
    - `size` (9): cells along each side, walls included; from 5 to 17.
    - `num_objects` (3): from 2 to 6. The demand on memory grows, and with it the time limit; spaces and moves
      stay the same.
    - `view_size` (5): side of the window; odd.
    - `split` ("all"): or "train", "test": layouts are either one or the other, and all turns of a layout with
      it. About one in five is a test layout.
    - `observation` ("onehot"): or "tiles", "rgb".
    - `observability` ("partial"): or "full", "perfect_memory".
    - `analysis` (False): add what is known of the state to the info; costs speed.
    - `max_episode_steps` (None): `gymnasium.make(..., max_episode_steps=n)` keeps this argument to itself and
      wraps the environment in a second limit of n steps; to raise the limit, construct `MetaFetchEnv` or use
      `gymnasium.make_vec`.
    - `render_mode` (None): "human", "rgb_array" or "ansi".
    - `render_view` ("both"): what is painted: the "room" from above, what the "agent" sees, or "both".
    - `render_panel` (True): whether hidden facts, step count and legend are painted as well.

    ## Info
    `is_success`: whether a whole sequence has been completed in this episode. With `analysis=True` also, from
    reset and step alike and never in the observation: `order` (decimal digits, objects numbered from 1: 312
    is object 3 first), `progress` (positions fetched), `known` (leading positions of the order that were
    fetched at least once), `completed` (sequences), `phase` (0 while the order is being found out, 1 from
    then on) and `optimal_steps_remaining` (the fewest steps to the next object for one who knows everything).

    ## Version History
    - v0: first version
    """

    def __init__(
        self,
        *,
        size: int = 9,
        num_objects: int = 3,
        view_size: int = 5,
        split: str = "all",
        observation: str = "onehot",
        observability: str = "partial",
        analysis: bool = False,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        render_view: str = "both",
        render_panel: bool = True,
    ) -> None:
        """Make one room; see the class for the arguments.

        Raises:
            TypeError: A number is not of the kind it should be.
            ValueError: An argument is out of range.
        """
        config = meta_fetch.configure(
            size=size,
            num_objects=num_objects,
            view_size=view_size,
            split=split,
            observability=observability,
            max_episode_steps=max_episode_steps,
        )
        super().__init__(
            meta_fetch,
            config,
            observation=observation,
            analysis=analysis,
            render_mode=render_mode,
            style=check_style(render_view, render_panel),
        )

    def scene(self) -> Scene:
        """Return the room from above."""
        return meta_fetch_scene(self.config, self._lanes.state(0))


class MetaFetchVectorEnv(MemoryVectorEnv):
    """N lanes of Meta-Fetch; the task and its arguments are described in `MetaFetchEnv`."""

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        size: int = 9,
        num_objects: int = 3,
        view_size: int = 5,
        split: str = "all",
        observation: str = "onehot",
        observability: str = "partial",
        analysis: bool = False,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        render_view: str = "both",
        render_panel: bool = True,
    ) -> None:
        """Make `num_envs` rooms.

        Args:
            num_envs: Number of lanes.
            autoreset_mode: What happens to a lane whose episode has ended; an AutoresetMode or its value.
            size: As in MetaFetchEnv, like all that follow.
            num_objects: See MetaFetchEnv.
            view_size: See MetaFetchEnv.
            split: See MetaFetchEnv.
            observation: See MetaFetchEnv.
            observability: See MetaFetchEnv.
            analysis: See MetaFetchEnv.
            max_episode_steps: See MetaFetchEnv.
            render_mode: "human" (a mosaic in a window), "rgb_array", "ansi" or None.
            render_view: See MetaFetchEnv.
            render_panel: See MetaFetchEnv.

        Raises:
            TypeError: A number is not of the kind it should be.
            ValueError: An argument is out of range.
        """
        config = meta_fetch.configure(
            size=size,
            num_objects=num_objects,
            view_size=view_size,
            split=split,
            observability=observability,
            max_episode_steps=max_episode_steps,
        )
        super().__init__(
            meta_fetch,
            config,
            num_envs,
            autoreset_mode=autoreset_mode,
            observation=observation,
            analysis=analysis,
            render_mode=render_mode,
            style=check_style(render_view, render_panel),
        )

    def scene(self, lane: int) -> Scene:
        """Return the room of a lane from above."""
        return meta_fetch_scene(self.config, self._lanes.state(lane))
