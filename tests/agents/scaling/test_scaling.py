"""The scaling model: schedules worked out by hand, bounds, and the program around it."""

from __future__ import annotations

import csv
import dataclasses
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.engines.ray import RaySettings
from agents.scaling.__main__ import main
from agents.scaling.checking import LEFT_OUT, compare
from agents.scaling.clock import Clock, Event, Passing, Process, Task, Worker, Working
from agents.scaling.costs import Affine, Costs
from agents.scaling.plan import Plan, Work, bound
from agents.scaling.simulation import _Engine, _Unroll, simulate

NAMES = [each.name for each in dataclasses.fields(Costs) if each.type == "Affine"]


def make_costs(**given: Any) -> Costs:
    """One step, one frame per lane, one replay and one distillation step unless told; 0 for all others."""
    plain = {"unroll_length": 1, "learner_replays": 1, "distillation_steps": 1, "distillation_window": 8}
    plain |= {"parameter_bytes": 0}
    costs = {name: Affine(0.0) for name in NAMES}
    for name, value in given.items():
        (plain if name in plain else costs)[name] = (
            value if name in plain or isinstance(value, Affine) else Affine(value)
        )
    return Costs("imaze/ald", "paper", **plain, **costs)


def make_plan(lanes: int = 1, cores: int | None = None, away: bool = False, **engine: Any) -> Plan:
    return Plan(RaySettings(**engine), lanes=lanes, cores=cores, away=away)


def period(costs: Costs, plan: Plan) -> float:
    """Simulated seconds of a batch."""
    return Work(costs, plan).frames / simulate(costs, plan).frames_per_second


def ended(cores: int | None, *works: tuple[float, float]) -> list[float]:
    """When processes end that begin at some time and need so many seconds of a core."""
    clock, ends, over = Clock(cores), [0.0] * len(works), Event()

    def process(number: int, begin: float, seconds: float) -> Process:
        yield Passing(begin)
        yield Working(seconds)
        ends[number] = clock.now
        if all(ends):
            clock.set(over)

    for number, (begin, seconds) in enumerate(works):
        clock.start(process(number, begin, seconds))
    clock.run(over)
    return ends


def test_processes_that_work_at_once_share_the_cores() -> None:
    assert ended(None, (0, 1), (0, 1), (0, 1)) == [1, 1, 1]
    assert ended(2, (0, 2), (0, 2), (0, 2)) == pytest.approx([3, 3, 3])
    # One alone for a second, both at half the pace until the second is done, and one alone again.
    assert ended(1, (0, 3), (1, 1)) == pytest.approx([4, 3])


def test_time_that_passes_needs_no_core() -> None:
    assert ended(1, (5, 1), (0, 5)) == [6, 5]


def test_a_simulation_in_which_all_wait_for_one_another_says_so() -> None:
    with pytest.raises(RuntimeError, match="wait for one another"):
        Clock(1).run(Event())


def test_a_worker_waits_with_each_task_for_what_it_depends_on_and_counts_that_as_idle() -> None:
    clock, ready = Clock(None), Event()
    worker = Worker(clock)
    first, second = (Task(lambda: iter_once(Working(2)), after) for after in ((ready,), ()))
    worker.give(first)
    worker.give(second)
    clock.start(later(clock, 3, ready))
    clock.run(second.done)
    assert (clock.now, worker.idle, worker.busy) == (7, 3, 4)


def iter_once(step: Working) -> Process:
    yield step


def later(clock: Clock, seconds: float, event: Event) -> Process:
    yield Passing(seconds)
    clock.set(event)


@pytest.mark.parametrize(
    ("acting", "distilling", "expected"),
    [(1.0, 2.0, 9.0), (3.0, 2.0, 10.0), (3.0, 4.0, 12.0)],  # outputs, then the longer of two ways
)
def test_without_a_queue_replays_run_beside_distilling_and_acting(
    acting: float, distilling: float, expected: float
) -> None:
    costs = make_costs(first_outputs=5, replay_update=2, acting_step=acting, distilling_step=distilling)
    costs = dataclasses.replace(costs, learner_replays=2)
    assert period(costs, make_plan()) == pytest.approx(expected)
    with_callbacks = dataclasses.replace(costs, callbacks=Affine(0.5), joining=Affine(0.5))
    assert period(with_callbacks, make_plan()) == pytest.approx(expected + 1)
    # Gradients are as good as replays: what is distilled does not depend on them.
    with_gradients = dataclasses.replace(costs, first_gradients=Affine(2), learner_replays=1)
    assert period(with_gradients, make_plan()) == pytest.approx(expected)


