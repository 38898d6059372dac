"""Whether a success rate can be given: one of the episodes that choose to say so would be of a selection."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np


class SuccessReports:
    """Counts the episodes that said whether they succeeded, as `is_success` in their last info, and others.

    Attributes:
        said: Episodes that did.
        silent: Episodes that did not.
    """

    def __init__(self, said: int = 0, silent: int = 0) -> None:
        self.said, self.silent = said, silent

    def count(self, infos: Sequence[dict[str, Any]], dones: np.ndarray) -> None:
        """Count the episodes that end; warn when it turns out that only some of them say so."""
        were_partial = self.are_partial
        for lane in np.flatnonzero(dones).tolist():
            if infos[lane].get("is_success") is None:
                self.silent += 1
            else:
                self.said += 1
        if self.are_partial and not were_partial:
            warnings.warn(
                "the environment has is_success in the last info of some episodes only, so there is no "
                "success rate: it would be one of a selection",
                stacklevel=2,
            )

    @property
    def are_partial(self) -> bool:
        """Whether some episodes said so and others did not."""
        return self.said > 0 and self.silent > 0
