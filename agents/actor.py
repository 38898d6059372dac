"""The actor: a policy that steps a vector of environments and writes down unrolls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from agents.networks.actor_critic import ActorCritic
from agents.unroll import Observation, Unroll, map_observation

# Called after every vector step with what happened; False asks to stop.
OnStep: TypeAlias = Callable[[Mapping[str, Any]], bool]


class SteppedEnv(Protocol):
    """What the actor asks of a vector of environments; SB3's `VecEnv` has it."""

    num_envs: int

    def step(self, actions: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Step all lanes.

        Args:
            actions: [B] int64.

        Returns:
            Observations [B, ...], rewards [B], dones [B] bool and one info per lane. A lane that is done has
            been reset: its observation is the first of the next episode, and its info holds
            `terminal_observation` and `TimeLimit.truncated`.
        """


class Actor:
    """Steps every lane of a vector of environments with a recurrent policy.

    Args:
        network: The acting policy; shared with whoever trains it.
        lanes: Lanes of the environments that it steps.
        unroll_length: Steps T per unroll.
        seed: Of the actor's own generator, which draws the actions.
        device: Where the network lives.
    """

    def __init__(
        self, network: ActorCritic, lanes: int, unroll_length: int, seed: int, device: torch.device
    ) -> None:
        self.network, self.unroll_length, self.device = network, unroll_length, device
        self.generator = torch.Generator(device=device).manual_seed(seed)
        self.core_state = network.initial_state(lanes)
        self.is_first = torch.ones(lanes, dtype=torch.bool, device=device)
        self.observation: Observation | None = None

    def begin(self, observation: Any) -> None:
        """Take the first observations of new episodes in all lanes."""
        self.observation = self._tensor(observation)
        self.is_first = torch.ones_like(self.is_first)

    def last_observation(self) -> Any:
        """What the environments showed last, as numpy."""
        assert self.observation is not None
        if isinstance(self.observation, dict):
            return {key: value.cpu().numpy() for key, value in self.observation.items()}
        return self.observation.cpu().numpy()

    def collect(self, env: SteppedEnv, on_step: OnStep) -> Unroll | None:
        """T steps of all lanes; None if `on_step` asked to stop, with the steps until then lost to training.

        Args:
            env: As many lanes as the actor has.
            on_step: Called after every vector step with `actions`, `rewards`, `dones`, `infos` and `new_obs`.
        """
        if self.observation is None:
            raise RuntimeError(
                "Actor.collect before Actor.begin: pass the environments' first observations to begin()"
            )
        record = _Record(self.core_state)
        for time in range(self.unroll_length):
            outputs, self.core_state = self.network.step(self.observation, self.core_state, self.is_first)
            action = sample(outputs.logits, self.generator)
            record.add(self.observation, self.is_first, action, outputs.logits)
            actions = action.cpu().numpy()
            observation, rewards, dones, infos = env.step(actions)
            record.outcome(time, rewards, dones, infos)
            self.observation = self._tensor(observation)
            self.is_first = torch.as_tensor(dones, device=self.device)
            step = {
                "actions": actions,
                "rewards": rewards,
                "dones": dones,
                "infos": infos,
                "new_obs": observation,
            }
            if not on_step(step):
                return None
        return record.unroll(self.observation, self.is_first, self._tensor)

    def _tensor(self, observation: Any) -> Observation:
        if isinstance(observation, dict):
            return {key: torch.as_tensor(value, device=self.device) for key, value in observation.items()}
        return torch.as_tensor(observation, device=self.device)

    def state_dict(self) -> dict[str, Any]:
        """All that the next unroll depends on, the environment and the network's weights apart."""
        return {
            "generator": self.generator.get_state(),
            "core_state": self.core_state,
            "is_first": self.is_first,
            "observation": self.observation,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.generator.set_state(state["generator"])
        self.core_state = tuple(state["core_state"])
        self.is_first, self.observation = state["is_first"], state["observation"]


class _Record:
    """An unroll in the making."""

    def __init__(self, core_state: tuple[Tensor, ...]) -> None:
        self.core_state = core_state
        self.observations: list[Observation] = []
        self.is_first: list[Tensor] = []
        self.actions: list[Tensor] = []
        self.logits: list[Tensor] = []
        self.rewards: list[np.ndarray] = []
        self.terminated: list[np.ndarray] = []
        self.truncated: list[np.ndarray] = []
        self.finals: list[tuple[int, int, Any]] = []

    def add(self, observation: Observation, is_first: Tensor, action: Tensor, logits: Tensor) -> None:
        self.observations.append(observation)
        self.is_first.append(is_first)
        self.actions.append(action)
        self.logits.append(logits)

    def outcome(self, time: int, rewards: np.ndarray, dones: np.ndarray, infos: list[dict[str, Any]]) -> None:
        truncated = np.zeros_like(dones)
        for lane in np.flatnonzero(dones):
            if infos[lane].get("TimeLimit.truncated", False):
                truncated[lane] = True
                self.finals.append((time, int(lane), infos[lane]["terminal_observation"]))
        self.rewards.append(rewards)
        self.truncated.append(truncated)
        self.terminated.append(dones & ~truncated)

    def unroll(
        self, last: Observation, last_is_first: Tensor, tensor: Callable[[Any], Observation]
    ) -> Unroll:
        device = last_is_first.device

        def stacked(rows: list[np.ndarray], dtype: torch.dtype) -> Tensor:
            return torch.as_tensor(np.stack(rows), device=device).to(dtype)

        times, lanes = ([final[k] for final in self.finals] for k in (0, 1))
        return Unroll(
            observation=_stack([*self.observations, last]),
            is_first=torch.stack([*self.is_first, last_is_first]),
            action=torch.stack(self.actions),
            reward=stacked(self.rewards, torch.float32),
            terminated=stacked(self.terminated, torch.bool),
            truncated=stacked(self.truncated, torch.bool),
            behaviour_logits=torch.stack(self.logits),
            actor_state=self.core_state,
            final_time=torch.tensor(times, dtype=torch.int64, device=device),
            final_lane=torch.tensor(lanes, dtype=torch.int64, device=device),
            final_observation=self._finals(last, tensor),
        )

    def _finals(self, like: Observation, tensor: Callable[[Any], Observation]) -> Observation:
        if self.finals:
            return _stack([tensor(final[2]) for final in self.finals])
        return map_observation(lambda x: x[:0], like)


def sample(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Actions [B] from logits [B, A]: the exponential race, i.e. Gumbel's trick without logarithms."""
    race = torch.empty_like(logits).exponential_(generator=generator)
    return (torch.softmax(logits, dim=-1) / race).argmax(dim=-1)


def _stack(rows: list[Observation]) -> Observation:
    if isinstance(rows[0], dict):
        return {key: torch.stack([row[key] for row in rows]) for key in rows[0]}  # type: ignore[index]
    return torch.stack(rows)  # type: ignore[arg-type]
