"""Several nodes: parameters travel by value, and a node that is lost takes no more with it than its work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from tests.support.ray_models import Steps, ray_model
from tests.support.tiny import SETTINGS, UNROLL

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

LENGTH = SETTINGS["unroll_length"]


@pytest.fixture
def nodes() -> Iterator[Cluster]:
    """A node for the driver, without room for workers, to which others may be added."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_workers_of_other_nodes_act_and_distil_through_the_parameter_server(nodes: Cluster) -> None:
    nodes.add_node(num_cpus=2)
    model = ray_model(address=nodes.address, worker_cpus=0.5, num_distillers=2, max_distillation_lag=1)
    before = {name: part.clone() for name, part in model.policy.state_dict().items()}
    model.learn(6 * UNROLL)
    after = model.policy.state_dict()
    assert all(not before[name].equal(after[name]) for name in before)
    [steps] = {int(state["step"]) for state in model.policy.optimizer.state.values()}
    assert 0.7 * 6 * SETTINGS["distillation_steps"] <= steps <= 6 * SETTINGS["distillation_steps"]
    # What was acted with came from the server: an actor that was never sent parameters would not change.
    logits = [unroll.behaviour_policy for unroll in model.replay.unrolls]
    assert not logits[0][0].equal(logits[-1][0])


def test_a_lost_node_is_replaced_by_another(nodes: Cluster) -> None:
    lost, _ = (nodes.add_node(num_cpus=1) for _ in range(2))
    told: Any = Steps(at={2 * LENGTH: lambda: nodes.remove_node(lost, allow_graceful=False)})
    model = ray_model(
        address=nodes.address, worker_cpus=0.25, num_actors=2, num_distillers=2, wait_seconds=120.0
    )
    model.learn(30 * UNROLL, told)
    assert len(told.steps) == 30 * LENGTH
    figures = model.engine.take_figures()
    assert figures["workers/actors_replaced"] + figures["workers/distillers_replaced"] >= 1
