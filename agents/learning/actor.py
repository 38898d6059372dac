"""The actor: a policy that steps a vector of environments and writes down unrolls."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.learning.memory_targets import Infos, MemoryTargets
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.steps import OnStep, Step, SteppedEnv
from agents.learning.unroll import (
    CoreState,
    Observation,
    Unroll,
    map_observation,
    observation_to_tensors,
)


class Actor:
    """Steps every lane of a vector of environments with a recurrent policy.

    Args:
        network: The acting policy; shared with its trainer.
        lanes: Lanes of the environments that it steps.
        unroll_length: Steps T per unroll.
        seed: Of the actor's own generator, which draws the actions.
        device: Where the network lives.
        rows_of: (first, all): draw random numbers for `all` lanes, and use those of one's own, which begin
            with `first`, so that actors with equal seeds act as one; None draws one's own alone.
        targets: What memory is taught to predict; None for nothing.
    """

    def __init__(
        self,
        network: ActorCritic,
        lanes: int,
        unroll_length: int,
        seed: int,
        device: torch.device,
        rows_of: tuple[int, int] | None = None,
        targets: MemoryTargets | None = None,
    ) -> None:
        self.targets = targets or MemoryTargets(())
        self.network, self.unroll_length, self.device = network, unroll_length, device
        self.generator = torch.Generator(device=device)
        self._rows_of = rows_of
        self.seed(seed)
        self.core_state = network.initial_state(lanes)
        self.is_first = torch.ones(lanes, dtype=torch.bool, device=device)
        self.observation: Observation | None = None
        self.told = torch.as_tensor(np.zeros((lanes, len(self.targets)), self.targets.dtype), device=device)
        self._begun: _Record | None = None  # the unroll that was stopped in its middle

    def seed(self, seed: int) -> None:
        """Draw the coming actions from a new stream."""
        self.generator.manual_seed(seed)

    def begin(self, observation: Any, infos: Infos = ()) -> None:
        """Take the first observations of new episodes in all lanes; an unroll in progress is given up.

        Args:
            observation: Of all lanes.
            infos: Beside them; not needed without memory targets.

        Raises:
            ValueError: They do not tell a memory target.
        """
        if len(self.targets):
            self.told = torch.as_tensor(self.targets.told(infos), device=self.device)
        self.observation = observation_to_tensors(observation, self.device)
        self.is_first = torch.ones_like(self.is_first)
        self._begun = None

    def last_observation(self) -> Any:
        """What the environments showed last, as numpy."""
        assert self.observation is not None
        return map_observation(lambda part: part.cpu().numpy(), self.observation)

    def collect(
        self, env: SteppedEnv, on_step: OnStep, on_collected: Callable[[], None] = lambda: None
    ) -> Unroll | None:
        """T steps of all lanes, or None if `on_step` asked to stop: the next call then completes the unroll.

        Args:
            env: As many lanes as the actor has.
            on_step: Called after every vector step with the actions and what they brought.
            on_collected: Called at the end, while `state_dict` still holds the unroll.

        Raises:
            RuntimeError: There are no first observations yet.
            ValueError: `env` has another number of lanes.
        """
        self._check(env)
        self.network.eval()  # whoever trains it has it in training mode
        record = self._begun = self._begun or _Record(self.core_state)
        while len(record.actions) < self.unroll_length:
            if not on_step(*self._step(env, record)):
                return None
        on_collected()
        self._begun = None
        assert self.observation is not None
        return record.unroll(self.observation, self.is_first, self.targets)

    def _check(self, env: SteppedEnv) -> None:
        if self.observation is None:
            raise RuntimeError(
                "Actor.collect before Actor.begin: pass the environments' first observations to begin()"
            )
        if env.num_envs != len(self.is_first):
            raise ValueError(f"env must have the actor's {len(self.is_first)} lanes, got {env.num_envs}")

    def _step(self, env: SteppedEnv, record: _Record) -> tuple[np.ndarray, Step]:
        """One step, which changes nothing here if the environments fail."""
        assert self.observation is not None
        outputs, core_state = self.network.step(self.observation, self.core_state, self.is_first)
        distribution = self.network.distribution
        action = distribution.sample(outputs.policy, self.generator, self._rows_of)
        actions = distribution.as_taken(action)
        step = env.step(actions)
        label, self.told = self._labels(step)
        record.labels.append(label)
        record.decided(self.observation, self.is_first, action, outputs.policy)
        record.happened(step, self.device)
        self.core_state = core_state
        self.observation = observation_to_tensors(step.observation, self.device)
        self.is_first = torch.tensor(step.done, device=self.device)
        return actions, step

    def _labels(self, step: Step) -> tuple[Tensor, Tensor]:
        """[B, M] the labels of a step, and those that are told of what it led to."""
        if not len(self.targets):
            return self.told, self.told
        happened = torch.as_tensor(self.targets.happened(step.infos), device=self.device)
        following = torch.as_tensor(self.targets.told(step.infos_beside), device=self.device)
        return self.told + happened, following  # each is 0 where the other is not

    def state_dict(self) -> dict[str, Any]:
        """All that the next unroll depends on, the environment and the network's weights apart."""
        return {
            "generator": self.generator.get_state(),
            "core_state": self.core_state,
            "is_first": self.is_first,
            "observation": self.observation,
            "told": self.told,
            "begun": None if self._begun is None else self._begun.copied(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.generator.set_state(state["generator"].cpu())
        self.core_state = tuple(state["core_state"])
        self.is_first, self.observation = state["is_first"], state["observation"]
        self.told = state["told"]
        self._begun = None if state["begun"] is None else _Record(**_Record(**state["begun"]).copied())


@dataclass
class _Record:
    """An unroll in the making: an entry per step in each list but `finals`, which has one per truncation."""

    core_state: CoreState
    observations: list[Observation] = field(default_factory=list)
    is_first: list[Tensor] = field(default_factory=list)
    actions: list[Tensor] = field(default_factory=list)
    policies: list[Tensor] = field(default_factory=list)
    rewards: list[np.ndarray] = field(default_factory=list)
    terminated: list[np.ndarray] = field(default_factory=list)
    truncated: list[np.ndarray] = field(default_factory=list)
    finals: list[tuple[int, int, Observation]] = field(default_factory=list)
    labels: list[Tensor] = field(default_factory=list)

    def copied(self) -> dict[str, Any]:
        """The fields, in lists of their own."""
        return {name: copy.copy(value) for name, value in vars(self).items()}

    def decided(self, observation: Observation, is_first: Tensor, action: Tensor, policy: Tensor) -> None:
        self.observations.append(observation)
        self.is_first.append(is_first)
        self.actions.append(action)
        self.policies.append(policy)

    def happened(self, step: Step, device: torch.device) -> None:
        truncated = step.truncated & ~step.terminated  # whose rules end it has nothing left to be cut
        for lane in np.flatnonzero(truncated).tolist():
            final = observation_to_tensors(step.final_observation[lane], device)
            self.finals.append((len(self.rewards), lane, final))
        self.rewards.append(np.array(step.reward, dtype=np.float32))
        self.terminated.append(np.array(step.terminated))
        self.truncated.append(truncated)

    def unroll(self, last: Observation, last_is_first: Tensor, targets: MemoryTargets) -> Unroll:
        device = last_is_first.device
        terminated = torch.as_tensor(np.stack(self.terminated), device=device)
        truncated = torch.as_tensor(np.stack(self.truncated), device=device)
        times, lanes = ([final[k] for final in self.finals] for k in (0, 1))
        return Unroll(
            observation=_stack([*self.observations, last]),
            is_first=torch.stack([*self.is_first, last_is_first]),
            action=torch.stack(self.actions),
            reward=torch.as_tensor(np.stack(self.rewards), device=device),
            terminated=terminated,
            truncated=truncated,
            behaviour_policy=torch.stack(self.policies),
            actor_state=self.core_state,
            final_time=torch.tensor(times, dtype=torch.int64, device=device),
            final_lane=torch.tensor(lanes, dtype=torch.int64, device=device),
            final_observation=self._finals(last),
            memory_label=targets.backwards(torch.stack(self.labels), terminated | truncated),
        )

    def _finals(self, like: Observation) -> Observation:
        if self.finals:
            return _stack([final[2] for final in self.finals])
        return map_observation(lambda x: x[:0], like)


def _stack(rows: list[Observation]) -> Observation:
    return map_observation(lambda *tensors: torch.stack(tensors), *rows)
