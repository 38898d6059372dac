"""What the single and the vector environment have in common: a task, its options, and how it is shown."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from inspect import Parameter, Signature, signature
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import error
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from memory_envs.registry.envs import registered_id
from memory_envs.registry.lookup import did_you_mean
from memory_envs.registry.specs import LIMIT, OWN_LIMIT, TaskSpec, asked_limit
from memory_envs.rendering import painter
from memory_envs.rendering.display import Window
from memory_envs.rendering.scene import Scene
from memory_envs.rendering.sprites import Pixels
from memory_envs.rendering.views import check_style
from memory_envs.rules.settings import plain
from memory_envs.stepping.kernels import NEVER_RESET, PHASE
from memory_envs.stepping.lanes import Facts, Lanes, event_names, fact_names
from memory_envs.stepping.privileged import checked_privileged
from memory_envs.task import Meaning, Task

ELSEWHERE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("obs", "image", "pixels", "rgb", "symbolic", "tiles", "onehot"), ("observation",)),
    **dict.fromkeys(("obs_dtype", "observation_dtype", "data_type"), ("dtype",)),
    **dict.fromkeys(("view", "fov", "pov", "vision", "window"), ("view_size",)),
    **dict.fromkeys(("grid", "maze", "room", "world", "width", "height", "corridor"), ("size",)),
    **dict.fromkeys(
        ("steps", "horizon", "timeout", "limit", "episode", "max_length"), ("max_episode_steps",)
    ),
    **dict.fromkeys(("cost", "penalty", "step_reward"), ("step_penalty",)),
    **dict.fromkeys(
        ("full_obs", "partial_obs", "fully", "partially", "full", "partial", "observable", "pomdp"),
        ("observability",),
    ),
    **dict.fromkeys(("start", "spawn"), ("start",)),
    **dict.fromkeys(("wait", "hold", "pause"), ("delay",)),
    **dict.fromkeys(("objects", "object", "items", "targets"), ("num_objects",)),
    **dict.fromkeys(("goals", "choices"), ("num_objects", "num_cues")),
    **dict.fromkeys(("cues", "cue", "arms", "bits"), ("num_cues",)),
    **dict.fromkeys(("continual", "continuing", "infinite", "corridors"), ("endless",)),
    **dict.fromkeys(("layouts", "levels", "eval", "train", "test"), ("split",)),
    **dict.fromkeys(("envs", "lanes"), ("num_envs",)),
    **dict.fromkeys(("panel", "legend", "hud"), ("render_panel",)),
    **dict.fromkeys(("debug", "info", "facts"), ("analysis",)),
    **dict.fromkeys(("oracle", "critic", "teacher", "asymmetric", "extra"), ("privileged",)),
}
"""What other suites call options that ours have, or words in what they call them."""


class NotYetReset(error.ResetNeeded, AttributeError):
    """What is asked for does not exist before the first reset.

    Properties may raise nothing but AttributeError: else `hasattr` and whatever lists the members of an
    object fail.
    """


class TaskEnv:
    """Goes before an interface of Gymnasium among the bases of a class whose subclasses name a task.

    Their options are those of the interface and the keywords of the rulebook's `configure`, and so are their
    signatures. An option that there is not is refused.

    Attributes:
        task: The task, named by each subclass that can be made.
        config: The Config of its rules that the options make.
        analysis: Names of what infos tell of the state and of the step that led to it.
        privileged: Parts that observations have beside what the agent sees; see
            `memory_envs.stepping.privileged`.
        render_mode: How `render` shows it.
        style: What of it is shown.
    """

    task: ClassVar[Task]
    metadata: dict[str, Any] = {"render_modes": ["human", "rgb_array", "ansi"], "render_fps": 10}
    __signature__: ClassVar[Signature | None]
    _lanes: Lanes
    _spec: EnvSpec | None = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Give a class that names a task its signature, and no render modes where nothing can be shown."""
        super().__init_subclass__(**arguments)
        if "__init__" in cls.__dict__:
            cls.__signature__ = None  # its own, as of any class
        elif "task" in cls.__dict__:
            cls.__signature__ = _with_options(signature(cls.__init__), cls.task.rules.configure)
            if cls.task.scene is None:
                cls.metadata = cls.metadata | {"render_modes": []}

    @property
    def max_episode_steps(self) -> int:
        """Steps after which an episode is truncated."""
        return int(self.config.max_steps)

    @property
    def size(self) -> int:
        """Cells along each side of the room, walls included."""
        return int(self.config.size)

    @property
    def spec(self) -> EnvSpec | None:
        """What the environment was made from; its `max_episode_steps` are those of the environment."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        if spec is not None:
            spec = TaskSpec.of(spec, self.max_episode_steps, registered_id(spec.id))
            spec.kwargs = {name: plain(value) for name, value in spec.kwargs.items()}
            if self._asked_limit is not None:
                spec.kwargs[LIMIT] = self._asked_limit
        self._spec = spec

    def _set_up(
        self,
        settings: dict[str, Any],
        *,
        analysis: bool | Sequence[str],
        privileged: str | Sequence[str],
        render_mode: str | None,
        render_view: str,
        render_panel: bool,
    ) -> None:
        """Take the options; errors are those that the constructors name."""
        known = _options(self.task.rules.configure)
        for name in settings:
            if name not in known:
                own = [each for each in signature(type(self)).parameters if each not in known]
                hint = did_you_mean(name, [*own, *known], ELSEWHERE)
                raise TypeError(
                    f"{type(self).__name__}() got an unexpected keyword argument {name!r}{hint} "
                    f"(options of the task: {', '.join(known)}; of every task: {', '.join(own)})"
                )
        self._asked_limit = asked_limit(self, settings) if LIMIT in known else None
        if self._asked_limit is not None:
            settings = settings | {LIMIT: self._asked_limit}
        elif settings.get(LIMIT) == OWN_LIMIT:
            settings = settings | {LIMIT: None}
        self.config = self.task.rules.configure(**settings)
        self.analysis = _checked_analysis(analysis, [*fact_names(self.task), *event_names(self.task)])
        self.privileged = checked_privileged(privileged, self.task, self.config)
        _check_render_mode(render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self.style = check_style(render_view, render_panel)
        self._window = Window(self._title(), self.metadata["render_fps"])

    @property
    def memory_target_spaces(self) -> dict[str, gymnasium.spaces.Discrete]:
        """What a memory may be taught with: names of what infos tell (see `analysis`) to their values."""
        if self.task.memory_targets is None:
            return {}
        values = self.task.memory_targets(self.config)
        return {name: gymnasium.spaces.Discrete(number) for name, number in values.items()}

    @property
    def memory_target_meanings(self) -> dict[str, tuple[Meaning, ...]]:
        """What each value of each memory target stands for, from value 0 on."""
        return self.task.meanings(self.config)

    def _told(self, rows: NDArray[np.int64], before: NDArray[np.int64], happened: bool = True) -> Facts:
        """Return what infos tell of the states in `rows`, and of the step that led there from `before`.

        Args:
            rows: Of any lanes.
            before: As many.
            happened: False where no step did, as after a reset: then nothing has happened.
        """
        told = self._lanes.facts(rows, self.analysis)
        events = self._lanes.events(before, rows, self.analysis)
        return told | {name: values if happened else 0 * values for name, values in events.items()}

    def _title(self) -> str:
        return type(self).__name__

    def _scene(self, lane: int) -> Scene:
        if self.task.scene is None:
            raise NotImplementedError(f"{self.task.name} does not say how it looks: give its Task a scene")
        self._require_reset("scene()", lane)
        return self.task.scene(self.config, self._lanes.state(lane))

    def _shown(self, paint: Callable[[], Pixels], scenes: Callable[[], Iterable[Scene]]) -> list[Any] | None:
        """Return each scene as a frame or text; None for "human", which paints, and without a mode."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() does nothing without a render_mode; give one to gymnasium.make")
            return None
        self._require_reset("render()")
        if self.render_mode == "human":
            self._window.show(paint())
            return None
        return [painter.painted(scene, self.render_mode, self.style) for scene in scenes()]

    def _require_reset(self, name: str, lane: int | None = None) -> None:
        if not self._was_reset(lane):
            raise NotYetReset(f"{name} was asked for before the first reset(); call reset() first")

    def _was_reset(self, lane: int | None = None) -> bool:
        phases = self._lanes.rows[slice(None) if lane is None else lane, PHASE]
        return not bool(np.any(phases == NEVER_RESET))


