"""Whether what a file holds fits what it is for: kind, shape, dtype and finiteness of every part, before use.

A file may be sound as a container and wrong in content: torch's fused optimizers, for instance, read past the
end of moments that are shorter than their parameters. What is wanted is described by a tree of what the model
itself holds, of the descriptions below, and of functions that check one place.
"""

from __future__ import annotations

import copy
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import Space, spaces
from torch import Tensor

from memory_envs.registry.json_text import shown

Check = Callable[[Any, str], None]
"""Takes what was found and its place."""

_REJECTIONS = (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, AssertionError)
"""Raised by numpy and torch for states that are none of theirs."""


# Options of optimizers that torch has added, and adds to a state from before.
_ADDED_OPTIONS = frozenset(
    "amsgrad capturable decoupled_weight_decay differentiable foreach fused maximize nesterov".split()
)


class Misfit(ValueError):
    """Something in a file does not fit; the message begins with its place, as in "learner/eta"."""


@dataclass(frozen=True)
class Data:
    """A tensor or an array without NaN and infinite values.

    Attributes:
        dtype: Torch's for a tensor, numpy's for an array; None for a tensor of any real one.
        shape: Lengths. Those that are names are free, and the same wherever the name recurs.
        limit: Values are from 0 and below this, or below these along the last axis, where an infinite one
            allows any; None: any.
    """

    dtype: torch.dtype | np.dtype[Any] | None
    shape: tuple[int | str, ...]
    limit: float | tuple[float, ...] | None = None

    def __str__(self) -> str:
        kind = "array" if isinstance(self.dtype, np.dtype) else "tensor"
        return f"{kind} of {self.dtype or 'real numbers'} [{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Number:
    """A finite number from `least`, whole if so asked."""

    least: float = -math.inf
    whole: bool = False


@dataclass(frozen=True)
class Maybe:
    """None, or what is wanted."""

    wanted: Any


@dataclass(frozen=True)
class Each:
    """A list of any length, each entry as wanted."""

    wanted: Any


def fit(found: Any, wanted: Any, place: str, lengths: dict[str, int] | None = None) -> None:
    """Compare what a file holds with what is wanted there.

    Args:
        found: From the file.
        wanted: A description, a function, or something of the same kind, shape and dtype.
        place: Of `found` in the file, for errors.
        lengths: Lengths that go by a name; those found are added.

    Raises:
        Misfit: They differ; names the place.
    """
    lengths = {} if lengths is None else lengths
    if isinstance(wanted, Maybe):
        if found is not None:
            fit(found, wanted.wanted, place, lengths)
    elif isinstance(wanted, Each):
        _require(isinstance(found, list), place, "a list", found)
        for index, item in enumerate(found):
            fit(item, wanted.wanted, f"{place}/{index}", lengths)
    elif isinstance(wanted, Data):
        _fit_data(found, wanted, place, lengths)
    elif isinstance(wanted, (Tensor, np.ndarray)):
        _fit_alike(found, wanted, place)
    elif isinstance(wanted, Number):
        _fit_number(found, wanted, place)
    elif isinstance(wanted, Mapping):
        _fit_mapping(found, wanted, place, lengths)
    elif isinstance(wanted, (list, tuple)):
        whole = isinstance(found, (list, tuple)) and len(found) == len(wanted)
        _require(whole, place, f"a sequence of {len(wanted)}", found)
        for index, (item, like) in enumerate(zip(found, wanted, strict=True)):
            fit(item, like, f"{place}/{index}", lengths)
    elif callable(wanted):
        wanted(found, place)
    else:
        _require(type(found) is type(wanted), place, f"a {type(wanted).__name__}", found)


def optimizer_state(optimizer: torch.optim.Optimizer) -> Check:
    """Return the check of a state of an optimizer: the moments of each parameter, and the groups' options."""

    def check(found: Any, place: str) -> None:
        own = optimizer.state_dict()
        _fit_mapping(found, {"state": dict, "param_groups": list}, place, None)
        _require(isinstance(found["state"], dict), f"{place}/state", "a dict", found["state"])
        groups = found["param_groups"]
        whole = isinstance(groups, list) and len(groups) == len(own["param_groups"])
        _require(whole, f"{place}/param_groups", f"a list of {len(own['param_groups'])}", groups)
        for index, (group, like) in enumerate(zip(groups, own["param_groups"], strict=True)):
            _fit_group(group, like, f"{place}/param_groups/{index}")
        moments = _moments(optimizer)
        for key, state in found["state"].items():
            _require(key in moments, f"{place}/state", f"by parameter, 0 to {len(moments) - 1}", key)
            fit(state, moments[key], f"{place}/state/{key}")

    return check


