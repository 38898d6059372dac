"""How many of what, what of each a batch then needs, and the throughput that no schedule can exceed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from agents.engines.ray.settings import RaySettings
from agents.scaling.costs import Affine, Costs


@dataclass(frozen=True)
class Plan:
    """A training on machines that may not exist.

    Attributes:
        engine: Actors, distillers, queue, as for the engine itself.
        lanes: Of each actor.
        cores: That all processes share; as many as there are processes when None.
        learner_speed: How many times as fast the learner's updates are as where the costs were measured.
        learner_lane_speed: And how many times more the part of it that grows with the lanes: an accelerator
            with room left takes more lanes in the same time.
        away: The workers are on other nodes than the driver, and read parameters through its server.
    """

    engine: RaySettings = field(default_factory=RaySettings)
    lanes: int = 28
    cores: int | None = None
    learner_speed: float = 1.0
    learner_lane_speed: float = 1.0
    away: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be, naming the field and the value."""
        self._require("lanes", self.lanes >= 1, "at least 1")
        self._require("cores", self.cores is None or self.cores >= 1, "at least 1")
        for name in ("learner_speed", "learner_lane_speed"):
            value = getattr(self, name)
            self._require(name, 0 < value < math.inf, "greater than 0 and finite")

    def _require(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise ValueError(f"{name} must be {what}, got {getattr(self, name)!r}")

    @property
    def batch_lanes(self) -> int:
        """Lanes of a batch."""
        return self.lanes * self.engine.actors_per_update

    @property
    def waits_for_learner(self) -> bool:
        """Whether the actors act in step with the learner: after a batch is distilled, and all of them."""
        return self.engine.queue_length == 0 and self.engine.actors_per_update == self.engine.num_actors


@dataclass(frozen=True)
class Work:
    """Seconds that the parts of a plan need for their share of a batch.

    Args:
        costs: Of each part.
        plan: How many of them.
    """

    costs: Costs
    plan: Plan

    @property
    def frames(self) -> int:
        """Frames of a batch."""
        return self.plan.batch_lanes * self.costs.unroll_length

    @property
    def collect(self) -> float:
        """An actor's unroll."""
        lanes = self.plan.lanes
        return self.costs.unroll_length * self.costs.acting_step.at(lanes) + self.costs.sending.at(lanes)

    @property
    def take(self) -> float:
        """The driver takes an unroll."""
        return self.costs.taking.at(self.plan.lanes)

    @property
    def tell(self) -> float:
        """The driver puts unrolls side by side and plays out the callbacks of a batch."""
        lanes, costs = self.plan.batch_lanes, self.costs
        return costs.joining.at(lanes) + costs.unroll_length * costs.callbacks.at(lanes)

    @property
    def keep(self) -> float:
        """The driver turns a batch into tensors, into the replay and into the object store."""
        lanes, costs = self.plan.batch_lanes, self.costs
        return costs.converting.at(lanes) + costs.drawing.at(lanes) + costs.publishing.at(lanes)

    @property
    def learn(self) -> float:
        """The learner's outputs of a batch, and its losses, after which it can be distilled."""
        return self._update(self.costs.first_outputs)

    @property
    def learn_again(self) -> float:
        """The learner's gradients of these losses, and all that it learns from its replay."""
        first = self._update(self.costs.first_gradients)
        return first + self.costs.learner_replays * self._update(self.costs.replay_update)

    def _update(self, cost: Affine) -> float:
        plan = self.plan
        return cost.faster(plan.learner_speed, plan.learner_lane_speed).at(plan.batch_lanes)

    def share(self, turn: int) -> list[int]:
        """Steps of each distiller in a batch, as `Distilling.hand_out` divides them when `turn` are done."""
        steps, count = self.costs.distillation_steps, self.plan.engine.num_distillers
        return [len(range((number - turn) % count, steps, count)) for number in range(count)]

    def distil(self, steps: int) -> float:
        """A distiller fetches a batch and takes some steps; of other nodes, the server's part not counted."""
        lanes = self.plan.batch_lanes
        return self.costs.fetching.at(lanes) + steps * self.costs.distilling_step.at(lanes)

    @property
    def distillers_needed(self) -> int:
        """Distillers that get a step of a batch."""
        return min(self.costs.distillation_steps, self.plan.engine.num_distillers)

    @property
    def submit_unroll(self) -> float:
        """The driver asks an actor for an unroll, which waits for the distillers."""
        return self.costs.submitting.at(self.distillers_needed)

    @property
    def submit_steps(self) -> float:
        """The driver asks a distiller for steps, each perhaps on an unroll of its own."""
        return self.costs.submitting.at(min(max(self.share(0)), self.costs.distillation_window))

    @property
    def serve(self) -> float:
        """The parameter server, for a batch."""
        if not self.plan.away:
            return 0.0
        reads = self.plan.engine.actors_per_update + self.distillers_needed
        steps = self.costs.distillation_steps * self.costs.serving_step.fixed
        return reads * self.costs.serving_read.fixed + steps


def bound(costs: Costs, plan: Plan) -> dict[str, float]:
    """Return the frames per second that each part alone would allow; the least is what limits.

    "driver" is everything that its one process does one after the other, the learner included, if the unrolls
    are there when it asks for them; "learner" the updates alone. "turn" is the way from one batch to the next
    where actors wait for it. `simulate` tells what is left when the parts wait for one another.
    """
    work, engine = Work(costs, plan), plan.engine
    taken = engine.actors_per_update
    steps = costs.distillation_steps * costs.distilling_step.at(plan.batch_lanes)
    distilling = work.distillers_needed * work.distil(0) + steps
    collecting = taken * work.collect
    seconds = {
        "learner": work.learn + work.learn_again,
        "driver": _driver(work),
        "distillers": distilling / engine.num_distillers,
        "actors": collecting / engine.num_actors,
        "server": work.serve,
    }
    if plan.cores is not None:
        seconds["cores"] = (_driver(work) + distilling + collecting + work.serve) / plan.cores
    if plan.waits_for_learner:
        seconds["turn"] = _turn(work)
    return {part: work.frames / each for part, each in seconds.items() if each > 0}


def _driver(work: Work) -> float:
    taken = work.plan.engine.actors_per_update
    tasks = taken * (work.submit_unroll + work.take) + work.distillers_needed * work.submit_steps
    tasks += work.costs.waking.at(work.distillers_needed)
    return tasks + work.tell + work.keep + work.learn + work.learn_again


def _turn(work: Work) -> float:
    """Learn, distil, act, take, tell: what cannot overlap where everybody waits for the latest batch."""
    costs = work.costs
    there = work.submit_steps + costs.latency.fixed + work.distil(max(work.share(0)))
    back = work.collect + costs.latency.fixed + costs.waking.at(1) + work.take
    return work.learn + work.keep + there + back + work.tell