@pytest.mark.parametrize(
    "part",
    [
        *("acting_step", "sending", "taking", "joining", "callbacks", "converting", "first_outputs"),
        *("drawing", "publishing", "fetching", "distilling_step"),
    ],
)
def test_without_a_queue_each_part_between_two_batches_lengthens_the_turn_once(part: str) -> None:
    seconds = {"first_outputs": 1, "acting_step": 1, "distilling_step": 1}
    seconds[part] = seconds.get(part, 0) + 3
    costs = make_costs(unroll_length=2, **seconds)
    times = 2 if part in ("acting_step", "callbacks") else 1  # paid for each step of the unroll
    assert period(costs, make_plan()) == pytest.approx(4 + 3 * times)
    assert bound(costs, make_plan())["turn"] == pytest.approx(2 / (4 + 3 * times))


def test_the_driver_looks_at_its_actors_and_at_its_distillers_once_per_batch() -> None:
    costs = make_costs(first_outputs=5, waking=Affine(0, 1))
    assert period(costs, make_plan()) == pytest.approx(5 + 1 + 1)
    assert period(costs, make_plan(queue_length=2)) == pytest.approx(5 + 0.5 + 1)  # two arrive at once


def test_a_batch_has_one_unroll_of_each_of_its_actors_those_that_came_first() -> None:
    engine = _Engine(make_costs(), make_plan(num_actors=3, queue_length=2, unrolls_per_update=3), 1, 1)
    first, second, *others = (_Unroll(actor) for actor in (1, 1, 0, 2, 0))
    engine._arrived = [first, second, *others]
    assert engine._take() == [first, *others[:2]]
    assert engine._arrived == [second, others[2]]


def test_waiting_unrolls_are_looked_at_for_each_actor_that_might_be_asked() -> None:
    costs = make_costs(first_outputs=1, acting_step=0.5, scanning=Affine(0, 0.1))
    plan = make_plan(num_actors=4, unrolls_per_update=1)
    predicted = simulate(costs, plan)
    assert predicted.depth > 0
    # For all four before each batch, and for the one that is asked again.
    assert 1 / predicted.frames_per_second == pytest.approx(1 + 0.1 * 5 * predicted.depth, rel=0.01)


def test_what_the_driver_pays_per_task_counts_where_it_is_paid() -> None:
    costs = make_costs(first_outputs=5, replay_update=4, acting_step=10, distilling_step=1)
    ray = {"submitting": Affine(0, 0.25), "waking": Affine(0.0, 0.125), "taking": Affine(0.5)}
    # Two distillers' tasks with one unroll each, then an actor's that waits for both: the first begins a
    # quarter later, the second half a second; then they distil, the actor acts, the driver wakes and takes.
    costs = dataclasses.replace(costs, distillation_steps=2, latency=Affine(1.0), **ray)
    distilled = 5 + 0.25 * 2 + 1 + 1 + 1
    assert period(costs, make_plan(num_distillers=2)) == pytest.approx(distilled + 10 + 1 + 0.125 + 0.5)


def test_with_a_queue_of_one_the_slowest_part_alone_counts() -> None:
    slow_learner = make_costs(first_outputs=5, replay_update=4, acting_step=3, distilling_step=4)
    assert period(slow_learner, make_plan(queue_length=1)) == pytest.approx(9)
    slow_actor = make_costs(first_outputs=5, replay_update=4, acting_step=20, distilling_step=1)
    predicted = simulate(slow_actor, make_plan(queue_length=1))
    assert predicted.frames_per_second == pytest.approx(1 / 20)
    assert (predicted.idle_learner, predicted.busy_learner) == pytest.approx((11 / 20, 9 / 20))
    assert predicted.idle_actors == pytest.approx(0)
    assert period(slow_actor, make_plan()) == pytest.approx(5 + 1 + 20)


