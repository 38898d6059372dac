"""Recurrent cores in double precision, every parameter random, and windows to run them over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from agents.learning.networks.actor_critic import Core
from agents.learning.networks.gru import GRUCore
from agents.learning.networks.gtrxl import GTrXLCore
from agents.learning.networks.lru import LRUCore
from agents.learning.networks.lstm import LSTMCore
from agents.learning.networks.lstm_gtrxl import LSTMThenGTrXL
from agents.learning.unroll import CoreState

INPUT, WIDTH, HEADS, MEMORY = 3, 8, 2, 4

seeds = st.integers(0, 2**16)
AnyModule = TypeVar("AnyModule", bound=nn.Module)


def gtrxl(memory: int = MEMORY, layers: int = 2, seed: int = 0) -> GTrXLCore:
    """A core of which every parameter is random, biases and norms included, and large enough to matter."""
    core = GTrXLCore(INPUT, WIDTH, layers, HEADS, hidden=12, memory=memory).double()
    return _scatter(core, seed)


def lstm(seed: int = 0) -> LSTMCore:
    """A core of which every parameter is random."""
    return _scatter(LSTMCore(nn.LSTM(INPUT, WIDTH)).double(), seed)


def gru(seed: int = 0) -> GRUCore:
    """A core of which every parameter is random."""
    return _scatter(GRUCore(nn.GRU(INPUT, WIDTH)).double(), seed)


def lru(layers: int = 2, seed: int = 0) -> LRUCore:
    """A core of which every parameter is random."""
    return _scatter(LRUCore(INPUT, WIDTH, layers).double(), seed)


def lstm_gtrxl(seed: int = 0) -> LSTMThenGTrXL:
    """A core of which every parameter is random; its LSTM is narrower than its transformer."""
    transformer = GTrXLCore(INPUT + 5, WIDTH, 2, HEADS, hidden=12, memory=MEMORY)
    return _scatter(LSTMThenGTrXL(nn.LSTM(INPUT, 5), transformer).double(), seed)


def _scatter(core: AnyModule, seed: int) -> AnyModule:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in core.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return core


CORES: dict[str, Callable[[], Core]] = {
    "lstm": lstm,
    "gru": gru,
    "lru": lru,
    "lru of one layer": lambda: lru(layers=1),
    "lstm-gtrxl": lstm_gtrxl,
    "gtrxl": gtrxl,
    "gtrxl of memory 1": lambda: gtrxl(memory=1),
    "gtrxl of memory 40": lambda: gtrxl(memory=40),
}


def window(steps: int, lanes: int = 2, seed: int = 0, start: float = 0.2) -> tuple[Tensor, Tensor]:
    """Random inputs [T, B, F], and is_first [T, B] with that share of episode starts."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(steps, lanes, INPUT, generator=generator, dtype=torch.float64)
    return inputs, torch.rand(steps, lanes, generator=generator) < start


def used_state(core: Core, lanes: int = 2, steps: int = 6) -> CoreState:
    """A state in the middle of an episode."""
    inputs, is_first = window(steps, lanes, seed=99, start=0.0)
    return tuple(part.detach() for part in core(inputs, core.initial_state(lanes), is_first)[1])


def close(actual: Tensor, expected: Tensor) -> None:
    """Equal but for rounding in double precision."""
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10)


def assert_same_future(core: Core, state: CoreState, other: CoreState) -> None:
    """Two states are the same if whatever follows is."""
    lanes = state[0].shape[0]
    inputs, _ = window(7, lanes, seed=123)
    goes_on = torch.zeros(7, lanes, dtype=torch.bool)
    close(core(inputs, state, goes_on)[0], core(inputs, other, goes_on)[0])


def parameters_of(module: nn.Module) -> dict[str, np.ndarray]:
    """By name, for the oracles."""
    return {name: value.detach().numpy() for name, value in module.named_parameters()}
