"""What the distributed engine can do: `python -m agents.scaling measure|predict|check|rehearse`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import tyro

from agents.engines.ray import RaySettings, import_ray
from agents.process.exit_status import FINISHED, exit_status
from agents.scaling.costs import Costs
from agents.scaling.plan import Plan, bound
from agents.scaling.prediction import Prediction
from agents.scaling.simulation import simulate

# Unrolls that are simulated at least and at most, and batches: many actors make each batch long to simulate.
_UNROLLS, _FEWEST, _MOST = 20_000, 20, 200


def measure(
    out: Path,
    preset: str = "imaze/ald",
    lanes: tuple[int, ...] = (7, 14, 28, 56, 112, 224),
    repeats: int = 20,
    device: str = "cpu",
) -> int:
    """Time every part of the engine on this machine, which should be quiet, on one thread; takes minutes.

    Args:
        out: JSON file for the costs.
        preset: Experiment whose parts are timed.
        lanes: Numbers of lanes that each part is timed with.
        repeats: Runs of each part.
        device: Of the learner.
    """
    import_ray(RaySettings())
    from agents.scaling.measuring import measure as measured  # imports Ray, torch and the agents

    costs = measured(preset, lanes, repeats, device)
    costs.write(out)
    print(f"{costs.preset}: {costs.machine}\n\n{costs.table()}")
    return FINISHED


def predict(
    costs: tyro.conf.Positional[Path],
    num_actors: tuple[int, ...] = (1, 4, 16, 64, 256, 1000),
    num_distillers: tuple[int, ...] = (1,),
    queue_length: int = 0,
    unrolls_per_update: int | None = None,
    max_distillation_lag: int = RaySettings.max_distillation_lag,
    lanes: int = 28,
    cores: int | None = None,
    learner_speed: float = 1.0,
    learner_lane_speed: float = 1.0,
    away: bool = False,
) -> int:
    """Predict throughput, idle shares, the queue, and what the object store carries.

    Args:
        costs: What `measure` wrote.
        num_actors: Processes that act, a row for each.
        num_distillers: Processes that distil: one number for all rows, or one for each.
        queue_length: Unrolls that each actor may be ahead of the learner.
        unrolls_per_update: Actors whose unrolls the learner takes at a time; all of them when not given.
        max_distillation_lag: Unrolls that a distiller may be behind.
        lanes: Of each actor.
        cores: That all processes share; one each when not given.
        learner_speed: How many times as fast the learner's updates are.
        learner_lane_speed: How many times faster still the part of them that grows with the lanes.
        away: Workers are on other nodes than the driver.
    """
    known, rows = Costs.read(costs), []
    for actors, distillers in _pairs(num_actors, num_distillers):
        engine = RaySettings(
            num_actors=actors,
            num_distillers=distillers,
            queue_length=queue_length,
            unrolls_per_update=unrolls_per_update,
            max_distillation_lag=max_distillation_lag,
        )
        plan = Plan(engine, lanes, cores, learner_speed, learner_lane_speed, away)
        rows.append(_row(plan, simulate(known, plan, *_length(engine)), bound(known, plan)))
    print(_table(rows))
    return FINISHED


def check(
    costs: tyro.conf.Positional[Path], run_dirs: tyro.conf.Positional[tuple[Path, ...]], away: bool = False
) -> int:
    """Compare runs with what is predicted of them.

    Args:
        costs: What `measure` wrote, on the machine of the runs.
        run_dirs: Folders of runs on the Ray engine.
        away: Their workers were on other nodes than the driver.
    """
    from agents.scaling.checking import compare  # imports the agents

    known = Costs.read(costs)
    for path in run_dirs:
        print(f"{path}\n\n| | measured | predicted | predicted / measured |\n|---|---:|---:|---:|")
        for name, (measured, predicted) in compare(known, path, away).items():
            ratio = f"{predicted / measured:.2f}" if measured > 0 else ""
            print(f"| {name.replace('_', ' ')} | {measured:.4g} | {predicted:.4g} | {ratio} |")
        print()
    return FINISHED


def rehearse(
    costs: tyro.conf.Positional[Path], num_actors: tuple[int, ...] = (1, 10, 100, 1000), lanes: int = 28
) -> int:
    """Time the engine's own driver with many actors, which one process stands in for.

    Args:
        costs: What `measure` wrote, to predict by.
        num_actors: Numbers of actors.
        lanes: Of each.
    """
    known = Costs.read(costs)
    import_ray(RaySettings())
    from agents.scaling.measuring import collected_by
    from agents.scaling.ray_costs import rehearse as rehearsed

    print("| actors | driver measured | driver predicted | predicted / measured |\n|---:|---:|---:|---:|")
    for count, measured, predicted in rehearsed(known, collected_by(known.preset, lanes), num_actors):
        print(
            f"| {count:,} | {measured * 1e3:.2f} ms | {predicted * 1e3:.2f} ms | {predicted / measured:.2f} |"
        )
    return FINISHED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 2 refused, 130 interrupted.
    """
    commands: dict[str, Callable[..., int]] = {
        "measure": measure,
        "predict": predict,
        "check": check,
        "rehearse": rehearse,
    }
    return exit_status(
        lambda: tyro.extras.subcommand_cli_from_dict(
            commands, prog="python -m agents.scaling", description=__doc__, args=arguments
        )
    )


def _pairs(actors: tuple[int, ...], distillers: tuple[int, ...]) -> list[tuple[int, int]]:
    if len(distillers) == 1:
        distillers *= len(actors)
    if len(distillers) != len(actors):
        raise ValueError(
            f"--num-distillers must be one number, or one for each of the {len(actors)} --num-actors, "
            f"got {len(distillers)}"
        )
    return list(zip(actors, distillers, strict=True))


def _length(engine: RaySettings) -> tuple[int, int]:
    """Batches to simulate, and before them as many as it takes until all queues have filled."""
    batches = min(_MOST, max(_FEWEST, _UNROLLS // engine.actors_per_update))
    in_flight = engine.num_actors * max(1, engine.queue_length)
    return batches, batches + 2 * in_flight // engine.actors_per_update


def _row(plan: Plan, predicted: Prediction, bounds: dict[str, float]) -> list[str]:
    limit = min(bounds, key=bounds.__getitem__)
    return [
        f"{plan.engine.num_actors:,}",
        f"{plan.engine.num_distillers:,}",
        f"{predicted.frames_per_second:,.0f}",
        f"{bounds[limit]:,.0f} ({limit})",
        f"{predicted.busy_learner:.2f}",
        f"{predicted.idle_learner:.2f}",
        f"{predicted.idle_actors:.2f}",
        f"{predicted.idle_distillers:.2f}",
        f"{predicted.policy_lag:.1f}",
        f"{predicted.depth:.1f}",
        f"{predicted.store_bytes_per_second / 1e6:.1f}",
        f"{predicted.network_bytes_per_second / 1e6:.1f}",
        f"{predicted.held_bytes / 1e6:.1f}",
    ]


def _table(rows: Sequence[Sequence[str]]) -> str:
    names = (
        "actors",
        "distillers",
        "frames/s",
        "bound (by)",
        "learner busy",
        "learner idle",
        "actors idle",
        "distillers idle",
        "lag",
        "depth",
        "store MB/s",
        "network MB/s",
        "held MB",
    )
    lines = [names, ["---:"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
