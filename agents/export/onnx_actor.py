"""Running an exported actor, which needs numpy and onnxruntime, and neither torch nor Gymnasium.

The file is one that `agents.export` wrote; docs/export.md lists its inputs, outputs and metadata.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.process.extras import require

# Our entry in the metadata of the file, and its newest version that is understood.
METADATA_KEY = "memory_envs.actor"
METADATA_VERSION = 1

OBSERVATION, EPISODE_START = "observation", "episode_start"
STATE_NAMES = ("state_h", "state_c")
CRITIC_STATE_NAMES = ("critic_state_h", "critic_state_c")
OUTPUTS = ("logits", "action", "value")
# Before the name of a state where it is an output.
NEXT = "next_"

Observation = NDArray[Any] | Mapping[str, NDArray[Any]]
State = tuple[NDArray[np.float32], ...]

_DTYPES = {
    **{f"tensor({name})": np.dtype(name) for name in ("bool", "uint8", "uint16", "uint32", "uint64")},
    **{f"tensor({name})": np.dtype(name) for name in ("int8", "int16", "int32", "int64")},
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
}


class ActorStep(NamedTuple):
    """The outputs of one step of N lanes."""

    logits: NDArray[np.float32]
    """[N, A]."""
    action: NDArray[np.int64]
    """[N]: the greedy actions."""
    value: NDArray[np.float32]
    """[N]."""


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
        ValueError: The file is not an ONNX model, not an exported actor, or of a newer version.
    """

    def __init__(
        self, source: str | os.PathLike[str] | bytes, *, seed: int | None = None, threads: int = 1
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self.rng = np.random.default_rng(seed)
        self._content, self._threads = _read(source), threads
        self._prepare(_name(source))

    def _prepare(self, name: str) -> None:
        self._session = _open(self._content, self._threads, name)
        self.metadata = _read_metadata(self._session, name)
        choices = _choices(self.metadata["observation_space"])
        self._inputs = {
            each.name: _Input(each, choices.get(each.name)) for each in self._session.get_inputs()
        }
        self._observed = [name for name in self._inputs if name.split(".", 1)[0] == OBSERVATION]
        self._states = [name for name in self._inputs if f"{NEXT}{name}" in self._output_names()]
        self._wanted = [*OUTPUTS, *(f"{NEXT}{name}" for name in self._states)]

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: the file's content, the threads and the generator as it is."""
        return {"content": self._content, "threads": self._threads, "rng": self.rng}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Be ready there, too."""
        self._content, self._threads, self.rng = state["content"], state["threads"], state["rng"]
        self._prepare(_name(self._content))

    @property
    def observation_space(self) -> Any:
        """The Gymnasium space of one observation; needs gymnasium, unlike everything else here."""
        return self._space("observation_space")

    @property
    def action_space(self) -> Any:
        """The Gymnasium space of one action; needs gymnasium, unlike everything else here."""
        return self._space("action_space")

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
        return ActorStep(*outputs[: len(OUTPUTS)]), tuple(outputs[len(OUTPUTS) :])

    def predict(
        self,
        observation: Observation,
        state: State | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.int64], State]:
        """Choose actions, as `predict` of Stable-Baselines3's recurrent policies does.

        Args:
            observation: Of one environment or of N lanes. Images may have their channels last.
            state: As the last call returned it; zeros when None.
            episode_start: [N] bool; where true, memory is cleared first. Nowhere when None.
            deterministic: Take greedy actions instead of sampled ones.

        Returns:
            Actions, [N] or a single one as the observation was, and the next state.
        """
        single = self._is_single(observation)
        outputs, state = self.step(_with_lane(observation) if single else observation, state, episode_start)
        actions = outputs.action if deterministic else self._sample(outputs.logits)
        return (actions[0] if single else actions), state

    def _sample(self, logits: NDArray[np.float32]) -> NDArray[np.int64]:
        """The largest of logits with Gumbel noise is a sample of their softmax."""
        return np.asarray((logits + self.rng.gumbel(size=logits.shape)).argmax(axis=-1), np.int64)

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

    def _output_names(self) -> set[str]:
        return {each.name for each in self._session.get_outputs()}

    def _space(self, name: str) -> Any:
        from agents.sb3.spaces import space_from_json

        return space_from_json(self.metadata[name])


class _Input:
    """An input of the graph.

    Attributes:
        name: Its name.
        dtype: Its type.
        axes: Lengths; a string where the length is free.
        choices: How many values each number has, from 0, where it stands for a choice; else None.
    """

    def __init__(self, described: Any, choices: list[int] | None = None) -> None:
        self.name: str = described.name
        self.dtype = _DTYPES[described.type]
        self.axes: list[int | str] = described.shape
        self.choices = choices

    def shape(self, lanes: int, axis: int) -> tuple[int, ...]:
        """The shape for a number of lanes, which lie on `axis`."""
        return tuple(lanes if at == axis else int(length) for at, length in enumerate(self.axes))

    def accept(self, value: Any, lanes: int | None = None) -> NDArray[Any]:
        """The value as the array that the graph takes."""
        array = self._channels_first(self._cast(np.asarray(value)))
        fixed = [at for at, length in enumerate(self.axes) if isinstance(length, int)]
        fits = array.ndim == len(self.axes) and all(array.shape[at] == self.axes[at] for at in fixed)
        counted = [array.shape[at] for at in range(array.ndim) if at not in fixed]
        if not fits or (lanes is not None and counted != [lanes]):
            expected = [length if isinstance(length, int) else lanes or "N" for length in self.axes]
            raise ValueError(f"{self.name} must have the shape {expected}, got {list(array.shape)}")
        self._check_choices(array)
        return array

    def _cast(self, array: NDArray[Any]) -> NDArray[Any]:
        """The same numbers in the type of the graph."""
        if array.dtype == self.dtype:
            return array
        are_whole = array.dtype.kind in "biu" and self.dtype.kind in "iu"
        if not are_whole and not np.can_cast(array.dtype, self.dtype, "same_kind"):
            raise TypeError(f"{self.name} must be of dtype {self.dtype}, got {array.dtype}")
        with np.errstate(over="ignore"):
            cast = array.astype(self.dtype)
        if are_whole:
            info = np.iinfo(self.dtype)
            wrong = array[(array < info.min) | (array > info.max)]
            what = f"from {info.min} to {info.max}"
        else:
            wrong, what = array[np.isfinite(array) & ~np.isfinite(cast)], f"finite in {self.dtype}"
        if wrong.size:
            raise ValueError(f"{self.name} must be {what}, got {wrong.flat[0]}")
        return cast

    def _check_choices(self, array: NDArray[Any]) -> None:
        if self.choices is None:
            return
        rows = array if array.ndim > 1 else array[:, None]
        wrong = ((rows < 0) | (rows >= np.array(self.choices))).any(axis=1)
        if wrong.any():
            several = f"from 0 and below {self.choices}"
            what = several if array.ndim > 1 else f"from 0 to {self.choices[0] - 1}"
            raise ValueError(f"{self.name} must be {what}, got {array[wrong][0].tolist()}")

    def _channels_first(self, array: NDArray[Any]) -> NDArray[Any]:
        """Stable-Baselines3 transposes images so before a policy sees them."""
        image = self.dtype == np.uint8 and array.ndim == len(self.axes) == 4
        if image and list(array.shape[1:]) != self.axes[1:]:
            transposed = np.moveaxis(array, -1, 1)
            return transposed if list(transposed.shape[1:]) == self.axes[1:] else array
        return array


def _with_lane(observation: Observation) -> Observation:
    if isinstance(observation, Mapping):
        return {key: np.asarray(each)[None] for key, each in observation.items()}
    return np.asarray(observation)[None]


def _choices(space: Mapping[str, Any], name: str = OBSERVATION) -> dict[str, list[int]]:
    """By the name of the input, the numbers of choices in Discrete and MultiDiscrete parts of a space."""
    if space["type"] == "Dict":
        parts = [_choices(inner, f"{name}.{key}") for key, inner in space["spaces"]]
        return {key: each for part in parts for key, each in part.items()}
    if space["type"] == "Discrete":
        return {name: [space["n"]]}
    return {name: space["nvec"]} if space["type"] == "MultiDiscrete" else {}


def _read(source: str | os.PathLike[str] | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    if not os.path.isfile(source):
        raise FileNotFoundError(f"there is no exported actor {os.fspath(source)}")
    with open(source, "rb") as file:
        return file.read()


def _open(content: bytes, threads: int, name: str) -> Any:
    onnxruntime = require("onnxruntime", "running an exported actor")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as fault:  # its errors share no other base
        raise ValueError(f"{name} cannot be read as an ONNX model: {fault}") from fault


def _read_metadata(session: Any, name: str) -> dict[str, Any]:
    entries = session.get_modelmeta().custom_metadata_map
    if METADATA_KEY not in entries:
        raise ValueError(f"{name} is not an exported actor: its metadata have no {METADATA_KEY!r}")
    metadata: dict[str, Any] = json.loads(entries[METADATA_KEY])
    if metadata["version"] > METADATA_VERSION:
        raise ValueError(
            f"{name} has version {metadata['version']}, this program reads up to "
            f"{METADATA_VERSION}; use a newer release"
        )
    return metadata


def _name(source: str | os.PathLike[str] | bytes) -> str:
    return "the model" if isinstance(source, bytes) else os.fspath(source)
