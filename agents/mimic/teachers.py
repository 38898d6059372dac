"""Teachers: what they would do at each step that the student takes, in all lanes of all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from agents.ald.policy import LSTMActorPolicy
from agents.baselines.vmpo.policies import MemoryPolicy
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.unroll import Observation, map_observation
from agents.pretrained.store import load_pretrained, names
from agents.runs.trained import load_model
from agents.vec_env.gymnasium import GymnasiumVecEnv
from agents.vec_env.joined import JoinedVecEnv
from agents.vec_env.steps import unwrapped
from memory_envs.policies import REFERENCES, ReferenceLanes
from memory_envs.registry.lookup import did_you_mean


class Teacher(Protocol):
    """Who teaches in the lanes of one task."""

    def asked(self, observation: Observation, is_first: Tensor) -> Tensor:
        """Return the logits [N, A] of what it would do now, -inf for what it would not.

        Args:
            observation: [N, ...], what the student is shown.
            is_first: [N] bool, where an episode begins with it.
        """

    def took(self, actions: np.ndarray) -> None:
        """Take in what the student did, [N]."""


class ReferenceTeacher:
    """A reference policy of the suite, which looks at the environment itself; see `ReferenceLanes`."""

    def __init__(self, lanes: ReferenceLanes) -> None:
        self._lanes = lanes

    def asked(self, observation: Observation, is_first: Tensor) -> Tensor:
        """Return log-probabilities; see `Teacher`."""
        chances = self._lanes.chances(is_first.cpu().numpy())
        return torch.as_tensor(chances, dtype=torch.float32, device=is_first.device).log()

    def took(self, actions: np.ndarray) -> None:
        """Let what it remembers be what the student has lived through."""
        self._lanes.took(actions)


class ModelTeacher:
    """A trained network, with a memory of its own of what the student has seen."""

    def __init__(self, network: ActorCritic, lanes: int) -> None:
        self._network = network.eval()
        self._state = network.initial_state(lanes)

    def asked(self, observation: Observation, is_first: Tensor) -> Tensor:
        """Return logits; see `Teacher`."""
        outputs, self._state = self._network.step(observation, self._state, is_first)
        return outputs.policy

    def took(self, actions: np.ndarray) -> None:
        """Do nothing: the networks here are not shown actions."""


class Teachers:
    """The teachers of all tasks, each in the lanes of its own.

    Args:
        teachers: With the number of lanes of each.
        temperature: What their logits are divided by.
    """

    def __init__(self, teachers: Sequence[tuple[Teacher, int]], temperature: float) -> None:
        ends = np.cumsum([lanes for _, lanes in teachers]).tolist()
        self._teachers = [
            (teacher, slice(end - lanes, end)) for (teacher, lanes), end in zip(teachers, ends, strict=True)
        ]
        self._temperature = temperature

    def asked(self, observation: Observation, is_first: Tensor) -> Tensor:
        """Return the log-probabilities [B, A] of what they teach; arguments as of `Teacher.asked`."""
        logits = [
            teacher.asked(map_observation(lambda x, own=own: x[own], observation), is_first[own])
            for teacher, own in self._teachers
        ]
        return (torch.cat(logits) / self._temperature).log_softmax(dim=-1)

    def took(self, actions: np.ndarray) -> None:
        """Tell each what the student did in its lanes, [B]."""
        for teacher, own in self._teachers:
            teacher.took(actions[own])


def teachers_of(
    env: VecEnv, chosen: Sequence[str], temperature: float, device: torch.device, seed: int | None
) -> Teachers:
    """Return the teachers of the tasks that share the lanes of an environment.

    Args:
        env: A `JoinedVecEnv` of several tasks, or any other VecEnv of one.
        chosen: One name for all tasks or one for each, as the setting `teachers` has them.
        temperature: What their logits are divided by.
        device: Where the student's network lives.
        seed: Of what reference policies draw.

    Raises:
        ValueError: There is no such teacher, it does not fit its task, or there are too many or too few.
        FileNotFoundError: A path leads nowhere, or to no run.
    """
    inner = unwrapped(env)
    parts = inner.parts if isinstance(inner, JoinedVecEnv) else (env,)
    if len(chosen) not in (1, len(parts)):
        one_each = f", or one for each of the {len(parts)} tasks" if len(parts) > 1 else ""
        raise ValueError(f"teachers must be one name{one_each}, got {', '.join(chosen)}")
    each = chosen if len(chosen) == len(parts) else [*chosen] * len(parts)
    made = [
        (_teacher(name, env, part, device, None if seed is None else seed + number), part.num_envs)
        for number, (name, part) in enumerate(zip(each, parts, strict=True))
    ]
    return Teachers(made, temperature)


def _teacher(name: str, env: VecEnv, part: VecEnv, device: torch.device, seed: int | None) -> Teacher:
    if name in REFERENCES:
        inner = unwrapped(part)
        native = inner.env.unwrapped if isinstance(inner, GymnasiumVecEnv) else None
        try:
            return ReferenceTeacher(ReferenceLanes(name, native, seed))
        except TypeError:
            raise ValueError(
                f"teacher {name!r} plays vector environments of memory_envs alone, got lanes of "
                f"{type(inner).__name__}: let a trained model teach there"
            ) from None
        except ValueError as problem:
            raise ValueError(f"teacher {name!r} does not fit its task: {problem}") from problem
    model: Any
    if name in names():
        model = load_pretrained(name).model
    elif Path(name).exists():
        model = load_model(name, str(device))
    else:
        choices = [*REFERENCES, *names()]
        raise ValueError(
            f"there is no teacher {name!r}{did_you_mean(name, choices)} (there are {', '.join(choices)}, and "
            "the paths of runs and model files)"
        )
    return ModelTeacher(_network(name, model, env).to(device), part.num_envs)


def _network(name: str, model: Any, env: VecEnv) -> ActorCritic:
    """What of a trained model acts."""
    policy = getattr(model, "policy", model)
    for space in ("observation_space", "action_space"):
        known, found = getattr(policy, space), getattr(env, space)
        if known != found:
            raise ValueError(
                f"teacher {name!r} does not fit its task: it was trained with the {space} {known}, "
                f"the task has {found}"
            )
    if isinstance(policy, LSTMActorPolicy):
        return policy.as_network()
    if isinstance(policy, MemoryPolicy):
        return policy.network.acting
    raise ValueError(
        f"teacher {name!r} is a {type(policy).__name__}: models of ALD, Mimic and V-MPO can teach"
    )
