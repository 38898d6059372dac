"""One step of a recurrent core with its state as sb3-contrib has it: parts of [layers, N, H]."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def core_step(
    core: nn.Module, inputs: Tensor, states: tuple[Tensor, ...], episode_start: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a core for one step, without branches on the values of tensors.

    An `nn.LSTM` is run cell by cell: without a gradient that takes a third of the time of torch's module for
    whole sequences, which torch's exporter takes for a loop.

    Args:
        core: An `nn.LSTM` of any number of layers, or one of `agents.learning.networks.cores`, of one.
        inputs: [N, F].
        states: (h, c) of an LSTM, or what the core's state consists of; each [layers, N, H].
        episode_start: [N] bool; where true, memory is cleared before the step.

    Returns:
        Outputs [N, H] and the next states.
    """
    if not isinstance(core, nn.LSTM):
        before = tuple(state.squeeze(0) for state in states)
        outputs, after = core(inputs.unsqueeze(0), before, episode_start.unsqueeze(0))
        return outputs.squeeze(0), tuple(state.unsqueeze(0) for state in after)
    # Not a product with 0: a NaN must not outlive its episode.
    h, c = (state.masked_fill(episode_start.unsqueeze(-1), 0.0) for state in states)
    hidden, cells = [], []
    for layer, weights in enumerate(core.all_weights):
        inputs, cell = torch.lstm_cell(inputs, (h[layer], c[layer]), *weights)
        hidden.append(inputs)
        cells.append(cell)
    return inputs, (torch.stack(hidden), torch.stack(cells))
