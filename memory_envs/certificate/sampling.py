"""Meta-Fetch where there are too many rooms to compute: bounds from drawn rooms and played episodes."""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from memory_envs.certificate.effort import Effort
from memory_envs.certificate.reflexes import improved, play
from memory_envs.certificate.report import Bounds, Certificate, Level
from memory_envs.certificate.verdict import judged
from memory_envs.finite.meta_fetch import SeenRoomTask
from memory_envs.policies.reference import reference_policy
from memory_envs.policies.reflexes import shipped
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import OBSERVABILITIES, PARTIAL
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.values import best, evaluate, uniform

_NORMAL_95 = 1.96


class Estimate(NamedTuple):
    """The 95 % interval of a mean: what it was in a sample, and how far it may be off."""

    mean: float
    margin: float

    @property
    def lower(self) -> float:
        """The lower end."""
        return self.mean - self.margin

    @property
    def upper(self) -> float:
        """The upper end."""
        return self.mean + self.margin

    @classmethod
    def of(cls, values: ArrayLike) -> "Estimate":
        """Return the estimate from independent values, by the normal approximation."""
        sample = np.asarray(values, dtype=np.float64)
        return cls(float(sample.mean()), float(_NORMAL_95 * sample.std(ddof=1) / len(sample) ** 0.5))


def share(successes: ArrayLike) -> Estimate:
    """Return the 95 % interval of a probability from independent trials (Wilson, 1927).

    Unlike the normal approximation it does not shrink to a point when all trials end alike. Its middle is not
    the share in the sample.
    """
    trials = np.asarray(successes, dtype=np.float64)
    count, mean, square = len(trials), float(trials.mean()), _NORMAL_95**2
    middle = (mean + square / (2 * count)) / (1 + square / count)
    spread = (mean * (1 - mean) / count + square / (4 * count**2)) ** 0.5
    return Estimate(middle, _NORMAL_95 * spread / (1 + square / count))


class RoomValues(NamedTuple):
    """What one room is worth, exactly, on average over where the agent begins and over orders.

    Attributes:
        random: Return of random play.
        random_success: How often random play completes a sequence.
        seen_room: Return of perfect memory that sees the room and not the order.
        optimum: Return of full sight.
    """

    random: float
    random_success: float
    seen_room: float
    optimum: float


def drawn_layouts(config: meta_fetch.Config, count: int, seed: int) -> list[int]:
    """Return the layouts of the first episodes of a stream."""
    return [meta_fetch.begin(config, episode_key(seed, episode)).cells for episode in range(count)]


def room_values(config: meta_fetch.Config, cells: int) -> RoomValues:
    """Compute what one layout is worth."""
    graph = enumerate_states(SeenRoomTask(config, [cells]))
    short = enumerate_states(SeenRoomTask(config, [cells], until_completed=True))
    blind = lumped(graph)
    return RoomValues(
        random=evaluate(blind, uniform(blind)).episode_return,
        random_success=evaluate(short, uniform(short)).success,
        seen_room=best(belief_graph(graph, limit=graph.num_states * 10)).episode_return,
        optimum=best(graph).episode_return,
    )


def played(env: Any, name: str, episodes: int, seed: int) -> tuple[Estimate, Estimate]:
    """Return the return and success of a reference policy, in episodes of a copy of an environment.

    Args:
        env: A single environment of this package; it is left as it is.
        name: As in `memory_envs.policies.reference_policy`.
        episodes: How many are played.
        seed: Of the environment and the policy.
    """
    own = copy.deepcopy(env)
    policy = reference_policy(name, own, seed)
    outcomes = [_episode(own, policy, seed if episode == 0 else None) for episode in range(episodes)]
    returns, successes = zip(*outcomes, strict=True)
    return Estimate.of(returns), share(successes)


def reflexes_played(config: meta_fetch.Config, effort: Effort) -> tuple[Estimate, Estimate]:
    """Return the return and success of the shipped reflexes for these settings, or else of improved ones.

    They were improved on other episodes than those that value them.
    """
    policy = shipped(config) or improved(config, effort.improvements, effort.seed)
    record = play(config, policy, effort.lanes, np.random.default_rng([effort.seed, 1]))
    return Estimate.of(record.returns), share(record.completed)


