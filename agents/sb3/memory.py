"""Memory targets of a model: of what kind each is, from the environment or from the file of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from agents.learning.memory_targets import HINDSIGHT, REWARD, MemoryTarget, MemoryTargets, parsed
from agents.learning.networks.memory_head import MemoryHead
from agents.learning.target_kinds import Events, Numbers, TargetSize, Values
from agents.sb3.checks import check_are_named
from memory_envs.registry.lookup import did_you_mean

SIZES = "memory_target_sizes"
"""Argument of policies that predict memory targets, which their `policy_kwargs` keep in a file."""
EVENT_WIDTH = 32
"""Of the vectors by which events without a name are told from one another."""
SPACES = "memory_target_spaces"
"""Attribute of environments: names of what their infos tell to spaces."""


def memory_targets(
    settings: Sequence[str], env: VecEnv | None, policy_kwargs: Mapping[str, Any]
) -> MemoryTargets:
    """Return the targets that a setting `memory_targets` names.

    Args:
        settings: The setting.
        env: What to train in, if there is one.
        policy_kwargs: Of the model; hold the numbers of values where the model comes from a file.

    Raises:
        TypeError: The arguments of the policy are no dictionary.
        ValueError: The environment has no such target, or one of other values than the file.
    """
    check_are_named(policy_kwargs)
    if not settings and policy_kwargs.get(SIZES):
        raise ValueError(f"policy_kwargs must not hold {SIZES} without memory_targets, which name them")
    if not settings:
        return MemoryTargets(())
    names = [parsed(each) for each in settings]
    told = None if env is None else _spaces(env)
    if env is not None and told is None and names == [(REWARD, True)]:
        told = {}
    saved: list[TargetSize] | None = list(policy_kwargs[SIZES]) if SIZES in policy_kwargs else None
    sizes = saved if told is None else [_size(told, *name) for name in names]
    if sizes is None:
        where = "no environment" if env is None else f"an environment without the attribute {SPACES}"
        raise ValueError(
            f"memory_targets names {', '.join(settings)}, got {where}, which must tell their values: let it "
            f'have {SPACES} = {{"{names[0][0]}": gymnasium.spaces.Discrete(n)}}'
        )
    if len(sizes) != len(names) or (saved is not None and saved != sizes):
        raise ValueError(f"memory_targets of the model have {saved} values, got an environment with {sizes}")
    return MemoryTargets([MemoryTarget(*name, size) for name, size in zip(names, sizes, strict=True)])


def memory_head_of(policy: RecurrentActorCriticPolicy, sizes: Sequence[Any]) -> MemoryHead | None:
    """Return a head behind the LSTM of a policy, whose optimizer trains it; None where there are no targets.

    Args:
        policy: As sb3-contrib's constructor leaves it.
        sizes: Of the targets, see `agents.learning.target_kinds`.
    """
    if not sizes:
        return None
    seen = policy.features_dim + spaces.flatdim(policy.action_space)
    head = MemoryHead(policy.lstm_output_dim, sizes, seen).to(policy.device)
    policy.optimizer.add_param_group({"params": [*head.parameters()]})
    return head


def _spaces(env: VecEnv) -> Mapping[str, spaces.Space] | None:
    """What the lanes tell of their targets; None if nothing."""
    try:
        found: Mapping[str, spaces.Space] = env.get_attr(SPACES, 0)[0]
    except AttributeError:
        return None
    return found


def _size(told: Mapping[str, spaces.Space], name: str, in_hindsight: bool) -> TargetSize:
    """What a target's space makes of it; see `agents.learning.target_kinds`."""
    space = told.get(name)
    if space is None and in_hindsight and name == REWARD:
        return Events(EVENT_WIDTH).size
    if space is None:
        hint = did_you_mean(name, told)
        choices = ", ".join(told) or "none"
        raise ValueError(f"memory_targets must be among the environment's, {choices}, got {name!r}{hint}")
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return int(space.n)
    if in_hindsight:
        raise ValueError(
            f"memory target {HINDSIGHT}{name} must be of a Discrete space that starts at 0, got {space}"
        )
    shape = space.shape or ()
    if isinstance(space, spaces.Box) and 0 not in shape:
        return Numbers(int(np.prod(shape))).size
    if isinstance(space, spaces.MultiBinary) and 0 not in shape:
        return Values((2,) * int(np.prod(shape))).size
    if isinstance(space, spaces.MultiDiscrete) and 0 not in shape and not space.start.any():
        return Values(tuple(space.nvec.flatten().tolist())).size
    raise ValueError(
        f"memory target {name!r} must be of a Discrete or MultiDiscrete space that starts at 0, a "
        f"MultiBinary or a Box, got {space}"
    )
