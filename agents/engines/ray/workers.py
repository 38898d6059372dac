"""What runs in the processes of the workers: the serial engine's actor and distiller, fed from elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
import torch
from torch import Tensor

from agents.engines.ray.lanes import EnvironmentRaised, Lanes, RecordedLanes
from agents.engines.ray.parameters import Access, ServedOptimizer, Trainable, settle
from agents.engines.ray.payload import Collected, Distilled, Failed, TaskTime, to_arrays, to_tensors
from agents.engines.ray.shared import ParameterBlock, counter, map_memory
from agents.learning.actor import Actor
from agents.learning.config import ALDConfig
from agents.learning.distiller import Distiller
from agents.learning.finite import LossNotFinite
from agents.learning.memory_targets import MemoryTargets
from agents.learning.steps import Step
from agents.learning.unroll import Unroll
from agents.process.torch_modes import denormals_as_zero

# Unrolls that a distiller keeps beyond those that it was last asked for.
_SPARE_UNROLLS = 4


@dataclass(frozen=True)
class ActorPlan:
    """What an actor's worker is made of.

    Attributes:
        trainable: Has the network.
        make: Takes a number of lanes and makes them.
        lanes: How many.
        first_lane: The number of the first among those of all actors.
        all_lanes: Of all actors, where the random numbers are drawn for all and one's own used; None draws
            one's own.
        unroll_length: Steps T.
        access: To the parameters.
        targets: What memory is taught to predict.
    """

    trainable: Trainable
    make: Callable[[int], Lanes]
    lanes: int
    first_lane: int
    all_lanes: int | None
    unroll_length: int
    access: Access
    targets: MemoryTargets


class _Worker:
    """Counts where its time goes."""

    def __init__(self) -> None:
        settle()
        self._rested_since = time.perf_counter()

    @contextlib.contextmanager
    def _task(self) -> Iterator[Callable[[], TaskTime]]:
        """Hands out a function that says what the task has cost until then."""
        start, cpu = time.perf_counter(), time.process_time()
        idle = start - self._rested_since
        with denormals_as_zero():
            yield lambda: TaskTime(time.perf_counter() - start, idle, time.process_time() - cpu)
        self._rested_since = time.perf_counter()


class ActorWorker(_Worker):
    """An actor and its lanes.

    Args:
        plan: Of what.
    """

    def __init__(self, plan: ActorPlan) -> None:
        super().__init__()
        self._plan = plan
        self._network, _ = plan.trainable.copies()
        self._read = plan.access.read()
        block = ParameterBlock(self._network)
        self._memory = torch.zeros(block.size, dtype=torch.uint8)
        block.look_into(self._memory)
        self._lanes: RecordedLanes | None = None

    def begin(self, lane_seed: int | None, random: int | Tensor | None) -> Any:
        """Begin episodes in all lanes.

        Args:
            lane_seed: Of the first lane, the others follow; None goes on with the streams they have.
            random: Seed of the actions, or the state of their generator; None goes on with the stream.

        Returns:
            The first observations, or `Failed`.
        """
        plan = self._plan
        try:
            if self._lanes is None:
                self._lanes = RecordedLanes(plan.make, plan.lanes, plan.first_lane)
                rows = None if plan.all_lanes is None else (plan.first_lane, plan.all_lanes)
                self._actor = Actor(
                    self._network,
                    plan.lanes,
                    plan.unroll_length,
                    0,
                    torch.device("cpu"),
                    rows_of=rows,
                    targets=plan.targets,
                )
            observation = self._lanes.begin(lane_seed)
        except EnvironmentRaised as raised:
            return raised.failed
        self._seed_actions(random)
        self._actor.begin(observation, self._lanes.first_infos())
        return observation

    def _seed_actions(self, random: int | Tensor | None) -> None:
        if isinstance(random, int):
            self._actor.seed(random)
        elif random is not None:
            self._actor.generator.set_state(random)

    def collect(self, after: Sequence[Any]) -> Collected | Failed:
        """One unroll, with the parameters as they are at its beginning.

        Args:
            after: References to wait for, whether they come to hold a result or an error.
        """
        if after:  # for as long as it takes: the driver has a limit, and ends its workers with itself
            ray.wait(list(after), num_returns=len(after), fetch_local=False)
        assert self._lanes is not None
        infos: list[Sequence[dict[str, Any]]] = []

        def note(actions: Any, step: Step) -> bool:
            infos.append(step.infos)
            return True

        with self._task() as cost:
            self._memory.copy_(self._read()[: len(self._memory)])
            try:
                unroll = self._actor.collect(self._lanes, note)
            except EnvironmentRaised as raised:
                return raised.failed
            assert unroll is not None
            return Collected(to_arrays(unroll.to_tree()), infos, int(counter(self._memory)), cost())

    def ask(self, method: str, *arguments: Any, **further: Any) -> Any:
        """See `RecordedLanes.ask`."""
        assert self._lanes is not None
        return self._lanes.ask(method, *arguments, **further)


class DistillerWorker(_Worker):
    """A distiller. On the node of the parameters it changes them in place, without locks.

    Deviation from a lock: as in HOGWILD (Recht et al. 2011), a step may read parameters of which others have
    written a part, and the moments of Adam are shared in the same way.

    Args:
        trainable: The network, whose parameters will be replaced, and their optimizer.
        config: Settings.
        access: To the parameters.
    """

    def __init__(self, trainable: Trainable, config: ALDConfig, access: Access) -> None:
        super().__init__()
        network, optimizer = trainable.copies()
        self._groups: Any = optimizer.param_groups
        self._served: ServedOptimizer | None = None
        if access.is_here:
            self._block = ParameterBlock(network, optimizer)
            self._block.look_into(map_memory(access.path))
            self._distiller = Distiller(network, optimizer, config)
        else:
            self._served = ServedOptimizer(network, access)
            self._block = self._served.block
            self._distiller = Distiller(network, self._served, config)  # type: ignore[arg-type]
        self._unrolls: dict[int, Unroll] = {}

    def distil(
        self, references: Sequence[tuple[int, Any]], order: Sequence[int], learning_rate: float
    ) -> Distilled:
        """Take a step on each of some unrolls.

        Args:
            references: Number and reference of each unroll that is needed.
            order: Numbers of the unrolls, one per step.
            learning_rate: Of these steps.
        """
        with self._task() as cost:
            self._fetch(references)
            self._prepare(learning_rate)
            metrics, last = self._steps(order)
            frames = sum(self._unrolls[number].reward.numel() for number in order)
            return Distilled(metrics, last, len(order), frames, cost())

    def _steps(self, order: Sequence[int]) -> tuple[dict[str, float], int]:
        """Metrics of the last step and its unroll's number; losses that are not finite, and where, if any."""
        metrics: dict[str, Any] = {}
        for index, number in enumerate(order, start=1):
            try:
                metrics = self._distiller.update(self._unrolls[number], with_health=index == len(order))
            except LossNotFinite as broken:  # the driver, which has the unroll, raises it again
                return broken.losses, number
            self._block.keep_buffers()
        return {name: float(value) for name, value in metrics.items()}, order[-1]

    def _fetch(self, references: Sequence[tuple[int, Any]]) -> None:
        """Have the unrolls, once, and forget the oldest of the others."""
        missing = [(number, reference) for number, reference in references if number not in self._unrolls]
        for (number, _), tree in zip(missing, ray.get([each[1] for each in missing]), strict=True):
            self._unrolls[number] = Unroll.from_tree(to_tensors(tree, torch.device("cpu")))
        needed = {number for number, _ in references}
        others = sorted(set(self._unrolls) - needed)
        for number in others[: max(0, len(others) - _SPARE_UNROLLS)]:
            del self._unrolls[number]

    def _prepare(self, learning_rate: float) -> None:
        if self._served is not None:
            self._served.learning_rate = learning_rate
            self._served.fetch()
        for group in self._groups:
            group["lr"] = learning_rate
