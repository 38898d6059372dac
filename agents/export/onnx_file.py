"""The file of an exported actor, which anybody may have written, read with numpy and onnxruntime alone."""

from __future__ import annotations

import hashlib
import math
import os
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.export.choosing import choosing
from agents.process.extras import require
from memory_envs.registry.json_text import MalformedJson, build, read_object
from memory_envs.registry.limits import MAX_SPACE

# Our entries in the metadata of a file, and the newest version of the first that is understood.
METADATA_KEY = "memory_envs.actor"
METADATA_VERSION = 3
CHECKSUM_KEY = "memory_envs.sha256"

OBSERVATION, EPISODE_START = "observation", "episode_start"
# Before what a core calls the parts of its state.
STATE = "state_"
# The state of a critic's own LSTM.
CRITIC_STATE_NAMES = ("critic_state_h", "critic_state_c")
# All states, in the order in which they are handed around; first those of version 1 of the metadata.
FIRST_STATE_NAMES = ("state_h", "state_c", *CRITIC_STATE_NAMES)
STATE_NAMES = (*FIRST_STATE_NAMES, "state_real", "state_imaginary")
# What comes before the next states, after what `agents.export.choosing` calls the policy.
OUTPUTS = ("action", "value")
# Before the name of a state where it is an output.
NEXT = "next_"

_FATAL = 4
# What stands in the place of a checksum while it is computed.
UNSEALED = "-" * 64
# A checksum behind its name, as an entry of metadata is written in a file.
_SEAL = re.compile(b"(" + re.escape(CHECKSUM_KEY).encode() + rb"\x12@)[0-9a-f]{64}")
_DTYPES = {
    **{f"tensor({name})": np.dtype(name) for name in ("bool", "uint8", "uint16", "uint32", "uint64")},
    **{f"tensor({name})": np.dtype(name) for name in ("int8", "int16", "int32", "int64")},
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
}


class Input:
    """An input of the graph.

    Attributes:
        name: Its name.
        dtype: Its type.
        axes: Lengths; a string where the length is free.
        choices: How many values each number has, from 0, where it stands for a choice; else None.

    Raises:
        ValueError: It is of a kind that no exported actor has.
    """

    def __init__(self, described: Any, choices: list[int] | None = None) -> None:
        self.name: str = described.name
        if described.type not in _DTYPES:
            raise ValueError(f"has an input {self.name!r} of the type {described.type}, which no actor has")
        self.dtype = _DTYPES[described.type]
        self.axes: list[int | str] = [
            axis if isinstance(axis, int) else str(axis) for axis in described.shape
        ]
        self.choices = choices
        known = [axis for axis in self.axes if isinstance(axis, int)]
        if any(axis < 0 for axis in known) or math.prod(known) > MAX_SPACE:
            raise ValueError(
                f"has an input {self.name!r} of the shape {self.axes}, beyond {MAX_SPACE} numbers"
            )

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


