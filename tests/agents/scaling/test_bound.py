"""The speed that no schedule can exceed: worked out by hand, and beside runs that were measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.engines.ray import RaySettings
from agents.scaling.__main__ import main
from agents.scaling.bound import bounds
from agents.scaling.costs import Affine, Costs
from tests.agents.scaling.test_costs import make_costs


def bound_of(
    costs: Costs, lanes: int = 1, cores: int | None = None, away: bool = False, **engine: Any
) -> Any:
    return bounds(costs, RaySettings(**engine), lanes, cores, away)


def test_the_learner_pays_for_its_first_update_and_for_every_replay() -> None:
    costs = make_costs(first_outputs=Affine(1, 2), first_gradients=3, replay_update=5, learner_replays=4)
    assert bound_of(costs, lanes=10)["learner"] == pytest.approx(10 / (1 + 20 + 3 + 4 * 5))
    # A batch has the lanes of all actors; with one unroll at a time, of one.
    assert bound_of(costs, lanes=10, num_actors=2)["learner"] == pytest.approx(20 / (1 + 40 + 3 + 20))
    one = bound_of(costs, lanes=10, num_actors=2, unrolls_per_update=1)
    assert one["learner"] == pytest.approx(10 / (1 + 20 + 3 + 20))


@pytest.mark.parametrize(
    ("part", "times"),
    [
        *(("taking", 2), ("joining", 1), ("converting", 1), ("drawing", 1), ("publishing", 1), ("waking", 1)),
        *(("callbacks", 3), ("submitting", 2 + 2)),  # of each step; two unrolls and two distillers' tasks
    ],
)
def test_the_driver_pays_for_everything_that_its_process_does(part: str, times: int) -> None:
    costs = make_costs(first_outputs=7, unroll_length=3, distillation_steps=4, **{part: 5})
    found = bound_of(costs, num_actors=2, num_distillers=2)
    assert found["driver"] == pytest.approx(6 / (7 + 5 * times))
    assert found["learner"] == pytest.approx(6 / 7)


def test_actors_and_distillers_share_their_work_each_among_themselves() -> None:
    costs = make_costs(acting_step=2, sending=1, unroll_length=3)
    costs = replace(costs, fetching=Affine(4), distilling_step=Affine(5), distillation_steps=6)
    one, several = bound_of(costs), bound_of(costs, num_actors=2, num_distillers=3)
    assert one["actors"] == pytest.approx(3 / 7) and several["actors"] == pytest.approx(6 / 7)
    assert one["distillers"] == pytest.approx(3 / (4 + 30))
    assert several["distillers"] == pytest.approx(6 / ((3 * 4 + 30) / 3))
    # More distillers than steps: those without a step fetch nothing.
    assert bound_of(costs, num_distillers=12)["distillers"] == pytest.approx(3 / ((6 * 4 + 30) / 12))


def test_workers_of_other_nodes_read_and_step_through_one_server() -> None:
    costs = make_costs(serving_read=3, serving_step=5, distillation_steps=2)
    assert "server" not in bound_of(costs, num_actors=4)
    assert bound_of(costs, num_actors=4, away=True)["server"] == pytest.approx(4 / ((4 + 1) * 3 + 2 * 5))


def test_cores_are_shared_by_all_work_and_the_learner_is_counted_once() -> None:
    costs = make_costs(first_outputs=5, replay_update=4, acting_step=3, distilling_step=2)
    assert bound_of(costs, cores=2)["cores"] == pytest.approx(2 / (5 + 4 + 3 + 2))


def microseconds(fixed: float, each: float = 0.0) -> Affine:
    return Affine(fixed * 1e-6, each * 1e-6)


# The table of docs/scaling.md.
MEASURED = Costs(
    preset="imaze/ald",
    machine="2 cores of an AMD EPYC (Zen 5)",
    unroll_length=40,
    learner_replays=3,
    distillation_steps=14,
    acting_step=microseconds(168, 1.27),
    sending=microseconds(328, 5.87),
    first_outputs=microseconds(3490, 909),
    first_gradients=microseconds(2590, 689),
    drawing=microseconds(805, 1.1),
    replay_update=microseconds(19000),
    taking=microseconds(92, 5.3),
    joining=microseconds(5.38, 0.641),
    callbacks=microseconds(2.74, 0.0637),
    converting=microseconds(32.6, 0.113),
    publishing=microseconds(289, 1.07),
    submitting=microseconds(35.6, 7.81),
    waking=microseconds(82.1, 0.613),
    fetching=microseconds(44.6, 0.131),
    distilling_step=microseconds(868, 47.1),
    serving_read=microseconds(178),
    serving_step=microseconds(588),
)


@pytest.mark.parametrize(
    ("actors", "distillers", "away", "frames_per_second"),
    [
        *((1, 1, False, 7830), (1, 1, False, 7620), (2, 1, False, 7870), (2, 2, False, 7600)),
        *((4, 2, False, 6150), (1, 1, True, 6360), (2, 2, True, 5510), (2, 2, True, 7070)),
    ],
)
def test_no_measured_run_was_faster_and_the_driver_limited_all(
    actors: int, distillers: int, away: bool, frames_per_second: float
) -> None:
    """The runs of docs/scaling.md, 28 lanes each, on two cores."""
    found = bound_of(MEASURED, 28 // actors, cores=2, away=away, num_actors=actors, num_distillers=distillers)
    assert min(found, key=found.__getitem__) == "driver"
    assert 1.2 < found["driver"] / frames_per_second < 1.9


def test_the_program_prints_what_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "costs.json"
    MEASURED.write(path)
    assert main(["bound", str(path), "--num-actors", "1", "1000", "--num-distillers", "8"]) == 0
    head, _, *rows = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in row.split("|")[1:4]] for row in (head, *rows)]
    assert cells == [
        ["actors", "frames/s at most", "limited by"],
        ["1", "10,178", "driver"],
        ["1,000", "24,724", "driver"],
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-actors", "0"], "num_actors must be at least 1, got 0"),
        (["--lanes", "0"], "lanes must be at least 1, got 0"),
        (["--cores", "0"], "cores must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    MEASURED.write(tmp_path / "costs.json")
    assert main(["bound", str(tmp_path / "costs.json"), *arguments]) == 2
    assert message in capsys.readouterr().err
