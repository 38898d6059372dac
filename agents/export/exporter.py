"""Recurrent actors as ONNX files, and as C files.

The graph holds one step, preprocessing included, with the recurrent state as input and output, so that it
runs wherever ONNX does. `agents.export.onnx_actor` runs it without torch.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from torch import Tensor, nn

from agents.evaluation.latency import sample_observations
from agents.export.c_actor import COMPILERS, CActor, CompileError, find_compiler
from agents.export.c_source import c_source
from agents.export.check import Agreement, ExportError, check_agreement
from agents.export.choosing import choosing
from agents.export.onnx_actor import OnnxActor
from agents.export.onnx_file import (
    CHECKSUM_KEY,
    CRITIC_STATE_NAMES,
    EPISODE_START,
    FIRST_STATE_NAMES,
    METADATA_KEY,
    METADATA_VERSION,
    NEXT,
    OBSERVATION,
    OUTPUTS,
    STATE,
    UNSEALED,
    sealed,
    without_seal,
)
from agents.learning.networks.lstm import LSTMCore
from agents.learning.networks.one_step import core_step
from agents.learning.unroll import Observation, observation_to_tensors
from agents.process.extras import require
from agents.process.provenance import provenance
from agents.sb3.actions import action_distribution
from agents.sb3.spaces import space_to_json
from memory_envs.files import replacing

# More than one lane, which torch would take for a constant.
EXAMPLE_LANES = 2
_EXPORTER_LIBRARIES = ("onnx", "onnxscript")


class HasPolicy(Protocol):
    """An algorithm of Stable-Baselines3 or sb3-contrib, or of this package."""

    policy: Any


@dataclass(frozen=True)
class Export:
    """An actor that became a file.

    Attributes:
        path: The file.
        size: Its length in bytes.
        inputs: Names of the graph's inputs; none of a C file.
        outputs: Names of its outputs.
        agreement: How close it and torch are; None of a C file that no compiler was there for.
    """

    path: Path
    size: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    agreement: Agreement | None

    def summary(self) -> str:
        """Return a few lines for people."""
        lines = [f"{self.path}: {self.size / 1024:.0f} KiB"]
        if self.inputs:
            lines += [f"inputs: {', '.join(self.inputs)}", f"outputs: {', '.join(self.outputs)}"]
        unchecked = f"not compared with torch: none of the C compilers {', '.join(COMPILERS)} is here"
        return "\n".join([*lines, unchecked if self.agreement is None else self.agreement.summary()])


def export_actor(
    model: HasPolicy | RecurrentActorCriticPolicy, path: str | os.PathLike[str], *, seed: int = 0
) -> Export:
    """Write a recurrent policy as an ONNX file, once onnxruntime and torch were seen to agree on it.

    Inputs are `observation` in the space's own dtype (for a Dict, `observation.KEY` each), the states
    [layers, N, H], and `episode_start` [N] bool. The states of an LSTM are `state_h` and `state_c`, that of a
    GRU is `state_h`, those of a linear recurrent unit `state_real` and `state_imaginary`; a critic with an
    LSTM of its own adds `critic_state_h` and `critic_state_c`. Outputs are `logits` [N, A], `action` [N, ...]
    (the likeliest one), `value` [N] and every state as `next_...`. Actions of a Box have `mean_and_log_std`
    [N, 2 D] in the place of logits. N is free.

    Args:
        model: An ALD or RecurrentPPO model, anything else with such a policy, or the policy. It is unchanged.
        path: The file; an existing one is replaced in one step, and only by a checked one.
        seed: Of the observations that the check is made with.

    Raises:
        TypeError: The policy is not sb3-contrib's recurrent one, or its observation space cannot be written.
        ValueError: Actions are of a space that ALD does not take either, or explore by gSDE.
        ExportError: Torch cannot export the network, or the exported one computes something else.
        ImportError: A library of the extra `export` is not installed.
        OSError: The file could not be written.
    """
    policy = _exportable(model)
    content = _content(policy)
    agreement = check_agreement(policy, OnnxActor(without_seal(content)), seed)
    content = sealed(content)
    with replacing(os.path.realpath(path)) as file:
        file.write_bytes(content)
    names = _names(policy)
    return Export(Path(path), len(content), tuple(names.inputs), tuple(names.outputs), agreement)


def export_c(
    model: HasPolicy | RecurrentActorCriticPolicy, path: str | os.PathLike[str], *, seed: int = 0
) -> Export:
    """Write a recurrent policy as one C file, for where there is neither Python nor a runtime for ONNX.

    Where there is a C compiler, the file appears once it was compiled and seen to agree with torch.

    Args:
        model: As in `export_actor`. Its core must be an LSTM, its features the flattened observation, its
            hidden layers of tanh or rectified linear units; values are left out.
        path: The file; an existing one is replaced in one step.
        seed: Of the observations that the check is made with.

    Raises:
        TypeError: The policy is not sb3-contrib's recurrent one.
        ValueError: Actions are not those of a Discrete space that starts at 0, or the network is of another
            kind.
        ExportError: The file does not compile, or computes something else.
        OSError: The file could not be written.
    """
    policy = _exportable(model)
    if not isinstance(policy.action_space, spaces.Discrete):
        raise ValueError(
            "a C file is for actions of a Discrete space, got "
            f"{' '.join(str(policy.action_space).split())}: export it as ONNX"
        )
    content = c_source(policy).encode()
    with replacing(os.path.realpath(path)) as file:
        file.write_bytes(content)
        agreement = None
        if find_compiler() is not None:
            try:
                agreement = check_agreement(policy, CActor(file), seed)
            except CompileError as fault:
                raise ExportError(str(fault)) from fault
    return Export(Path(path), len(content), (), (), agreement)


class OneStep(nn.Module):
    """One step of sb3-contrib's recurrent policy as a function of tensors, without branches on their values.

    Args:
        policy: Its modules are used, not copied.
    """

    def __init__(self, policy: RecurrentActorCriticPolicy) -> None:
        super().__init__()
        self.policy = policy
        self.distribution = action_distribution("an exported actor", policy.action_space)
        self.head = self.distribution.head(policy.action_net, getattr(policy, "log_std", 0.0))  # type: ignore

    def forward(
        self, observation: Observation, states: tuple[Tensor, ...], episode_start: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the policy [N, P], action [N, ...], value [N] and the next states.

        Args:
            observation: [N, ...], as the environment gives it.
            states: Of the actor's core, (h, c) of an LSTM, then (h, c) of the critic where it has an LSTM,
                each [layers, N, H].
            episode_start: [N] bool; where true, memory is cleared before the step.
        """
        policy, heads = self.policy, self.policy.mlp_extractor
        own = len(states) - (len(CRITIC_STATE_NAMES) if policy.enable_critic_lstm else 0)
        features: Any = policy.extract_features(observation)
        seen, valued = (features, features) if policy.share_features_extractor else features
        acting, states_after = core_step(policy.lstm_actor, seen, states[:own], episode_start)
        critic = acting
        if policy.lstm_critic is not None:
            critic, critic_after = core_step(policy.lstm_critic, valued, states[own:], episode_start)
            states_after += critic_after
        elif policy.critic is not None:
            critic = policy.critic(valued)
        said = self.head(heads.forward_actor(acting))
        value = policy.value_net(heads.forward_critic(critic)).squeeze(-1)
        return said, self._likeliest(said), value, *states_after

    def _likeliest(self, said: Tensor) -> Tensor:
        action, space = self.distribution.mode(said), self.policy.action_space
        if not isinstance(space, spaces.Box):
            return action
        low, high = (torch.as_tensor(side, dtype=torch.float32) for side in (space.low, space.high))
        return action.reshape(-1, *space.shape).clamp(low, high)


