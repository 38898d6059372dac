"""Gradients are clipped as torch clips them."""

from __future__ import annotations

import pytest
import torch

from agents.baselines.recurrent_ppo.update import clip_gradients

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("longest", [0.1, 100.0])
def test_gradients_are_clipped_as_torch_clips_them(longest):
    ours, theirs = ([torch.nn.Parameter(torch.zeros(size)) for size in (3, 5, 2)] for _ in range(2))
    for mine, other in zip(ours[:2], theirs[:2], strict=True):  # the last one has none
        mine.grad = torch.randn_like(mine)
        other.grad = mine.grad.clone()
    clip_gradients(ours, longest)
    torch.nn.utils.clip_grad_norm_(theirs, longest)
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        torch.testing.assert_close(mine.grad, other.grad)
