"""From a finite environment to its certificate."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from memory_envs.certificate.bounds import Bounds, Level
from memory_envs.certificate.effort import Effort
from memory_envs.certificate.levels import Remembered, Solved, solved, without_memory
from memory_envs.certificate.report import Certificate
from memory_envs.certificate.verdict import judged
from memory_envs.finite.protocol import DescribedEnv, FiniteEnv, QuestionEnv
from memory_envs.finite.rewards import RewardObserved
from memory_envs.solvers.bottleneck import Bottleneck, bottleneck, return_bound
from memory_envs.solvers.graph import Graph, TooLarge, enumerate_states
from memory_envs.solvers.questions import (
    Moment,
    QuestionLeak,
    Trajectory,
    actions_at_equal_sight,
    entropy,
    guessing,
    held,
    leaks,
    optimal_trajectories,
)
from memory_envs.solvers.renewal import renewal_bound


@dataclass(frozen=True)
class _Demand:
    """What a task that names its question asks to be remembered."""

    guessing: Level | None = None
    question_bits: float | None = None
    held_shortest: int | None = None
    held_longest: int | None = None
    leaks: tuple[QuestionLeak, ...] = ()


def certify_finite(
    env: FiniteEnv,
    *,
    name: str,
    settings: Mapping[str, Any] | None = None,
    twins: Mapping[str, FiniteEnv] | None = None,
    until_success: FiniteEnv | None = None,
    effort: Effort | None = None,
    reward_observed: bool = False,
) -> Certificate:
    """Return the certificate of a finite environment.

    Args:
        env: The task; one that also is a `QuestionEnv` gets the numbers that need the question.
        name: What the certificate calls it.
        settings: What it was made with, for the record.
        twins: The same task with other observations, by name.
        until_success: The same task, ending at the first success. Where no end of an episode of the task
            itself is a success, success, and what has to be remembered for it, is computed on this; such a
            task is judged by its return.
        effort: Limits; None takes the defaults.
        reward_observed: Whether perfect memory remembers its rewards too. Policies without memory act on the
            observation alone all the same.

    Raises:
        NotFinite: The environment breaks the protocol.
        TooLarge: There are more states than `effort.state_limit`.
    """
    effort = effort or Effort()
    full = enumerate_states(env, effort.state_limit)
    unit = _unit(full)
    full = full.paid_in(unit)
    told = _told(env, effort).paid_in(unit) if reward_observed else full
    task = Remembered.of(full, effort.belief_limit)
    memory = Remembered.of(told, effort.belief_limit) if reward_observed else task
    once, short, short_told = env, full, told
    if until_success is not None and not full.success.any():
        once = until_success
        short = enumerate_states(once, effort.state_limit).paid_in(unit)
        short_told = _told(once, effort).paid_in(unit) if reward_observed else short
    narrow = _bottleneck(once, short, is_whole=short is full)
    returns = solved(task, memory, effort, _return_ceiling(env, full, narrow))
    if short is not full:
        task = Remembered.of(short, effort.belief_limit)
        memory = Remembered.of(short_told, effort.belief_limit) if reward_observed else task
    successes = solved(
        task.scoring_success(), memory.scoring_success(), effort, narrow.success if narrow else None
    )
    levels: dict[str, Any] = {level: _level(returns, successes, level, unit) for level in returns.steps}
    trajectories = _trajectories(short_told, effort)
    if trajectories is not None and reward_observed:
        trajectories = _without_rewards(trajectories, short_told, short)
    guess = _guessing_level(env, full, once, short, unit, effort)
    demand = _demand(once, short, trajectories, guess)
    metric = "success" if full.success.any() else "return"
    required, proved, reasons = judged(levels, demand.leaks, metric=metric)
    return Certificate(
        id=name,
        settings=dict(settings or {}),
        method="computed from all states",
        horizon=full.horizon,
        states=full.num_states,
        observations=len(full.observations),
        **levels,
        guessing=demand.guessing,
        metric=metric,
        twins={each: _without_memory(twin, metric, effort) for each, twin in (twins or {}).items()},
        bottleneck=None if narrow is None else _place_name(once, narrow.place),
        question_bits=demand.question_bits,
        actions_at_equal_sight=None if trajectories is None else actions_at_equal_sight(trajectories),
        held_shortest=demand.held_shortest,
        held_longest=demand.held_longest,
        leaks=demand.leaks,
        memory_required=required,
        proved=proved,
        reasons=reasons,
        question=None,
        reward_observed=reward_observed,
    )


def _told(env: FiniteEnv, effort: Effort) -> Graph:
    return enumerate_states(RewardObserved(env), effort.state_limit)


def _without_rewards(trajectories: list[Trajectory], told: Graph, full: Graph) -> list[Trajectory]:
    """Return trajectories through states that hold the last reward, in the numbers of the task's own."""
    number = {state: index for index, state in enumerate(full.states)}
    return [
        tuple(
            Moment(own, int(full.seen[own]), moment.action)
            for moment in each
            for own in [number[told.states[moment.state].state]]
        )
        for each in trajectories
    ]


