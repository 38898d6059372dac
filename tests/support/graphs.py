"""Graphs and policies to value."""

import numpy as np

from memory_envs.finite.imaze import FiniteIMaze
from memory_envs.rules import imaze
from memory_envs.solvers.graph import enumerate_states

SEEDS = range(12)


def maze(size=7, **settings):
    """All states of a maze."""
    return enumerate_states(FiniteIMaze(imaze.configure(size=size, **settings)))


def random_policy(graph, seed, sharpness=1.0):
    """A policy without memory, [O, A], nearly deterministic where it is sharp."""
    logits = np.random.default_rng(seed).normal(size=(len(graph.observations), graph.num_actions))
    powers = np.exp(sharpness * logits)
    return powers / powers.sum(axis=1, keepdims=True)
