"""Policies without memory for Meta-Fetch: small networks that read one observation and draw an action.

Those for the registered rooms ship with the package; `memory_envs.certificate.reflexes` improved them. An
entry of the data file is named by the settings it was improved in and holds 16-bit numbers.
"""

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import OBSERVABILITIES

FILE = "reflexes.npz"

_STORED = np.float16

Weights = NDArray[np.float32]


class Reflexes(NamedTuple):
    """A network with one hidden layer, from a one-hot observation to the probability of each action.

    Attributes:
        seeing: float32 [size of an observation + 1, units]; the last row is the bias.
        acting: float32 [units + 1, actions]; the last row is the bias.
    """

    seeing: Weights
    acting: Weights

    def hidden(self, observations: Weights) -> Weights:
        """Return what the units say, [N, units], to observations [N, size]."""
        activations: Weights = np.tanh(observations @ self.seeing[:-1] + self.seeing[-1])
        return activations

    def logits(self, hidden: Weights) -> Weights:
        """Return one number per action, [N, actions]."""
        return hidden @ self.acting[:-1] + self.acting[-1]

    def __call__(self, observations: NDArray[np.uint8]) -> Weights:
        """Return the probability of each action, [N, actions], in one-hot observations, uint8 [N, size]."""
        return softmax(self.logits(self.hidden(observations.astype(np.float32))))


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Return the probability of each action, [N, actions]."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances: NDArray[Any] = powers / powers.sum(axis=1, keepdims=True)
    return chances


def drawn(probabilities: Weights, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return an action for each row of probabilities, int64 [N]."""
    limits = probabilities.cumsum(axis=1)[:, :-1]
    return (generator.random(len(limits))[:, None] > limits).sum(axis=1)


def one_hot(window: NDArray[np.uint8], notes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the one-hot observation of a window of tile codes and the notes behind it, uint8 [1, size]."""
    lit = window.reshape(-1, 1) == np.arange(meta_fetch.NUM_TILES)
    return np.concatenate([lit.reshape(-1), notes]).astype(np.uint8)[None]


def entry_name(config: meta_fetch.Config) -> str:
    """Return the name under which the reflexes for a configuration are stored; its split does not matter."""
    twin = OBSERVABILITIES[config.observability]
    return f"size={config.size},view_size={config.view_size},num_objects={config.num_objects},{twin}"


def shipped(config: meta_fetch.Config) -> Reflexes | None:
    """Return the reflexes that were improved for these settings, time limit and split aside, if any were."""
    name = entry_name(config)
    return None if name + ",seeing" not in _stored() else _entry(name)


def shipped_for_another_size(config: meta_fetch.Config) -> Reflexes | None:
    """Return the reflexes that were improved for these settings but a room of another size, if any were.

    Observations mean the same in a room of another size. Nothing says how well the reflexes do there.
    """
    tail = entry_name(config).partition(",")[2]
    fitting = sorted(name for name in _stored() if name.endswith(f",{tail},seeing"))
    return _entry(fitting[0].removesuffix(",seeing")) if fitting else None


def rounded(reflexes: Reflexes) -> Reflexes:
    """Return reflexes with the precision they are stored in."""
    return Reflexes(*(layer.astype(_STORED).astype(np.float32) for layer in reflexes))


def save(path: Path, name: str, reflexes: Reflexes) -> None:
    """Write reflexes under a name into a data file, beside the others in it."""
    entries = {f"{name},{layer}": each.astype(_STORED) for layer, each in reflexes._asdict().items()}
    np.savez_compressed(path, **(_read(path) if path.exists() else {}) | entries)


def _entry(name: str) -> Reflexes:
    stored = _stored()
    return Reflexes(*(stored[f"{name},{layer}"].astype(np.float32) for layer in Reflexes._fields))


@lru_cache(maxsize=1)
def _stored() -> dict[str, NDArray[np.float16]]:
    with resources.as_file(resources.files(__package__).joinpath(FILE)) as path:
        return _read(path)


def _read(path: Path) -> dict[str, NDArray[np.float16]]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
