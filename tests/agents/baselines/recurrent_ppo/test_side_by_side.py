"""Two threads compute what one does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.baselines.recurrent_ppo.algorithm import FastRecurrentPPO
from agents.baselines.recurrent_ppo.sequences import Sequences
from agents.baselines.recurrent_ppo.side_by_side import Branch, side_by_side
from tests.support.erratic import envs, trained

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("extractors_are_shared", [True, False])
def test_two_threads_compute_what_one_does(extractors_are_shared):
    results = []
    for threads in (1, 2):
        model = trained(
            FastRecurrentPPO, envs(), 0, policy_kwargs={"share_features_extractor": extractors_are_shared}
        )
        torch.set_num_threads(threads)
        model.learn(96)
        assert model.policy.two_threads == (threads == 2)
        assert torch.get_num_threads() == threads
        results.append(torch.cat([parameter.detach().flatten() for parameter in model.policy.parameters()]))
    assert torch.equal(*results)


def test_two_threads_give_features_and_frozen_parameters_their_gradients():
    starts = np.arange(40) % 7 == 0
    sequences = Sequences.laid_out(starts, starts)
    lstms = [torch.nn.LSTM(4, 8) for _ in range(2)]
    lstms[0].bias_ih_l0.requires_grad_(False)
    features = torch.randn(40, 4, requires_grad=True)
    state = (torch.zeros(1, sequences.shape[1], 8),) * 2
    learned = [[weight for weight in lstm.parameters() if weight.requires_grad] for lstm in lstms]
    branches = [
        Branch(lambda inputs, lstm=lstm: sequences.run(lstm, inputs, state), features, weights)
        for lstm, weights in zip(lstms, learned, strict=True)
    ]
    wanted = [features, *learned[0], *learned[1]]
    gradients = []
    for pi, vf in (side_by_side(*branches), [branch.run(features) for branch in branches]):
        gradients.append(torch.autograd.grad((pi.sin() + vf**2).sum(), wanted))
    for ours, expected in zip(*gradients, strict=True):
        assert torch.equal(ours, expected)
