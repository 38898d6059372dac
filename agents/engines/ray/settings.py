"""What may be chosen about the distributed engine."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.learning.settings import Settings


@dataclass(frozen=True)
class RaySettings(Settings):
    """How the work is divided among processes; what is learnt is the business of the agent's own settings.

    Attributes:
        num_actors: Processes that act, each with an equal share of the lanes.
        num_distillers: Processes that distil, all into the same parameters, without locks.
        address: Of a Ray cluster, "auto" or "host:port"; None starts one on this machine.
        lockstep: Act, learn and distil in turn, as the serial engine does, with its numbers.
        queue_length: Unrolls that each actor may be ahead of the learner, the one in progress included. With
            0 it acts on all that was learnt before, as in the serial engine, while the learner learns again
            from its replay; more keeps a learner busy that would have to wait, with unrolls that are older.
        unrolls_per_update: Actors whose unrolls the learner takes at a time, first come, first served; all
            of them when None.
        max_distillation_lag: Unrolls that a distiller may be behind before the learner waits for it.
        worker_cpus: CPUs that each worker claims of the cluster; an equal share, at most one, when None.
        wait_seconds: How long anything is waited for before it is an error.
        max_deaths_in_a_row: Workers of a kind that may die without work done in between.
    """

    num_actors: int = 1
    num_distillers: int = 1
    address: str | None = None
    lockstep: bool = False
    queue_length: int = 0
    unrolls_per_update: int | None = None
    max_distillation_lag: int = 2
    worker_cpus: float | None = None
    wait_seconds: float = 300.0
    max_deaths_in_a_row: int = 5

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming the field, the value and the choices."""
        super().__post_init__()
        least = {"num_actors": 1, "num_distillers": 1, "queue_length": 0, "max_distillation_lag": 0}
        for name, bound in (least | {"max_deaths_in_a_row": 0}).items():
            self._require(name, getattr(self, name) >= bound, f"at least {bound}")
        address = self.address
        known = address is None or address == "auto" or re.fullmatch(r"[^/]+:\d+", address) is not None
        self._require("address", known, "auto, or host:port of a cluster that this machine is part of")
        self._require("wait_seconds", self.wait_seconds > 0, "greater than 0")
        self._require("worker_cpus", self.worker_cpus is None or self.worker_cpus >= 0, "at least 0")
        taken = self.unrolls_per_update
        self._require(
            "unrolls_per_update",
            taken is None or (taken >= 1 and self.num_actors % taken == 0),
            f"a divisor of num_actors={self.num_actors}",
        )
        if self.lockstep:
            self._require("num_distillers", self.num_distillers == 1, "1 in lockstep")
            self._require("unrolls_per_update", taken in (None, self.num_actors), "all actors in lockstep")

    @property
    def actors_per_update(self) -> int:
        """Actors whose unrolls make a batch."""
        return self.unrolls_per_update or self.num_actors

    def lanes_per_actor(self, lanes: int) -> int:
        """Return each actor's share of the lanes.

        Raises:
            ValueError: They cannot be shared evenly; names the numbers of actors that can.
        """
        if lanes % self.num_actors:
            divisors = [str(number) for number in range(1, lanes + 1) if lanes % number == 0]
            raise ValueError(
                f"num_actors must divide the {lanes} lanes evenly, got {self.num_actors}: "
                f"choose one of {', '.join(divisors)}"
            )
        return lanes // self.num_actors
