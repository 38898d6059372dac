"""A learner that is shown actions and rewards, against one whose observations hold them already."""

from __future__ import annotations

import copy
from contextlib import closing
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from agents.ald import ALD
from agents.learning.config import ALDConfig
from agents.learning.learner import Learner
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.gtrxl import GTrXLCore
from agents.learning.networks.previous_step import PreviousStepEncoder, with_previous_step
from agents.learning.unroll import Unroll
from agents.report.episodes import EpisodeStream, RecordedEpisode
from tests.support.learners import (
    ACTIONS,
    CONFIG,
    ENDING,
    INPUT,
    LANES,
    STEPS,
    cut,
    furthest,
    unroll,
    update,
)
from tests.support.tiny import differences, everything, maze_lanes, maze_model

pytestmark = pytest.mark.usefixtures("one_thread")


def made(encoder: nn.Module, **settings: Any) -> Learner:
    """In double precision, every parameter random, with plain gradient descent of step 1."""
    torch.manual_seed(0)
    core = GTrXLCore(INPUT + ACTIONS + 1, 8, layers=2, heads=2, hidden=8, memory=5)
    network = ActorCritic(encoder, core, nn.Linear(8, ACTIONS), nn.Linear(8, 1)).double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.4)
    learner = Learner(network, ALDConfig(**{**CONFIG, "target_period": 1, **settings}), torch.device("cpu"))
    learner.optimizer = torch.optim.SGD(network.parameters(), lr=1.0)  # type: ignore[assignment]
    return learner


def shown() -> Learner:
    return made(PreviousStepEncoder(nn.Identity(), has_parts=False), learner_sees_actions=True)


def beside(observation: Tensor, action: int | None, reward: float) -> Tensor:
    """An observation [F] with the step before it, by hand; rewards of at most 1."""
    one_hot = [float(action == each) for each in range(ACTIONS)]
    return torch.cat([observation, torch.tensor([*one_hot, reward], dtype=observation.dtype)])


def holding(data: Unroll) -> Unroll:
    """The unroll with each step before its observation, entry by entry; its episodes must begin in row 0."""
    rows: list[list[Tensor]] = []
    assert isinstance(data.observation, Tensor) and isinstance(data.final_observation, Tensor)
    for time, row in enumerate(data.observation):
        rows.append([])
        for lane, seen in enumerate(row):
            first = time == 0 or bool(data.is_first[time, lane])
            before = (None, 0.0) if first else (int(data.action[time - 1, lane]), data.reward[time - 1, lane])
            rows[-1].append(beside(seen, before[0], float(before[1])))
    finals = [
        beside(seen, int(data.action[time, lane]), float(data.reward[time, lane]))
        for seen, time, lane in zip(data.final_observation, data.final_time, data.final_lane, strict=True)
    ]
    observation = torch.stack([torch.stack(row) for row in rows])
    return data._replace(observation=observation, final_observation=torch.stack(finals))


def test_what_is_shown_equals_observations_that_hold_it() -> None:
    """Over two unrolls and a replayed one: across their border, behind ends, and beyond truncations."""
    long = unroll(np.concatenate([ENDING, ENDING]))
    long.reward.clamp_(-1.0, 1.0)
    assert long.reward[:STEPS].abs().max() == 1.0  # the unit, from the first piece on
    long.is_first[0] = True
    pieces = [(0, STEPS), (STEPS, 2 * STEPS)]
    fast, slow = shown(), made(nn.Identity())
    for first, last in pieces:
        attached, _ = update(fast, cut(long, first, last))
        expected, _ = update(slow, cut(holding(long), first, last))
        assert attached.learner is not None and expected.learner is not None
        torch.testing.assert_close(attached.learner, expected.learner)
        update(fast, attached)
        update(slow, expected)
        assert furthest(fast.network, slow.network) < 1e-9
    assert furthest(fast.network, shown().network) > 1e-2  # there was something to learn


def test_an_action_counts_for_all_that_follows_in_its_episode_alone() -> None:
    data, other = unroll(), unroll()
    data.is_first[0] = other.is_first[0] = True
    other.action[1] = (other.action[1] + 1) % ACTIONS  # lane 3's episode ends with this step
    left, right = (update(shown(), each)[0].learner for each in (data, other))
    assert left is not None and right is not None
    changed = (left.policy != right.policy).any(dim=-1)
    assert not changed[:2].any() and changed[2, :3].all() and not changed[2:, 3].any()


