"""Policies without memory for Meta-Fetch, improved by policy gradients on episodes that are played.

What such a policy sees is cut down to a number: where in the window the nearest object lies, whether there
are several, how far the wall ahead is and whether there is one beside it, whether the last step was rewarded.
A policy is a table: the probability of each action by that number. Nothing says that there is none better.

The gradient is REINFORCE (Williams, 1992) on discounted rewards to go, less their mean in that step and at
that sight, with Adam's steps on the logits.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.certificate.ascent import Adam, softmax
from memory_envs.certificate.graph import Floats, Integers, tally
from memory_envs.meta_fetch import MetaFetchVectorEnv
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import FORWARD, TURN_LEFT, TURN_RIGHT
from memory_envs.rules.layouts import SPLITS

LANES = 2048

_LEAST_VIEW = 3
_DISCOUNT = 0.97
_STEP = 0.2
_LAST_STEP = 0.03
_NOISE = 1e-4
_FAR = 1000
_HEAD_START = 2.0


class Record(NamedTuple):
    """One episode in each lane. H steps, N lanes.

    Attributes:
        sights: int64 [H, N].
        actions: int64 [H, N].
        rewards: float64 [H, N].
        completed: bool [N], whether a sequence was completed.
    """

    sights: Integers
    actions: Integers
    rewards: Floats
    completed: NDArray[np.bool_]


class Sights:
    """The numbers that windows are cut down to, for one configuration."""

    def __init__(self, config: meta_fetch.Config) -> None:
        """Lay out the window.

        Raises:
            ValueError: The window has no cells beside the agent.
        """
        if config.view_size < _LEAST_VIEW:
            raise ValueError(f"view_size must be at least {_LEAST_VIEW}, got {config.view_size}")
        self._side = config.view_size
        rows, columns = np.divmod(np.arange(self._side**2), self._side)
        self.ahead, self.right = self._side - 1 - rows, columns - self._side // 2
        underfoot = (self.ahead == 0) & (self.right == 0)
        steps = self.ahead + np.abs(self.right) + (self.right != 0)
        # Cells equally far away are told apart by their number, so that one is nearest.
        self._distance = np.where(underfoot, _FAR, steps + np.arange(len(steps)) / _FAR)
        self._shape = (len(steps) + 1, self._side, 2, 2, 2, 2)
        self.count = int(np.prod(self._shape))

    def __call__(self, observations: NDArray[np.uint8]) -> Integers:
        """Return the numbers, int64 [N], of observations of tile codes, uint8 [N, view_size**2 + 1]."""
        window, note = observations[:, :-1], observations[:, -1]
        distance = np.where(window >= meta_fetch.OBJECT, self._distance, _FAR)
        several = (distance < _FAR).sum(axis=1) > 1
        nearest = np.where(distance.min(axis=1) < _FAR, distance.argmin(axis=1), len(self._distance))
        wall = (window == meta_fetch.WALL).reshape(-1, self._side, self._side)
        middle = self._side // 2
        ahead = wall[:, -2::-1, middle]
        free = np.where(ahead.any(axis=1), ahead.argmax(axis=1), self._side - 1)
        beside = wall[:, -1, middle - 1].astype(np.int64), wall[:, -1, middle + 1].astype(np.int64)
        parts = (nearest, free, *beside, several.astype(np.int64), note.astype(np.int64))
        return np.ravel_multi_index(parts, self._shape).astype(np.int64)

    def towards_the_nearest(self) -> Floats:
        """Return logits, [count, actions], of a policy that tends to walk to the nearest object."""
        logits = np.zeros((*self._shape, meta_fetch.NUM_ACTIONS))
        turn = np.where(self.right > 0, TURN_RIGHT, TURN_LEFT)
        for cell, action in enumerate(np.where(self.ahead > 0, FORWARD, turn).tolist()):
            logits[cell, ..., action] = _HEAD_START
        logits[-1, ..., FORWARD] = _HEAD_START / 2
        return logits.reshape(self.count, -1)


def improved(config: meta_fetch.Config, iterations: int, seed: int) -> Floats:
    """Return a policy, float64 [number of sights, actions], after so many steps of improvement."""
    sights, random = Sights(config), np.random.default_rng(seed)
    logits = sights.towards_the_nearest()
    adam = Adam(logits.shape, _NOISE)
    for share in np.linspace(1, 0, iterations):
        policy = softmax(logits)
        record = play(config, policy, LANES, random)
        step = _LAST_STEP + share * (_STEP - _LAST_STEP)
        logits = logits + step * adam.direction(_slope(record, policy))
    return softmax(logits)


def play(config: meta_fetch.Config, policy: Floats, lanes: int, random: np.random.Generator) -> Record:
    """Play one episode in each of `lanes` lanes."""
    sights, envs = Sights(config), _envs(config, lanes)
    observations, _ = envs.reset(seed=int(random.integers(2**31)))
    limits = policy.cumsum(axis=1)[:, :-1]
    steps, completed = [], np.zeros(lanes, dtype=np.bool_)
    for _ in range(config.max_steps):
        seen = sights(observations)
        actions = (random.random(lanes)[:, None] > limits[seen]).sum(axis=1)
        observations, rewards, _, _, info = envs.step(actions)
        steps.append((seen, actions, rewards))
        completed |= info["is_success"]
    seen, taken, paid = (np.stack(each) for each in zip(*steps, strict=True))
    return Record(seen, taken, paid, completed)


def _slope(record: Record, policy: Floats) -> Floats:
    """Return the gradient of the mean return by the logits, estimated."""
    to_go = np.zeros_like(record.rewards)
    following = np.zeros(record.rewards.shape[1])
    for now in reversed(range(len(to_go))):
        following = to_go[now] = record.rewards[now] + _DISCOUNT * following
    seen, count = record.sights.ravel(), len(policy)
    gain = (to_go - to_go.mean(axis=1, keepdims=True)).ravel()
    usual = tally(seen, gain, count) / np.maximum(np.bincount(seen, minlength=count), 1)
    pairs = seen * policy.shape[1] + record.actions.ravel()
    weight = tally(pairs, gain - usual[seen], policy.size).reshape(policy.shape)
    return (weight - policy * weight.sum(axis=1, keepdims=True)) / record.rewards.shape[1]


def _envs(config: meta_fetch.Config, lanes: int) -> MetaFetchVectorEnv:
    return MetaFetchVectorEnv(
        lanes,
        size=config.size,
        num_objects=config.num_objects,
        view_size=config.view_size,
        split=SPLITS[config.split],
        max_episode_steps=config.max_steps,
        observation="tiles",
    )
