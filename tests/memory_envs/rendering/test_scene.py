"""A scene holds what there is to see, and what the agent sees of it."""

import gymnasium as gym
import numpy as np
import pytest

from tests.support.registered import IDS
from tests.support.scenes import scene_at


def test_the_cells_the_agent_sees_are_marked():
    expected = np.zeros((9, 9), dtype=bool)
    expected[0:3, 3:6] = True
    assert (scene_at(row=1, column=3, heading=0).visible == expected).all()
    assert scene_at(row=1, column=1, heading=2).visible.sum() == 6  # one column of the window lies outside


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("observability", ["partial", "full", "perfect_memory"])
def test_the_view_and_the_notes_are_what_the_agent_observes(env_id, observability):
    env = gym.make(env_id, observation="tiles", observability=observability)
    observation, _ = env.reset(seed=5)
    for action in np.random.default_rng(0).integers(3, size=60):
        scene = env.unwrapped.scene()
        assert observation.tolist() == [*scene.view.flat, *scene.notes.values()]
        observation, *_ = env.step(action)