def test_distillers_share_the_steps_and_the_one_with_most_of_them_counts() -> None:
    costs = make_costs(first_outputs=1, acting_step=1, distilling_step=3, distillation_steps=4)
    periods = [period(costs, make_plan(num_distillers=count)) for count in (1, 2, 3, 4, 8)]
    assert periods == pytest.approx([14, 8, 8, 5, 5])


def test_the_distiller_with_a_step_more_is_another_one_each_time() -> None:
    work = Work(make_costs(distillation_steps=5), make_plan(num_distillers=2))
    assert (work.share(0), work.share(5), work.share(10)) == ([3, 2], [2, 3], [3, 2])


def test_distillers_with_less_than_a_step_per_batch_take_turns() -> None:
    costs = make_costs(first_outputs=1, acting_step=1, distilling_step=10)
    # Each batch follows the one before the last one: learnt, distilled by whom it is the turn of, acted on.
    assert period(costs, make_plan(num_distillers=2, queue_length=1)) == pytest.approx((1 + 10 + 1) / 2)


def test_the_learner_waits_for_distillers_that_are_further_behind_than_allowed() -> None:
    costs = make_costs(first_outputs=1, acting_step=1, distilling_step=10)
    lags = {lag: period(costs, make_plan(queue_length=1, max_distillation_lag=lag)) for lag in (0, 1, 2)}
    # Without any lag the learner learns while nobody distils; with it, the distiller never rests.
    assert lags == pytest.approx({0: 11, 1: 10, 2: 10})


def test_on_one_core_everything_takes_its_turn() -> None:
    costs = make_costs(first_outputs=5, replay_update=4, acting_step=3, distilling_step=2)
    for queue in (0, 1, 3):
        assert period(costs, make_plan(queue_length=queue, cores=1)) == pytest.approx(14)
    # On two, distilling and acting beside the replays are not slowed down, whatever their number.
    assert period(costs, make_plan(cores=2)) == pytest.approx(10)


def test_workers_of_other_nodes_wait_for_the_parameter_server_one_after_the_other() -> None:
    costs = make_costs(acting_step=1, distilling_step=0, serving_read=3, distillation_steps=0)
    assert period(costs, make_plan(num_actors=4)) == pytest.approx(1)
    assert period(costs, make_plan(num_actors=4, away=True)) == pytest.approx(4 * 3 + 1)


def test_distillers_of_other_nodes_send_every_step_through_the_server() -> None:
    costs = make_costs(first_outputs=1, acting_step=1, distilling_step=2, serving_step=3, serving_read=0.5)
    costs = dataclasses.replace(costs, distillation_steps=2, latency=Affine(0.25))
    there_and_back = 2 * 0.25
    distilled = there_and_back + 0.5 + 2 * (2 + there_and_back + 3)
    acted = there_and_back + 0.5 + 1
    assert period(costs, make_plan(away=True)) == pytest.approx(
        1 + 0.25 + distilled + 0.25 + acted + 0.25  # the actor was asked long before
    )


def test_a_learner_that_takes_some_of_the_actors_learns_from_all_in_turn_and_from_older_unrolls() -> None:
    costs = make_costs(first_outputs=1, acting_step=1)
    predicted = simulate(costs, make_plan(num_actors=4, unrolls_per_update=1))
    assert predicted.frames_per_second == pytest.approx(1)
    assert predicted.max_policy_lag == 3


@pytest.mark.parametrize("queue", [0, 1, 2, 4])
def test_lag_and_depth_are_at_most_what_the_queue_allows_and_reach_it_before_a_slow_learner(
    queue: int,
) -> None:
    plan = make_plan(num_actors=2, queue_length=queue)
    slow = simulate(make_costs(first_outputs=10, acting_step=1, distilling_step=1), plan)
    assert slow.max_policy_lag == slow.policy_lag == queue
    assert slow.max_depth == 2 * max(0, queue - 1)
    for costs in random_costs(20):
        predicted = simulate(costs, plan, batches=30, warm_up=10)
        assert predicted.max_policy_lag <= queue
        assert predicted.max_depth <= 2 * max(0, queue - 1)


