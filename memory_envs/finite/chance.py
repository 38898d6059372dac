"""A random generator that branches on every draw: all that chance may bring, each with its probability.

A program that draws from it is run again and again, once for each combination of what its draws may give. So
nothing of the program's rules has to be known, and nothing is sampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import product
from numbers import Integral, Real
from typing import Any, NoReturn, TypeVar

import numpy as np

from memory_envs.finite.errors import NotFinite, TooLarge

OUTCOME_LIMIT = 100_000
"""Outcomes of one step or reset, and values of one draw, beyond which their enumeration gives up."""

DRAW_LIMIT = 1_000
"""Draws in one step or reset beyond which it is taken for one that may go on for ever."""

_ENUMERABLE = "integers, choice, shuffle, permutation, binomial, and random or uniform that are compared"

T = TypeVar("T")


class Chance:
    """Stands where a `numpy.random.Generator` stands, and enumerates instead of drawing.

    `integers`, `choice`, `shuffle`, `permutation` and `binomial` branch into their values. `random` and
    `uniform` return a `Real01`, which branches when it is compared: on `random() < p` into two, exactly.
    All else is refused by name.
    """

    def __init__(self, outcome_limit: int = OUTCOME_LIMIT) -> None:
        """Begin; more than `outcome_limit` outcomes are refused."""
        self._limit = outcome_limit
        self._script: list[tuple[tuple[float, ...], int]] = []
        self._at: int | None = None

    def outcomes(self, play: Callable[[], T]) -> Iterator[tuple[float, T]]:
        """Yield each thing that a function may return, with its probability.

        Args:
            play: Called once for each outcome. Whatever it changes, it has to restore when it begins.

        Raises:
            NotFinite: It draws what has no finitely many values, or differently when it is run again.
            TooLarge: There are more outcomes than the limit, or more draws than `DRAW_LIMIT` in one of them.
        """
        self._script = []
        for count in range(self._limit + 1):
            if count == self._limit:
                raise TooLarge(f"chance has more than {self._limit} outcomes")
            self._at = 0
            try:
                result = play()
                self._check_replayed(self._at == len(self._script))
            finally:
                self._at = None
            yield math.prod(chances[taken] for chances, taken in self._script), result
            while self._script and self._script[-1][1] + 1 == len(self._script[-1][0]):
                self._script.pop()
            if not self._script:
                return
            chances, taken = self._script.pop()
            self._script.append((chances, taken + 1))

    def integers(
        self,
        low: int,
        high: int | None = None,
        size: Any = None,
        dtype: Any = np.int64,
        endpoint: bool = False,
    ) -> Any:
        """Branch into all integers of a range, as `Generator.integers` draws them."""
        low, high = (0, low) if high is None else (low, high)
        if not isinstance(low, Integral) or not isinstance(high, Integral):
            _refuse("integers", f"bounds {low!r} and {high!r}")
        first, count = int(low), int(high) - int(low) + bool(endpoint)
        if count < 1:
            raise ValueError(f"integers must have a range, got {low} to {high}")
        return self._filled(size, np.dtype(dtype), lambda: first + self._evenly(count, "integers"))

    def choice(
        self,
        a: Any,
        size: Any = None,
        replace: bool = True,
        p: Any = None,
        axis: int = 0,
        shuffle: bool = True,
    ) -> Any:
        """Branch into all elements, or all arrays of them, as `Generator.choice` draws them."""
        items = np.arange(int(a)) if isinstance(a, Integral) else np.asarray(a)
        if axis != 0 or (not replace and not shuffle):
            _refuse("choice", f"axis={axis} and shuffle={shuffle}")
        if len(items) > self._limit:
            raise TooLarge(f"a draw of choice has {len(items)} values")
        left = list(range(len(items)))
        weights = [1.0] * len(left) if p is None else [float(each) for each in p]
        if len(weights) != len(left) or not left:
            raise ValueError(f"choice must have as many probabilities as items, got {p!r} for {a!r}")

        if replace and items.ndim == 1 and items.dtype != object:  # equal items are one outcome
            items, numbers = np.unique(items, return_inverse=True)
            shares = np.bincount(numbers.ravel(), weights, len(items)).tolist()
            return items[self._filled(size, np.dtype(np.int64), lambda: self._draw(shares))]

        def index() -> int:
            place = self._evenly(len(left), "choice") if p is None else self._draw([weights[k] for k in left])
            return left[place] if replace else left.pop(place)

        return items[self._filled(size, np.dtype(np.int64), index)]

    def binomial(self, n: int, p: float, size: Any = None) -> Any:
        """Branch into 0 to n successes."""
        if not isinstance(n, Integral) or not isinstance(p, Real):
            _refuse("binomial", f"n={n!r} and p={p!r}")
        chances = [
            math.comb(int(n), k) * float(p) ** k * (1 - float(p)) ** (int(n) - k) for k in range(n + 1)
        ]
        return self._filled(size, np.dtype(np.int64), lambda: self._draw(chances))

    def shuffle(self, x: Any, axis: int = 0) -> None:
        """Branch into all orders of a list or array that differ; it is put into each."""
        if axis != 0:
            _refuse("shuffle", f"axis={axis}")
        items = x.copy() if isinstance(x, np.ndarray) else list(x)
        for place, index in enumerate(self._order(items)):
            x[place] = items[index]

    def permutation(self, x: Any, axis: int = 0) -> Any:
        """Branch into all orders that differ of a range or array."""
        if axis != 0:
            _refuse("permutation", f"axis={axis}")
        items = np.arange(int(x)) if isinstance(x, Integral) else np.array(x)
        return items[self._order(items)]

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """Return a `Real01`, or an array of them."""
        return self.uniform(0.0, 1.0, size)

    def uniform(self, low: float = 0.0, high: float = 1.0, size: Any = None) -> Any:
        """Return a `Real01` between other ends, or an array of them."""
        if not isinstance(low, Real) or not isinstance(high, Real) or not low < high:
            _refuse("uniform", f"ends {low!r} and {high!r}")
        if size is None:
            return Real01(self, float(low), float(high))
        numbers = np.empty(size, dtype=object)
        for place in np.ndindex(numbers.shape):
            numbers[place] = Real01(self, float(low), float(high))
        return numbers

    def fork(self, share: float) -> bool:
        """Branch into yes, with this probability, and no."""
        return self._draw([share, 1 - share]) == 0

    def __deepcopy__(self, memo: Any) -> Chance:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotFinite(f"what {name} of a generator gives cannot be enumerated; {_ENUMERABLE} can")

    def _filled(self, size: Any, dtype: np.dtype[Any], draw: Callable[[], int]) -> Any:
        if size is None:
            return dtype.type(draw())
        numbers = np.empty(size, dtype)
        for place in product(*(range(length) for length in numbers.shape)):
            numbers[place] = draw()
        return numbers

    def _order(self, items: Any) -> list[int]:
        """Return the numbers of the items in one order; those of equal items in their own."""
        places: dict[Hashable, list[int]] = {}
        for place, item in enumerate(items):
            places.setdefault(_name(item, place), []).append(place)
        piles = list(places.values())
        orders = math.factorial(len(items)) // math.prod(math.factorial(len(pile)) for pile in piles)
        if orders > self._limit:
            raise TooLarge(f"a shuffle of {len(items)} items has {float(orders):.2g} orders")
        counts, order = [len(pile) for pile in piles], []
        for _ in range(len(items)):
            pile = self._draw([float(count) for count in counts])
            order.append(piles[pile][-counts[pile]])
            counts[pile] -= 1
        return order

    def _evenly(self, count: int, what: str) -> int:
        if count > self._limit:
            raise TooLarge(f"a draw of {what} has {count} values")
        return self._draw([1.0] * count)

    def _draw(self, weights: Sequence[float]) -> int:
        """Return the number of the weight that this outcome takes; weights of 0 are never taken."""
        if self._at is None:
            raise NotFinite("something draws outside of a step or reset, where chance cannot be enumerated")
        total = sum(weights)
        possible = [index for index, weight in enumerate(weights) if weight > 0]
        if not possible or min(weights) < 0:
            raise ValueError(f"probabilities must be at least 0 and some above, got {list(weights)}")
        if len(possible) == 1:
            return possible[0]
        chances = tuple(weights[index] / total for index in possible)
        if self._at == len(self._script):
            if self._at == DRAW_LIMIT:
                raise TooLarge(f"chance is drawn from more than {DRAW_LIMIT} times in one step or reset")
            self._script.append((chances, 0))
        known, taken = self._script[self._at]
        self._check_replayed(known == chances)
        self._at += 1
        return possible[taken]

    def _check_replayed(self, same: bool) -> None:
        if not same:
            raise NotFinite("it draws otherwise when it is run again: it has state that was not restored")


class Real01:
    """A number that is evenly drawn from an interval, of which no more is decided than was asked.

    Compared with a number it is below it with the exact probability, given what was decided before. It may be
    shifted and scaled, and rounded down. All that would need the number itself is refused.
    """

    __array_ufunc__ = None  # so that arrays leave comparisons to this class
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, chance: Chance, low: float, high: float) -> None:
        """Begin with nothing decided."""
        self._chance, self._low, self._high = chance, low, high
        self._scale, self._shift, self._ends = 1.0, 0.0, [low, high]

    def __lt__(self, other: Any) -> Any:
        return self._is_below(other)

    def __le__(self, other: Any) -> Any:
        return self._is_below(other)

    def __gt__(self, other: Any) -> Any:
        return (
            np.logical_not(self._is_below(other))
            if isinstance(other, np.ndarray)
            else not self._is_below(other)
        )

    def __ge__(self, other: Any) -> Any:
        return self.__gt__(other)

    def __mul__(self, factor: Any) -> Real01:
        if not isinstance(factor, Real) or factor == 0:
            self._needed(f"a product with {factor!r}")
        return self._moved(float(factor), 0.0)

    def __add__(self, shift: Any) -> Real01:
        if not isinstance(shift, Real):
            self._needed(f"a sum with {shift!r}")
        return self._moved(1.0, float(shift))

    def __sub__(self, shift: Any) -> Real01:
        return self + -shift

    def __rsub__(self, start: Any) -> Real01:
        return self * -1 + start

    def __truediv__(self, divisor: Any) -> Real01:
        return self * (1 / divisor)

    def __neg__(self) -> Real01:
        return self * -1

    __rmul__, __radd__ = __mul__, __add__

    def __floor__(self) -> int:
        low, high = sorted(self._scale * end + self._shift for end in self._ends)
        for number in range(math.floor(low), math.ceil(high) - 1):
            if self < number + 1:
                return number
        return max(math.ceil(high) - 1, math.floor(low))

    def __int__(self) -> int:
        return math.floor(self) if self >= 0 else -math.floor(-self)

    def __repr__(self) -> str:
        return "a number of random() or uniform()"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._needed(name)

    def __pow__(self, power: Any) -> NoReturn:
        self._needed(f"the power {power!r}")

    def __float__(self) -> float:
        self._needed("its value as a float")

    def __eq__(self, other: object) -> bool:
        self._needed(f"whether it equals {other!r}")

    def __bool__(self) -> bool:
        self._needed("whether it is 0")

    def _is_below(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return np.array([self._is_below(each) for each in other.ravel()]).reshape(other.shape)
        if not isinstance(other, Real):
            self._needed(f"a comparison with {other!r}")
        at = (float(other) - self._shift) / self._scale
        below = self._draws_below(at)
        return below if self._scale > 0 else not below

    def _draws_below(self, at: float) -> bool:
        low, high = self._ends
        below = at >= high or (at > low and self._chance.fork((at - low) / (high - low)))
        if low < at < high:
            self._ends[0 if not below else 1] = at
        return below

    def _moved(self, factor: float, shift: float) -> Real01:
        moved = Real01(self._chance, self._low, self._high)
        moved._ends = self._ends  # one number: what is decided of one is decided of both
        moved._scale, moved._shift = self._scale * factor, self._shift * factor + shift
        return moved

    def _needed(self, what: str) -> NoReturn:
        raise NotFinite(
            f"random() or uniform() is used for more than comparisons ({what}), "
            "and has no finitely many values"
        )


def _name(item: Any, place: int) -> Hashable:
    """Return what equal items share."""
    if isinstance(item, np.ndarray):
        return item.tobytes() if item.dtype != object else place
    try:
        hash(item)
    except TypeError:
        return place
    return type(item), item


def _refuse(method: str, what: str) -> NoReturn:
    raise NotFinite(f"{method} with {what} cannot be enumerated")
