"""The learning curve along which a page plays the snapshots of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.report.packing import rounded
from agents.results.curves import run_line, spread_out
from agents.results.runs import Run
from agents.results.scores import certificate_of, measure_of
from agents.runs.yardsticks import yardsticks

# More cannot be told apart.
_POINTS = 120


def curve_data(run: Run) -> dict[str, Any]:
    """Return what a run is measured by while it trains, over frames, and what that is compared with."""
    measure = measure_of(run)
    x, y = run_line(run, measure, "frames")
    kept = spread_out(len(x), _POINTS) if len(x) else []
    marks = [[mark.name, rounded(mark.value)] for mark in yardsticks(certificate_of(run), measure)]
    return {
        "measure": measure,
        "points": [[round(1e6 * float(x[k])), rounded(y[k])] for k in kept],
        "marks": marks,
    }


def value_at(run: Run, frames: int) -> float | None:
    """Return what was logged last when so many frames were over; None where nothing was."""
    x, y = run_line(run, measure_of(run), "frames")
    logged = int(np.searchsorted(np.round(1e6 * x), frames, side="right"))
    return rounded(y[logged - 1]) if logged else None
