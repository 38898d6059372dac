"""Running an exported actor, which needs numpy and onnxruntime, and neither torch nor Gymnasium.

The file is one that `agents.export` wrote; docs/export.md lists its inputs, outputs and metadata.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.export.onnx_file import EPISODE_START, OBSERVATION, OUTPUTS, ActorFile

Observation = NDArray[Any] | Mapping[str, NDArray[Any]]
State = tuple[NDArray[np.float32], ...]


# Policy, action and value, which come before the next states.
_SAID = 1 + len(OUTPUTS)


class ActorStep(NamedTuple):
    """The outputs of one step of N lanes."""

    policy: NDArray[np.float32]
    """[N, P]: logits of choices and bits, one choice's behind the other's; of numbers the means, then the
    logarithms of their spreads."""
    action: NDArray[Any]
    """[N, ...]: the likeliest actions, as the environment takes them."""
    value: NDArray[np.float32] | None
    """[N]; None of an actor that was exported without."""

    @property
    def logits(self) -> NDArray[np.float32]:
        """[N, A] the policy of an actor whose actions are choices or bits."""
        return self.policy


class OnnxActor:
    """A recurrent actor read from an ONNX file, with the `predict` of Stable-Baselines3's policies.

    Its state is a tuple of one array [layers, N, H] per recurrent state, as sb3-contrib's policies have it.

    Example:
        >>> actor = OnnxActor("actor.onnx", seed=0)  # doctest: +SKIP
        >>> actions, state = actor.predict(observation, None, episode_start)  # doctest: +SKIP

    Args:
        source: The file, or its contents.
        seed: Of sampled actions; random when None.
        threads: Of one step; more than one does not pay for networks as small as an actor.

    Attributes:
        metadata: Metadata that the exporter wrote, see docs/export.md.
        rng: Generator of sampled actions.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: onnxruntime is not installed.
        ValueError: The file is not an ONNX model, not an exported actor, of a newer version, or damaged.
    """

    def __init__(
        self, source: str | os.PathLike[str] | bytes, *, seed: int | None = None, threads: int = 1
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self._threads = threads
        self._take(ActorFile(source, threads))
        self.rng = np.random.default_rng(seed)

    def _take(self, file: ActorFile) -> None:
        self._content, self._session, self.metadata = file.content, file.session, file.metadata
        self._inputs, self._observed, self._states = file.inputs, file.observed, file.states
        self._wanted, self._choosing = file.outputs, file.choosing

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: the file's content, the threads and the generator as it is."""
        return {"content": self._content, "threads": self._threads, "rng": self.rng}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Be ready there, too."""
        self._content, self._threads, self.rng = state["content"], state["threads"], state["rng"]
        self._take(ActorFile(self._content, self._threads))

    @property
    def observation_space(self) -> Any:
        """The Gymnasium space of one observation; needs gymnasium, unlike everything else here."""
        return self._space("observation_space")

    @property
    def action_space(self) -> Any:
        """The Gymnasium space of one action; needs gymnasium, unlike everything else here."""
        return self._space("action_space")

    runtime = "onnxruntime"
    """What runs it."""

    @property
    def state_names(self) -> list[str]:
        """Of the arrays of a state."""
        return list(self._states)

    def initial_state(self, lanes: int) -> State:
        """Return the state before the first step: zeros."""
        return tuple(np.zeros(self._inputs[name].shape(lanes, axis=1), np.float32) for name in self._states)

    def step(
        self,
        observation: Observation,
        state: State | None = None,
        episode_start: NDArray[np.bool_] | None = None,
    ) -> tuple[ActorStep, State]:
        """Take N lanes one step further.

        Args:
            observation: [N, ...] array of the observation space's dtype, or one per key of a Dict space.
                Whole numbers may be of another type.
            state: As the last step returned it; zeros when None.
            episode_start: [N] bool; where true, memory is cleared before the step. Nowhere when None.

        Returns:
            Outputs and the next state.

        Raises:
            ValueError: An array of the wrong shape, a number that the type or the space does not have, or a
                key that is missing.
            TypeError: An array of a dtype that does not become the right one without loss of kind.
        """
        given = self._arrays(observation)
        lanes = len(self._inputs[self._observed[0]].accept(given[self._observed[0]]))
        state = self.initial_state(lanes) if state is None else state
        if len(state) != len(self._states):
            raise ValueError(f"state must be a tuple of {', '.join(self._states)}, got {len(state)} arrays")
        given |= zip(self._states, state, strict=True)
        given[EPISODE_START] = np.zeros(lanes, bool) if episode_start is None else episode_start
        feed = {name: self._inputs[name].accept(each, lanes) for name, each in given.items()}
        outputs = self._session.run(self._wanted, feed)
        return ActorStep(*outputs[:_SAID]), tuple(outputs[_SAID:])

    def predict(
        self,
        observation: Observation,
        state: State | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], State]:
        """Choose actions, as `predict` of Stable-Baselines3's recurrent policies does.

        Args:
            observation: Of one environment or of N lanes. Images may have their channels last.
            state: As the last call returned it; zeros when None.
            episode_start: [N] bool; where true, memory is cleared first. Nowhere when None.
            deterministic: Take greedy actions instead of sampled ones.

        Returns:
            Actions, [N, ...] or a single one as the observation was, and the next state.

        Raises:
            ValueError, TypeError: As `step`; or there is no action, as observation or state are not finite.
        """
        single = self._is_single(observation)
        outputs, state = self.step(_with_lane(observation) if single else observation, state, episode_start)
        said = outputs.policy
        if not np.isfinite(said).all():
            raise ValueError(
                "observation and state must be finite, or nothing can be chosen; got "
                f"{self._wanted[0]} {said}"
            )
        actions = outputs.action if deterministic else self._choosing.sample(said, self.rng)
        return (actions[0] if single else actions), state

    def _arrays(self, observation: Observation) -> dict[str, Any]:
        if self._observed == [OBSERVATION]:
            return {OBSERVATION: observation}
        keys = [name.split(".", 1)[1] for name in self._observed]
        if not isinstance(observation, Mapping) or not set(keys) <= set(observation):
            got = list(observation) if isinstance(observation, Mapping) else type(observation).__name__
            raise ValueError(f"observation must be a dict with the keys {', '.join(keys)}, got {got}")
        return {f"{OBSERVATION}.{key}": observation[key] for key in keys}

    def _is_single(self, observation: Observation) -> bool:
        name = self._observed[0]
        return np.ndim(self._arrays(observation)[name]) < len(self._inputs[name].axes)

    def _space(self, name: str) -> Any:
        from agents.sb3.spaces import space_from_json

        return space_from_json(self.metadata[name])


def _with_lane(observation: Observation) -> Observation:
    if isinstance(observation, Mapping):
        return {key: np.asarray(each)[None] for key, each in observation.items()}
    return np.asarray(observation)[None]