def generator_state(generator: torch.Generator) -> Check:
    """Return the check of a state of a generator of torch."""

    def check(found: Any, place: str) -> None:
        fit(found, Data(torch.uint8, tuple(generator.get_state().shape)), place)
        _accepted(place, lambda: torch.Generator(generator.device).set_state(found.cpu()))

    return check


def numpy_generator_state(rng: np.random.Generator) -> Check:
    """Return the check of a state of a generator of numpy."""
    kind = type(rng.bit_generator)
    return lambda found, place: _accepted(place, lambda: setattr(kind(0), "state", found))


def numpy_global_state(found: Any, place: str) -> None:
    """Check a state of numpy's global generator, whose position numpy itself does not check."""
    keys = Data(np.dtype(np.uint32), (624,))
    whole = Number(0, whole=True)
    fit(found, ("MT19937", keys, whole, whole, Number()), place)
    _require(found[0] == "MT19937", f"{place}/0", "'MT19937'", found[0])
    _require(found[2] <= 624, f"{place}/2", "at most 624", found[2])
    _accepted(place, lambda: np.random.RandomState(0).set_state(found))


def observations(space: Space[Any], *leading: str, arrays: bool = False, exact: bool = True) -> Any:
    """Return what observations of a space look like.

    Args:
        space: A Dict, or one with a shape and a dtype.
        leading: Names of the dimensions before those of the space.
        arrays: Numpy's instead of torch's.
        exact: Whether the dtype is that of the space. Environments may show the last observations of
            episodes in others.
    """
    if isinstance(space, spaces.Dict):
        return {key: observations(each, *leading, arrays=arrays, exact=exact) for key, each in space.items()}
    dtype = np.dtype(space.dtype)
    wanted = dtype if arrays else torch.from_numpy(np.empty(0, dtype)).dtype
    limit = None  # in one-hot vectors there is no room for others
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        limit = float(space.n) if isinstance(space, spaces.Discrete) else tuple(space.nvec.tolist())
    return Data(wanted if exact else None, (*leading, *(space.shape or ())), limit)


def core_state(state: tuple[Tensor, ...], lane_axis: int = 0) -> tuple[Data, ...]:
    """Return what a recurrent memory of any number N of lanes looks like.

    Args:
        state: One of any number.
        lane_axis: Dimension of the lanes.
    """

    def described(part: Tensor) -> Data:
        shape: list[int | str] = list(part.shape)
        shape[lane_axis] = "N"
        return Data(part.dtype, tuple(shape), None if part.is_floating_point() else math.inf)

    return tuple(map(described, state))


def _fit_data(found: Any, wanted: Data, place: str, lengths: dict[str, int]) -> None:
    kind = np.ndarray if isinstance(wanted.dtype, np.dtype) else Tensor
    fits = isinstance(found, kind) and len(found.shape) == len(wanted.shape)
    if fits and wanted.dtype is None:
        fits = not found.is_complex()
    elif fits:
        fits = found.dtype == wanted.dtype
    for name, length in zip(wanted.shape, found.shape if fits else (), strict=False):
        fits = fits and length == (lengths.setdefault(name, length) if isinstance(name, str) else name)
    _require(fits, place, f"a {wanted}" + _named(wanted.shape, lengths), found)
    _require(bool(_finite(found).all()), place, "finite throughout", found)
    if wanted.limit is not None and 0 not in found.shape:
        within = (found < _like(found, wanted.limit)) & (found >= _like(found, _least(wanted.limit)))
        _require(bool(within.all()), place, f"from 0 and below {wanted.limit}", found)


def _least(limit: float | tuple[float, ...]) -> Any:
    return [0.0 if math.isfinite(each) else -math.inf for each in limit] if isinstance(limit, tuple) else 0.0


def _like(found: Any, limit: Any) -> Any:
    return torch.as_tensor(limit, device=found.device) if isinstance(found, Tensor) else np.asarray(limit)


