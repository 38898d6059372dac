"""Numbers as they stand in a certificate: known, or between bounds, and of which kind."""

from dataclasses import dataclass

EXACT = "exact"

ROUNDING = 1e-9
"""Values this close are taken for equal."""

_DIGITS = 12


@dataclass(frozen=True)
class Bounds:
    """A number, or an interval that it lies in.

    Attributes:
        lower: The least it can be.
        upper: The most it can be.
        how: "exact", or where the two ends come from; a sample is called one.
    """

    lower: float
    upper: float
    how: str = EXACT

    @classmethod
    def exactly(cls, value: float) -> "Bounds":
        """Return the bounds of a number that is known, cleaned of the noise of its last digits."""
        return cls.between(value, value, EXACT)

    @classmethod
    def between(cls, lower: float, upper: float, how: str) -> "Bounds":
        """Return an interval, or its lower end as a known number where only rounding parts the two."""
        lower, upper = round(lower, _DIGITS) + 0.0, round(upper, _DIGITS) + 0.0  # no -0.0
        return cls(lower, lower) if upper <= lower + ROUNDING else cls(lower, upper, how)

    def times(self, unit: float) -> "Bounds":
        """Return the bounds of a multiple of the number, by a positive factor."""
        return Bounds(self.lower * unit, self.upper * unit, self.how)

    def __str__(self) -> str:
        if self.lower == self.upper:
            return f"{self.lower:.4g}"
        return f"{self.lower:.4g} to {self.upper:.4g}"


@dataclass(frozen=True)
class Level:
    """What one way to play is worth.

    Attributes:
        episode_return: Expected return of the policy with the highest one.
        success: Success probability of the policy with the highest one; it may be another policy.
        steps: Expected steps of an episode under the first of these policies; None when not known.
    """

    episode_return: Bounds
    success: Bounds
    steps: float | None = None

    def by(self, metric: str) -> Bounds:
        """Return what it is worth by a metric, "success" or "return"."""
        return self.success if metric == "success" else self.episode_return
