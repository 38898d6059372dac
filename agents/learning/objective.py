"""What the learner minimises on an unroll: V-MPO or a policy gradient, and what is added to either."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from torch import Tensor, nn

from agents.learning.config import LearnerConfig
from agents.learning.distributions.discrete import Categorical
from agents.learning.losses import distillation, primal_dual, vmpo
from agents.learning.losses.decorrelation import decorrelation
from agents.learning.losses.vtrace import VTrace, policy_gradient_loss, vtrace
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.memory_head import Seen
from agents.learning.unroll import Unroll

# eta and alpha are projected to at least this after every update.
SMALLEST_MULTIPLIER = 1e-8
# The learner's pull to its actor, where it adapts, changes by this factor and stays between these.
PULL_FACTOR, SMALLEST_PULL, LARGEST_PULL = 1.2, 1e-3, 10.0

Metrics = dict[str, Tensor]


class LossInputs(NamedTuple):
    """What the losses of an unroll are made of; without gradient unless it is said."""

    unroll: Unroll
    policy: Tensor
    """[T, B, P] parameters of the distribution of the actions, with gradient."""
    target_policy: Tensor
    """[T, B, P] of the frozen copy."""
    features: Tensor
    """[T, B, D] what the heads read, with gradient."""
    core: Tensor
    """[T, B, D] what the core that acts says, with gradient."""
    inputs: Tensor
    """[T, B, F] what that core reads, with gradient."""
    value: Tensor
    """[T, B] normalised, of what is remembered, with gradient."""
    next_value: Tensor
    """[T, B] the same of the observations at t + 1, which may be of the next episode."""
    insight: Tensor | None
    """[T, B] normalised, of what is remembered and what the learner alone is shown, with gradient."""
    value_target: Tensor
    """[T, B] normalised."""
    advantage: Tensor
    """[T, B] in units of PopArt's sigma."""
    reward_unit: Tensor
    """[] the largest absolute reward so far."""
    trace: VTrace
    """What value targets and advantages were made of, in units of the return."""


