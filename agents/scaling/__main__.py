"""What the distributed engine costs, and what that bounds: `python -m agents.scaling measure|bound`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import tyro

from agents.engines.ray import RaySettings, import_ray
from agents.figures.table import Row, Table
from agents.process.exit_status import FINISHED, exit_status
from agents.scaling.bound import bounds
from agents.scaling.costs import Costs
from memory_envs.commands import run_program
from memory_envs.files import check_output


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
        repeats: Times that each part is run; the median counts.
        device: Device of the learner.
    """
    check_output("--out", out)
    import_ray(RaySettings())
    from agents.scaling.measuring import measure as measured  # imports Ray, torch and the agents

    costs = measured(preset, lanes, repeats, device)
    costs.write(out)
    print(f"{costs.preset}: {costs.machine}\n\n{costs.table().markdown()}")
    return FINISHED


def bound(
    costs: tyro.conf.Positional[Path],
    num_actors: tuple[int, ...] = (1, 4, 16, 64),
    num_distillers: int = 1,
    lanes: int = 28,
    cores: int | None = None,
    away: bool = False,
) -> int:
    """Print which part limits the speed, and the frames per second that it allows at most.

    Args:
        costs: JSON file that `measure` wrote.
        num_actors: Numbers of actor processes, a row for each.
        num_distillers: Number of distiller processes.
        lanes: Lanes per actor.
        cores: Cores that all processes share; default: one each.
        away: Workers are on other nodes than the driver.
    """
    known = Costs.read(costs)
    head, rows = [], []
    for actors in num_actors:
        engine = RaySettings(num_actors=actors, num_distillers=num_distillers)
        found = bounds(known, engine, lanes, cores, away)
        limit = min(found, key=found.__getitem__)
        head = ["actors", "frames/s at most", "limited by", *found]
        speeds = [f"{each:,.0f}" for each in (found[limit], *found.values())]
        rows.append(Row(f"{actors:,}", [speeds[0], limit, *speeds[1:]]))
    print(Table(head, rows).markdown())
    return FINISHED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 2 refused, 130 interrupted.
    """
    commands: dict[str, Callable[..., int]] = {"measure": measure, "bound": bound}
    return exit_status(
        lambda: tyro.extras.subcommand_cli_from_dict(
            commands, prog="python -m agents.scaling", description=__doc__, args=arguments
        )
    )


if __name__ == "__main__":
    run_program(main)