def random_costs(count: int) -> Iterator[Costs]:
    chance = random.Random(0)
    for _ in range(count):
        parts = {name: Affine(chance.expovariate(1), chance.expovariate(10)) for name in NAMES}
        yield make_costs(**parts, distillation_steps=chance.randrange(1, 6), unroll_length=2)


def random_plans() -> Iterator[Plan]:
    chance = random.Random(1)
    while True:
        actors = chance.randrange(1, 5)
        yield make_plan(
            lanes=chance.randrange(1, 4),
            cores=chance.choice([None, 1, 3]),
            away=chance.random() < 0.5,
            num_actors=actors,
            num_distillers=chance.randrange(1, 4),
            queue_length=chance.randrange(3),
            unrolls_per_update=chance.choice([1, None]),
        )


def test_no_simulation_exceeds_the_bound_of_any_part() -> None:
    for costs, plan in zip(random_costs(60), random_plans(), strict=False):
        predicted = simulate(costs, plan, batches=80, warm_up=20)
        for part, limit in bound(costs, plan).items():
            assert predicted.frames_per_second <= limit * 1.03, (part, plan)  # batches begun before


@pytest.mark.parametrize(
    ("part", "slow", "given"),
    [
        ("learner", {"first_outputs": 50, "replay_update": 50}, {}),
        ("driver", {"callbacks": 100}, {}),
        ("distillers", {"distilling_step": 100}, {"num_distillers": 2}),
        ("actors", {"acting_step": 100}, {"num_actors": 2, "unrolls_per_update": 1}),
        ("server", {"serving_read": 100}, {"away": True}),
        ("cores", {"acting_step": 50, "first_outputs": 50, "distilling_step": 25}, {"cores": 1}),
        ("turn", {"acting_step": 50, "first_outputs": 50}, {"queue_length": 0}),
    ],
)
def test_a_part_that_is_much_slower_than_the_others_alone_sets_the_speed(
    part: str, slow: dict[str, float], given: dict[str, Any]
) -> None:
    fast = {
        "acting_step": 1,
        "distilling_step": 0.5,
        "first_outputs": 1,
        "replay_update": 1,
        "callbacks": 0.1,
    }
    costs = make_costs(**(fast | slow), distillation_steps=2)
    plan = make_plan(**({"queue_length": 2} | given))
    bounds = bound(costs, plan)
    assert min(bounds, key=bounds.__getitem__) == part or bounds[part] == pytest.approx(
        min(bounds.values()), rel=0.05
    )
    assert simulate(costs, plan).frames_per_second == pytest.approx(bounds[part], rel=0.03)


def test_a_faster_learner_never_slows_training_down_and_helps_until_others_limit() -> None:
    costs = make_costs(first_outputs=5, replay_update=5, acting_step=2, distilling_step=1)
    speeds = [
        simulate(costs, dataclasses.replace(make_plan(), learner_speed=times)).frames_per_second
        for times in (0.5, 1, 2, 4, 8, 1e6)
    ]
    assert speeds == sorted(speeds) and len(set(speeds)) == len(speeds)
    assert speeds[-1] == pytest.approx(1 / 3, rel=1e-5)


def test_an_accelerator_with_room_makes_lanes_cheaper_and_not_the_update() -> None:
    costs = make_costs(first_outputs=Affine(3, 1), learner_replays=0)
    plan = dataclasses.replace(make_plan(lanes=10), learner_lane_speed=10)
    assert Work(costs, plan).learn == pytest.approx(4)
    assert Work(costs, dataclasses.replace(plan, learner_speed=2)).learn == pytest.approx(2)


def test_the_same_question_has_the_same_answer() -> None:
    [costs] = random_costs(1)
    plan = make_plan(num_actors=3, num_distillers=2, queue_length=1, cores=2, unrolls_per_update=1)
    assert simulate(costs, plan) == simulate(costs, plan)