@cache
def _options(configure: Callable[..., Any]) -> dict[str, Parameter]:
    parameters = signature(configure).parameters
    return {name: each.replace(kind=Parameter.KEYWORD_ONLY) for name, each in parameters.items()}


def _with_options(interface: Signature, configure: Callable[..., Any]) -> Signature:
    """Return the signature of an interface with the options of a task in the place of its `**settings`."""
    _, *own, _ = interface.parameters.values()
    by_name = [each for each in own if each.kind is Parameter.KEYWORD_ONLY]
    by_place = [each for each in own if each.kind is not Parameter.KEYWORD_ONLY]
    return Signature([*by_place, *_options(configure).values(), *by_name])


def _checked_analysis(analysis: bool | Sequence[str], names: list[str]) -> tuple[str, ...]:
    """Return what infos are to tell: all that can be told for True, nothing for False."""
    if isinstance(analysis, (bool, np.bool_)):
        return tuple(names) if analysis else ()
    if not isinstance(analysis, (list, tuple)) or not all(isinstance(name, str) for name in analysis):
        raise TypeError(f"analysis must be True, False or a list of names, got {analysis!r}")
    for name in analysis:
        if name not in names:
            hint = did_you_mean(name, names)
            raise ValueError(f"analysis may name {', '.join(names)}, got {analysis!r}{hint}")
    return tuple(analysis)


def _check_render_mode(render_mode: str | None, choices: list[str]) -> None:
    if render_mode is not None and not (isinstance(render_mode, str) and render_mode in choices):
        offered = f" or one of {', '.join(map(repr, choices))}" if choices else ", as this task has no scene"
        # Stable-Baselines3 asks for "rgb_array" unasked, and does without where that is a TypeError.
        kind = ValueError if choices else TypeError
        raise kind(f"render_mode must be None{offered}, got {render_mode!r}")
