"""The learner: evaluates unrolls, its own or those of another actor, and applies the loss to its network."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from agents.learning.config import LearnerConfig
from agents.learning.finite import check_finite
from agents.learning.health import feature_health, gradient_norms
from agents.learning.learner_networks import LearnerNetworks, Pass
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.parts import Insight
from agents.learning.objective import LossInputs, Objective
from agents.learning.unroll import CoreState, LearnerOutputs, Unroll

_LOGGED_AS = {"pull": "learner/pull_to_actor"}  # the others are V-MPO's
_ADAM = functools.partial(torch.optim.Adam, fused=True)


class Evaluated(NamedTuple):
    """What the learner makes of an unroll before it learns from it."""

    unroll: Unroll
    """With `learner_state` and `learner` filled in: what the replay keeps and the distiller teaches."""
    loss: Tensor
    """[] the sum of all losses, with gradient: what `Learner.apply` takes."""
    metrics: dict[str, Any]
    """Diagnostics without gradient."""


class Learner:
    """Owns the networks, the objective and the optimizers.

    `evaluate` runs the network over an unroll and attaches what it said of every step, which is all that
    replay and distiller need; `apply` follows the gradient. Between the two nothing has changed that acts.

    Deviations from Song et al. 2020 and Parisotto & Salakhutdinov 2021, each a setting of the configuration,
    with the measurements behind them in docs/experiments.md, beside those of `Objective`: further updates on
    lanes replayed by priority, because goals are rare at first; and, where it is switched on, the action and
    reward before each observation as inputs, since a transformer finds its way by what it did more easily
    than by comparing what it saw.

    Args:
        network: Actor-critic whose value head is an `nn.Linear` that outputs normalised values.
        config: Settings.
        device: Where everything lives.
        make_optimizer: Takes parameters and `lr` and returns the optimizer of the network.
        insight: Values that see parts of the observations that the network does not; None for none.

    Attributes:
        networks: All that is run over an unroll; `network`, `target`, `insight`, `popart` and `reward_unit`
            are its parts.
    """

    def __init__(
        self,
        network: ActorCritic,
        config: LearnerConfig,
        device: torch.device,
        make_optimizer: Callable[..., torch.optim.Optimizer] = _ADAM,
        insight: Insight | None = None,
    ) -> None:
        self.config, self.device = config, device
        self.networks = LearnerNetworks(network, config, device, insight)
        self.network, self.insight = self.networks.network, self.networks.insight
        self.target, self.popart = self.networks.target, self.networks.popart
        self.reward_unit = self.networks.reward_unit
        self.objective = Objective(config, self.network, device)
        parts = [self.network, self.objective.reward_head, self.insight]
        self.optimizer = make_optimizer(
            [each for part in parts if part is not None for each in part.parameters() if each.requires_grad],
            lr=config.learner_learning_rate,
        )
        duals = [self.objective.eta, *self.objective.alphas.values()]
        self.dual_optimizer = torch.optim.Adam(duals, lr=config.dual_learning_rate, fused=True)
        self.entropy_coef = config.entropy_coef  # the weight at present; its owner may let it fall
        self.updates = 0
        self.core_state: CoreState | None = None

    def evaluate(self, unroll: Unroll) -> Evaluated:
        """Say of every step of an unroll what the policy, the value and the advantage are, and what to learn.

        An unroll that comes from the actor starts from the memory that was kept here for its lanes, and
        leaves it behind for the next; such calls must bring consecutive unrolls of the same lanes. One that
        comes from replay has a `learner_state`: it starts from that, and the memory kept here stays. Either
        way the moments of PopArt move; a new unroll also moves those of the inputs, as any forward pass of a
        network in training mode that normalises, and may raise the unit of rewards.

        Raises:
            LossNotFinite: A loss is NaN or infinite.
        """
        is_new = unroll.learner_state is None
        if is_new:
            unroll = self._meet(unroll)
            unroll = unroll._replace(
                learner_state=self.core_state or self.networks.initial_state(unroll.lanes)
            )
        result = self.networks.run(unroll)
        if is_new:
            self.core_state = tuple(part.detach() for part in result.state)
        inputs = self._inputs(unroll, result)
        terms, metrics = self.objective.terms(inputs, self.entropy_coef)
        metrics |= self._diagnostics(result, inputs)
        taught = self.objective.taught(inputs)
        said = LearnerOutputs(inputs.policy.detach(), inputs.value.detach(), inputs.advantage, taught)
        unroll = unroll._replace(learner=said)
        check_finite(metrics, unroll)
        if is_new:
            if "learner/kl_to_actor" in metrics:
                self.objective.backtrack(metrics["learner/kl_to_actor"])
            metrics |= _health(terms, result.outputs.features)
        return Evaluated(unroll, sum(terms.values(), torch.zeros_like(self.popart.mu)), metrics)

    def apply(self, loss: Tensor) -> dict[str, Any]:
        """Follow the gradient of the loss of the last `evaluate`; return multipliers and moments after it."""
        self.optimizer.zero_grad()
        self.dual_optimizer.zero_grad()
        loss.backward()
        if self.config.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.dual_optimizer.step()
        self.objective.project()
        self.updates += 1
        if self.updates % self.config.target_period == 0:
            self.networks.freeze()
        return {
            **{_LOGGED_AS.get(name, f"vmpo/{name}"): value for name, value in self.multipliers().items()},
            "popart/mu": self.popart.mu,
            "popart/sigma": self.popart.sigma,
        }

    def _meet(self, unroll: Unroll) -> Unroll:
        """Take note of the scales of what has not been seen before: observations, rewards, returns, labels.

        Returns:
            The unroll, with unusual rewards marked where they are to be predicted.
        """
        self.networks.observe(unroll)
        self.popart.begin(unroll.reward, self.objective.ended(unroll), self.config.gamma)
        head = self.objective.memory_head
        if head is None:
            return unroll
        return unroll._replace(memory_label=head.meet(unroll.memory_label, unroll.reward))

    def _inputs(self, unroll: Unroll, result: Pass) -> LossInputs:
        """What the losses are made of, once the moments of PopArt have followed the targets."""
        policy = result.outputs.policy[:-1]
        next_value = self.networks.next_value(unroll, result.value)
        trace = self.objective.trace(unroll, policy, result.target_policy, result.value[:-1], next_value)
        # Between the pass and the loss: the old head's outputs are used only without gradient.
        self.popart.update(trace.target, *self.networks.value_heads)
        value = self.network.value_head(result.outputs.features).squeeze(-1)
        return LossInputs(
            unroll=unroll,
            policy=policy,
            target_policy=result.target_policy,
            features=result.outputs.features[:-1],
            core=result.outputs.core[:-1],
            inputs=result.outputs.inputs[:-1],
            value=value[:-1],
            next_value=value[1:],
            insight=None if self.insight is None else self.networks.judge(result.judging[:-1]).squeeze(-1),
            value_target=self.popart.normalize(trace.target),
            advantage=self.popart.in_sigmas(trace.advantage),
            reward_unit=self.reward_unit,
            trace=trace,
        )

    def _diagnostics(self, result: Pass, inputs: LossInputs) -> dict[str, Tensor]:
        """Of the values and of how far the policy is from the one that acted."""
        return {
            "vtrace/rho": inputs.trace.clipped_rho.mean(),
            "vtrace/rho_clipped": (inputs.trace.clipped_rho >= self.config.rho_bar).float().mean(),
            "learner/value": result.value.mean(),
            "learner/explained_variance": _explained(inputs.trace.target, result.value[:-1]),
            "learner/advantage_std": inputs.advantage.std(),
        }

    def _parts(self) -> dict[str, Any]:
        """What keeps a state of its own, by the names in ours."""
        parts = {
            "network": self.network,
            "target": self.target,
            "popart": self.popart,
            "optimizer": self.optimizer,
            "dual_optimizer": self.dual_optimizer,
            "reward_head": self.objective.reward_head,
            "insight": self.insight,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def multipliers(self) -> dict[str, Tensor]:
        """[] each: the weights that adapt in the course of training."""
        found = {"eta": self.objective.eta.detach()}
        found |= {name: alpha.detach() for name, alpha in self.objective.alphas.items()}
        return found | ({"pull": self.objective.pull} if self.config.pull_target > 0.0 else {})

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on."""
        return {
            **{name: part.state_dict() for name, part in self._parts().items()},
            **self.multipliers(),
            "reward_unit": self.reward_unit,
            "updates": self.updates,
            "core_state": self.core_state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        with torch.no_grad():
            self.objective.eta.copy_(state["eta"])
            for name, alpha in self.objective.alphas.items():
                alpha.copy_(state[name])
            if self.config.pull_target > 0.0:
                self.objective.pull = state["pull"].clone()
            self.reward_unit.copy_(state["reward_unit"])
        self.updates = state["updates"]
        self.core_state = None if state["core_state"] is None else tuple(state["core_state"])


def _health(terms: Mapping[str, Tensor], features: Tensor) -> dict[str, Tensor]:
    """Of the features, and of what each loss does to them, by the names that they are logged under."""
    norms = {f"gradient/{name}": norm for name, norm in gradient_norms(terms, features).items()}
    return norms | {f"learner/{name}": value for name, value in feature_health(features).items()}


def _explained(target: Tensor, prediction: Tensor) -> Tensor:
    """Share of the targets' variance that the values explain; 1 is perfect, 0 no better than a constant."""
    variance = target.var()
    return torch.where(variance > 0, 1.0 - (target - prediction).var() / variance, 0.0)
