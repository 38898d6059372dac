"""Any Gymnasium environment as a finite task: its own code, run from copies of its state."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import product
from numbers import Integral
from types import SimpleNamespace
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

from memory_envs.finite.chance import OUTCOME_LIMIT, Chance
from memory_envs.finite.errors import NotFinite, TooLarge
from memory_envs.finite.frozen import Snapshots, fingerprint, replace_generators
from memory_envs.finite.protocol import Outcome

SCORES = ("return", "success")

LOOKED_THROUGH = (PassiveEnvChecker, OrderEnforcing, TimeLimit)
"""Wrappers that change nothing but the time limit."""

Success = Callable[[float, Mapping[str, Any]], bool]

_RUN_TWICE = 200


class Copied(NamedTuple):
    """A state.

    Attributes:
        held: The number of what the environment holds; equal ones hold the same.
        seen: What it showed last.
    """

    held: int
    seen: Hashable


class _Played(NamedTuple):
    """What one step or reset brought, and what to go back to."""

    state: Copied
    reward: float
    terminated: bool
    success: bool
    copy: Any

    @property
    def told(self) -> tuple[Any, ...]:
        return self[:4]


class FiniteGym:
    """A Gymnasium environment with finitely many states. Implements `memory_envs.finite.FiniteEnv`.

    Nothing of its rules is written down: it is put into a state, stepped, and looked at. States are copies of
    all that it holds. What chance does is enumerated: wherever the environment holds a numpy Generator, as
    `np_random` or by another name, a `memory_envs.finite.Chance` stands in its place.

    What would make this dishonest is refused: a draw that cannot be enumerated, one from numpy's or Python's
    global generator, a generator that appears later, and state outside of the object (found where the first
    200 steps, taken twice, differ). What functions close over is taken for unchanging.

    Attributes:
        num_actions: Actions are the integers from 0 to num_actions - 1.
        actions: What the environment takes, by number.
        horizon: Steps after which an episode is truncated.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        *,
        horizon: int | None = None,
        clock: str | Iterable[str] = (),
        ignored: str | Iterable[str] = (),
        constant: str | Iterable[str] = (),
        score: str = "return",
        success: Success | None = None,
        state: Callable[[Any], Hashable] | None = None,
        restore: Callable[[Any, Any], None] | None = None,
        outcome_limit: int = OUTCOME_LIMIT,
    ) -> None:
        """Take an environment; it is copied and stays as it is.

        Args:
            env: May have wrappers, which then are part of the task; a `TimeLimit` gives the horizon.
            horizon: Steps of an episode at most; None takes the TimeLimit's. The shorter one counts.
            clock: Names of attributes of `env.unwrapped` that count steps. They are kept as they were at the
                start, so that a state is the same at any time. That nothing depends on them is checked by
                taking every step at half the horizon too.
            ignored: Names of attributes of `env.unwrapped` by which states are not told apart.
            constant: Names of attributes of `env.unwrapped` that never change. They are shared by all states,
                which saves copying what is large.
            score: "return", or "success": then a success is worth 1 and nothing else anything, whatever the
                environment pays.
            success: Whether a termination is a success, from its reward and info. None asks the info for
                `is_success` or `success`, and takes a reward above 0 for one where it has neither.
            state: Returns what tells the state of `env.unwrapped` from others, hashable. With `restore`, this
                is the state, instead of copies of all attributes.
            restore: Puts `env.unwrapped` into a state, given both.
            outcome_limit: Outcomes of one step or reset beyond which it is refused.

        Raises:
            TypeError: `env` is no environment.
            ValueError: There is no horizon, no such score or attribute, or only one of `state` and `restore`.
            NotFinite: It has other than finitely many actions, or holds something that cannot be copied.
        """
        if not isinstance(env, gymnasium.Env):
            raise TypeError(f"env must be a Gymnasium environment, got {env!r:.80}")
        if score not in SCORES:
            raise ValueError(f"score must be one of {', '.join(map(repr, SCORES))}, got {score!r}")
        if (state is None) != (restore is None):
            raise ValueError("state and restore must be given both, or neither")
        self._name = type(env.unwrapped).__name__ if env.spec is None else env.spec.id
        self.actions = _actions(env.action_space, self._name)
        self.num_actions = len(self.actions)
        self._env, limit = _own(env)
        self.horizon = _horizon(horizon, limit, self._name)
        self._chance, self._snapshots = Chance(outcome_limit), Snapshots()
        self._score, self._success = score, success
        self._state, self._restore = state, restore
        self._env.reset(seed=0)
        self._clock = {name: self._attribute(name, "clock") for name in _names(clock)}
        for name in _names(constant):
            self._snapshots.share(self._attribute(name, "constant"))
        for name in _names(ignored):
            self._attribute(name, "ignored")
        self._ignored = {*_names(ignored), *_names(constant), *self._clock}
        replace_generators(self._env, self._chance)
        self._env.unwrapped._np_random = self._chance
        try:
            self._begin = self._snapshots.take({"env": self._env})
        except NotFinite as problem:
            raise NotFinite(f"{self._name} cannot be enumerated: {problem}") from problem
        self._first: list[tuple[float, Copied]] | None = None
        self._numbers: dict[Hashable, int] = {}
        self._copies: dict[Copied, Any] = {}
        self._shown: dict[Hashable, Any] = {}
        self._to_check = _RUN_TWICE

    def starts(self) -> list[tuple[float, Copied]]:
        """Return the first states with their probabilities: all that `reset` may bring."""
        if self._first is None:
            self._first = [(share, self._kept(each)) for share, each in self._all(self._reset, "reset")]
        return self._first

    def step(self, state: Copied, action: int) -> list[Outcome]:
        """Return everything that may follow an action, from the environment's own `step`."""
        what = f"action {self.actions[action]!r}"
        found = self._all(lambda: self._step(state, action, 0), what)
        if self._clock and self.horizon > 1:
            later = self._all(lambda: self._step(state, action, self.horizon // 2), what)
            self._check_clock(found, later, what)
        return [
            Outcome(share, self._kept(each), each.reward, each.terminated, each.success)
            for share, each in found
        ]

    def observe(self, state: Copied) -> Hashable:
        """Return what the environment showed, as `seen` writes it."""
        return state.seen

    def seen(self, observation: Any) -> Hashable:
        """Return an observation of the environment as something hashable, as `observe` does."""
        plain = isinstance(observation, Integral | str)
        written = observation if plain else fingerprint(observation, "the observation")
        self._shown.setdefault(written, observation)
        return written

    def shown(self, written: Hashable) -> Any:
        """Return the observation of the environment that was written so."""
        return self._shown[written]

    def describe(self, observation: Hashable) -> str:
        """Return an observation in words, as the environment gave it."""
        shown = self._shown[observation]
        if isinstance(shown, np.ndarray) and shown.size > _NUMBERS_TOLD:
            return f"an array of shape {shown.shape}, {fingerprint(shown).hex()[:8]}"
        return " ".join(str(shown).split())

    def _all(self, play: Callable[[], _Played], what: str) -> list[tuple[float, _Played]]:
        """Return all that may happen, what is equal together."""
        try:
            found = self._enumerated(play)
            if self._to_check:
                self._to_check -= 1
                if {key: share for key, (share, _) in self._enumerated(play).items()} != {
                    key: share for key, (share, _) in found.items()
                }:
                    raise NotFinite("it does otherwise when it is run again: not all state is its own")
        except (NotFinite, TooLarge) as problem:
            raise type(problem)(f"{self._name} cannot be enumerated: on {what}, {problem}") from problem
        return list(found.values())

    def _enumerated(self, play: Callable[[], _Played]) -> dict[Any, tuple[float, _Played]]:
        found: dict[Any, tuple[float, _Played]] = {}
        for share, each in self._chance.outcomes(play):
            found[each.told] = (found.get(each.told, (0.0, each))[0] + share, each)
        return found

    def _reset(self) -> _Played:
        self._env = self._snapshots.back(self._begin)["env"]
        observation, _ = self._undisturbed(self._env.reset)
        return _Played(self._looked_at(observation), 0.0, False, False, self._copy())

    def _step(self, state: Copied, action: int, time: int) -> _Played:
        if self._restore is None:
            self._env = self._snapshots.back(self._copies[state])["env"]
        else:
            self._env = self._snapshots.back(self._begin)["env"]
            self._restore(self._env.unwrapped, self._copies[state])
        for name, first in self._clock.items():
            setattr(self._env.unwrapped, name, first + time)
        observation, reward, terminated, truncated, info = self._undisturbed(
            lambda: self._env.step(self.actions[action])
        )
        success = bool(terminated) and self._is_success(float(reward), info)
        for name, first in self._clock.items():
            setattr(self._env.unwrapped, name, first)
        worth = float(success) if self._score == "success" else float(reward)
        over = bool(terminated or truncated)
        return _Played(self._looked_at(observation), worth, over, success, None if over else self._copy())

    def _is_success(self, reward: float, info: Mapping[str, Any]) -> bool:
        if self._success is not None:
            return bool(self._success(reward, info))
        named = [info[name] for name in ("is_success", "success") if name in info]
        return bool(named[0]) if named else reward > 0

    def _check_clock(self, found: Any, later: Any, what: str) -> None:
        """Raise unless a step does the same at another time."""
        early, late = ({each.told: share for share, each in all_of} for all_of in (found, later))
        if early != late:
            names = ", ".join(self._clock)
            differ = [
                f"{name} {first} at the start and {second} after {self.horizon // 2} steps"
                for (_, one), (_, other) in zip(found, later, strict=False)
                for name, first, second in zip(_Played._fields, one.told, other.told, strict=False)
                if first != second
            ]
            said = differ[0] if differ else "other things may follow later"
            raise NotFinite(
                f"{self._name} depends on its clock ({names}): on {what}, {said}; leave the clock in the "
                "state, or where only the reward depends on it, take score='success'"
            )

    def _copy(self) -> Any:
        if self._state is not None:
            return self._state(self._env.unwrapped)
        return self._snapshots.take({"env": self._env})

    def _kept(self, played: _Played) -> Copied:
        if not played.terminated:
            self._copies.setdefault(played.state, played.copy)
        return played.state

    def _looked_at(self, observation: Any) -> Copied:
        if self._state is None:
            *wrappers, attributes = (dict(vars(layer)) for layer in _layers(self._env))
            for name in self._ignored:
                attributes.pop(name, None)
            for each in wrappers:
                del each["env"]
            own = SimpleNamespace(**attributes)
            held: Hashable = fingerprint((own, *wrappers) if wrappers else own, self._name)
        else:
            held = self._state(self._env.unwrapped)
        return Copied(self._numbers.setdefault(held, len(self._numbers)), self.seen(observation))

    def _undisturbed(self, call: Callable[[], Any]) -> Any:
        """Call, and raise NotFinite where it drew from a generator that belongs to nobody."""
        python, (_, words, place, *rest) = random.getstate(), np.random.get_state()
        try:
            result = call()
        except (NotFinite, TooLarge):
            raise
        except Exception as problem:
            raise NotFinite(f"it raises {type(problem).__name__}: {problem}") from problem
        _, words_now, place_now, *rest_now = np.random.get_state()
        if place != place_now or rest != rest_now or not np.array_equal(words, words_now):
            raise NotFinite("it draws from numpy's global generator, np.random")
        if python != random.getstate():
            raise NotFinite("it draws from Python's global generator, random")
        return result

    def _attribute(self, name: str, option: str) -> Any:
        held = vars(self._env.unwrapped)
        if name not in held:
            known = ", ".join(sorted(held))
            raise ValueError(f"{option} must name attributes of {self._name}, got {name!r}; it has {known}")
        if option == "clock" and type(held[name]) is not int:
            raise ValueError(
                f"clock must name an attribute that holds an integer, {name} is {held[name]!r:.80}"
            )
        return held[name]


def _layers(env: Any) -> list[Any]:
    """Return the wrappers from the outermost to the environment itself."""
    layers = [env]
    while isinstance(layers[-1], gymnasium.Wrapper):
        layers.append(layers[-1].env)
    return layers


def _own(env: gymnasium.Env[Any, Any]) -> tuple[Any, int | None]:
    """Return a copy without the wrappers that are looked through, and the time limit of those."""
    snapshots = Snapshots(shares_spaces=False)
    held = snapshots.back(snapshots.take({"env": env}))
    layers = _layers(held["env"])
    limits = [layer._max_episode_steps for layer in layers if isinstance(layer, TimeLimit)]
    kept = [layer for layer in layers if type(layer) not in LOOKED_THROUGH]
    for outer, inner in zip(kept, kept[1:], strict=False):
        outer.env = inner
    return kept[0], min(limits, default=None)


def _horizon(given: int | None, limit: int | None, name: str) -> int:
    if given is not None and (isinstance(given, bool) or not isinstance(given, Integral) or given < 1):
        raise ValueError(f"horizon must be an integer of at least 1, got {given!r}")
    if given is None and limit is None:
        raise ValueError(
            f"{name} has no time limit that is known: give horizon, or max_episode_steps to gymnasium.make"
        )
    return int(min(each for each in (given, limit) if each is not None))


def _actions(space: Any, name: str) -> list[Any]:
    """Return all actions of a space."""
    if isinstance(space, spaces.Discrete):
        return [int(space.start) + number for number in range(int(space.n))]
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary):
        if isinstance(space, spaces.MultiDiscrete):
            shape, counts, first = space.nvec.shape, space.nvec.ravel().tolist(), space.start.ravel().tolist()
        else:
            shape, counts = tuple(space.shape), [2] * int(np.prod(space.shape))
            first = [0] * len(counts)
        ranges = [range(start, start + count) for start, count in zip(first, counts, strict=True)]
        if np.prod([float(count) for count in counts]) > _ACTION_LIMIT:
            raise TooLarge(f"{name} has more than {_ACTION_LIMIT} actions: {space}")
        return [np.array(each, space.dtype).reshape(shape) for each in product(*ranges)]
    raise NotFinite(f"{name} cannot be enumerated: its actions are {space}, which are not finitely many")


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


_ACTION_LIMIT = 10_000
_NUMBERS_TOLD = 12
