"""Reactive policies for Meta-Fetch, which act on what is seen now: small networks, and a rule.

The networks for the registered rooms ship with the package; `agents.baselines.reactive` trains them. An entry
of the data file is named by the settings it was trained in and holds 16-bit numbers.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import FORWARD, OBSERVABILITIES, TURN_LEFT, TURN_RIGHT
from memory_envs.solvers.ascent import softmax
from memory_envs.task import Network, Sight

FILE = "reflexes.npz"
"""Name of the data file, which is older than the name of this module."""

HASTE = 0.97
"""How often the rule acts as it should, and not at random."""

PERSISTENCE = 0.5
"""How often it walks on where it sees no object and no wall ahead."""

_STORED = np.float16
_UNDERFOOT = 10**6

Weights = NDArray[np.float32]


class ReactivePolicy(NamedTuple):
    """A network with one hidden layer, from a one-hot observation to the probability of each action.

    Attributes:
        seeing: float32 [size of an observation + 1, units]; the last row is the bias.
        acting: float32 [units + 1, actions]; the last row is the bias.
    """

    seeing: Weights
    acting: Weights

    def probabilities(self, observations: NDArray[np.uint8]) -> Weights:
        """Return the probability of each action, [N, actions], in one-hot observations, uint8 [N, size]."""
        hidden = np.tanh(observations.astype(np.float32) @ self.seeing[:-1] + self.seeing[-1])
        return softmax(hidden @ self.acting[:-1] + self.acting[-1])


def memoryless(config: meta_fetch.Config, generator: np.random.Generator) -> Callable[[Sight], int]:
    """Return the best reactive policy that is known for a configuration: a network, or else the rule."""
    network = known_network(config)
    if network is None:
        return lambda sight: approach(sight.window, generator)
    return lambda sight: int(network.act(one_hot(sight), generator)[0])


def known_network(config: meta_fetch.Config) -> Network | None:
    """Return the network that ships for a configuration, or one trained in a room of another size, if any."""
    name = "a network improved by PPO"
    found = shipped(config)
    if found is None:
        name, found = f"{name} in rooms of another size", shipped_for_another_size(config)
    return None if found is None else Network(found.probabilities, name)


def one_hot(sight: Sight) -> NDArray[np.uint8]:
    """Return the one-hot observation that shows the same, uint8 [1, size]."""
    lit = sight.window.reshape(-1, 1) == np.arange(meta_fetch.NUM_TILES)
    return np.concatenate([lit.reshape(-1), sight.notes]).astype(np.uint8)[None]


def entry_name(config: meta_fetch.Config) -> str:
    """Return the name under which the network for a configuration is stored; its split does not matter.

    Settings of other tasks of the kind are named where they are not the defaults.
    """
    twin = OBSERVABILITIES[config.observability]
    name = f"size={config.size},view_size={config.view_size},num_objects={config.num_objects},{twin}"
    others = ((other, getattr(config, other), usual) for other, usual in config._field_defaults.items())
    return ",".join([name, *(f"{other}={value}" for other, value, usual in others if value != usual)])


def shipped(config: meta_fetch.Config) -> ReactivePolicy | None:
    """Return the network that was trained in these settings, time limit and split aside, if one was."""
    name = entry_name(config)
    return None if name + ",seeing" not in _stored() else _entry(name)


def shipped_for_another_size(config: meta_fetch.Config) -> ReactivePolicy | None:
    """Return a network that was trained in these settings but in a room of another size, if one was.

    Observations mean the same in a room of another size. Nothing says how well the network does there.
    """
    tail = entry_name(config).partition(",")[2]
    fitting = sorted(name for name in _stored() if name.endswith(f",{tail},seeing"))
    return _entry(fitting[0].removesuffix(",seeing")) if fitting else None


def rounded(policy: ReactivePolicy) -> ReactivePolicy:
    """Return a network with the precision it is stored in."""
    return ReactivePolicy(*(layer.astype(_STORED).astype(np.float32) for layer in policy))


def save(path: Path, name: str, policy: ReactivePolicy) -> None:
    """Write a network under a name into a data file, beside the others in it."""
    entries = {f"{name},{layer}": each.astype(_STORED) for layer, each in policy._asdict().items()}
    np.savez_compressed(path, **(_read(path) if path.exists() else {}) | entries)


def approach(window: NDArray[np.uint8], generator: np.random.Generator) -> int:
    """Return the action of the rule, which mostly takes the agent towards the nearest object in its window.

    Distance is counted in steps, a turn being one; an object underfoot does not count. One step in
    1 / (1 - HASTE) is drawn instead, as the same walks to and fro between two wrong objects would else never
    end. Where no object is visible, the agent mostly walks on, and turns before a wall.
    """
    if generator.random() > HASTE:
        return int(generator.integers(meta_fetch.NUM_ACTIONS))
    rows, columns = np.nonzero(window >= meta_fetch.OBJECT)
    ahead, right = len(window) - 1 - rows, columns - len(window) // 2
    steps = np.where((ahead > 0) | (right != 0), ahead + np.abs(right) + (right != 0), _UNDERFOOT)
    if steps.min(initial=_UNDERFOOT) == _UNDERFOOT:
        return _search(window, generator)
    nearest = generator.choice(np.flatnonzero(steps == steps.min()))
    if ahead[nearest] > 0:
        return FORWARD
    return TURN_RIGHT if right[nearest] > 0 else TURN_LEFT


def _search(window: NDArray[np.uint8], generator: np.random.Generator) -> int:
    faces_wall = len(window) > 1 and window[-2, len(window) // 2] == meta_fetch.WALL
    if not faces_wall and generator.random() < PERSISTENCE:
        return FORWARD
    return int(generator.choice([TURN_LEFT, TURN_RIGHT]))


def _entry(name: str) -> ReactivePolicy:
    stored = _stored()
    return ReactivePolicy(*(stored[f"{name},{layer}"].astype(np.float32) for layer in ReactivePolicy._fields))


@lru_cache(maxsize=1)
def _stored() -> dict[str, NDArray[np.float16]]:
    with resources.as_file(resources.files(__package__).joinpath(FILE)) as path:
        return _read(path)


def _read(path: Path) -> dict[str, NDArray[np.float16]]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
