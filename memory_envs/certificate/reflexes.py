"""Reflexes for Meta-Fetch, improved by proximal policy optimisation on rooms that are played.

The algorithm is that of Schulman et al. (2017) with generalised advantages (Schulman et al., 2016), in
NumPy, as the suite does without learning libraries. Actions and values share the hidden layer; what ships are
the actions. Nothing says that there is no better policy without memory.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.meta_fetch import MetaFetchVectorEnv
from memory_envs.policies.reflexes import Reflexes, Weights, drawn, softmax
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import OBSERVABILITIES
from memory_envs.rules.layouts import SPLITS
from memory_envs.solvers.ascent import Adam
from memory_envs.solvers.graph import Floats, Integers

UNITS = 48
LANES, STEPS = 512, 64
"""Size of a rollout."""

_DISCOUNT = 0.99
_TRACE = 0.95
_CLIP = 0.2
_EPOCHS, _BATCH = 2, 4096
_STEP, _LAST_STEP = 3e-3, 1e-4
_ENTROPY = 0.01
_VALUE_WEIGHT = 0.5
_ADAM_EPSILON = 1e-5
_OUTPUT_SCALE = 0.01


class Record(NamedTuple):
    """One episode in each of N lanes.

    Attributes:
        returns: float64 [N].
        completed: bool [N], whether a sequence was completed.
    """

    returns: Floats
    completed: NDArray[np.bool_]


def play(config: meta_fetch.Config, policy: Reflexes, lanes: int, generator: np.random.Generator) -> Record:
    """Play one episode in each of `lanes` lanes."""
    envs = _envs(config, lanes, "Disabled")
    observations, _ = envs.reset(seed=int(generator.integers(2**31)))
    returns, completed = np.zeros(lanes), np.zeros(lanes, dtype=np.bool_)
    for _ in range(config.max_steps):
        observations, rewards, _, _, info = envs.step(drawn(policy(observations), generator))
        returns += rewards
        completed |= info["is_success"]
    return Record(returns, completed)


def improved(config: meta_fetch.Config, rollouts: int, seed: int, units: int = UNITS) -> Reflexes:
    """Return the reflexes after so many rollouts of LANES lanes and STEPS steps, from random weights."""
    generator = np.random.default_rng(seed)
    player = _Player(config, generator)
    network = _begun(config, player.observations.shape[1], units, generator)
    adam = [Adam(layer.shape, _ADAM_EPSILON) for layer in network]
    for share in np.linspace(1, 0, rollouts):
        step = _LAST_STEP + share * (_STEP - _LAST_STEP)
        rollout = player.roll(network)
        for batch in _batches(rollout, generator):
            found = slopes(network, batch, share * _ENTROPY)
            directions = (each.direction(slope) for each, slope in zip(adam, found, strict=True))
            network = Reflexes(*map(_moved, network, directions, (step, step)))
    return Reflexes(network.seeing, network.acting[:, : meta_fetch.NUM_ACTIONS])


class Batch(NamedTuple):
    """Steps that were played, M of them.

    Attributes:
        observations: uint8 [M, size].
        actions: int64 [M].
        chances: float32 [M], of the actions, when they were drawn.
        advantages: float32 [M].
        targets: float32 [M], of the values.
    """

    observations: NDArray[np.uint8]
    actions: Integers
    chances: Weights
    advantages: Weights
    targets: Weights


class _Player:
    """Plays on in all lanes, rollout by rollout."""

    def __init__(self, config: meta_fetch.Config, generator: np.random.Generator) -> None:
        self._envs, self._generator = _envs(config, LANES, "SameStep"), generator
        self.observations, _ = self._envs.reset(seed=int(generator.integers(2**31)))

    def roll(self, network: Reflexes) -> Batch:
        lanes, steps = np.arange(LANES), []
        for _ in range(STEPS):
            outputs = _outputs(network, self.observations)
            policy, values = softmax(outputs[:, :-1]), outputs[:, -1]
            actions = drawn(policy, self._generator)
            seen = self.observations
            self.observations, rewards, _, over, _ = self._envs.step(actions)
            steps.append((seen, actions, policy[lanes, actions], values, rewards, over))
        observations, taken, chances, values, rewards, over = (
            np.stack(each) for each in zip(*steps, strict=True)
        )
        last = _outputs(network, self.observations)[:, -1]
        advantages = _advantages(rewards, np.concatenate([values, last[None]]), over)
        flat = (observations.reshape(-1, observations.shape[-1]), taken.ravel(), chances.ravel())
        return Batch(*flat, advantages.ravel(), (advantages + values).ravel())


def _advantages(rewards: Floats, values: Weights, over: NDArray[np.bool_]) -> Weights:
    """Return generalised advantages, [H, N]. At a time limit the last value stands for what would follow."""
    following = np.where(over, values[:-1], values[1:])
    errors = rewards + _DISCOUNT * following - values[:-1]
    advantages, trace = np.empty(rewards.shape, dtype=np.float32), np.zeros(rewards.shape[1])
    for now in reversed(range(len(rewards))):
        trace = errors[now] + _DISCOUNT * _TRACE * np.where(over[now], 0.0, trace)
        advantages[now] = trace
    return advantages


def _batches(rollout: Batch, generator: np.random.Generator) -> Iterator[Batch]:
    usual = rollout.advantages
    rollout = rollout._replace(advantages=(usual - usual.mean()) / (usual.std() + 1e-8))
    count = len(rollout.actions)
    for _ in range(_EPOCHS):
        for chosen in np.split(generator.permutation(count), range(_BATCH, count, _BATCH)):
            yield Batch._make(each[chosen] for each in rollout)


def slopes(network: Reflexes, batch: Batch, entropy: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the gradient, by both layers, of what is to be large.

    That is the mean of the clipped objective and of `entropy` times the entropy, less the values' weighted
    square error. The last output is the value.
    """
    observations = batch.observations.astype(np.float32)
    hidden = network.hidden(observations)
    outputs = network.logits(hidden)
    policy = softmax(outputs[:, :-1])
    count, lanes = len(policy), np.arange(len(policy))
    ratio = policy[lanes, batch.actions] / batch.chances
    bound = np.where(batch.advantages > 0, ratio < 1 + _CLIP, ratio > 1 - _CLIP)
    logs = np.log(policy + 1e-12)
    bonus = -policy * (logs - (policy * logs).sum(axis=1, keepdims=True))
    weight = bound * ratio * batch.advantages
    slope = np.empty_like(outputs)
    slope[:, :-1] = entropy * bonus - weight[:, None] * policy
    slope[lanes, batch.actions] += weight
    slope[:, -1] = 2 * _VALUE_WEIGHT * (batch.targets - outputs[:, -1])
    inward = slope @ network.acting[:-1].T * (1 - hidden**2)
    return (
        np.vstack([observations.T @ inward, inward.sum(axis=0)]) / count,
        np.vstack([hidden.T @ slope, slope.sum(axis=0)]) / count,
    )


