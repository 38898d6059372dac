"""A table of transitions as a finite task: `env.P`, as FrozenLake, Taxi and CliffWalking have it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from memory_envs.finite.copied import LOOKED_THROUGH, FiniteGym
from memory_envs.finite.errors import NotFinite
from memory_envs.finite.protocol import FiniteEnv, Outcome

Table = Mapping[int, Mapping[int, Sequence[tuple[float, int, float, bool]]]]

_OPTIONS = tuple(inspect.signature(FiniteGym).parameters)[1:]
_STEPS_CHECKED = 1_000
_ROUNDING = 1e-6


class FiniteTable:
    """A table of transitions. Implements `memory_envs.finite.FiniteEnv`.

    Attributes:
        num_actions: Actions are the integers from 0 to num_actions - 1.
        horizon: Steps after which an episode is truncated.
    """

    def __init__(
        self,
        table: Table,
        initial: Sequence[float],
        *,
        horizon: int,
        observe: Callable[[int], Hashable] | None = None,
        success: Callable[[float], bool] | None = None,
    ) -> None:
        """Take a table.

        Args:
            table: By state and action, (probability, next state, reward, terminated) of all that may follow.
            initial: The probability of each first state.
            horizon: Steps of an episode at most.
            observe: What is seen in a state; None shows the state itself.
            success: Whether a termination is a success, from its reward; None asks for one above 0.

        Raises:
            NotFinite: The table has states of other actions than 0, 1, ... or transitions of another form.
        """
        counts = {len(row) for row in table.values()}
        if len(counts) != 1 or any(sorted(row) != list(range(max(counts))) for row in table.values()):
            raise NotFinite(
                "every state of the table must have the same actions, 0 and following, got "
                f"{sorted({tuple(sorted(row)) for row in table.values()})!r:.80}"
            )
        self.num_actions, self.horizon = max(counts), horizon
        self._table = {int(state): row for state, row in table.items()}
        self._initial = [(float(share), state) for state, share in enumerate(initial) if share > 0]
        self._observe = observe
        self._success = success or (lambda reward: reward > 0)

    def starts(self) -> list[tuple[float, int]]:
        """Return the first states with their probabilities."""
        return self._initial

    def step(self, state: int, action: int) -> list[Outcome]:
        """Return everything that may follow an action, as the table has it."""
        if state not in self._table:
            raise NotFinite(f"the table leads to the state {state}, which it does not have")
        merged: dict[tuple[Any, ...], float] = {}
        for row in self._table[state][action]:
            if len(row) != 4:
                raise NotFinite(
                    "transitions must be (probability, next state, reward, terminated), "
                    f"got {row!r} in state {state}"
                )
            share, following, reward, over = row
            key = (int(following), float(reward), bool(over))
            merged[key] = merged.get(key, 0.0) + float(share)
        return [
            Outcome(share, following, reward, over, over and bool(self._success(reward)))
            for (following, reward, over), share in merged.items()
            if share > 0
        ]

    def observe(self, state: int) -> Hashable:
        """Return what is seen in a state."""
        return state if self._observe is None else self._observe(state)


def from_table(
    env: gymnasium.Env[Any, Any],
    *,
    horizon: int | None = None,
    observe: Callable[[int], Hashable] | None = None,
    success: Callable[[float], bool] | None = None,
) -> FiniteTable:
    """Return the task that an environment's own table says, once its steps were found to keep to it.

    Args:
        env: One with `P` and `initial_state_distrib`, and no wrappers but those that `gymnasium.make` adds.
        horizon: Steps of an episode at most; None takes the TimeLimit's. The shorter one counts.
        observe: As for `FiniteTable`.
        success: As for `FiniteTable`.

    Raises:
        TypeError: It has no table, or another wrapper.
        ValueError: There is no horizon.
        NotFinite: Its steps do not keep to the table: then it is more than that, and `FiniteGym` may do.
    """
    inner: Any = env.unwrapped
    if not has_table(env):
        raise TypeError(f"from_table needs an environment with P and initial_state_distrib, got {env}")
    layer: Any = env
    while isinstance(layer, gymnasium.Wrapper):
        if type(layer) not in LOOKED_THROUGH:
            raise TypeError(f"from_table takes no account of the wrapper {type(layer).__name__}")
        layer = layer.env
    own = FiniteGym(env, horizon=horizon, constant="P")
    first = inner.initial_state_distrib
    table = FiniteTable(inner.P, first, horizon=own.horizon, success=success)
    if table.num_actions != own.num_actions:
        raise NotFinite(f"the table has {table.num_actions} actions, the environment {own.num_actions}")
    _check_played(own, table)
    return FiniteTable(inner.P, first, horizon=own.horizon, observe=observe, success=success)


def finite_form(env: gymnasium.Env[Any, Any], **options: Any) -> FiniteEnv:
    """Return an environment as a finite task: by its table where it has one, else by what its code does.

    Args:
        env: Any Gymnasium environment.
        options: Of `FiniteGym`; a table takes `horizon` alone, and is passed over when there are others.

    Raises:
        TypeError: `env` is no environment, or there is no such option.
        ValueError: An option has no such value, or there is no horizon.
        NotFinite: It cannot be enumerated, or does not keep to its table: says what was met.
    """
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise TypeError(f"there is no option {unknown[0]!r} of FiniteGym; there are {', '.join(_OPTIONS)}")
    if has_table(env) and set(options) <= {"horizon"}:
        return from_table(env, **options)
    return FiniteGym(env, **options)


def has_table(env: gymnasium.Env[Any, Any]) -> bool:
    """Return whether an environment has a table that `from_table` reads."""
    return all(hasattr(env.unwrapped, name) for name in ("P", "initial_state_distrib"))


def _check_played(env: FiniteGym, table: FiniteTable) -> None:
    """Raise unless what an environment does in the steps of random episodes is what the table says."""
    draw = np.random.default_rng(0)
    shown = _shares((share, env.observe(state)) for share, state in env.starts())
    if not _same(shown, _shares(table.starts())):
        raise NotFinite(f"the table begins otherwise than the environment, which showed {shown!r:.80}")
    state: Any = None
    for _ in range(_STEPS_CHECKED):
        if state is None:
            state = env.starts()[draw.integers(len(env.starts()))][1]
        action = int(draw.integers(env.num_actions))
        number: Any = env.observe(state)
        met, said = env.step(state, action), table.step(number, action)
        if not _same(_shown_after(env, met), _shown_after(table, said)):
            raise NotFinite(
                f"the environment does not keep to its table: on action {action} in state {number} it does "
                f"{_shown_after(env, met)!r:.120}, the table says {_shown_after(table, said)!r:.120}"
            )
        following = met[draw.integers(len(met))]
        state = None if following.terminated else following.state


def _shown_after(env: FiniteEnv, outcomes: list[Outcome]) -> dict[Any, float]:
    return _shares(
        (each.probability, (env.observe(each.state), each.reward, each.terminated)) for each in outcomes
    )


def _shares(pairs: Any) -> dict[Any, float]:
    shares: dict[Any, float] = {}
    for share, each in pairs:
        shares[each] = shares.get(each, 0.0) + share
    return shares


def _same(one: dict[Any, float], other: dict[Any, float]) -> bool:
    return all(abs(one.get(key, 0.0) - other.get(key, 0.0)) < _ROUNDING for key in {*one, *other})
