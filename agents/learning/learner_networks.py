"""The networks of the learner, and how they are run over an unroll."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from agents.learning.config import LearnerConfig
from agents.learning.losses.popart import PopArt
from agents.learning.networks.actor_critic import ActorCritic, Outputs
from agents.learning.networks.parts import Insight
from agents.learning.networks.previous_step import with_previous_step
from agents.learning.objective import in_units
from agents.learning.unroll import CoreState, Observation, Unroll, beyond_truncations, map_observation


class Pass(NamedTuple):
    """One run of the networks over an unroll."""

    outputs: Outputs
    """[T + 1, B, ...] of the network that learns, with gradient."""
    target_policy: Tensor
    """[T, B, P] of the frozen copy."""
    judging: Tensor
    """[T + 1, B, H] what the values are read from that targets and advantages are made of, with gradient."""
    value: Tensor
    """[T + 1, B] these, de-normalised, without gradient."""
    state: CoreState
    """What the learner remembers after T steps."""


class LearnerNetworks:
    """The network that learns, its frozen copy, the values that may see more than either, and their scales.

    With an `insight`, targets and advantages are made of its values, which know more than the policy; those
    of the network itself, which do not, are what the actor is taught.

    Where it is switched on, the network is shown the action and reward before each observation. What is
    remembered is then its memory, followed by the last action and reward of each lane.

    Dropout and BatchNorm are in training mode where there is a gradient, and nowhere else.

    Args:
        network: Actor-critic whose value head is an `nn.Linear` that outputs normalised values.
        config: Settings.
        device: Where everything lives.
        insight: Values that see parts of the observations that the network does not; None for none.

    Attributes:
        target: The frozen copy, of what says the policy.
        popart: The scale of returns.
        reward_unit: [] the largest absolute reward so far, the unit of rewards as inputs and of their
            prediction; so what is learnt does not depend on their scale.
    """

    def __init__(
        self, network: ActorCritic, config: LearnerConfig, device: torch.device, insight: Insight | None
    ) -> None:
        self.insight = None if insight is None else insight.to(device)
        self.network, self.config, self.device = network.to(device), config, device
        self.target = copy.deepcopy(self.network.acting).requires_grad_(False).eval()
        self.popart = PopArt(config.popart_step_size).to(device)
        self.reward_unit = torch.zeros((), device=device)

    @property
    def judge(self) -> nn.Linear:
        """Reads from `Pass.judging` the normalised values that targets and advantages are made of."""
        return self.value_heads[-1]

    @property
    def value_heads(self) -> list[nn.Linear]:
        """All whose outputs are normalised values."""
        heads = [self.network.value_head, *([] if self.insight is None else [self.insight.value_head])]
        return heads  # type: ignore[return-value]

    def initial_state(self, lanes: int) -> CoreState:
        """What is remembered at the start of an episode, lane first."""
        memory = self.network.initial_state(lanes)
        if not self.config.shows_previous_step:
            return memory
        action = self.network.distribution.no_actions(lanes, self.device)
        return (*memory, action, torch.zeros(lanes, device=self.device))

    def freeze(self) -> None:
        """Make the frozen copy what the network is now."""
        self.target.load_state_dict(self.network.acting.state_dict())

    def observe(self, unroll: Unroll) -> None:
        """Take note of the scales of observations and rewards that have not been seen before."""
        self.network.eval()
        for network in (self.network, self.target):  # alike in their inputs' scale at any time
            network.observe(unroll.observation)
        if self.insight is not None:
            self.insight.observe(unroll.observation)
        torch.maximum(self.reward_unit, unroll.reward.abs().amax(), out=self.reward_unit)

    def run(self, unroll: Unroll) -> Pass:
        """Run all of them over an unroll, from its `learner_state`."""
        shown, state = self._shown(unroll)
        self.network.train()
        outputs, following = self.network(shown, state, unroll.is_first, carry=unroll.length)
        with torch.no_grad():
            window = map_observation(lambda x: x[:-1], shown)
            target, _ = self.target(window, self.network.acting_state(state), unroll.is_first[:-1])
        judging = self._judging(shown, outputs)
        value = self.popart.denormalize(self.judge(judging).detach().squeeze(-1))
        if self.config.shows_previous_step:
            following = (*following, unroll.action[-1], unroll.reward[-1])
        return Pass(outputs, target.policy, judging, value, following)

    @torch.no_grad()
    def next_value(self, unroll: Unroll, value: Tensor) -> Tensor:
        """Return the value [T, B] of what each step led to within its own episode.

        Args:
            unroll: What `value` is of.
            value: [T + 1, B] in units of the return. A truncated episode is gone on with, since the
                observation after its last step is of another one.
        """
        following = value[1:].clone()
        if self.config.timeout_is_terminal or not len(unroll.final_time):
            return following
        going_on, row, column = beyond_truncations(unroll)
        shown, state = self._shown(going_on)
        self.network.eval()
        outputs, _ = self.network(shown, state, going_on.is_first)
        beyond = self.judge(self._judging(shown, outputs)[row, column]).squeeze(-1)
        following[unroll.final_time, unroll.final_lane] = self.popart.denormalize(beyond)
        return following

    def _judging(self, shown: Observation, outputs: Outputs) -> Tensor:
        return outputs.features if self.insight is None else self.insight(shown, outputs.core)

    def _shown(self, unroll: Unroll) -> tuple[Observation, CoreState]:
        """What the network gets to see of an unroll, [T + 1, B, ...], and what it remembers before."""
        assert unroll.learner_state is not None
        if not self.config.shows_previous_step:
            return unroll.observation, unroll.learner_state
        *memory, action, reward = unroll.learner_state
        actions = self.network.distribution.features(torch.cat([action.unsqueeze(0), unroll.action]))
        rewards = in_units(torch.cat([reward.unsqueeze(0), unroll.reward]), self.reward_unit)
        return with_previous_step(unroll.observation, actions, rewards, unroll.is_first), tuple(memory)
