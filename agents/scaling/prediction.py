"""What is predicted of a training, and measured of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """What `progress.csv` would say, by the same definitions, and what travels.

    Attributes:
        frames_per_second: Of training.
        busy_learner: Share of the time that the driver learns, what it hands out in between included.
        idle_learner: Share of the time that the driver waits for workers.
        idle_actors: Share of their time that actors have nothing to do.
        idle_distillers: The same of distillers.
        policy_lag: Batches learnt between the parameters that acted and their use, a mean.
        max_policy_lag: The longest.
        depth: Unrolls that waited when a batch was taken, a mean.
        max_depth: The most.
        store_bytes_per_second: Written into the object store.
        network_bytes_per_second: Between nodes: unrolls, batches and parameters; 0 on one.
        held_bytes: The most that the object store held at a time.
    """

    frames_per_second: float
    busy_learner: float
    idle_learner: float
    idle_actors: float
    idle_distillers: float
    policy_lag: float
    max_policy_lag: float
    depth: float
    max_depth: int
    store_bytes_per_second: float
    network_bytes_per_second: float
    held_bytes: float
