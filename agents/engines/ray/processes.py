"""The processes of a training: a cluster to run them on, the memory that they share, and their making."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from agents.engines.ray.cluster import Cluster
from agents.engines.ray.lanes import Lanes
from agents.engines.ray.parameters import Access, ParameterServer, Trainable
from agents.engines.ray.settings import RaySettings
from agents.engines.ray.shared import ParameterBlock, SharedMemory, counter
from agents.engines.ray.workers import ActorPlan, ActorWorker, DistillerWorker
from agents.learning.config import ALDConfig
from agents.learning.memory_targets import MemoryTargets
from agents.learning.networks.actor_critic import ActorCritic


class Processes:
    """Connects to the cluster and moves parameters and moments into shared memory; `close` undoes the first.

    Args:
        network: The actor's.
        optimizer: Of its parameters.
        config: The agent's settings.
        settings: How the work is divided.
        targets: What memory is taught to predict.

    Raises:
        NoCluster: There is no cluster.
        ValueError: The optimizer's moments cannot be shared.
    """

    def __init__(
        self,
        network: ActorCritic,
        optimizer: torch.optim.Optimizer,
        config: ALDConfig,
        settings: RaySettings,
        targets: MemoryTargets,
    ) -> None:
        self._config, self._settings, self._targets = config, settings, targets
        self._trainable = Trainable.of(network, optimizer)
        block = ParameterBlock(network, optimizer)
        with contextlib.ExitStack() as undo:
            self._memory = SharedMemory(block.size)
            undo.callback(self._memory.close)
            self._cluster = Cluster(settings)
            undo.callback(self._cluster.leave)
            self._options = self._cluster.worker_options()
            server = None if self._cluster.is_one_node else self._serve()
            self._access = Access(self._cluster.node, self._memory.path, server)
            self._undo = undo.pop_all()
        block.move_to(self._memory.bytes)

    def hire_actor(self, make: Callable[[int], Lanes], lanes: int, number: int) -> Any:
        """Return the handle of an actor's worker, which makes and steps as many lanes."""
        plan = ActorPlan(
            trainable=self._trainable,
            make=make,
            lanes=lanes,
            first_lane=number * lanes,
            all_lanes=lanes * self._settings.num_actors if self._settings.lockstep else None,
            unroll_length=self._config.unroll_length,
            targets=self._targets,
            access=self._access,
        )
        return _remote(ActorWorker, self._options, plan)

    def hire_distiller(self, number: int) -> Any:
        """Return the handle of a distiller's worker."""
        return _remote(DistillerWorker, self._options, self._trainable, self._config, self._access)

    def _serve(self) -> Any:
        here = NodeAffinitySchedulingStrategy(self._cluster.node, soft=False)
        options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
        return _remote(ParameterServer, options, self._trainable, self._memory.path)

    def count(self, published: int) -> None:
        """Let the actors know how many batches were made ready for distillation."""
        counter(self._memory.bytes).fill_(published)

    def close(self) -> None:
        """Leave the cluster; the model keeps its parameters where they are."""
        self._undo.close()


def _remote(kind: type[Any], options: dict[str, Any], *arguments: Any) -> Any:
    remote: Any = ray.remote(kind)
    return remote.options(**options).remote(*arguments)