class ActorFile:
    """The content of a file: a session of onnxruntime, and what is known of it.

    Args:
        source: The file, or its content.
        threads: Of one step.

    Attributes:
        content: As it was read.
        session: Of onnxruntime.
        metadata: What the exporter wrote.
        inputs: Of the graph, by name.
        observed: Names of those that are observations.
        states: Names of those that are memory, in order.
        choosing: How actions are drawn.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: onnxruntime is not installed.
        ValueError: It is no ONNX model, no exported actor, of a newer version, or damaged.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes, threads: int) -> None:
        name, self.content = _content(source)
        self.session = _open(self.content, threads, name)
        try:
            self.metadata = _read_metadata(self.session)
            _check_seal(self.content, self.session.get_modelmeta().custom_metadata_map)
            choices = _choices(self.metadata["observation_space"])
            self.inputs = {
                each.name: Input(each, choices.get(each.name)) for each in self.session.get_inputs()
            }
            self.observed = [each for each in self.inputs if each.split(".", 1)[0] == OBSERVATION]
            self.choosing = choosing(self.metadata["action_space"])
            self.states = self._checked_states()
            self._try_one_step()
        except ValueError as problem:
            raise ValueError(f"{name} {problem}") from problem

    @property
    def outputs(self) -> list[str]:
        """Names of the graph's outputs: the policy, OUTPUTS, then the next states."""
        return [self.choosing.output, *OUTPUTS, *(f"{NEXT}{name}" for name in self.states)]

    def _checked_states(self) -> list[str]:
        given = {each.name for each in self.session.get_outputs()}
        states = [each for each in STATE_NAMES if each in self.inputs]
        wanted = {self.choosing.output, *OUTPUTS, *(f"{NEXT}{name}" for name in states)}
        known = {*self.observed, *states, EPISODE_START}
        if not self.observed or self.inputs.keys() != known or not wanted <= given:
            raise ValueError(
                f"is not an exported actor: it has the inputs {sorted(self.inputs)} and the outputs "
                f"{sorted(given)}"
            )
        free = [(name, 1 if name in states else 0) for name in self.inputs]
        for name, axis in free:
            axes = self.inputs[name].axes
            if [at for at, length in enumerate(axes) if isinstance(length, str)] != [axis]:
                raise ValueError(f"is not an exported actor: its input {name!r} has the shape {axes}")
        return states

    def _try_one_step(self) -> None:
        """Where weights are not finite, or shapes do not go together, the first step shows it."""
        zeros = {
            name: np.zeros(each.shape(1, axis=1 if name in self.states else 0), each.dtype)
            for name, each in self.inputs.items()
        }
        try:
            found = dict(zip(self.outputs, self.session.run(self.outputs, zeros), strict=True))
        except Exception as fault:  # the errors of onnxruntime share no other base
            raise ValueError(f"cannot be run: {fault}") from fault
        for name, each in found.items():
            if not (isinstance(each, np.ndarray) and np.isfinite(each).all()):
                raise ValueError(f"has an output {name!r} that is not finite: its weights are damaged")
        chosen = self.choosing
        policy, action, value = (found[name] for name in (chosen.output, *OUTPUTS))
        fits = policy.shape == (1, chosen.width) and policy.dtype == np.float32 and value.shape == (1,)
        fits = fits and action.shape == (1, *chosen.shape) and action.dtype == chosen.dtype
        memories = [(found[f"{NEXT}{name}"], zeros[name]) for name in self.states]
        if not fits or any(after.shape != before.shape for after, before in memories):
            shapes = {name: each.shape for name, each in found.items()}
            raise ValueError(f"is not an exported actor: its outputs have the shapes {shapes}")


def sealed(content: bytes) -> bytes:
    """Return the content of a file, whose metadata have UNSEALED for a checksum, with the checksum there."""
    return content.replace(UNSEALED.encode(), hashlib.sha256(content).hexdigest().encode())


def without_seal(content: bytes) -> bytes:
    """Return the content of a file as it was before `sealed`; of others, as it is."""
    return _SEAL.sub(lambda found: found[1] + UNSEALED.encode(), content)


def _check_seal(content: bytes, entries: dict[str, str]) -> None:
    """Compare the checksum; files of older releases have none.

    Raises:
        ValueError: The content is not what was written.
    """
    if entries.get(CHECKSUM_KEY, UNSEALED) != UNSEALED and sealed(without_seal(content)) != content:
        raise ValueError("is damaged: its checksum is that of another content")


def _content(source: str | os.PathLike[str] | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return "the model", source
    if not os.path.isfile(source):
        raise FileNotFoundError(f"there is no exported actor {os.fspath(source)}")
    with open(source, "rb") as file:
        return os.fspath(source), file.read()


def _open(content: bytes, threads: int, name: str) -> Any:
    onnxruntime = require("onnxruntime", "running an exported actor")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL  # errors are raised, and reported once
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as fault:  # its errors share no other base
        raise ValueError(f"{name} cannot be read as an ONNX model: {fault}") from fault


def _read_metadata(session: Any) -> dict[str, Any]:
    entries = session.get_modelmeta().custom_metadata_map
    if METADATA_KEY not in entries:
        raise ValueError(f"is not an exported actor: its metadata have no {METADATA_KEY!r}")
    try:
        metadata = read_object(entries[METADATA_KEY])
        version = build(int, metadata.get("version"), "version")
        if version > METADATA_VERSION:
            raise ValueError(
                f"has version {version}, this program reads up to {METADATA_VERSION}; use a newer release"
            )
        for name in ("observation_space", "action_space"):
            build(dict[str, Any], metadata.get(name), name)
    except MalformedJson as problem:
        raise ValueError(f"has metadata that are damaged: {problem}") from problem
    return metadata


def _choices(space: Any, name: str = OBSERVATION) -> dict[str, list[int]]:
    """By the name of the input, the numbers of choices in Discrete and MultiDiscrete parts of a space.

    Raises:
        ValueError: It does not describe a space.
    """
    try:
        if space["type"] == "Dict":
            parts = [_choices(inner, f"{name}.{key}") for key, inner in space["spaces"]]
            return {key: each for part in parts for key, each in part.items()}
        if space["type"] == "Discrete":
            return {name: [build(int, space["n"], "n")]}
        if space["type"] == "MultiDiscrete":
            return {name: build(list[int], space["nvec"], "nvec")}
        return {}
    except (LookupError, TypeError, ValueError) as problem:
        raise ValueError(f"has metadata that are damaged: the space of {name}: {problem}") from problem