def certify_rooms(env: Any, *, name: str, settings: Mapping[str, Any], effort: Effort) -> Certificate:
    """Return the certificate of Meta-Fetch, by bounds.

    Perfect memory lies between a policy that was played and the value of perfect memory in rooms that it sees
    without having to look: who sees more is never worth less. Without memory, what is known is the value of a
    policy that was played, and that perfect memory is worth no less.

    Args:
        env: A single environment.
        name: What the certificate calls it.
        settings: What it was made with.
        effort: How many rooms are drawn and episodes played.
    """
    config = env.config
    drawn = drawn_layouts(config, effort.layouts, effort.seed)
    columns = zip(*(room_values(config, cells) for cells in drawn), strict=True)
    rooms = RoomValues(*(Estimate.of(each) for each in columns))  # type: ignore[arg-type]
    reflexes = reflexes_played(config, effort)
    twins = _twins(config, rooms, effort)
    memory = played(env, "perfect_memory", effort.episodes, effort.seed)
    levels = _levels(rooms, reflexes, memory, effort)
    required, proved, reasons = judged(levels, None, (), metric="return")
    return Certificate(
        id=name,
        settings=dict(settings),
        method=f"bounds from {effort.layouts} rooms that were drawn and computed, and episodes played",
        horizon=config.max_steps,
        states=None,
        observations=None,
        chance=None,
        deterministic=None,
        metric="return",
        twins=twins,
        bottleneck=None,
        question_bits=float(np.log2(_orders(config.num_objects))),
        actions_at_equal_sight=None,
        held_shortest=None,
        held_longest=None,
        leaks=(),
        memory_required=required,
        proved=proved,
        reasons=reasons,
        question="order only",
        **levels,
    )


def _levels(
    rooms: Any, reflexes: tuple[Estimate, Estimate], memory: tuple[Estimate, Estimate], effort: Effort
) -> dict[str, Level]:
    in_rooms = f"95 % interval of the mean over {effort.layouts} rooms, each computed exactly"
    above = (
        f"upper end: that of the 95 % interval over {effort.layouts} rooms of perfect memory that sees them"
    )

    def level(play: tuple[Estimate, Estimate], episodes: int, whose: str) -> Level:
        below = f"lower end: that of the 95 % interval over {episodes} episodes of {whose}"
        return Level(
            Bounds(play[0].lower, rooms.seen_room.upper, f"{below}; {above}"),
            Bounds(play[1].lower, 1.0, f"{below}; upper end: 1"),
        )

    remembered = level(memory, effort.episodes, "the reference policy")
    return {
        "random": Level(_interval(rooms.random, in_rooms), _interval(rooms.random_success, in_rooms)),
        "memoryless": level(reflexes, effort.lanes, "a network improved by PPO"),
        "perfect_memory": remembered,
        "optimum": Level(_interval(rooms.optimum, in_rooms), remembered.success),
    }


def _twins(config: meta_fetch.Config, rooms: Any, effort: Effort) -> dict[str, Bounds]:
    """Return the return of reflexes that are told, in the agent's own cell, which object is next."""
    how = (
        f"lower end: that of the 95 % interval over {effort.lanes} episodes of a network improved by PPO; "
        f"upper end: that of the optimum"
    )
    return {
        name: Bounds(
            reflexes_played(config._replace(observability=number), effort)[0].lower, rooms.optimum.upper, how
        )
        for number, name in enumerate(OBSERVABILITIES)
        if number != PARTIAL
    }


def _interval(estimate: Estimate, how: str) -> Bounds:
    return Bounds(estimate.lower, estimate.upper, how)


def _orders(num_objects: int) -> int:
    return int(np.prod(np.arange(1, num_objects + 1)))


def _episode(env: Any, policy: Any, seed: int | None) -> tuple[float, bool]:
    observation, info = env.reset(seed=seed)
    policy.reset()
    total, over, success = 0.0, False, False
    while not over:
        observation, reward, terminated, truncated, info = env.step(policy(observation))
        total += reward
        success = success or info["is_success"]
        over = terminated or truncated
    return total, success
