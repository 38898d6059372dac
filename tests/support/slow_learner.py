"""The learner as a slow version that takes every episode by itself."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.learning.learner import Learner
from agents.learning.losses import vmpo
from agents.learning.networks.actor_critic import ActorCritic, Outputs
from agents.learning.unroll import CoreState, Unroll, select_lanes
from tests.support import oracles
from tests.support.learners import GAMMA, INPUT, LANES
from tests.support.oracles import TERMINATED, TRUNCATED


def warmed(network: ActorCritic) -> CoreState:
    """The memory of episodes in progress."""
    torch.manual_seed(3)
    inputs = torch.randn(9, LANES, INPUT, dtype=torch.float64)
    state = network.initial_state(LANES)
    with torch.no_grad():
        return network(inputs, state, torch.zeros(9, LANES, dtype=torch.bool))[1]


class Slow:
    """What the learner should compute, one piece of an episode after another.

    Every piece is a window of its own for the network: from the state before the unroll if it began earlier,
    from empty memory if it did not. What follows a truncation is valued by one more step in that window.
    """

    def __init__(self, fast: Learner, state: CoreState) -> None:
        self.network, self.target = copy.deepcopy(fast.network), fast.target
        self.config, self.state = fast.config, state

    def loss(self, data: Unroll) -> Tensor:
        """All but what eta and alpha alone learn from."""
        config, (logits, value, target_policy, trace) = self.config, self.outputs(data)
        log_prob, advantage = picked(logits, data.action).flatten(), trace["advantage"].flatten()
        eta = torch.tensor(config.eta_init)
        policy = vmpo.policy_loss(log_prob, advantage, eta, config.eps_eta)
        log_pi, pull = logits.log_softmax(-1), config.policy_coef * config.learner_regularisation
        entropy = -(log_pi.exp() * log_pi).sum(-1).flatten()
        share = policy.weight if config.entropy_weighting == "psi" else 1 / len(entropy)
        return (
            policy.policy.sum()
            + config.alpha_init * divergence(target_policy, logits).mean()
            + config.value_coef * (0.5 * (trace["target"] - value) ** 2).mean()
            + pull * divergence(data.behaviour_policy, logits).mean()
            - config.entropy_coef * (share * entropy).sum()
        )

    def outputs(self, data: Unroll) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """[T, B, ...] logits, values, the target's logits, and targets and advantages by V-trace."""
        steps, lanes = data.action.shape
        rows: list[list[Any]] = [[None] * lanes for _ in range(steps)]
        for lane in range(lanes):
            for first, last, how in oracles.pieces(endings(data, lane)):
                piece = self._piece(data, lane, first, last, how)
                for t in range(first, last):
                    rows[t][lane] = [part[t - first] for part in piece]
        logits, value, target_policy, target, advantage = (
            torch.stack([torch.stack([cell[k] for cell in row]) for row in rows]) for k in range(5)
        )
        return logits, value, target_policy, {"target": target, "advantage": advantage}

    def _piece(self, data: Unroll, lane: int, first: int, last: int, how: int) -> tuple[Tensor, ...]:
        assert isinstance(data.observation, Tensor)
        window = data.observation[first:last, lane]
        outputs = self._run(self.network, window, data, lane, first)
        with torch.no_grad():
            target_policy = self._run(self.target, window, data, lane, first).policy
            beyond = self._beyond(data, lane, first, last, how)
        action, mu = data.action[first:last, lane], data.behaviour_policy[first:last, lane]
        values = np.append(outputs.value.detach().numpy(), beyond)
        ratios = (picked(target_policy, action) - picked(mu, action)).exp().numpy()
        rewards = data.reward[first:last, lane].numpy()
        of_value, of_policy = (
            torch.tensor(oracles.vtrace_episode(rewards, values, ratios, GAMMA, trace_decay=decay))
            for decay in (self.config.value_trace_decay, self.config.policy_trace_decay)
        )
        return outputs.policy, outputs.value, target_policy, of_value[0], of_policy[1]

    def _beyond(self, data: Unroll, lane: int, first: int, last: int, how: int) -> float:
        """The value of what followed the last step of a piece, in that episode."""
        if how == TERMINATED or (how == TRUNCATED and self.config.timeout_is_terminal):
            return 0.0
        assert isinstance(data.observation, Tensor) and isinstance(data.final_observation, Tensor)
        if how == TRUNCATED:
            [k] = ((data.final_time == last - 1) & (data.final_lane == lane)).nonzero()
            following = data.final_observation[k]
        else:
            following = data.observation[last:, lane]
        window = torch.cat([data.observation[first:last, lane], following])
        return float(self._run(self.network, window, data, lane, first).value[-1])

    def _run(self, network: ActorCritic, window: Tensor, data: Unroll, lane: int, first: int) -> Outputs:
        inside = first == 0 and not bool(data.is_first[0, lane])
        state = select_lanes(self.state, torch.tensor([lane])) if inside else network.initial_state(1)
        outputs, _ = network(window.unsqueeze(1), state, torch.zeros(len(window), 1, dtype=torch.bool))
        return Outputs(*(part.squeeze(1) for part in outputs))


def endings(data: Unroll, lane: int) -> list[int]:
    return (TERMINATED * data.terminated[:, lane] + TRUNCATED * data.truncated[:, lane].int()).tolist()


def picked(logits: Tensor, action: Tensor) -> Tensor:
    return logits.log_softmax(-1).gather(-1, action.unsqueeze(-1)).squeeze(-1)


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    """KL(p || q)."""
    p, q = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1)
