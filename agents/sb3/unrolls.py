"""What the states of learner, actor and replay look like in a file; see `agents.sb3.fitting`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import Space

from agents.learning.actor import Actor
from agents.learning.distributions.base import ActionDistribution
from agents.learning.learner import Learner
from agents.learning.replay_buffer import ReplayBuffer
from agents.sb3.fitting import (
    Check,
    Data,
    Each,
    Maybe,
    Misfit,
    Number,
    core_state,
    fit,
    generator_state,
    numpy_generator_state,
    observations,
    optimizer_state,
)

_FLAGS, _ARRAY_FLAGS = torch.bool, np.dtype(bool)


def learner(learner: Learner) -> dict[str, Any]:
    """Return what the state of a learner looks like."""
    parts = {
        name: optimizer_state(part) if isinstance(part, torch.optim.Optimizer) else part.state_dict()
        for name, part in learner._parts().items()
    }
    remembered = Maybe(_learner_memory(learner))
    multipliers = learner.multipliers() | {"reward_unit": learner.reward_unit}
    return {**parts, **multipliers, "updates": Number(0, whole=True), "core_state": remembered}


def actor(actor: Actor, space: Space[Any]) -> dict[str, Any]:
    """Return what the state of an actor of N lanes looks like."""
    return {
        "generator": generator_state(actor.generator),
        "core_state": core_state(actor.network.initial_state(1)),
        "is_first": Data(_FLAGS, ("N",)),
        "observation": Maybe(observations(space, "N")),
        "told": _labels(actor, "N"),
        "begun": Maybe(_begun(actor, space)),
    }


def replay(buffer: ReplayBuffer, actor: Actor, learner: Learner, space: Space[Any]) -> Check:
    """Return the check of the state of a replay buffer: unrolls of any length and any number of lanes."""
    unroll = _unroll(actor, learner, space)

    def check(found: Any, place: str) -> None:
        listed = Each(lambda *_: None)
        fit(
            found,
            {"unrolls": listed, "priorities": listed, "rng": numpy_generator_state(buffer.rng)},
            place,
        )
        if len(found["unrolls"]) != len(found["priorities"]):
            raise Misfit(f"{place}/priorities must be one per unroll, got {len(found['priorities'])}")
        for index, (each, priority) in enumerate(zip(found["unrolls"], found["priorities"], strict=True)):
            lengths: dict[str, int] = {}
            fit(each, unroll, f"{place}/unrolls/{index}", lengths)
            _check_lengths(each, lengths, f"{place}/unrolls/{index}")
            priorities = Data(np.dtype(np.float64), ("N",), np.inf)
            fit(priority, priorities, f"{place}/priorities/{index}", lengths)

    return check


def running_means(found: Any, place: str) -> None:
    """Check totals and counts of logged metrics, some of which may be undefined."""
    fit(found, {"totals": _names, "counts": _names}, place)
    fit(found["totals"], dict.fromkeys(found["counts"], 0.0), f"{place}/totals")
    fit(found["counts"], dict.fromkeys(found["totals"], Number(1, whole=True)), f"{place}/counts")


def _names(found: Any, place: str) -> None:
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise Misfit(f"{place} must be numbers by name, got {found!r:.80}")


def _learner_memory(learner: Learner) -> tuple[Data, ...]:
    memory = core_state(learner.networks.initial_state(1))
    if not learner.config.shows_previous_step:
        return memory
    *memory, _, reward = memory  # type: ignore[assignment]
    return (*memory, _actions(learner.network.distribution, "N"), reward)


def _actions(distribution: ActionDistribution, *leading: str) -> Data:
    return Data(distribution.dtype, (*leading, *distribution.shape), distribution.limit)


def _unroll(actor: Actor, learner: Learner, space: Space[Any]) -> dict[str, Any]:
    """Of T steps, T + 1 = "rows", of N lanes, in which K episodes were truncated."""
    real = next(learner.network.parameters()).dtype
    acting = next(actor.network.parameters()).dtype
    distribution = actor.network.distribution
    said = {
        "policy": Data(real, ("T", "N", distribution.num_parameters)),
        "value": Data(real, ("T", "N")),
        "advantage": Data(real, ("T", "N")),
        "memory": Data(real, ("T", "N", _taught(learner))),
    }
    return {
        "observation": observations(space, "rows", "N"),
        "is_first": Data(_FLAGS, ("rows", "N")),
        "action": _actions(distribution, "T", "N"),
        "reward": Data(torch.float32, ("T", "N")),
        "terminated": Data(_FLAGS, ("T", "N")),
        "truncated": Data(_FLAGS, ("T", "N")),
        "behaviour_policy": Data(acting, ("T", "N", distribution.num_parameters)),
        "actor_state": core_state(actor.network.initial_state(1)),
        "final_time": Data(torch.int64, ("K",), np.inf),
        "final_lane": Data(torch.int64, ("K",), np.inf),
        "final_observation": observations(space, "K", exact=False),
        "memory_label": _labels(actor, "T", "N"),
        "learner_state": _learner_memory(learner),
        "learner": said,
    }


def _taught(learner: Learner) -> int:
    head = learner.objective.memory_head
    return head.out_features if head is not None and learner.config.teaches_memory else 0


def _labels(actor: Actor, *lengths: str) -> Data:
    kind = torch.from_numpy(np.empty(0, actor.targets.dtype)).dtype
    return Data(kind, (*lengths, len(actor.targets)), actor.targets.limits)


def _check_lengths(unroll: Mapping[str, Any], lengths: Mapping[str, int], place: str) -> None:
    steps, lanes = lengths["T"], lengths["N"]
    if min(steps, lanes) < 1 or lengths["rows"] != steps + 1:
        raise Misfit(f"{place} must have a row more than steps, got {lengths['rows']} rows, {steps} steps")
    for name, length in (("final_time", "T"), ("final_lane", "N")):
        fit(unroll[name], Data(torch.int64, ("K",), lengths[length]), f"{place}/{name}")


def _begun(actor: Actor, space: Space[Any]) -> Check:
    """The check of an unroll in the making, which has as many entries in each list but the last."""
    acting, distribution = next(actor.network.parameters()).dtype, actor.network.distribution
    steps = {
        "observations": observations(space, "N"),
        "is_first": Data(_FLAGS, ("N",)),
        "actions": _actions(distribution, "N"),
        "policies": Data(acting, ("N", distribution.num_parameters)),
        "rewards": Data(np.dtype(np.float32), ("N",)),
        "terminated": Data(_ARRAY_FLAGS, ("N",)),
        "truncated": Data(_ARRAY_FLAGS, ("N",)),
        "labels": _labels(actor, "N"),
    }
    whole = Number(0, whole=True)
    final = (whole, whole, observations(space, exact=False))

    def check(found: Any, place: str) -> None:
        lengths: dict[str, int] = {"N": len(actor.is_first)}
        listed = {name: Each(each) for name, each in steps.items()}
        memory = core_state(actor.network.initial_state(1))
        fit(found, {"core_state": memory, **listed, "finals": Each(final)}, place, lengths)
        counts = {len(found[name]) for name in steps}
        if len(counts) != 1 or max(counts) > actor.unroll_length:
            raise Misfit(
                f"{place} must have as many of each, at most {actor.unroll_length}, got {sorted(counts)}"
            )
        for index, (time, lane, _) in enumerate(found["finals"]):
            if time >= max(counts) or lane >= lengths["N"]:
                raise Misfit(f"{place}/finals/{index} must be of a step and a lane, got {time}, {lane}")

    return check