def _unit(graph: Graph) -> float:
    """Return the power of two in which the largest reward is at least 1 and below 2.

    What counts as equal is relative to it, and to divide by it changes no digit.
    """
    largest = float(np.abs(graph.reward).max())
    return 2.0 ** (math.frexp(largest)[1] - 1) if largest > 0 else 1.0


def _places(env: FiniteEnv, graph: Graph) -> Iterator[Any]:
    name = env.place if isinstance(env, QuestionEnv) else env.observe
    return map(name, graph.states)


def _bottleneck(env: FiniteEnv, graph: Graph, *, is_whole: bool) -> Bottleneck | None:
    """Return the bottleneck; of a task that was cut short, only if it names its places, which are few."""
    return bottleneck(graph, _places(env, graph)) if is_whole or isinstance(env, QuestionEnv) else None


def _return_ceiling(env: FiniteEnv, graph: Graph, narrow: Bottleneck | None) -> float | None:
    if graph.success.any():
        return None if narrow is None else return_bound(graph, narrow.success)
    return renewal_bound(graph, _places(env, graph))


def _level(returns: Solved, successes: Solved, name: str, unit: float) -> Level | None:
    value = getattr(returns, name)
    return value and Level(value.times(unit), getattr(successes, name), returns.steps[name])


def _without_memory(env: FiniteEnv, metric: str, effort: Effort) -> Bounds:
    full = enumerate_states(env, effort.state_limit)
    full = full.scoring_success() if metric == "success" else full
    unit = _unit(full)
    return without_memory(full.paid_in(unit), effort).times(unit)


def _trajectories(graph: Graph, effort: Effort) -> list[Trajectory] | None:
    try:
        return optimal_trajectories(graph, effort.belief_limit)
    except TooLarge:
        return None


def _place_name(env: FiniteEnv, place: Any) -> str:
    """A place in words: its name, or where none are named what is seen there."""
    if isinstance(env, QuestionEnv):
        return str(place)
    if isinstance(env, DescribedEnv):
        return f"the sight of {env.describe(place)}"
    return f"the sight of {' '.join(map(str, place)) if isinstance(place, bytes) else place}"


def _demand(
    env: FiniteEnv, graph: Graph, trajectories: list[Trajectory] | None, guess: Level | None
) -> _Demand:
    if not isinstance(env, QuestionEnv):
        return _Demand()
    spans = [] if trajectories is None else held(env, graph, trajectories)
    return _Demand(
        guessing=guess,
        question_bits=entropy(env, graph),
        held_shortest=min(spans, default=None),
        held_longest=max(spans, default=None),
        leaks=tuple(leaks(env, graph)),
    )


def _guessing_level(
    env: FiniteEnv, graph: Graph, once: FiniteEnv, short: Graph, unit: float, effort: Effort
) -> Level | None:
    if not isinstance(env, QuestionEnv) or not isinstance(once, QuestionEnv):
        return None
    try:
        returned, succeeded = guessing(env, graph, effort.belief_limit)
        if short is not graph:
            _, succeeded = guessing(once, short, effort.belief_limit)
    except TooLarge:
        return None
    return Level(
        Bounds.exactly(returned.episode_return).times(unit),
        Bounds.exactly(succeeded.episode_return),
        returned.steps,
    )
