"""Tasks with too many rooms to compute them all: bounds from drawn rooms and played episodes."""

import copy
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memory_envs.certificate.bounds import Bounds, Level
from memory_envs.certificate.effort import Effort
from memory_envs.certificate.report import Certificate
from memory_envs.certificate.verdict import judged
from memory_envs.policies.reference import reference_policy
from memory_envs.rules.grid import twins
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.values import best, evaluate, uniform
from memory_envs.stepping.kernels import FINAL_SUCCESS, SAME_STEP, SUCCESS, TERMINATED, TRUNCATED
from memory_envs.stepping.lanes import Lanes, seeded_stream
from memory_envs.task import Network, Rooms, Task

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
        random: Return of random actions.
        random_success: How often they complete a sequence.
        seen_room: Return of perfect memory that sees the room and not the order.
        optimum: Return of full sight.
    """

    random: float
    random_success: float
    seen_room: float
    optimum: float


def drawn_rooms(task: Task, rooms: Rooms, config: Any, count: int, seed: int) -> list[Hashable]:
    """Return the rooms of the first episodes of a stream."""
    keys = (episode_key(seed, episode) for episode in range(count))
    return [rooms.room(task.rules.begin(config, key)) for key in keys]


def room_values(rooms: Rooms, config: Any, room: Hashable) -> RoomValues:
    """Compute what one room is worth."""
    graph = enumerate_states(rooms.seen(config, room))
    short = enumerate_states(rooms.seen(config, room, until_success=True))
    blind = lumped(graph)
    return RoomValues(
        random=evaluate(blind, uniform(blind)).episode_return,
        random_success=evaluate(short, uniform(short)).success,
        seen_room=best(belief_graph(graph, limit=graph.num_states * 10)).episode_return,
        optimum=best(graph).episode_return,
    )


class Record(NamedTuple):
    """One episode in each of N lanes.

    Attributes:
        returns: float64 [N].
        successes: bool [N], whether the episode went well in some step.
    """

    returns: NDArray[np.float64]
    successes: NDArray[np.bool_]


def play_lanes(
    task: Task, config: Any, network: Network, num_lanes: int, generator: np.random.Generator
) -> Record:
    """Play one episode in each of `num_lanes` lanes."""
    lanes = Lanes(task, config, num_lanes, "onehot", SAME_STEP)
    first = int(generator.integers(2**31))
    for lane in range(num_lanes):
        lanes.assign(lane, seeded_stream(first + lane))
    running = np.ones(num_lanes, dtype=np.bool_)
    observations = lanes.begin(running)
    record = Record(np.zeros(num_lanes), np.zeros(num_lanes, dtype=np.bool_))
    while running.any():
        steps = lanes.step(network.act(observations, generator))
        observations, flags = steps.observations, steps.flags
        record.returns[running] += steps.rewards[running]
        record.successes[running] |= (flags[SUCCESS] | flags[FINAL_SUCCESS])[running]
        running &= ~(flags[TERMINATED] | flags[TRUNCATED])
    return record


class Played(NamedTuple):
    """What a policy earned in episodes.

    Attributes:
        episode_return: Of the mean return.
        success: Of the probability of success.
        source: How many episodes of which policy, in words.
    """

    episode_return: Estimate
    success: Estimate
    source: str


def reference_played(env: Any, name: str, episodes: int, seed: int) -> Played:
    """Return what a reference policy earns in episodes of a copy of an environment.

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
    return Played(Estimate.of(returns), share(successes), f"{episodes} episodes of the reference policy")


def network_played(task: Task, config: Any, network: Network, effort: Effort) -> Played:
    """Return what a network earns, in other episodes than those it was trained on."""
    record = play_lanes(task, config, network, effort.lanes, np.random.default_rng([effort.seed, 1]))
    source = f"{effort.lanes} episodes of {network.name}"
    return Played(Estimate.of(record.returns), share(record.successes), source)


def certify_rooms(env: Any, *, name: str, settings: Mapping[str, Any], effort: Effort) -> Certificate:
    """Return the certificate of a task whose rooms are drawn, by bounds.

    Perfect memory lies between a policy that was played and the value of perfect memory in rooms that it sees
    without having to look: who sees more is never worth less. Without memory, what is known is the value of a
    policy that was played, and that perfect memory is worth no less.

    Args:
        env: A single environment of a task that has `rooms`.
        name: What the certificate calls it.
        settings: What it was made with.
        effort: How many rooms are drawn and episodes played.
    """
    task, config, rooms = env.task, env.config, env.task.rooms
    layouts = drawn_rooms(task, rooms, config, effort.layouts, effort.seed)
    columns = zip(*(room_values(rooms, config, layout) for layout in layouts), strict=True)
    values = RoomValues(*(Estimate.of(each) for each in columns))  # type: ignore[arg-type]
    network = rooms.network(config)
    if network is None:
        memoryless = reference_played(env, "memoryless", effort.episodes, effort.seed)
    else:
        memoryless = network_played(task, config, network, effort)
    memory = reference_played(env, "perfect_memory", effort.episodes, effort.seed)
    levels = _levels(values, memoryless, memory, effort)
    required, proved, reasons = judged(levels, (), metric="return", searched=network is not None)
    return Certificate(
        id=name,
        settings=dict(settings),
        method=f"bounds from {effort.layouts} rooms that were drawn and computed, and episodes played",
        horizon=config.max_steps,
        states=None,
        observations=None,
        guessing=None,
        deterministic=None,
        metric="return",
        twins=_twins(task, config, values, effort),
        bottleneck=None,
        question_bits=rooms.question_bits(config),
        actions_at_equal_sight=None,
        held_shortest=None,
        held_longest=None,
        leaks=(),
        memory_required=required,
        proved=proved,
        reasons=reasons,
        question=rooms.question,
        reward_observed=False,
        **levels,
    )


def _levels(values: Any, memoryless: Played, memory: Played, effort: Effort) -> dict[str, Level]:
    in_rooms = f"95 % interval of the mean over {effort.layouts} rooms, each computed exactly"
    above = (
        f"upper end: that of the 95 % interval over {effort.layouts} rooms of perfect memory that sees them"
    )

    def level(played: Played) -> Level:
        below = f"lower end: that of the 95 % interval over {played.source}"
        return Level(
            Bounds(played.episode_return.lower, values.seen_room.upper, f"{below}; {above}"),
            Bounds(played.success.lower, 1.0, f"{below}; upper end: 1"),
        )

    remembered = level(memory)
    return {
        "random": Level(_interval(values.random, in_rooms), _interval(values.random_success, in_rooms)),
        "memoryless": level(memoryless),
        "perfect_memory": remembered,
        "optimum": Level(_interval(values.optimum, in_rooms), remembered.success),
    }


def _twins(task: Task, config: Any, values: Any, effort: Effort) -> dict[str, Bounds]:
    """Return what networks earn that are shown, in the agent's own cell, what would have to be remembered."""
    found = {}
    for name, twin in twins(config).items():
        network = task.rooms.network(twin) if task.rooms else None
        if network is not None:
            played = network_played(task, twin, network, effort)
            how = f"lower end: that of the 95 % interval over {played.source}; upper end: that of the optimum"
            found[name] = Bounds(played.episode_return.lower, values.optimum.upper, how)
    return found


def _interval(estimate: Estimate, how: str) -> Bounds:
    return Bounds(estimate.lower, estimate.upper, how)


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
