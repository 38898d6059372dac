"""What has to be remembered must not be there to be read."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np

from memory_envs.finite.protocol import FiniteEnv
from memory_envs.testing.failure import ConformanceError
from memory_envs.testing.graph import reachable_states
from memory_envs.testing.player import Player
from memory_envs.testing.source import AnyEnv, EnvLike, Source

_CHECK = "leaks"
_NAMED = 5


class Leak(NamedTuple):
    """An observation that says something about what has to be remembered.

    Attributes:
        observation: What the agent sees.
        state: One of the states in which it does.
        possible: The values the hidden variable can have there, fewer than there are.
    """

    observation: Any
    state: Any
    possible: frozenset[Any]


def find_leaks(
    env: FiniteEnv,
    hidden: Callable[[Any], Hashable] | None = None,
    must_be_remembered: Callable[[Any], bool] | None = None,
    *,
    max_states: int = 1_000_000,
) -> list[Leak]:
    """Return every observation from which the hidden variable can be read where it must be remembered.

    Of the reachable states in which the agent has to act and `must_be_remembered` holds, those that look
    alike must, taken together, have every value the hidden variable has in any of them. An observation that
    rules out one value only is a leak too.

    This is about certainty: probabilities are left out, so that an observation that makes one value likely
    and rules out none is no leak here. What such an observation is worth to a policy without memory is in
    the numbers of `memory_envs.certify`.

    Args:
        env: The task.
        hidden: State to the value that has to be remembered; None takes `env.question` of a QuestionEnv.
        must_be_remembered: State to whether it must not be visible there; None takes `env.must_hide`.
        max_states: More reachable states are refused.

    Returns:
        One leak for each such observation, in the order in which states are reached.

    Raises:
        TypeError: A function is missing and `env` is no QuestionEnv.
        ValueError: There are too many states, none in which anything must be remembered, or `hidden` is the
            same in all of them, so that nothing could leak.
    """
    hidden = hidden or _own(env, "question", "hidden")
    must_be_remembered = must_be_remembered or _own(env, "must_hide", "must_be_remembered")
    values: dict[Hashable, set[Hashable]] = defaultdict(set)
    examples: dict[Hashable, Any] = {}
    for state in reachable_states(env, max_states=max_states):
        if must_be_remembered(state):
            observation = env.observe(state)
            values[observation].add(hidden(state))
            examples.setdefault(observation, state)
    if not values:
        raise ValueError("must_be_remembered holds in no reachable state")
    every = frozenset().union(*values.values())
    if len(every) == 1:
        raise ValueError(
            f"hidden is {next(iter(every))!r} in every reachable state in which must_be_remembered holds: "
            "nothing could leak; give an environment with more starts, or what varies in it"
        )
    return [
        Leak(observation, examples[observation], frozenset(possible))
        for observation, possible in values.items()
        if possible != every
    ]


def check_leaks(
    env: FiniteEnv,
    hidden: Callable[[Any], Hashable] | None = None,
    must_be_remembered: Callable[[Any], bool] | None = None,
    *,
    max_states: int = 1_000_000,
) -> None:
    """Check that `find_leaks` finds none; see there for the arguments and for what it leaves out.

    Raises:
        ConformanceError: Naming states and observations.
        TypeError: A function is missing and `env` is no QuestionEnv.
        ValueError: There are too many states, none in which anything must be remembered, or `hidden` is the
            same in all of them.
    """
    leaks = find_leaks(env, hidden, must_be_remembered, max_states=max_states)
    if leaks:
        named = "; ".join(
            f"in state {leak.state} the observation {leak.observation} leaves only {set(leak.possible)}"
            for leak in leaks[:_NAMED]
        )
        raise ConformanceError(_CHECK, f"{len(leaks)} observations tell what must be remembered: {named}")


def check_leaks_in_play(
    env: EnvLike,
    hidden: Callable[[AnyEnv], Hashable],
    must_be_remembered: Callable[[AnyEnv], bool],
    *,
    episodes: int = 500,
    witnesses: int = 30,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """Check for leaks by random play, where an environment cannot be enumerated.

    An observation that was met where the hidden variable must be remembered, in `witnesses` episodes or
    more, and always with the same value of it, is called a leak. Where two equally probable values are both
    possible, that happens by chance to one such observation in 2 ** (witnesses - 1). Rare observations are
    not judged, and so passing is evidence and no proof; `check_leaks` gives one.

    Args:
        env: A registered id, its spec, or a function that returns a new environment.
        hidden: Environment (unwrapped) to the value that has to be remembered now.
        must_be_remembered: Environment (unwrapped) to whether it must not be visible now.
        episodes: Episodes to play with drawn actions.
        witnesses: Episodes an observation must have been met in to be judged.
        seed: Seeds environments and actions.
        kwargs: Settings of the environment.

    Raises:
        ConformanceError: Naming an observation and the value it stood for.
        ValueError: No observation could be judged, or only one value of the hidden variable was met.
    """
    met: dict[Hashable, dict[int, Hashable]] = defaultdict(dict)
    made = Source.of(env, kwargs).make()
    player = Player(made, seed)
    for episode in range(episodes):
        call = player.reset(seed if episode == 0 else None)
        while not _ended(call.result):
            if must_be_remembered(made.unwrapped):
                met[_as_key(call.result["observation"])][episode] = hidden(made.unwrapped)
            call = player.advance()
    made.close()
    _judge(met, witnesses)


def _own(env: FiniteEnv, method: str, argument: str) -> Callable[[Any], Any]:
    own: Callable[[Any], Any] | None = getattr(env, method, None)
    if own is None:
        raise TypeError(f"{argument} must be given, because {type(env).__name__} has no method {method!r}")
    return own


def _judge(met: Mapping[Hashable, Mapping[int, Hashable]], witnesses: int) -> None:
    judged = {key: set(values.values()) for key, values in met.items() if len(values) >= witnesses}
    if len(frozenset().union(*judged.values())) < 2:
        raise ValueError(
            f"no observation was met in {witnesses} episodes where the hidden variable must be remembered, "
            "or only one value of it was met; play more episodes"
        )
    told = {key: values for key, values in judged.items() if len(values) == 1}
    for key, values in told.items():
        raise ConformanceError(
            _CHECK,
            f"{len(told)} of {len(judged)} observations tell what must be remembered: {key!r} was met in "
            f"{len(met[key])} episodes, always with {next(iter(values))!r}",
        )


def _ended(result: Mapping[str, Any]) -> bool:
    return bool(result.get("terminated") or result.get("truncated"))


def _as_key(observation: Any) -> Hashable:
    if isinstance(observation, np.ndarray):
        return (observation.shape, observation.dtype.str, observation.tobytes())
    if isinstance(observation, Mapping):
        return tuple((name, _as_key(part)) for name, part in sorted(observation.items()))
    if isinstance(observation, (tuple, list)):
        return tuple(map(_as_key, observation))
    key: Hashable = observation
    return key