class _Names(NamedTuple):
    """Names in the graph."""

    observations: list[str]
    states: list[str]
    policy: str

    @property
    def inputs(self) -> list[str]:
        return [*self.observations, *self.states, EPISODE_START]

    @property
    def outputs(self) -> list[str]:
        return [self.policy, *OUTPUTS, *(f"{NEXT}{name}" for name in self.states)]


def _names(policy: RecurrentActorCriticPolicy) -> _Names:
    space = policy.observation_space
    keyed = [f"{OBSERVATION}.{key}" for key in space] if isinstance(space, spaces.Dict) else [OBSERVATION]
    own = getattr(policy.lstm_actor, "state_names", LSTMCore.state_names)
    states = [f"{STATE}{name}" for name in own]
    states += CRITIC_STATE_NAMES if policy.enable_critic_lstm else ()
    return _Names(keyed, states, choosing(space_to_json(policy.action_space)).output)


def _exportable(model: HasPolicy | RecurrentActorCriticPolicy) -> RecurrentActorCriticPolicy:
    """A copy of the policy on the CPU, ready to act."""
    policy = getattr(model, "policy", model)
    if not isinstance(policy, RecurrentActorCriticPolicy):
        raise TypeError(
            "model must be a RecurrentActorCriticPolicy, or have one as its policy, as ALD and RecurrentPPO "
            f"do, got {type(model).__name__} with a policy of type {type(policy).__name__}"
        )
    action_distribution("an exported actor", policy.action_space)  # or it refuses them
    if policy.use_sde:
        raise ValueError("a policy with use_sde=True cannot be exported: its noise depends on what it reads")
    policy = copy.deepcopy(policy).cpu()
    policy.set_training_mode(False)
    return policy