def test_the_last_step_is_kept_beside_the_network_s_memory() -> None:
    learner, data = shown(), unroll()
    assert {part.shape[0] for part in learner.networks.initial_state(LANES)} == {LANES}
    update(learner, data)
    assert learner.core_state is not None
    *_, action, reward = learner.core_state
    assert torch.equal(action, data.action[-1]) and torch.equal(reward, data.reward[-1])


def test_observations_with_parts_keep_them() -> None:
    class Total(nn.Module):
        def forward(self, observation: dict[str, Tensor]) -> Tensor:
            return torch.cat([observation["view"], observation["observation"]], dim=-1)

    parts = {"view": torch.tensor([[[1.0]]]), "observation": torch.tensor([[[2.0]]])}
    action, reward, no = torch.tensor([[[0, 1, 0]]]), torch.tensor([[0.5]]), torch.tensor([[False]])
    encoder = PreviousStepEncoder(Total(), has_parts=True)
    flat = {name: part.flatten(0, 1) for name, part in with_previous_step(parts, action, reward, no).items()}
    assert encoder(flat).tolist() == [[1.0, 2.0, 0.0, 1.0, 0.0, 0.5]]


def test_a_part_of_a_name_that_is_needed_is_refused() -> None:
    none = torch.zeros(1, 1)
    with pytest.raises(ValueError, match="previous_action"):
        with_previous_step({"previous_action": none}, none, none, none)


def test_saving_loading_and_going_on_equals_going_on(tmp_path: Any) -> None:
    model = maze_model(learner_sees_actions=True)
    frames = 2 * model.n_envs * model.config.unroll_length
    model.learn(frames)
    model.save(tmp_path / "model.zip")
    twin = ALD.load(tmp_path / "model.zip", env=maze_lanes(), device="cpu", force_reset=False)
    for each in (model, twin):
        each.learn(frames, reset_num_timesteps=False)
    assert differences(everything(model), everything(twin)) == []


def test_the_actor_is_shown_nothing() -> None:
    plain, informed = maze_model(), maze_model(learner_sees_actions=True)
    shapes = [
        {name: part.shape for name, part in each.policy.state_dict().items()} for each in (plain, informed)
    ]
    assert shapes[0] == shapes[1]


def observations(episode: RecordedEpisode) -> np.ndarray:
    """What the agent saw, [T + 1, ...]."""
    env = gymnasium.make("MemoryEnvs/IMaze-v0", max_episode_steps=9)
    first, _ = env.reset(options={"stream": episode.stream, "episode": episode.number})
    return np.stack([first, *(env.step(action)[0] for action in episode.actions)])


def test_the_report_shows_the_learner_what_training_does() -> None:
    """Its policy along a played episode is what the learner attaches to an unroll of that episode."""
    model = maze_model(learner_sees_actions=True)
    torch.manual_seed(1)
    for parameter in model.learner.network.parameters():
        nn.init.normal_(parameter, std=0.3)
    with closing(EpisodeStream("MemoryEnvs/IMaze-v0", {"max_episode_steps": 9})) as stream:
        episode = stream.play(model, 0)
    steps = len(episode.actions)
    learner = copy.deepcopy(model.learner)
    action = torch.tensor(episode.actions).unsqueeze(-1)
    reward = torch.tensor(episode.rewards).unsqueeze(-1)
    seen = torch.as_tensor(observations(episode)[:-1]).unsqueeze(1)
    is_first = torch.zeros(steps, 1, dtype=torch.bool)
    is_first[0] = True
    before = (
        nn.functional.one_hot(torch.cat([action[:1], action[:-1]]), 3),
        torch.cat([reward[:1], reward[:-1]]),
    )
    state = learner.network.initial_state(1)
    with torch.no_grad():
        outputs, _ = learner.network(with_previous_step(seen, *before, is_first), state, is_first)
    expected = torch.softmax(outputs.policy[:, 0], dim=-1).numpy()
    np.testing.assert_allclose(episode.traces["learner"].probabilities, expected, atol=1e-5)
