"""The record of a task: its rules, and all else that the suite knows of it, in one place.

Environments, policies and certificates ask the record and know no task by name.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from memory_envs.finite.protocol import FiniteEnv
from memory_envs.finite.rulebook import FiniteRules
from memory_envs.rendering.scene import Look, Scene


class Sight(NamedTuple):
    """What an agent is shown in one step.

    Attributes:
        window: uint8 [view_size, view_size], tile codes.
        notes: uint8 [NUM_NOTES], each 0 or 1.
    """

    window: NDArray[np.uint8]
    notes: NDArray[np.uint8]


class Meaning(NamedTuple):
    """What a value of a memory target stands for.

    Attributes:
        name: In words.
        tile: Code of the tile that it is, if it is one.
    """

    name: str
    tile: int | None = None


class SightPolicy(Protocol):
    """A policy for one configuration, called with what is seen, whatever the form of observations."""

    def __call__(self, sight: Sight) -> int:
        """Return the next action, which is taken to be done unless `took` says otherwise."""

    def good(self, sight: Sight) -> NDArray[np.bool_]:
        """Return which actions it holds for best, bool [A], one at least; `took` has to follow."""

    def took(self, action: int) -> None:
        """Take in which action was done after the last call, its own or another."""

    def reset(self) -> None:
        """Begin an episode."""


class Network(NamedTuple):
    """A policy without memory for many lanes at once.

    Attributes:
        probabilities: One-hot observations, uint8 [N, size], to the probability of each action, [N, A].
        name: What it is, in words.
    """

    probabilities: Callable[[NDArray[np.uint8]], NDArray[Any]]
    name: str

    def act(self, observations: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.int64]:
        """Draw an action for each observation, int64 [N]."""
        limits = self.probabilities(observations).cumsum(axis=1)[:, :-1]
        return (generator.random(len(limits))[:, None] > limits).sum(axis=1)


@dataclass(frozen=True)
class Rooms:
    """How a task is certified whose rooms are too many to be computed together: some of them are drawn.

    Attributes:
        too_many: Config to whether they are.
        room: State to the room it is in; it stays the same for a whole episode.
        seen: (config, room, until_success=...) to that room for an agent that sees all of it but the
            question. With perfect memory it knows no less than one in the task does.
        network: Config to the best policy without memory that is known, if there is one for many lanes.
        question: What has to be remembered, in words.
        question_bits: Config to its entropy, bits.
    """

    too_many: Callable[[Any], bool]
    room: Callable[[Any], Hashable]
    seen: Callable[..., FiniteEnv]
    network: Callable[[Any], Network | None]
    question: str
    question_bits: Callable[[Any], float]


@dataclass(frozen=True, eq=False)
class Task:
    """All there is to know of a task; what has a default can be left out.

    Attributes:
        name: Its name in texts and pictures.
        rules: The rulebook: a module with the NamedTuples `Config` and `State`, the constants `NUM_ACTIONS`,
            `NUM_TILES`, `NUM_NOTES`, `FACTS` and `CLOCK` (the fields of the State on which, time limits
            aside, neither moves nor rewards depend, with values that stand for none), and the functions
            `configure`, `begin`, `transition`, `observe`, `write_notes`, `write_facts`, `is_success`,
            `has_ended`, `check_state` and, for certificates, `starts`. `num_tiles` says how many of the tile
            codes, the first ones, a configuration has, `EVENTS` names what `write_events` tells of a step,
            for infos as FACTS are, and `STATE` the numbers that `write_state` says a whole state by, for
            `privileged="state"`; all five can be left out.
        looks: How each tile code looks; without it there are no pictures.
        scene: (config, state) to what there is to see; without it there are no frames and no texts.
        steps_remaining: (config, state) to the fewest steps that one who knows everything still needs, for
            the info with `analysis=True`.
        memory_targets: Config to what a memory may be taught with: names among the rulebook's FACTS and
            EVENTS to the number of their values, of which 0 stands for nothing known, or nothing happened.
        meaning: (config, name of a memory target, value from 1) to what the value stands for; without it
            values stand for themselves.
        finite: (config, until_success=...) to its finite form; None takes the rulebook's own.
        twins: Observabilities that have finite forms too; a certificate compares them.
        rooms: How it is certified where not all states can be enumerated.
        memoryless: (config, generator) to the reference policy without memory; None searches for the best.
        perfect_memory: Config to the reference policy with perfect memory; None computes the best.
    """

    name: str
    rules: ModuleType
    looks: tuple[Look, ...] = ()
    scene: Callable[[Any, Any], Scene] | None = None
    steps_remaining: Callable[[Any, Any], int] | None = None
    memory_targets: Callable[[Any], dict[str, int]] | None = None
    meaning: Callable[[Any, str, int], Meaning] | None = None
    finite: Callable[..., FiniteEnv] | None = None
    twins: tuple[str, ...] = ()
    rooms: Rooms | None = None
    memoryless: Callable[[Any, np.random.Generator], Callable[[Sight], int]] | None = None
    perfect_memory: Callable[[Any], SightPolicy] | None = None

    def num_tiles(self, config: Any) -> int:
        """Return how many tile codes a configuration has."""
        count = getattr(self.rules, "num_tiles", None)
        return int(self.rules.NUM_TILES if count is None else count(config))

    def looks_of(self, config: Any) -> tuple[Look, ...]:
        """Return how each tile code of a configuration looks."""
        return self.looks[: self.num_tiles(config)]

    def finite_form(self, config: Any, *, until_success: bool = False) -> FiniteEnv:
        """Return a configuration as a finite environment.

        Args:
            config: Made by the rulebook's `configure`.
            until_success: End episodes at the first success.

        Raises:
            TypeError: Nobody has said how its episodes begin.
        """
        if self.finite is None and not hasattr(self.rules, "starts"):
            raise TypeError(
                f"{self.name} cannot be solved: give the rulebook {self.rules.__name__} a function "
                "starts(config) that returns each first state with its probability"
            )
        make = self.finite or partial(FiniteRules, self.rules)
        finite: FiniteEnv = make(config, until_success=until_success)
        if isinstance(finite, FiniteRules):
            finite.looks = [(look.name, look.symbol) for look in self.looks]
        return finite

    def meanings(self, config: Any) -> dict[str, tuple[Meaning, ...]]:
        """Return what each value of each memory target stands for, by the target's name, from value 0 on."""
        targets = {} if self.memory_targets is None else self.memory_targets(config)
        means = self.meaning or (lambda _config, _name, value: Meaning(str(value)))
        return {
            name: (Meaning("nothing yet"), *(means(config, name, value) for value in range(1, number)))
            for name, number in targets.items()
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle with the rules by their name, as modules cannot be."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _remade, (values | {"rules": self.rules.__name__},)


def _remade(values: dict[str, Any]) -> Task:
    return Task(**values | {"rules": import_module(values["rules"])})