def _content(policy: RecurrentActorCriticPolicy) -> bytes:
    """The file: graph, weights and metadata, with no checksum yet."""
    for library in _EXPORTER_LIBRARIES:
        require(library, "exporting an actor")
    names = _names(policy)
    try:
        with _quiet(), torch.no_grad():
            proto = _stripped(_traced(policy, names).model_proto)
    except (RuntimeError, torch.onnx.OnnxExporterError) as fault:
        raise ExportError(f"torch cannot export a {type(policy).__name__} of this kind: {fault}") from fault
    proto.metadata_props.add(key=METADATA_KEY, value=json.dumps(_metadata(policy, names)))
    proto.metadata_props.add(key=CHECKSUM_KEY, value=UNSEALED)
    return bytes(proto.SerializeToString())


def _traced(policy: RecurrentActorCriticPolicy, names: _Names) -> torch.onnx.ONNXProgram:
    observation = observation_to_tensors(sample_observations(policy.observation_space, EXAMPLE_LANES, seed=0))
    layers, _, size = policy.lstm_hidden_state_shape
    states = tuple(torch.zeros(layers, EXAMPLE_LANES, size) for _ in names.states)
    lanes = torch.export.Dim("N")
    by_lane = {key: {0: lanes} for key in observation} if isinstance(observation, dict) else {0: lanes}
    program = torch.onnx.export(
        OneStep(policy),
        (observation, states, torch.zeros(EXAMPLE_LANES, dtype=torch.bool)),
        dynamic_shapes=(by_lane, tuple({1: lanes} for _ in states), {0: lanes}),
        input_names=names.inputs,
        output_names=names.outputs,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None  # it is None where a file is asked for
    return program


def _stripped(proto: Any) -> Any:
    """Without the exporter's notes on every node, which quote source files by their path on this machine."""
    graph = proto.graph
    for part in (
        proto,
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
    ):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    return proto


def _metadata(policy: RecurrentActorCriticPolicy, names: _Names) -> dict[str, Any]:
    layers, _, size = policy.lstm_hidden_state_shape
    made_with = provenance()
    versions = made_with["libraries"] | {name: metadata.version(name) for name in _EXPORTER_LIBRARIES}
    return {
        "version": _version(policy, names),
        "observation_space": space_to_json(policy.observation_space),
        "action_space": space_to_json(policy.action_space),
        "states": {name: [layers, "N", size] for name in names.states},
        "versions": {"python": made_with["python"], "git": made_with["git"], **versions},
    }


def _version(policy: RecurrentActorCriticPolicy, names: _Names) -> int:
    """The earliest version of metadata whose readers can read this file."""
    if not isinstance(policy.action_space, spaces.Discrete):
        return METADATA_VERSION
    return 2 if {*names.states} - {*FIRST_STATE_NAMES} else 1


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Torch's exporter warns of its own parts, and that torchvision, which nothing here uses, is missing."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
