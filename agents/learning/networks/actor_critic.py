"""An encoder, any recurrent core, and two heads."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from agents.learning.distributions.base import ActionDistribution
from agents.learning.distributions.discrete import Categorical
from agents.learning.networks.memory_head import MemoryHead
from agents.learning.networks.parts import observe
from agents.learning.unroll import CoreState, Observation, map_observation


class Core(Protocol):
    """What every recurrent core offers; `LSTMCore` and `GTrXLCore` document the arguments."""

    @property
    def output_size(self) -> int:
        """Width of the outputs."""

    def initial_state(self, lanes: int) -> CoreState:
        """State at the start of an episode, lane first."""

    def __call__(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int | None = None
    ) -> tuple[Tensor, CoreState]:
        """Run T steps."""


class Outputs(NamedTuple):
    """What an actor-critic says of every step."""

    policy: Tensor
    """[T, B, P]: parameters of the distribution of the actions."""
    value: Tensor
    """[T, B]: raw output of the value head; whether it is normalised is the owner's business."""
    features: Tensor
    """[T, B, D]: what the value head reads: the core's outputs, unless there are layers in between."""
    core: Tensor
    """[T, B, D]: what the core that acts says, which a memory head reads."""
    inputs: Tensor
    """[T, B, F]: what that core reads: the features of the observations."""


class ActorCritic(nn.Module):
    """Policy and value from observations, through memory.

    Args:
        encoder: Observations [N, ...] -> features [N, F].
        core: Recurrent core over [T, B, F].
        policy_head: [..., D] -> [..., P] parameters of the distribution of the actions.
        value_head: [..., D] -> [..., 1].
        value_layers: [..., D] -> [..., D'], between the core and a value head that reads D'; None for none.
        memory_head: Names, from the core's outputs, what has to be remembered; None for nothing.
        distribution: Of the actions; when None one of as many choices as the policy's last layer is wide.
    """

    distribution: ActionDistribution

    def __init__(
        self,
        encoder: nn.Module,
        core: Core,
        policy_head: nn.Module,
        value_head: nn.Module,
        value_layers: nn.Module | None = None,
        memory_head: MemoryHead | None = None,
        distribution: ActionDistribution | None = None,
    ) -> None:
        super().__init__()
        self.distribution = distribution or Categorical(_width(policy_head))
        self.value_layers, self.memory_head = value_layers, memory_head
        self.encoder, self.core, self.policy_head, self.value_head = encoder, core, policy_head, value_head

    @property
    def acting(self) -> ActorCritic:
        """The part that the policy needs: all of it, where policy and value share their core."""
        return self

    def acting_state(self, state: CoreState) -> CoreState:
        """The core state of that part."""
        return state

    def observe(self, observation: Observation) -> None:
        """Let an encoder that keeps statistics of its observations [T, B, ...] see some; others ignore it."""
        observe(self.encoder, map_observation(lambda x: x.flatten(0, 1), observation))

    def initial_state(self, lanes: int) -> CoreState:
        """Core state at the start of an episode."""
        return self.core.initial_state(lanes)

    def forward(
        self, observation: Observation, state: CoreState, is_first: Tensor, carry: int | None = None
    ) -> tuple[Outputs, CoreState]:
        """Run T steps of B lanes.

        Args:
            observation: [T, B, ...].
            state: Core state before the first step.
            is_first: [T, B] bool.
            carry: Return the state after this many steps; T when None.

        Returns:
            Outputs for every step, and the core state.
        """
        steps, lanes = is_first.shape
        flat = self.encoder(map_observation(lambda x: x.flatten(0, 1), observation))
        inputs = flat.unflatten(0, (steps, lanes))
        core, state = self.core(inputs, state, is_first, carry)
        features = core if self.value_layers is None else self.value_layers(core)
        value = self.value_head(features).squeeze(-1)
        return Outputs(self.policy_head(core), value, features, core, inputs), state

    @torch.no_grad()
    def step(self, observation: Observation, state: CoreState, is_first: Tensor) -> tuple[Outputs, CoreState]:
        """One step without gradient: observation [B, ...], is_first [B] -> outputs without a time axis."""
        outputs, state = self(
            map_observation(lambda x: x.unsqueeze(0), observation), state, is_first.unsqueeze(0)
        )
        return Outputs(*(part.squeeze(0) for part in outputs)), state


class AsymmetricActorCritic(ActorCritic):
    """Policy and value from two networks that share nothing: only the policy's is needed to act.

    Args:
        actor: Gives the policy; its value head is not used.
        critic: Gives the values; its policy head is not used.
    """

    def __init__(self, actor: ActorCritic, critic: ActorCritic) -> None:
        nn.Module.__init__(self)
        self.actor, self.critic = actor, critic
        for unused in (actor.value_layers, actor.value_head, critic.policy_head, critic.memory_head):
            if unused is not None:
                unused.requires_grad_(False)

    @property
    def distribution(self) -> ActionDistribution:  # type: ignore[override]
        """Of the actor's actions."""
        return self.actor.distribution

    @property
    def value_head(self) -> nn.Module:  # type: ignore[override]
        """The critic's."""
        return self.critic.value_head

    @property
    def acting(self) -> ActorCritic:
        """The actor."""
        return self.actor

    def acting_state(self, state: CoreState) -> CoreState:
        """The actor's share of a core state, which comes first."""
        return state[: len(state) - len(self.critic.initial_state(0))]

    def observe(self, observation: Observation) -> None:
        """Let both see some."""
        self.actor.observe(observation)
        self.critic.observe(observation)

    def initial_state(self, lanes: int) -> CoreState:
        """The actor's core state, then the critic's."""
        return (*self.actor.initial_state(lanes), *self.critic.initial_state(lanes))

    def forward(
        self, observation: Observation, state: CoreState, is_first: Tensor, carry: int | None = None
    ) -> tuple[Outputs, CoreState]:
        """Run T steps of B lanes through both; `features` are the critic's, from which the values come."""
        acting = self.acting_state(state)
        actor, actor_state = self.actor(observation, acting, is_first, carry)
        critic, critic_state = self.critic(observation, state[len(acting) :], is_first, carry)
        outputs = Outputs(actor.policy, critic.value, critic.features, actor.core, actor.inputs)
        return outputs, (*actor_state, *critic_state)


def _width(policy_head: nn.Module) -> int:
    """Outputs of its last layer."""
    return [each for each in policy_head.modules() if isinstance(each, nn.Linear)][-1].out_features
