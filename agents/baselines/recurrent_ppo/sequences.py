"""Sequences of different lengths in one call of torch's fused LSTM, without padding to the longest."""

from __future__ import annotations

import functools
import heapq
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEP_COST_IN_LANES = 6
"""The cost of one more step of the fused LSTM, in lanes added to every step; measured on a CPU at 128 and at
256 units. It affects how sequences are laid out, never the results."""

SHUT = -1e9
"""Input that shuts a gate: far below where a sigmoid is 0, and finite, because it is multiplied by 0."""


@dataclass(frozen=True)
class Sequences:
    """The layout of N consecutive steps, which are several sequences, for torch's fused LSTM.

    That LSTM takes lanes of equal length and cannot clear memory in between. Sequences that begin with empty
    memory therefore follow others in a lane, after a step whose input shuts the input, forget and output
    gates: memory is then exactly 0, and so is the gradient that flows back through it.
    """

    shape: tuple[int, int]
    """(T, L): steps and lanes of the layout."""
    first: np.ndarray
    """[L] the step that each lane begins with."""
    step: Tensor
    """[T * L] the step in each place of the layout; 0 where there is none."""
    shut: Tensor
    """[T * L, 1] 1 where there is no step, else 0."""
    place: Tensor
    """[N] the place of each step."""

    @classmethod
    def laid_out(cls, starts: np.ndarray, fresh: np.ndarray, device: torch.device | str = "cpu") -> Sequences:
        """Lay out the sequences of N steps.

        Args:
            starts: [N] bool, where a sequence starts; the first step must be such a place.
            fresh: [N] bool, where a sequence that starts does so with empty memory.
            device: Where the LSTM is.

        Raises:
            ValueError: The first step belongs to no sequence.
        """
        if not (len(starts) and starts[0]):
            raise ValueError(f"the first step must start a sequence, got starts={starts[:8]}")
        begins = np.flatnonzero(starts)
        lengths = np.append(begins[1:], len(starts)) - begins
        lane, offset = _packed(lengths, fresh[begins])
        shape = int((offset + lengths).max()), int(lane.max()) + 1
        of_step = np.repeat(np.arange(len(begins)), lengths)
        steps = np.arange(len(starts))
        place = (offset - begins)[of_step]
        place = (place + steps) * shape[1] + lane[of_step]
        step = np.zeros(shape[0] * shape[1], dtype=np.int64)
        step[place] = steps
        shut = np.ones((len(step), 1), dtype=np.float32)
        shut[place] = 0.0
        leading = offset == 0
        first = begins[leading][lane[leading].argsort()]
        to_torch = (torch.from_numpy(array).to(device) for array in (step, shut, place))
        return cls(shape, first, *to_torch)

    def run(self, lstm: nn.LSTM, inputs: Tensor, state: tuple[Tensor, ...]) -> Tensor:
        """Return outputs [N, H] for inputs [N, F].

        Args:
            lstm: Any number of layers, in one direction and without projection.
            inputs: Of each step.
            state: (h, c), each [layers, L, H], before the first step of each lane.
        """
        laid = inputs.index_select(0, self.step)
        column = _shutting_weights(lstm.hidden_size, inputs.dtype, inputs.device)
        for layer in range(lstm.num_layers):
            input_weight, *weights = layer_weights(lstm, layer)
            if layer and lstm.dropout:
                laid = F.dropout(laid, lstm.dropout, lstm.training)
            outputs, _, _ = torch.lstm(
                torch.cat((laid, self.shut), dim=1).unflatten(0, self.shape),
                tuple(part[layer : layer + 1] for part in state),
                [torch.cat((input_weight, column), dim=1), *weights],
                has_biases=lstm.bias,
                num_layers=1,
                dropout=0.0,
                train=lstm.training,
                bidirectional=False,
                batch_first=False,
            )
            laid = outputs.flatten(0, 1)
        return laid.index_select(0, self.place)


def layer_weights(lstm: nn.LSTM, layer: int) -> list[Tensor]:
    """Return the weights of one layer, input's before memory's, followed by its biases if it has any.

    `lstm.all_weights` is the same and looks each of them up by name, which is slow for a single step.
    """
    number = 4 if lstm.bias else 2
    return cast(list[Tensor], lstm._flat_weights[layer * number : (layer + 1) * number])


def _packed(lengths: np.ndarray, fresh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lane of each sequence and its offset in that lane; those that are not fresh come first in theirs."""
    lane, offset = np.empty_like(lengths), np.empty_like(lengths)
    lanes = [(0, index) for index in range(_number_of_lanes(lengths, fresh))]
    for sequence in np.lexsort((-lengths, fresh)).tolist():
        filled, index = heapq.heappop(lanes)
        lane[sequence] = index
        offset[sequence] = begin = filled + 1 if filled else 0
        heapq.heappush(lanes, (begin + int(lengths[sequence]), index))
    return lane, offset


def _number_of_lanes(lengths: np.ndarray, fresh: np.ndarray) -> int:
    """The number of lanes that is cheapest if sequences fill them evenly."""
    lanes = np.arange(max(1, int((~fresh).sum())), len(lengths) + 1)
    places = lengths.sum() + len(lengths) - lanes
    steps = np.maximum(lengths.max(), -(-places // lanes))
    return int(lanes[(steps * (STEP_COST_IN_LANES + lanes)).argmin()])


@functools.cache
def _shutting_weights(hidden_size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """[4 * H, 1] weights that shut the gates input, forget and output, and leave the candidate."""
    gates = torch.full((4, hidden_size), SHUT, dtype=dtype, device=device)
    gates[2] = 0.0
    return gates.flatten().unsqueeze(1)
