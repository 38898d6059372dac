"""Twenty deaths in one run, of actors, distillers and nodes, and the maze is learnt nevertheless."""

from __future__ import annotations

import os
import random
import signal
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from stable_baselines3.common.callbacks import BaseCallback

from agents.ald import ALD
from agents.engines.ray import RaySettings
from agents.vec_env.make import make_remote_lanes
from memory_envs.registry.presets import get_preset
from tests.support.processes import workers

KILLS = ["ActorWorker"] * 9 + ["DistillerWorker"] * 9 + ["node"] * 2
EVERY = 15_000  # frames


class Chaos(BaseCallback):
    """Kills something every so many frames, and stops once the task is learnt after the last death."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self.cluster, self.kills = cluster, random.Random(0).sample(KILLS, len(KILLS))
        self.nodes = [cluster.add_node(num_cpus=2), cluster.add_node(num_cpus=2)]
        self.success = 0.0

    def _on_step(self) -> bool:
        if self.kills and self.num_timesteps >= EVERY * (1 + len(KILLS) - len(self.kills)):
            self.kill(self.kills.pop())
        successes: Any = self.model.ep_success_buffer or [0.0]
        self.success = sum(successes) / len(successes)
        return bool(self.kills) or len(successes) < 200 or self.success < 0.99

    def kill(self, kind: str) -> None:
        if kind == "node":
            self.nodes.append(self.cluster.add_node(num_cpus=2))
            self.cluster.remove_node(self.nodes.pop(0), allow_graceful=False)
        elif found := workers(kind):
            os.kill(random.Random(self.num_timesteps).choice(found), signal.SIGKILL)
        else:
            self.kills.insert(0, kind)  # it is dead already


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_deaths_do_not_keep_the_maze_from_being_learnt() -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    chaos, preset = Chaos(cluster), get_preset("imaze/ald")
    settings = RaySettings(num_actors=2, num_distillers=2, address=cluster.address, worker_cpus=0.25)
    model = ALD(
        preset.policy,
        make_remote_lanes(preset.env, preset.num_envs, preset.env_kwargs),
        engine=settings,
        seed=0,
        device="cpu",
        stats_window_size=200,
        **preset.overrides,
    )
    try:
        model.learn(2_000_000, chaos)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert chaos.kills == [] and chaos.success >= 0.99
    figures = model.engine.take_figures()
    assert figures["workers/actors_replaced"] + figures["workers/distillers_replaced"] >= 18
