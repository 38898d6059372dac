"""Learners small enough to be followed by hand, in double precision, and unrolls for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.learning.config import ALDConfig
from agents.learning.learner import Learner
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.gtrxl import GTrXLCore
from agents.learning.unroll import Unroll
from tests.support.oracles import GOES_ON, TERMINATED, TRUNCATED

INPUT, ACTIONS, STEPS, LANES = 3, 3, 7, 4
GAMMA = 0.875  # exact in single precision
CONFIG: dict[str, Any] = {
    "gamma": GAMMA,
    "value_trace_decay": 0.75,
    "policy_trace_decay": 1.0,
    "popart_step_size": 0.0,
    "target_period": 1000,
    "entropy_coef": 0.125,
    "value_coef": 1.5,
    "learner_regularisation": 0.75,
    "alpha_init": 0.5,
    "max_grad_norm": None,
}
# By step and lane: nothing, a truncation inside, a termination inside, several ends of both kinds.
ENDING = np.zeros((STEPS, LANES), dtype=np.int64)
ENDING[2, 1] = TRUNCATED
ENDING[3, 2] = TERMINATED
ENDING[[1, 4, 6], 3] = TRUNCATED, TERMINATED, TRUNCATED


def gtrxl(memory: int = 5, seed: int = 0) -> ActorCritic:
    """In double precision, every parameter random."""
    torch.manual_seed(seed)
    core = GTrXLCore(INPUT, 8, layers=2, heads=2, hidden=8, memory=memory)
    network = ActorCritic(nn.Identity(), core, nn.Linear(8, ACTIONS), nn.Linear(8, 1)).double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.4)
    return network


def learner(**settings: Any) -> Learner:
    """With a target that differs from the network and plain gradient descent of step 1."""
    made = Learner(gtrxl(), ALDConfig(**{**CONFIG, **settings}), torch.device("cpu"))
    made.target.load_state_dict(gtrxl(seed=1).state_dict())
    made.optimizer = torch.optim.SGD(made.network.parameters(), lr=1.0)  # type: ignore[assignment]
    return made


def unroll(ending: np.ndarray = ENDING, seed: int = 2) -> Unroll:
    """Random but for how its steps end."""
    torch.manual_seed(seed)
    steps, lanes = ending.shape
    is_first = torch.zeros(steps + 1, lanes, dtype=torch.bool)
    is_first[1:] = torch.as_tensor(ending != GOES_ON)
    final_time, final_lane = np.nonzero(ending == TRUNCATED)
    return Unroll(
        observation=torch.randn(steps + 1, lanes, INPUT, dtype=torch.float64),
        is_first=is_first,
        action=torch.randint(ACTIONS, (steps, lanes)),
        reward=torch.randn(steps, lanes, dtype=torch.float64),
        terminated=torch.as_tensor(ending == TERMINATED),
        truncated=torch.as_tensor(ending == TRUNCATED),
        behaviour_policy=torch.randn(steps, lanes, ACTIONS, dtype=torch.float64),
        actor_state=(torch.zeros(lanes, 4), torch.zeros(lanes, 4)),
        final_time=torch.as_tensor(final_time),
        final_lane=torch.as_tensor(final_lane),
        final_observation=torch.randn(len(final_time), INPUT, dtype=torch.float64),
        memory_label=torch.zeros(steps, lanes, 0, dtype=torch.int64),
    )


def cut(data: Unroll, first: int, last: int) -> Unroll:
    """Steps first to last of an unroll."""
    inside = (data.final_time >= first) & (data.final_time < last)
    rows = {name: getattr(data, name)[first : last + 1] for name in ("observation", "is_first")}
    names = ("action", "reward", "terminated", "truncated", "behaviour_policy", "memory_label")
    rows |= {name: getattr(data, name)[first:last] for name in names}
    return data._replace(
        **rows,
        final_time=data.final_time[inside] - first,
        final_lane=data.final_lane[inside],
        final_observation=data.final_observation[inside],  # type: ignore[index]
    )


def update(made: Learner, data: Unroll) -> tuple[Unroll, dict[str, Any]]:
    """Evaluate an unroll and learn from it; return it with the learner's outputs, and all diagnostics."""
    attached, loss, metrics = made.evaluate(data)
    return attached, metrics | made.apply(loss)


def pairs(left: nn.Module, right: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """The parameters of two networks, side by side."""
    return zip(left.parameters(), right.parameters(), strict=True)


def furthest(left: nn.Module, right: nn.Module) -> float:
    """The largest difference of a parameter."""
    return max(float((mine - theirs).detach().abs().max()) for mine, theirs in pairs(left, right))
