"""What travels between processes arrives as it was, side by side."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.engines.ray.payload import Batch, join, to_arrays, to_tensors
from agents.learning.unroll import Unroll
from agents.vec_env.steps import GymnasiumSteps
from tests.support.ray_models import collected
from tests.support.tiny import LANES, SETTINGS, UNROLL, differences, maze_lanes

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = SETTINGS["unroll_length"]


def test_unrolls_of_several_actors_side_by_side_are_one_of_all_lanes() -> None:
    whole = collected(LANES)
    env_seeds = [(0, 0), (LANES // 2, LANES // 2)]
    parts = [collected(LANES // 2, seed, (first, LANES)) for first, seed in env_seeds]
    joined, alone = join([part.unroll for part in parts]), dict(whole.unroll)
    order = np.lexsort((joined["final_lane"], joined["final_time"]))
    for name in ("final_time", "final_lane", "final_observation"):
        joined[name] = joined[name][order]
    for name in ("behaviour_policy", "actor_state"):  # products of fewer rows round differently
        for left, right in zip(joined.pop(name), alone.pop(name), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
    assert len(order) > 0 and differences(joined, alone) == []


def test_a_batch_tells_each_step_as_the_environments_did() -> None:
    part = collected(LANES)
    batch, env = Batch({0: part}), GymnasiumSteps(maze_lanes(max_episode_steps=4))
    env.seed(0)
    env.reset()
    for time in range(LENGTH):
        actions, step = batch.next_step()
        expected = env.step(actions)
        np.testing.assert_array_equal(actions, part.unroll["action"][time])
        ours, theirs = step._asdict(), expected._replace(first_infos={})._asdict()
        for infos in (ours.pop("infos"), theirs.pop("infos")):
            assert [info["TimeLimit.truncated"] for info in infos] == step.truncated.tolist()
        assert differences(ours, theirs) == []
    assert batch.steps_told == len(batch) == LENGTH and batch.frames == UNROLL
    np.testing.assert_array_equal(batch.last_observation(), expected.observation)


def test_arrays_become_the_tensors_that_they_were_even_if_they_cannot_be_written() -> None:
    tree = collected(LANES).unroll
    for array in (tree["action"], tree["reward"]):
        array.flags.writeable = False
    unroll = Unroll.from_tree(to_tensors(tree, torch.device("cpu")))
    assert differences(to_arrays(unroll.to_tree()), tree) == []