def _moved(layer: Weights, direction: Floats, step: float) -> Weights:
    return layer + (step * direction).astype(np.float32)


def _outputs(network: Reflexes, observations: NDArray[np.uint8]) -> Weights:
    """Return logits of the actions and, last, the value, [N, actions + 1]."""
    return network.logits(network.hidden(observations.astype(np.float32)))


def _begun(config: meta_fetch.Config, inputs: int, units: int, generator: np.random.Generator) -> Reflexes:
    seeing = generator.normal(size=(inputs + 1, units)) / inputs**0.5
    tile = np.arange(inputs - meta_fetch.NUM_NOTES) % meta_fetch.NUM_TILES
    absent = tile >= meta_fetch.OBJECT + config.num_objects
    seeing[: len(tile)][absent] = 0.0  # never seen; zeros take no room in a file
    acting = generator.normal(size=(units + 1, meta_fetch.NUM_ACTIONS + 1)) * _OUTPUT_SCALE
    return Reflexes(seeing.astype(np.float32), acting.astype(np.float32))


def _envs(config: meta_fetch.Config, lanes: int, autoreset_mode: str) -> MetaFetchVectorEnv:
    return MetaFetchVectorEnv(
        lanes,
        size=config.size,
        num_objects=config.num_objects,
        view_size=config.view_size,
        split=SPLITS[config.split],
        observability=OBSERVABILITIES[config.observability],
        max_episode_steps=config.max_steps,
        observation="onehot",
        autoreset_mode=autoreset_mode,
    )
