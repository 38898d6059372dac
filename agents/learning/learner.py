"""The learner: V-MPO or IMPALA's policy gradient on unrolls, whoever acted them out, for any actor-critic."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.learning.config import LearnerConfig
from agents.learning.losses import distillation, vmpo
from agents.learning.losses.popart import PopArt
from agents.learning.losses.vtrace import VTrace, policy_gradient_loss, vtrace
from agents.learning.networks.actor_critic import ActorCritic, Outputs
from agents.learning.networks.previous_step import with_previous_step
from agents.learning.unroll import (
    CoreState,
    LearnerOutputs,
    Observation,
    Unroll,
    map_observation,
    replace_rows,
    select_lanes,
)

# eta and alpha are projected to at least this after every update.
SMALLEST_MULTIPLIER = 1e-8


class _Pass(NamedTuple):
    """One run of the online network over an unroll."""

    outputs: Outputs
    """[T + 1, B, ...] with gradient."""
    target_logits: Tensor
    """[T, B, A] of the frozen copy."""
    value: Tensor
    """[T + 1, B] de-normalised, without gradient."""
    state: CoreState
    """What the learner remembers after T steps."""


class Learner:
    """Owns the network that learns, its frozen copy, eta, alpha, PopArt and their optimizers.

    It runs the network over each unroll from the memory that it kept for these lanes, trains, and attaches
    what it said of every step, from which the distiller teaches the actor.

    Deviations from Song et al. 2020 and Parisotto & Salakhutdinov 2021, each a setting of the configuration,
    with the measurements behind them in docs/experiments.md: an entropy bonus, because V-MPO's top half alone
    settles on one of two goals before the cue is understood; value targets of a shorter lambda than the
    advantages, because the noise of an outcome far ahead hides what predicts it; further updates on lanes
    replayed by priority, because goals are rare at first; a weaker pull towards the actor, which always
    lags a little; and, where it is switched on, the prediction of each step's reward from what is remembered
    and the action (after Jaderberg et al. 2017, arXiv 1611.05397), because a return says little of which of
    many things remembered earned it; and, where it is switched on, the action and reward before each
    observation as inputs, since a transformer finds its way by what it did more easily than by comparing what
    it saw. Its memory is then the network's, followed by the last action and reward of each lane.

    Args:
        network: Actor-critic whose value head is an `nn.Linear` that outputs normalised values.
        config: Settings.
        device: Where everything lives.
    """

    def __init__(self, network: ActorCritic, config: LearnerConfig, device: torch.device) -> None:
        self.network, self.config, self.device = network.to(device), config, device
        # The frozen copy is asked for its policy alone.
        self.target = copy.deepcopy(self.network.acting).requires_grad_(False)
        self.popart = PopArt(config.popart_step_size).to(device)
        self.eta = nn.Parameter(torch.tensor(config.eta_init, device=device))
        self.alpha = nn.Parameter(torch.tensor(config.alpha_init, device=device))
        self.reward_head = self._new_reward_head()
        parts = [self.network] if self.reward_head is None else [self.network, self.reward_head]
        self.optimizer = torch.optim.Adam(
            [each for part in parts for each in part.parameters() if each.requires_grad],
            lr=config.learner_learning_rate,
            fused=True,
        )
        self.dual_optimizer = torch.optim.Adam(
            [self.eta, self.alpha], lr=config.dual_learning_rate, fused=True
        )
        self.entropy_coef = config.entropy_coef  # the weight at present; its owner may let it fall
        self.updates = 0
        self.core_state: CoreState | None = None

    def _new_reward_head(self) -> nn.Linear | None:
        """[..., D] features -> [..., A] reward expected of each action, at first 0; None where it is off."""
        if self.config.reward_prediction_coef == 0.0:
            return None
        head = nn.Linear(self.network.value_head.in_features, self.network.num_actions)  # type: ignore[arg-type]
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        return head.to(self.network.value_head.weight)  # type: ignore[arg-type]

    def update(
        self, unroll: Unroll, on_outputs: Callable[[Unroll, Mapping[str, Any]], None] = lambda *_: None
    ) -> tuple[Unroll, dict[str, Any]]:
        """Learn from a fresh unroll and attach the learner's outputs to it.

        Consecutive calls must bring consecutive unrolls of the same lanes, whose memory is kept here.

        Args:
            unroll: What happened.
            on_outputs: Given the unroll with the learner's outputs, and the losses, before any gradient.

        Returns:
            The unroll with `learner_state` and `learner` filled in, and the diagnostics.
        """
        state = self.core_state or self.initial_state(unroll.lanes)
        unroll = unroll._replace(learner_state=state)
        for network in (self.network, self.target):  # alike in their inputs' scale at any time
            network.observe(unroll.observation)
        result, advantage, loss, metrics = self._losses(unroll)
        self.core_state = tuple(part.detach() for part in result.state)
        learner = LearnerOutputs(
            result.outputs.logits[:-1].detach(), result.value[:-1], self.popart.sigma, advantage
        )
        unroll = unroll._replace(learner=learner)
        on_outputs(unroll, metrics)
        self._step(loss)
        return unroll, metrics | self._multipliers()

    def initial_state(self, lanes: int) -> CoreState:
        """What is remembered at the start of an episode, lane first."""
        memory = self.network.initial_state(lanes)
        if not self.config.shows_previous_step:
            return memory
        action = torch.zeros(lanes, dtype=torch.int64, device=self.device)
        return (*memory, action, torch.zeros(lanes, device=self.device))

    def replay(self, unroll: Unroll) -> dict[str, Any]:
        """Learn once more from an unroll that `update` has seen, from the memory it had then."""
        _, _, loss, metrics = self._losses(unroll)
        self._step(loss)
        return metrics | self._multipliers()

    def _losses(self, unroll: Unroll) -> tuple[_Pass, Tensor, Tensor, dict[str, Any]]:
        """What the network says of an unroll, its advantages, the sum of all losses, and the diagnostics."""
        result = self._run(unroll)
        trace = self._trace(unroll, result)
        # Between the pass and the loss: the old head's outputs are used only without gradient.
        self.popart.update(trace.target, self.network.value_head)  # type: ignore[arg-type]
        value = self.network.value_head(result.outputs.features[:-1]).squeeze(-1)
        advantage = trace.advantage / self.popart.sigma
        return result, advantage, *self._loss(unroll, result, trace, advantage, value)

    def _run(self, unroll: Unroll) -> _Pass:
        shown, state = self._shown(unroll)
        outputs, following = self.network(shown, state, unroll.is_first, carry=unroll.length)
        with torch.no_grad():
            window = map_observation(lambda x: x[:-1], shown)
            target, _ = self.target(window, self.network.acting_state(state), unroll.is_first[:-1])
        value = self.popart.denormalize(outputs.value.detach())
        if self.config.shows_previous_step:
            following = (*following, unroll.action[-1], unroll.reward[-1])
        return _Pass(outputs, target.logits, value, following)

    def _shown(self, unroll: Unroll) -> tuple[Observation, CoreState]:
        """What the network gets to see of an unroll, [T + 1, B, ...], and what it remembers before."""
        assert unroll.learner_state is not None
        if not self.config.shows_previous_step:
            return unroll.observation, unroll.learner_state
        *memory, action, reward = unroll.learner_state
        actions = torch.cat([action.unsqueeze(0), unroll.action])
        rewards = torch.cat([reward.unsqueeze(0), unroll.reward])
        return with_previous_step(unroll.observation, actions, rewards, unroll.is_first), tuple(memory)

    def _trace(self, unroll: Unroll, result: _Pass) -> VTrace:
        """Value targets and advantages, which may look ahead by different lambdas."""
        config = self.config
        terminated = unroll.done if config.timeout_is_terminal else unroll.terminated
        # V-MPO evaluates the policy that its trust region is built around, IMPALA the one that is updated.
        is_vmpo = config.rl_loss == "vmpo"
        logits = result.target_logits if is_vmpo else result.outputs.logits[:-1].detach()
        log_rho = _log_prob(logits, unroll.action) - _log_prob(unroll.behaviour_logits, unroll.action)
        trace = functools.partial(
            vtrace,
            log_rho,
            config.gamma * (~terminated).float(),
            unroll.reward,
            result.value[:-1],
            self._next_value(unroll, result.value),
            unroll.done,
            rho_bar=config.rho_bar,
            c_bar=config.c_bar,
        )
        for_value = trace(trace_decay=config.value_trace_decay)
        if config.policy_trace_decay == config.value_trace_decay:
            return for_value
        return trace(trace_decay=config.policy_trace_decay)._replace(target=for_value.target)

    @torch.no_grad()
    def _next_value(self, unroll: Unroll, value: Tensor) -> Tensor:
        """[T, B] value of what each step led to within its own episode.

        A truncated episode goes on in its last observation, which is no row of the unroll. It is put in the
        place of its successor's first one, with the memory as it stands there, in a window of its own.
        """
        following = value[1:].clone()
        if self.config.timeout_is_terminal or not len(unroll.final_time):
            return following
        time, lane = unroll.final_time, unroll.final_lane
        column = torch.arange(len(time), device=self.device)
        window = map_observation(lambda x: x[:, lane], unroll.observation)
        is_first = unroll.is_first[:, lane].clone()
        is_first[time + 1, column] = False
        assert unroll.learner_state is not None
        going_on = unroll._replace(
            observation=replace_rows(window, time + 1, column, unroll.final_observation),
            is_first=is_first,
            action=unroll.action[:, lane],
            reward=unroll.reward[:, lane],
            learner_state=select_lanes(unroll.learner_state, lane),
        )
        shown, state = self._shown(going_on)
        outputs, _ = self.network(shown, state, is_first)
        following[time, lane] = self.popart.denormalize(outputs.value[time + 1, column])
        return following

    def _loss(
        self, unroll: Unroll, result: _Pass, trace: VTrace, advantage: Tensor, value: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        config, logits = self.config, result.outputs.logits[:-1]
        learn = self._vmpo if config.rl_loss == "vmpo" else self._policy_gradient
        policy_loss, metrics = learn(unroll, logits, result, trace, advantage)
        value_loss = 0.5 * (self.popart.normalize(trace.target) - value).square()
        pull = self._pull(unroll, logits)
        surprise = self._surprise(unroll, result.outputs.features[:-1])
        entropy = distillation.entropy(logits)
        loss = policy_loss + config.value_coef * value_loss.mean() + pull - self.entropy_coef * entropy.mean()
        if surprise is not None:
            loss = loss + config.reward_prediction_coef * surprise.mean()
            metrics["loss/reward_prediction"] = surprise.mean()
        metrics |= {
            "loss/value": value_loss.mean(),
            "vtrace/rho": trace.clipped_rho.mean(),
            "vtrace/rho_clipped": (trace.clipped_rho >= config.rho_bar).float().mean(),
            "learner/entropy": entropy.mean(),
            "learner/value": result.value.mean(),
            "learner/explained_variance": _explained(trace.target, result.value[:-1]),
            "learner/advantage_std": advantage.std(),
        }
        return loss, {name: value.detach() for name, value in metrics.items()}

    def _vmpo(
        self, unroll: Unroll, logits: Tensor, result: _Pass, trace: VTrace, advantage: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        config, advantage = self.config, advantage.flatten()
        policy = vmpo.policy_loss(
            _log_prob(logits, unroll.action).flatten(),
            advantage,
            torch.ones_like(advantage, dtype=torch.bool),
            self.eta,
            config.eps_eta,
            trace.clipped_rho.flatten() if config.importance_weights else None,
        )
        region = vmpo.trust_region_loss(result.target_logits, logits, self.alpha, config.eps_alpha)
        loss = policy.policy.sum() + policy.temperature + (region.penalty + region.multiplier).mean()
        return loss, {
            "loss/policy": policy.policy.sum(),
            "vmpo/kl": region.kl.mean(),
            "vmpo/kl_over_eps_alpha": region.kl.mean() / config.eps_alpha,
            "vmpo/effective_samples": policy.effective_samples,
        }

    def _policy_gradient(
        self, unroll: Unroll, logits: Tensor, result: _Pass, trace: VTrace, advantage: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        log_prob = _log_prob(logits, unroll.action)
        loss = policy_gradient_loss(log_prob, advantage, trace.clipped_rho).mean()
        return loss, {"loss/policy": loss}

    def _pull(self, unroll: Unroll, logits: Tensor) -> Tensor | float:
        """How far the learner is from the actor, weighed; nothing where it acts for itself."""
        weight = self.config.pull_to_actor
        if weight == 0.0:
            return 0.0
        direction = self.config.distillation_direction  # type: ignore[attr-defined]
        to_actor = distillation.policy_distillation(unroll.behaviour_logits, logits, direction)
        return weight * to_actor.mean()

    def _surprise(self, unroll: Unroll, features: Tensor) -> Tensor | None:
        """[T, B] half the squared error of the reward expected of the action taken; None where it is off."""
        if self.reward_head is None:
            return None
        expected = self.reward_head(features).gather(-1, unroll.action.unsqueeze(-1)).squeeze(-1)
        return 0.5 * (unroll.reward - expected).square()

    def _step(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        self.dual_optimizer.zero_grad()
        loss.backward()
        if self.config.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.dual_optimizer.step()
        with torch.no_grad():
            self.eta.clamp_(min=SMALLEST_MULTIPLIER)
            self.alpha.clamp_(min=SMALLEST_MULTIPLIER)
        self.updates += 1
        if self.updates % self.config.target_period == 0:
            self.target.load_state_dict(self.network.acting.state_dict())

    def _multipliers(self) -> dict[str, Any]:
        return {
            "vmpo/eta": self.eta.detach(),
            "vmpo/alpha": self.alpha.detach(),
            "popart/mu": self.popart.mu,
            "popart/sigma": self.popart.sigma,
        }

    def _parts(self) -> dict[str, Any]:
        """What keeps a state of its own, by the names in ours."""
        names = ["network", "target", "popart", "optimizer", "dual_optimizer", "reward_head"]
        return {name: part for name in names if (part := getattr(self, name)) is not None}

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on."""
        return {
            **{name: part.state_dict() for name, part in self._parts().items()},
            "eta": self.eta.detach(),
            "alpha": self.alpha.detach(),
            "updates": self.updates,
            "core_state": self.core_state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        with torch.no_grad():
            self.eta.copy_(state["eta"])
            self.alpha.copy_(state["alpha"])
        self.updates = state["updates"]
        self.core_state = None if state["core_state"] is None else tuple(state["core_state"])


def _log_prob(logits: Tensor, action: Tensor) -> Tensor:
    """[T, B, A], [T, B] -> [T, B]. As a loss, because gather's gradient is slow."""
    return -F.cross_entropy(logits.flatten(0, 1), action.flatten(), reduction="none").view_as(action)


def _explained(target: Tensor, prediction: Tensor) -> Tensor:
    """Share of the targets' variance that the values explain; 1 is perfect, 0 no better than a constant."""
    return 1.0 - (target - prediction).var() / target.var().clamp_min(1e-8)