def _fit_alike(found: Any, own: Any, place: str) -> None:
    """Finite where our own values are: a mask may hold infinities."""
    fits = isinstance(found, type(own) if isinstance(own, np.ndarray) else Tensor)
    fits = fits and found.shape == own.shape and found.dtype == own.dtype
    _require(fits, place, f"a {Data(own.dtype, tuple(own.shape))}", found)
    finite = _finite(found)
    _require(bool(finite.all()) or finite.tolist() == _finite(own).tolist(), place, "finite", found)


def _fit_number(found: Any, wanted: Number, place: str) -> None:
    kind = numbers.Integral if wanted.whole else numbers.Real
    fits = isinstance(found, kind) and not isinstance(found, bool)
    fits = fits and (isinstance(found, numbers.Integral) or math.isfinite(found))
    fits = fits and wanted.least <= found < 2**63
    what = f"a {'whole' if wanted.whole else 'finite'} number"
    _require(fits, place, what + (f" from {wanted.least}" if wanted.least > -math.inf else ""), found)


def _fit_mapping(found: Any, wanted: Mapping[Any, Any], place: str, lengths: dict[str, int] | None) -> None:
    _require(isinstance(found, dict), place, "a dict", found)
    if found.keys() != wanted.keys():
        missing = sorted(map(str, wanted.keys() - found.keys()))
        unknown = sorted(map(str, found.keys() - wanted.keys()))
        raise Misfit(f"{place} lacks {missing[:5]} and has the unknown {unknown[:5]}")
    if lengths is not None:
        for name, each in wanted.items():
            fit(found[name], each, f"{place}/{name}", lengths)


def _fit_group(found: Any, own: Mapping[str, Any], place: str) -> None:
    """Options of a group: those that torch adds where they are absent may be, numbers are finite."""
    _require(isinstance(found, dict), place, "a dict", found)
    unknown = sorted(map(str, found.keys() - own.keys()))
    _require(not unknown, place, f"of the options {', '.join(own)}", unknown)
    missing = sorted(own.keys() - found.keys() - _ADDED_OPTIONS)
    _require(not missing, place, f"with the options {', '.join(missing)}", list(found))
    params = found["params"]
    sound = isinstance(params, list) and all(type(each) is int for each in params)
    _require(sound and params == own["params"], f"{place}/params", own["params"], params)
    for name, value in found.items():
        here = f"{place}/{name}"
        if name in ("foreach", "fused"):  # how, not what, is computed
            _require(value is None or isinstance(value, bool), here, "True, False or None", value)
        elif isinstance(own[name], (bool, type(None), str)):
            _require(type(value) is type(own[name]) and value == own[name], here, repr(own[name]), value)
        elif isinstance(own[name], (int, float)):
            fit(value, Number(0), here)
        elif isinstance(own[name], tuple) and name == "betas":
            fit(value, (Number(0), Number(0)), here)
            _require(max(value) < 1, here, "below 1", value)


def _moments(optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Any]]:
    """What the optimizer keeps of each parameter, seen at a step of a copy of it."""
    twin = copy.deepcopy(optimizer)
    for group in twin.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    twin.step()
    state = twin.state_dict()["state"]
    return {key: dict(each) for key, each in state.items()}


def _accepted(place: str, attempt: Callable[[], Any]) -> None:
    try:
        attempt()
    except _REJECTIONS as problem:
        raise Misfit(f"{place} is no state of the generator: {problem}") from problem


def _require(holds: Any, place: str, what: Any, found: Any) -> None:
    if not holds:
        raise Misfit(f"{place} must be {what}, got {_shown(found)}")


def _shown(found: Any) -> str:
    if isinstance(found, (Tensor, np.ndarray)):
        return f"a {Data(found.dtype, tuple(found.shape))}: " + f"{found.reshape(-1)[:4].tolist()} ..."
    return shown(found)


def _named(shape: tuple[int | str, ...], lengths: Mapping[str, int]) -> str:
    named = [f"{name} = {lengths[name]}" for name in shape if isinstance(name, str) and name in lengths]
    return f" with {', '.join(named)}" if named else ""


def _finite(data: Any) -> Any:
    if isinstance(data, np.ndarray):
        return np.isfinite(data)
    return torch.isfinite(data.float() if data.dtype.itemsize == 1 else data)
