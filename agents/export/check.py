"""Whether an exported actor computes what its policy computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.distributions import DiagGaussianDistribution, Distribution

from agents.evaluation.latency import sample_observations
from agents.export.c_actor import CActor
from agents.export.onnx_actor import ActorStep, OnnxActor, State
from agents.export.onnx_file import CRITIC_STATE_NAMES
from agents.learning.unroll import observation_to_tensors
from agents.process.torch_modes import one_thread

Array = NDArray[np.float32]

# One lane, which runtimes like to treat apart, and several.
LANES = (1, 5)
STEPS = 24
START_PROBABILITY = 0.15
# Sums in another order differ by far less in single precision, but a recurrent network may amplify that.
RELATIVE, ABSOLUTE = 1e-3, 1e-4


class ExportError(RuntimeError):
    """An actor could not be exported, or its export computes something else."""


@dataclass(frozen=True)
class Agreement:
    """How close an exported actor is to its policy.

    Attributes:
        runtime: What ran the exported one.
        steps: Steps compared, all lanes together.
        episodes: Episodes that began in them.
        largest: The largest absolute difference of a log-probability, value or state.
    """

    runtime: str
    steps: int
    episodes: int
    largest: float

    def summary(self) -> str:
        """Return one line for people."""
        return (
            f"{self.runtime} and torch agree over {self.steps} steps with {self.episodes} episode starts, "
            f"largest difference {self.largest:.1e}"
        )


def check_agreement(
    policy: RecurrentActorCriticPolicy, actor: OnnxActor | CActor, seed: int = 0
) -> Agreement:
    """Run both side by side over episodes that end anywhere, each with its own memory.

    The reference is sb3-contrib's `forward`, not the module that was exported.

    Args:
        policy: On the CPU.
        actor: What was exported.
        seed: Of observations, episode starts and initial memory.

    Raises:
        ExportError: They differ by more than rounding; names the output and the step.
    """
    own = len([name for name in actor.state_names if name not in CRITIC_STATE_NAMES])
    episodes, largest = 0, 0.0
    for lanes in LANES:
        rng = np.random.default_rng((seed, lanes))
        ours = _random_state(actor, lanes, rng)
        theirs: State = ours
        for step in range(STEPS):
            observation = sample_observations(policy.observation_space, lanes, seed=int(rng.integers(2**31)))
            starts = rng.random(lanes) < START_PROBABILITY
            said, ours = actor.step(observation, ours, starts)
            meant, theirs = _reference(policy, observation, theirs, starts, own)
            place = f"at step {step} of {lanes} lanes"
            states = zip(actor.state_names, ours, theirs, strict=True)
            largest = max(largest, _difference(said, meant, [*states], policy.action_space, place))
            episodes += int(starts.sum())
    return Agreement(actor.runtime, STEPS * sum(LANES), episodes, largest)


def _random_state(actor: OnnxActor | CActor, lanes: int, rng: np.random.Generator) -> State:
    """Of episodes in progress."""
    return tuple(
        np.tanh(rng.normal(size=each.shape)).astype(np.float32) for each in actor.initial_state(lanes)
    )


@torch.no_grad()
def _reference(
    policy: RecurrentActorCriticPolicy, observation: Any, state: State, starts: NDArray[np.bool_], own: int
) -> tuple[ActorStep, State]:
    tensors: Any = observation_to_tensors(observation)
    first = torch.as_tensor(starts, dtype=torch.float32)
    memory = [torch.as_tensor(each) for each in state]
    acting: Any = tuple(memory[:own])
    critic: Any = tuple(memory[own:]) or acting
    with one_thread():
        distribution = policy.get_distribution(tensors, acting, first)[0]
        action, value, _, after = policy.forward(
            tensors, RNNStates(acting, critic), first, deterministic=True
        )
    following = (*after.pi, *after.vf)[: len(state)]
    if isinstance(policy.action_space, spaces.Box):  # as their environments get them
        low, high = policy.action_space.low, policy.action_space.high
        taken = np.clip(action.numpy(), low, high).astype(np.float32)
    else:
        taken = action.numpy()
    said = ActorStep(_parameters(distribution), taken, value.squeeze(-1).numpy())
    return said, tuple(each.numpy() for each in following)


def _parameters(distribution: Distribution) -> Array:
    """[N, P] of SB3's distributions, logits of choices normalised."""
    found: Any = distribution.distribution
    if isinstance(distribution, DiagGaussianDistribution):
        said = [found.mean, found.stddev.log()]
    else:
        said = [each.logits for each in (found if isinstance(found, list) else [found])]
    return np.asarray(torch.cat(said, dim=-1).numpy())


def _difference(
    said: ActorStep,
    meant: ActorStep,
    states: list[tuple[str, Array, Array]],
    space: spaces.Space[Any],
    place: str,
) -> float:
    """The largest one of the outputs, and of the states by their names.

    Raises:
        ExportError: It is more than rounding.
    """
    name = "mean_and_log_std" if isinstance(space, spaces.Box) else "logits"
    pairs = [(name, _normalised(said.policy, space), meant.policy), *states]
    if said.value is not None and meant.value is not None:
        pairs.append(("value", said.value, meant.value))
    for name, got, wanted in pairs:
        if not np.allclose(got, wanted, RELATIVE, ABSOLUTE):
            by = float(np.abs(got - wanted).max())
            raise ExportError(f"the exported actor differs from its policy {place}: {name} by up to {by:.1e}")
    _check_actions(said, meant, space, place)
    return max(float(np.abs(got - wanted).max()) for _, got, wanted in pairs)


def _check_actions(said: ActorStep, meant: ActorStep, space: spaces.Space[Any], place: str) -> None:
    """The actions must be the likeliest ones; rounding may decide between equals."""
    chosen, greedy = (_likelihood(step.action, meant.policy, space) for step in (said, meant))
    if said.action.shape != meant.action.shape or not np.allclose(chosen, greedy, RELATIVE, ABSOLUTE):
        raise ExportError(
            f"the exported actor differs from its policy {place}: "
            f"action {said.action}, the policy has {meant.action}"
        )


def _likelihood(action: NDArray[Any], policy: Array, space: spaces.Space[Any]) -> NDArray[Any]:
    """Numbers that are close to one another where actions are equal, or equally likely."""
    if isinstance(space, spaces.Box):
        return action
    if isinstance(space, spaces.MultiBinary):
        return np.where(action > 0, policy, 0.0)
    columns = action.reshape(len(action), -1).T
    parts = zip(_apart(policy, space), columns, strict=True)
    return np.stack([np.take_along_axis(part, column[:, None], -1)[:, 0] for part, column in parts])


def _normalised(policy: Array, space: spaces.Space[Any]) -> Array:
    """Logits of choices as logarithms of probabilities; the rest as it is."""
    if isinstance(space, (spaces.Box, spaces.MultiBinary)):
        return policy
    return np.concatenate([_log_softmax(part) for part in _apart(policy, space)], axis=-1)


def _apart(policy: Array, space: spaces.Space[Any]) -> list[Array]:
    """The logits of each choice."""
    counts = space.nvec if isinstance(space, spaces.MultiDiscrete) else [policy.shape[-1]]
    return np.split(policy, np.cumsum(counts)[:-1], axis=-1)


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