def test_what_the_object_store_carries_and_holds() -> None:
    costs = make_costs(
        first_outputs=2, collected_bytes=Affine(10, 1), published_bytes=Affine(100, 2), parameter_bytes=1000
    )
    here = simulate(costs, make_plan(lanes=5, num_actors=2))
    unrolls, batch = 2 * (10 + 5), 100 + 2 * 10
    assert here.store_bytes_per_second == pytest.approx((unrolls + batch) / 2)
    assert here.network_bytes_per_second == 0
    assert here.held_bytes == unrolls + 8 * batch
    away = simulate(costs, make_plan(lanes=5, num_actors=2, away=True))
    # Two actors and a distiller read the parameters; its step sends gradients and brings parameters back.
    assert away.network_bytes_per_second == pytest.approx((unrolls + batch + 5 * 1000) / 2)


def test_a_line_goes_through_points_on_a_line_and_is_never_below_zero() -> None:
    line = Affine.fit([1, 10, 100], [5, 23, 203])
    assert (line.fixed, line.each) == pytest.approx((3, 2))
    assert Affine.fit([1, 10, 100], [1, 19, 199]).fixed == 0
    assert Affine.fit([1, 10, 100], [5, 4, 3]).each == 0


def test_costs_survive_being_written(tmp_path: Path) -> None:
    [costs] = random_costs(1)
    costs.write(tmp_path / "costs.json")
    assert Costs.read(tmp_path / "costs.json") == costs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"acting_stp": {"fixed": 1.0}}, "did you mean 'acting_step'"),
        ({"acting_step": None}, "there is no acting_step"),
        ({"acting_step": {"fixed": -1.0}}, "fixed must be at least 0, got -1.0"),
        ({"acting_step": {"fixed": float("nan")}}, "fixed must be at least 0, got nan"),
    ],
)
def test_a_file_that_holds_no_costs_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "costs.json"
    content = dataclasses.asdict(make_costs()) | change
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    assert main(["predict", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error and str(path) in error


@pytest.fixture
def written(tmp_path: Path) -> str:
    path = tmp_path / "costs.json"
    make_costs(first_outputs=5, acting_step=1, distilling_step=1).write(path)
    return str(path)


def test_the_program_predicts_a_row_for_each_number_of_actors(
    written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", written, "--num-actors", "1", "2", "--lanes", "1", "--queue-length", "1"]) == 0
    head, _, *rows = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert [cell.strip() for cell in head.split("|")[1:4]] == ["actors", "distillers", "frames/s"]
    assert [row[0] for row in cells] == ["1", "2"]
    assert [row[3] for row in cells] == ["0 (learner)", "0 (learner)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-actors", "1", "2", "3", "--num-distillers", "1", "2"], "3 --num-actors, got 2"),
        (["--num-actors", "0"], "num_actors must be at least 1, got 0"),
        (["--num-actors", "4", "--unrolls-per-update", "3"], "divisor of num_actors=4, got 3"),
        (["--lanes", "0"], "lanes must be at least 1, got 0"),
        (["--cores", "0"], "cores must be at least 1, got 0"),
        (["--learner-speed", "0"], "learner_speed must be greater than 0 and finite, got 0.0"),
        (["--learner-lane-speed", "inf"], "learner_lane_speed must be greater than 0 and finite, got inf"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    written: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", written, *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "imaze/ppo"], "'imaze/ppo' does not run on the Ray engine: choose one of imaze/ald"),
        (["--preset", "imaze/adl"], "did you mean 'imaze/ald'"),
        (["--lanes", "4", "4"], "two different numbers or more"),
        (["--repeats", "0"], "repeats at least 1, got 7 14 28 56 112 224 and 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "costs.json"
    assert main(["measure", "--out", str(out), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def write_run(folder: Path, rows: list[dict[str, float]], **settings: Any) -> Path:
    folder.mkdir()
    run = {
        "preset": "imaze/ald",
        "engine": "ray",
        "num_threads": 1,
        "lockstep": False,
        "num_envs": 4,
        "num_actors": 2,
        "num_distillers": 1,
        "queue_length": 0,
    }
    costs = make_costs()
    agent = {
        name: getattr(costs, name)
        for name in ("unroll_length", "learner_replays", "distillation_steps", "distillation_window")
    }
    content = {"run": run | settings, "agent": "ald", "config": agent, "sessions": [{"cores": 1}]}
    (folder / "config.json").write_text(json.dumps(content))
    with (folder / "progress.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]) if rows else ["time/total_timesteps"])
        table.writeheader()
        table.writerows(rows)
    return folder


def rows_of(count: int) -> list[dict[str, float]]:
    """A first fifth at 1 frame/s, then 10 frames/s and 20 in turn; the last row takes long."""
    slow, seconds, rows = int(LEFT_OUT * count), 0.0, []
    for number in range(1, count + 1):
        fast = number > slow and number % 2 == 0
        seconds += 1000.0 if number == count else 100.0 if number <= slow else 5.0 if fast else 10.0
        row = {"time/total_timesteps": 100 * number, "time/training_seconds": seconds}
        row |= {"busy/learner": 0.5, "idle/learner": 0.25, "idle/actors": 0.9 if fast else 0.6}
        row |= {"idle/distillers": 0.125, "queue/policy_lag": 1.0, "queue/depth": 2.0}
        rows.append(row)
    return rows


def test_a_run_is_measured_between_beginning_and_end_and_compared_as_it_was_divided(tmp_path: Path) -> None:
    costs = make_costs(first_outputs=1, acting_step=2)
    both = compare(costs, write_run(tmp_path / "run", rows_of(11)))
    # Rows 4 to 10, four of which took 5 s and three 10 s: shares count by the time that they are of.
    assert both["frames_per_second"][0] == pytest.approx(700 / (4 * 5 + 3 * 10))
    assert both["idle_actors"][0] == pytest.approx((0.9 * 20 + 0.6 * 30) / 50)
    assert both["depth"][0] == pytest.approx(2.0)
    # Two actors of two lanes each share the one core, and nobody learns meanwhile.
    assert both["policy_lag"] == (1.0, 0.0)
    assert both["frames_per_second"][1] == pytest.approx(4 / (1 + 2 * 2))


@pytest.mark.parametrize(
    ("settings", "rows", "message"),
    [
        ({"engine": "serial"}, 10, "engine 'serial', the costs are those of 'ray'"),
        ({"num_threads": 2}, 10, "num_threads 2, the costs are those of 1"),
        ({"preset": "meta-fetch/ald"}, 10, "preset 'meta-fetch/ald', the costs are those of 'imaze/ald'"),
        ({"lockstep": True}, 10, "lockstep True"),
        ({}, 2, "2 rows in its log, which are too few"),
        ({}, 0, "0 rows in its log, which are too few"),
    ],
)
def test_a_run_that_the_costs_say_nothing_of_is_refused(
    written: str,
    tmp_path: Path,
    settings: dict[str, Any],
    rows: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = write_run(tmp_path / "run", rows_of(rows), **settings)
    assert main(["check", written, str(run)]) == 2
    assert message in capsys.readouterr().err


def test_the_program_compares_runs(written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", rows_of(10))
    assert main(["check", written, str(run)]) == 0
    assert "| frames per second | 12.73 | " in capsys.readouterr().out
    assert main(["check", written, str(tmp_path / "nothing")]) == 2
    assert str(tmp_path / "nothing") in capsys.readouterr().err


@pytest.mark.slow
def test_costs_are_measured_with_the_engine_s_own_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "costs.json"
    assert main(["measure", "--out", str(out), "--lanes", "2", "40", "--repeats", "2"]) == 0
    costs = Costs.read(out)
    assert (costs.unroll_length, costs.learner_replays, costs.distillation_steps) == (40, 3, 14)
    for name in NAMES:
        assert getattr(costs, name).at(28) > 0, name
    # 41 observations of 54 bytes per lane, and as a batch the learner's outputs as well.
    assert costs.published_bytes.at(28) > costs.collected_bytes.at(28) > 28 * 41 * 54
    assert costs.first_outputs.at(40) > costs.first_outputs.at(2) > costs.distilling_step.at(2)
    capsys.readouterr()
    assert main(["rehearse", str(out), "--num-actors", "1", "3", "--lanes", "2"]) == 0
    assert capsys.readouterr().out.count("ms") == 4
