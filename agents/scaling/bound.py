"""The frames per second that no schedule of the distributed engine can exceed."""

from __future__ import annotations

from agents.engines.ray.settings import RaySettings
from agents.scaling.costs import Costs


def bounds(
    costs: Costs, engine: RaySettings, lanes: int, cores: int | None = None, away: bool = False
) -> dict[str, float]:
    """Return the frames per second that each part of the engine would allow if it never waited.

    Parts do wait for one another, and share caches and cores, so that a run is slower than the least of them.

    Args:
        costs: Of each part.
        engine: How many actors and distillers there are, and how many unrolls make a batch.
        lanes: Of each actor.
        cores: That all processes share; one each when None.
        away: Workers are on other nodes than the driver, and read and send parameters through its server.

    Returns:
        By part: "learner" the updates alone, "driver" these and all else that its one process does, "actors"
        and "distillers" all of a kind together, "server" and "cores" where there are any to share.

    Raises:
        ValueError: There are no lanes or no cores.
    """
    for name, value in (("lanes", lanes), ("cores", cores)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    unrolls, steps = engine.actors_per_update, costs.distillation_steps
    distilling = min(steps, engine.num_distillers)  # distillers that get a step of a batch
    batch = unrolls * lanes
    learner = costs.learning(batch)
    # Seconds of a batch that all processes of a part work together.
    work = {
        "driver": learner + _bookkeeping(costs, unrolls, lanes, distilling),
        "distillers": distilling * costs.fetching.at(batch) + steps * costs.distilling_step.at(batch),
        "actors": unrolls * (costs.unroll_length * costs.acting_step.at(lanes) + costs.sending.at(lanes)),
    }
    if away:
        reads = (unrolls + distilling) * costs.serving_read.fixed
        work["server"] = reads + steps * costs.serving_step.fixed
    seconds = {"learner": learner, **work}
    seconds["distillers"] /= engine.num_distillers
    seconds["actors"] /= engine.num_actors
    if cores is not None:
        seconds["cores"] = sum(work.values()) / cores
    frames = batch * costs.unroll_length
    return {part: frames / each for part, each in seconds.items() if each > 0}


def _bookkeeping(costs: Costs, unrolls: int, lanes: int, distilling: int) -> float:
    """Seconds of a batch that the driver does not learn: asking, taking, joining, telling, publishing."""
    batch = unrolls * lanes
    asking = unrolls * costs.submitting.at(distilling)
    if distilling:
        asking += distilling * costs.submitting.at(costs.distillation_steps / distilling)
    taking = unrolls * costs.taking.at(lanes) + costs.joining.at(batch) + costs.waking.at(distilling)
    telling = costs.unroll_length * costs.callbacks.at(batch)
    return (
        asking
        + taking
        + telling
        + costs.converting.at(batch)
        + costs.drawing.at(batch)
        + costs.publishing.at(batch)
    )