class Objective:
    """Targets, advantages and the sum of all losses, with what is trained for it: eta, alpha, a reward head.

    Deviations from Song et al. 2020 and Parisotto & Salakhutdinov 2021, each a setting of the
    configuration, with the measurements behind them in docs/experiments.md: an entropy bonus, because
    V-MPO's top half alone settles on one of two goals before the cue is understood; it may be that of the
    steps that are imitated, weighed as they are (the confidence penalty of Pereyra et al. 2017, arXiv
    1701.06548); value targets of a shorter lambda than the advantages, because the noise of an outcome
    far ahead hides what predicts it; a weaker pull towards the actor, which always lags a little; and,
    where it is switched on, the prediction of each step's reward from what is remembered and the action
    (after Jaderberg et al. 2017, arXiv 1611.05397), because a return says little of which of many things
    remembered earned it; the prediction of what has to be remembered, see
    `agents.learning.memory_targets`, for the same reason; and a penalty on features that say the same.

    Args:
        config: Settings.
        network: Whose features the rewards are predicted from.
        device: Where everything lives.

    Attributes:
        pull: [] weight of the distance to the actor at present, where it adapts.
        alphas: By name, the multiplier of each trust region; see `ActionDistribution.trust_regions`.
        reward_head: [..., D] features -> [..., A] reward expected of each action, at first 0, in units of the
            largest so far; None where it is off.
    """

    def __init__(self, config: LearnerConfig, network: ActorCritic, device: torch.device) -> None:
        self.config = config
        self.eta = nn.Parameter(torch.tensor(config.eta_init, device=device))
        self.distribution = network.distribution
        self.alphas = {
            f"alpha{part}": nn.Parameter(torch.tensor(config.alpha_init, device=device))
            for part in self.distribution.trust_regions
        }
        self.pull = torch.tensor(config.pull_to_actor, device=device)
        self.memory_head = network.acting.memory_head
        self.reward_head: nn.Linear | None = None
        if config.reward_prediction_coef > 0.0:
            self.reward_head = _zero_head(network)

    def trace(
        self, unroll: Unroll, policy: Tensor, target_policy: Tensor, value: Tensor, next_value: Tensor
    ) -> VTrace:
        """Value targets and advantages [T, B], which may look ahead by different lambdas, or by one step.

        Args:
            unroll: What happened.
            policy: [T, B, P] as it is.
            target_policy: [T, B, P] of the frozen copy.
            value: [T, B] in units of the return, as `next_value`.
            next_value: [T, B] of what each step led to within its own episode.
        """
        config = self.config
        # V-MPO evaluates the policy that its trust region is built around, IMPALA the one that is updated.
        evaluated = target_policy if config.rl_loss == "vmpo" else policy.detach()
        log_prob = self.distribution.log_prob
        log_rho = log_prob(evaluated, unroll.action) - log_prob(unroll.behaviour_policy, unroll.action)
        discount = config.gamma * (~self.ended(unroll)).float()
        steps = (log_rho, discount, unroll.reward, value, next_value)
        if config.rl_loss == "primal_dual":
            return primal_dual.one_step(*steps, rho_bar=config.rho_bar)
        trace = functools.partial(vtrace, *steps, unroll.done, rho_bar=config.rho_bar, c_bar=config.c_bar)
        for_value = trace(trace_decay=config.value_trace_decay)
        if config.policy_trace_decay == config.value_trace_decay:
            return for_value
        return trace(trace_decay=config.policy_trace_decay)._replace(target=for_value.target)

    def ended(self, unroll: Unroll) -> Tensor:
        """[T, B] bool: nothing of value follows the step."""
        return unroll.done if self.config.timeout_is_terminal else unroll.terminated

    def terms(self, inputs: LossInputs, entropy_coef: float) -> tuple[dict[str, Tensor], Metrics]:
        """Return the weighted losses that are to be added, with gradient, and the diagnostics, without.

        Args:
            inputs: What the network said of an unroll, and what it should have said.
            entropy_coef: Weight of the entropy bonus at present.
        """
        config, entropies = self.config, self.distribution.entropy(inputs.policy)
        bonus = entropy = entropies.mean()
        if config.rl_loss == "vmpo":
            terms, metrics, psi = self._vmpo(inputs)
            metrics["vmpo/entropy"] = (psi * entropies.flatten()).sum()
            if config.entropy_weighting == "psi":
                bonus = metrics["vmpo/entropy"]
        else:
            terms, metrics = self._policy_gradient(inputs)
        value_loss = self._value_loss(inputs).mean()
        terms["value"] = config.value_coef * value_loss
        if inputs.insight is not None:
            judged = 0.5 * (inputs.value_target - inputs.insight).square().mean()
            terms["privileged_value"] = config.value_coef * judged
            metrics["loss/privileged_value"] = judged
        if config.pull_to_actor > 0.0:
            distance = self._distance_to_actor(inputs)
            pull = self.pull if config.pull_target > 0.0 else config.pull_to_actor
            terms["pull_to_actor"] = pull * distance
            metrics["learner/kl_to_actor"] = distance
        terms["entropy"] = -entropy_coef * bonus
        if config.decorrelation_coef > 0.0:
            alike = decorrelation(inputs.features)
            terms["decorrelation"] = config.decorrelation_coef * alike
            metrics["loss/decorrelation"] = alike
        if self.reward_head is not None:
            surprise = self._surprise(inputs, self.reward_head).mean()
            terms["reward_prediction"] = config.reward_prediction_coef * surprise
            metrics["loss/reward_prediction"] = surprise
        if self.memory_head is not None:
            seen = Seen.of(inputs.unroll, inputs.inputs, self.distribution)
            memory, told = self.memory_head.loss(inputs.core, inputs.unroll.memory_label, seen)
            terms["memory_target"] = config.memory_target_coef * memory
            metrics["loss/memory_target"] = memory
            metrics |= {f"learner/{name}": value for name, value in told.items()}
        metrics |= {"loss/value": value_loss, "learner/entropy": entropy}
        told = self.distribution.diagnostics(inputs.policy)
        metrics |= {f"learner/{name}": value for name, value in told.items()}
        return terms, {name: value.detach() for name, value in metrics.items()}

    def _vmpo(self, inputs: LossInputs) -> tuple[dict[str, Tensor], Metrics, Tensor]:
        """Return terms, diagnostics and psi [T B], the weights of the steps that are imitated."""
        config = self.config
        policy = vmpo.policy_loss(
            self.distribution.log_prob(inputs.policy, inputs.unroll.action).flatten(),
            inputs.advantage.flatten(),
            self.eta,
            config.eps_eta,
            inputs.trace.clipped_rho.flatten() if config.importance_weights else None,
        )
        region, told = self._trust_region(inputs)
        terms = {"policy": policy.policy.sum() + policy.temperature, "trust_region": region}
        metrics = {
            "loss/policy": policy.policy.sum(),
            **told,
            "vmpo/effective_samples": policy.effective_samples,
        }
        return terms, metrics, policy.weight

    def _trust_region(self, inputs: LossInputs) -> tuple[Tensor, Metrics]:
        """[] the losses of all parts of the divergence from the frozen copy, and how large these are."""
        losses: list[Tensor] = []
        metrics: Metrics = {}
        parts = self.distribution.kl_parts(inputs.target_policy.detach(), inputs.policy)
        for name, kl in zip(self.distribution.trust_regions, parts, strict=True):
            bound = getattr(self.config, f"eps_alpha{name}")
            region = vmpo.trust_region_loss(kl, self.alphas[f"alpha{name}"], bound)
            losses.append((region.penalty + region.multiplier).mean())
            metrics[f"vmpo/kl{name}"] = region.kl.mean()
            metrics[f"vmpo/kl{name}_over_eps_alpha{name}"] = region.kl.mean() / bound
        return functools.reduce(torch.add, losses), metrics

    def _policy_gradient(self, inputs: LossInputs) -> tuple[dict[str, Tensor], Metrics]:
        taken = self.distribution.log_prob(inputs.policy, inputs.unroll.action)
        loss = policy_gradient_loss(taken, inputs.advantage, inputs.trace.clipped_rho).mean()
        return {"policy": loss}, {"loss/policy": loss}

    def _value_loss(self, inputs: LossInputs) -> Tensor:
        """[T, B] normalised."""
        if self.config.rl_loss != "primal_dual":
            return 0.5 * (inputs.value_target - inputs.value).square()
        gamma, unroll = self.config.gamma, inputs.unroll
        return primal_dual.value_loss(
            inputs.value,
            inputs.next_value,
            inputs.value_target,
            primal_dual.first_states(unroll.is_first[:-1], gamma),
            gamma * (~unroll.done).float(),
            inputs.trace.clipped_rho,
            self.config.advantage_penalty,
        )

    def _distance_to_actor(self, inputs: LossInputs) -> Tensor:
        """[] the mean divergence between actor and learner, in the direction that is distilled."""
        direction = self.config.distillation_direction  # type: ignore[attr-defined]
        actor, learner = inputs.unroll.behaviour_policy, inputs.policy
        return distillation.policy_distillation(self.distribution, actor, learner, direction).mean()

    def _surprise(self, inputs: LossInputs, reward_head: nn.Linear) -> Tensor:
        """[T, B] half the squared error of the reward expected of the action taken, in their unit."""
        action, reward = inputs.unroll.action, in_units(inputs.unroll.reward, inputs.reward_unit)
        expected = reward_head(inputs.features).gather(-1, action.unsqueeze(-1)).squeeze(-1)
        return 0.5 * (reward - expected).square()

    def backtrack(self, distance: Tensor) -> None:
        """Pull the learner to its actor more strongly if it is further away than it should be, else less.

        Source: the backtracking of GPO-penalty (Li et al. 2025, arXiv 2505.15418), so that a learner which
        knows more does not run ahead of what its actor can follow. Deviation: there is a smallest pull, from
        which it can come back.

        Args:
            distance: [] nats, of fresh steps.
        """
        if self.config.pull_target > 0.0:
            factor = torch.where(distance > self.config.pull_target, PULL_FACTOR, 1 / PULL_FACTOR)
            self.pull = (self.pull * factor).clamp(SMALLEST_PULL, LARGEST_PULL)

    @torch.no_grad()
    def taught(self, inputs: LossInputs) -> Tensor:
        """[T, B, O] what the actor's memory head is to say; O is 0 where it learns from labels alone."""
        if self.memory_head is None or not self.config.teaches_memory:
            return inputs.policy.new_zeros((*inputs.value.shape, 0))
        return self.memory_head.taught(inputs.core)

    @torch.no_grad()
    def project(self) -> None:
        """Keep the multipliers positive."""
        self.eta.clamp_(min=SMALLEST_MULTIPLIER)
        for alpha in self.alphas.values():
            alpha.clamp_(min=SMALLEST_MULTIPLIER)


def in_units(reward: Tensor, unit: Tensor) -> Tensor:
    """Rewards in a unit; 0 while that is 0, when all rewards have been."""
    return torch.where(unit == 0, 0.0 * reward, reward / unit)


def _zero_head(network: ActorCritic) -> nn.Linear:
    if not isinstance(network.distribution, Categorical):
        raise ValueError("reward_prediction_coef must be 0 where actions are not those of a Discrete space")
    actions = network.distribution.num_parameters
    head = nn.Linear(network.value_head.in_features, actions)  # type: ignore[arg-type]
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head.to(network.value_head.weight)  # type: ignore[arg-type]
