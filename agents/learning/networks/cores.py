"""Recurrent cores by the names that settings have for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

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


class LearnerSizes(Protocol):
    """The settings of a learner that say how large its core is; see `agents.learning.config`."""

    @property
    def learner_width(self) -> int: ...
    @property
    def learner_layers(self) -> int: ...
    @property
    def learner_heads(self) -> int: ...
    @property
    def learner_mlp_width(self) -> int: ...
    @property
    def learner_memory(self) -> int: ...
    @property
    def learner_gate_bias(self) -> float: ...


def _gtrxl(input_size: int, sizes: LearnerSizes) -> GTrXLCore:
    return GTrXLCore(
        input_size,
        sizes.learner_width,
        sizes.learner_layers,
        sizes.learner_heads,
        sizes.learner_mlp_width,
        sizes.learner_memory,
        sizes.learner_gate_bias,
    )


def _lstm_gtrxl(input_size: int, sizes: LearnerSizes) -> LSTMThenGTrXL:
    width = sizes.learner_width
    return LSTMThenGTrXL(nn.LSTM(input_size, width), _gtrxl(input_size + width, sizes))


_ACTORS: dict[str, Callable[[int, int], ActingCore]] = {
    "lstm": lambda input_size, width: LSTMCore(nn.LSTM(input_size, width)),
    "gru": lambda input_size, width: GRUCore(nn.GRU(input_size, width)),
    "lru": LRUCore,
}
_LEARNERS: dict[str, Callable[[int, LearnerSizes], Core]] = {
    "gtrxl": _gtrxl,
    "lstm-gtrxl": _lstm_gtrxl,
    "lstm": lambda input_size, sizes: acting_core("lstm", input_size, sizes.learner_width),
    "gru": lambda input_size, sizes: acting_core("gru", input_size, sizes.learner_width),
    "lru": lambda input_size, sizes: LRUCore(input_size, sizes.learner_width, sizes.learner_layers),
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
    """Return a new core of the size that the settings of a learner say.

    Args:
        name: One of LEARNER_CORES.
        input_size: Width of its inputs.
        sizes: `learner_width` counts for all of them, `learner_layers` for those that are stacks.

    Raises:
        ValueError: There is no core of that name; says which there are, and which is nearest.
    """
    return look_up(_LEARNERS, "core", name)(input_size, sizes)
