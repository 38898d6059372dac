"""Whether what was given as a finite environment keeps to the protocol: errors that name what was met."""

from collections.abc import Iterable
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np

from memory_envs.finite.errors import NotFinite
from memory_envs.finite.protocol import FiniteEnv, Outcome

_ROUNDING = 1e-9


def check_sizes(env: FiniteEnv) -> None:
    """Raise NotFinite unless there are an action and a step at least."""
    for name in ("num_actions", "horizon"):
        value = getattr(env, name)
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise NotFinite(f"{name} must be an integer of at least 1, got {value!r}")


def checked_starts(env: FiniteEnv) -> list[tuple[float, Any]]:
    """Return the first states with their probabilities.

    Raises:
        NotFinite: They are no such pairs.
    """
    pairs = _listed("starts()", env.starts())
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise NotFinite(f"starts() must give pairs of a probability and a state, got {_met(pair)}")
        check_hashable("a first state", pair[1])
    _check_sum("the starts", [probability for probability, _ in pairs])
    return pairs


def checked_outcomes(env: FiniteEnv, state: Any, action: int) -> list[Outcome]:
    """Return everything that may follow an action.

    Raises:
        NotFinite: Something else was returned.
    """
    what = f"action {action} in state {state!r}"
    outcomes = env.step(state, action)
    if isinstance(outcomes, Outcome):
        raise NotFinite(f"{what} must give a list of Outcomes, got one Outcome")
    outcomes = _listed(what, outcomes)
    for each in outcomes:
        if not isinstance(each, Outcome):
            raise NotFinite(f"{what} must give Outcomes, got {_met(each)}")
        _check_outcome(what, each, env.horizon)
    _check_sum(what, [each.probability for each in outcomes])
    return outcomes


def check_hashable(what: str, value: Any) -> None:
    """Raise NotFinite unless a value can stand for itself in a dictionary."""
    try:
        hash(value)
    except TypeError:
        advice = "; its bytes, value.tobytes(), can" if isinstance(value, np.ndarray) else ""
        raise NotFinite(
            f"{what} must be hashable, got {_met(value)}, which cannot be hashed{advice}"
        ) from None
    if isinstance(value, Real) and value != value:
        raise NotFinite(f"{what} must equal itself, got {value!r}")


def _check_outcome(what: str, outcome: Outcome, horizon: int) -> None:
    if not _is_finite(outcome.reward) or not isfinite(float(outcome.reward) * int(horizon)):
        raise NotFinite(
            f"the reward of {what} must be a finite number, and its sum over {horizon} steps too, "
            f"got {_met(outcome.reward)}"
        )
    for name in ("terminated", "success"):
        value = getattr(outcome, name)
        if not isinstance(value, bool | np.bool_ | Integral) or value not in (0, 1):
            raise NotFinite(f"{name} of {what} must be True or False, got {_met(value)}")
    if outcome.success and not outcome.terminated:
        raise NotFinite(f"{what} succeeds without ending the episode")
    if not outcome.terminated:
        check_hashable(f"the state after {what}", outcome.state)


def _check_sum(what: str, probabilities: list[Any]) -> None:
    if not all(_is_finite(each) and each > 0 for each in probabilities) or (
        abs(sum(probabilities) - 1) > _ROUNDING
    ):
        raise NotFinite(f"the probabilities of {what} must be above 0 and sum to 1, got {probabilities}")


def _is_finite(value: Any) -> bool:
    if not isinstance(value, Real):
        return False
    try:
        return isfinite(float(value))
    except OverflowError:
        return False


def _listed(what: str, values: Any) -> list[Any]:
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise NotFinite(f"{what} must give a list, got {_met(values)}")
    return list(values)


def _met(value: Any) -> str:
    return f"{str(value):.60}, a {type(value).__name__}"
