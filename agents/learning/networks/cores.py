"""Recurrent cores by the names that settings have for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import nn

from agents.learning.networks.actor_critic import Core
from agents.learning.networks.gru import GRUCore
from agents.learning.networks.gtrxl import GTrXLCore
from agents.learning.networks.lru import LRUCore
from agents.learning.networks.lstm import LSTMCore
from agents.learning.networks.lstm_gtrxl import LSTMThenGTrXL
from memory_envs.registry.lookup import look_up


class ActingCore(Core, Protocol):
    """A core that is small enough to act: its state is a few vectors [N, S], and nothing else."""

    @property
    def state_names(self) -> tuple[str, ...]:
        """What the parts of the state are called."""


class LearnerSizes(NamedTuple):
    """How large the core of a learner is: the settings `learner_...` of these names."""

    width: int
    layers: int
    heads: int
    mlp_width: int
    memory: int
    gate_bias: float


def _lstm_gtrxl(input_size: int, sizes: LearnerSizes) -> LSTMThenGTrXL:
    lstm = nn.LSTM(input_size, sizes.width)
    return LSTMThenGTrXL(lstm, GTrXLCore(input_size + sizes.width, *sizes))


_ACTORS: dict[str, Callable[[int, int], ActingCore]] = {
    "lstm": lambda input_size, width: LSTMCore(nn.LSTM(input_size, width)),
    "gru": lambda input_size, width: GRUCore(nn.GRU(input_size, width)),
    "lru": LRUCore,
}
_LEARNERS: dict[str, Callable[[int, LearnerSizes], Core]] = {
    "gtrxl": lambda input_size, sizes: GTrXLCore(input_size, *sizes),
    "lstm-gtrxl": _lstm_gtrxl,
    "lstm": lambda input_size, sizes: acting_core("lstm", input_size, sizes.width),
    "gru": lambda input_size, sizes: acting_core("gru", input_size, sizes.width),
    "lru": lambda input_size, sizes: LRUCore(input_size, sizes.width, sizes.layers),
}
ACTOR_CORES, LEARNER_CORES = tuple(_ACTORS), tuple(_LEARNERS)


def acting_core(name: str, input_size: int, width: int) -> ActingCore:
    """Return a new core of one layer.

    Args:
        name: One of ACTOR_CORES.
        input_size: Width of its inputs.
        width: Of its outputs.

    Raises:
        ValueError: There is no core of that name; says which there are, and which is nearest.
    """
    return look_up(_ACTORS, "core", name)(input_size, width)


def learning_core(name: str, input_size: int, sizes: LearnerSizes) -> Core:
    """Return a new core of a learner.

    Args:
        name: One of LEARNER_CORES.
        input_size: Width of its inputs.
        sizes: The width counts for all of them, the number of layers for those that are stacks.

    Raises:
        ValueError: There is no core of that name; says which there are, and which is nearest.
    """
    return look_up(_LEARNERS, "core", name)(input_size, sizes)
