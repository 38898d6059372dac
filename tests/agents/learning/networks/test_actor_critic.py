"""An actor-critic over any core: stepped or run over a window, it says the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from agents.learning.networks.actor_critic import ActorCritic, Core
from tests.support.cores import CORES, INPUT, WIDTH, close, window

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=CORES)
def core(request: pytest.FixtureRequest) -> Core:
    return CORES[request.param]()


class Sum(nn.Module):
    """Encodes a Dict observation."""

    def forward(self, observation: dict[str, Tensor]) -> Tensor:
        return observation["near"] + observation["far"].flatten(1)


def actor_critic(core: Core) -> ActorCritic:
    torch.manual_seed(0)
    heads = nn.Linear(WIDTH, 4), nn.Linear(WIDTH, 1)
    return ActorCritic(Sum(), core, *heads).double()


def test_an_actor_critic_stepped_equals_its_window_on_dict_observations(core: Core) -> None:
    model = actor_critic(core)
    near, is_first = window(8, lanes=3)
    observation = {"near": near, "far": near.unflatten(-1, (INPUT, 1)).flip(0)}
    whole, _ = model(observation, model.initial_state(3), is_first)
    assert (whole.policy.shape, whole.value.shape, whole.features.shape) == ((8, 3, 4), (8, 3), (8, 3, WIDTH))
    state = model.initial_state(3)
    for t in range(8):
        row = {name: part[t] for name, part in observation.items()}
        step, state = model.step(row, state, is_first[t])
        assert not step.policy.requires_grad
        for part, expected in zip(step, whole, strict=True):
            close(part, expected[t].detach())
