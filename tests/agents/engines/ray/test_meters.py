"""Where the time of all processes goes."""

from __future__ import annotations

import pytest

from agents.engines.ray.meters import Meters
from agents.engines.ray.payload import Batch, Distilled, TaskTime
from tests.support.ray_models import collected
from tests.support.tiny import LANES, UNROLL

pytestmark = pytest.mark.usefixtures("one_thread")


def test_meters_add_up_and_begin_anew() -> None:
    meters, part = Meters(), collected(LANES)
    meters.collected(part)
    meters.collected(part)
    meters.distilled(Distilled({}, 0, 6, 6 * UNROLL, TaskTime(3.0, 1.0, 2.0)))
    meters.learnt(Batch({0: part}), lag=4.0, queued=2)
    assert meters.take_seconds() == {
        "acting": 2.0,
        "acting_cpu": 1.5,
        "distilling": 3.0,
        "distilling_cpu": 2.0,
    }
    figures = meters.take_figures()
    assert figures["queue/policy_lag"] == 4.0 and figures["queue/depth"] == 2.0
    assert figures["idle/actors"] == pytest.approx(1 / 3) and figures["idle/distillers"] == 0.25
    assert figures["speed/acting"] == UNROLL and figures["speed/distilling"] == 2 * UNROLL
    assert figures["distillation/steps_per_rl_step"] == 6
    assert meters.take_seconds() == {} and meters.take_figures()["speed/acting"] == 0.0
