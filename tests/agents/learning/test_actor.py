"""The actor writes down what happened, and nothing else; unrolls are cut and joined without loss."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from agents.learning.actor import Actor, sample
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.lstm import LSTMCore
from agents.learning.unroll import (
    LearnerOutputs,
    Observation,
    Unroll,
    join_lanes,
    map_observation,
    replace_rows,
)
from agents.sb3 import checkpoint
from tests.support.tiny import differences

pytestmark = pytest.mark.usefixtures("one_thread")

LANES, STEPS, ACTIONS = 3, 5, 4
GOES_ON, TERMINATED, TRUNCATED = 0, 1, 2
# How each step ends, by step and lane; repeated when it is over.
ENDINGS = np.array([[0, 1, 0], [2, 0, 0], [0, 2, 0], [1, 0, 0], [2, 2, 1], [0, 0, 0], [0, 1, 2]])


class Script:
    """A vector of environments whose observations are (lane, episode, step in it), and whose ends are given.

    It writes the next observations over the last ones, as some environments do.
    """

    def __init__(self, as_dict: bool = False) -> None:
        self.num_envs, self.as_dict = LANES, as_dict
        self.time = 0
        self.rows = np.zeros((LANES, 3), np.float32)
        self.rows[:, 0] = np.arange(LANES)
        self.rewards = np.zeros(LANES, np.float32)
        self.actions: list[np.ndarray] = []

    def reset(self) -> Any:
        return self._shown(self.rows)

    def step(self, actions: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        self.actions.append(actions.copy())
        ending = ENDINGS[self.time % len(ENDINGS)]
        self.time += 1
        self.rows[:, 2] += 1
        self.rewards[:] = self.time + np.arange(LANES) / 10
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": False} for _ in range(LANES)]
        for lane in np.flatnonzero(ending):
            infos[lane]["terminal_observation"] = self._shown(self.rows[lane].copy())
            infos[lane]["TimeLimit.truncated"] = bool(ending[lane] == TRUNCATED)
            self.rows[lane, 1:] = self.rows[lane, 1] + 1, 0
        return self._shown(self.rows), self.rewards, ending != GOES_ON, infos

    def _shown(self, rows: np.ndarray) -> Any:
        return {"place": rows[..., :2], "time": rows[..., 2:]} if self.as_dict else rows


class Together(nn.Module):
    """The parts of a Dict observation side by side."""

    def forward(self, observation: Observation) -> Tensor:
        if isinstance(observation, dict):
            return torch.cat([observation["place"], observation["time"]], dim=-1)
        return observation


def network() -> ActorCritic:
    torch.manual_seed(0)
    return ActorCritic(Together(), LSTMCore(nn.LSTM(3, 6)), nn.Linear(6, ACTIONS), nn.Linear(6, 1))


def actor(seed: int = 0) -> Actor:
    return Actor(network(), LANES, STEPS, seed, torch.device("cpu"))


def go_on(step: Mapping[str, Any]) -> bool:
    return True


def collected(count: int = 1, as_dict: bool = False) -> list[Unroll]:
    env, acting = Script(as_dict), actor()
    acting.begin(env.reset())
    unrolls = [acting.collect(env, go_on) for _ in range(count)]
    assert None not in unrolls
    return unrolls  # type: ignore[return-value]


def stop_after(calls: int) -> Callable[[Mapping[str, Any]], bool]:
    remaining = [calls]

    def on_step(step: Mapping[str, Any]) -> bool:
        remaining[0] -= 1
        return remaining[0] != 0

    return on_step


# --- What the actor writes down -------------------------------------------------------------------


def test_rows_hold_the_observation_its_action_and_their_outcome() -> None:
    env, acting = Script(), actor()
    acting.begin(env.reset())
    first, second = (acting.collect(env, go_on) for _ in range(2))
    assert first is not None and second is not None
    for start, unroll in ((0, first), (STEPS, second)):
        ending = torch.as_tensor(np.stack([ENDINGS[(start + t) % len(ENDINGS)] for t in range(STEPS)]))
        assert torch.equal(unroll.terminated, ending == TERMINATED)
        assert torch.equal(unroll.truncated, ending == TRUNCATED)
        assert torch.equal(unroll.done, ending != GOES_ON)
        rewards = torch.tensor([[start + t + 1 + lane / 10 for lane in range(LANES)] for t in range(STEPS)])
        torch.testing.assert_close(unroll.reward, rewards)
        assert unroll.action.tolist() == np.stack(env.actions[start : start + STEPS]).tolist()
        assert (unroll.length, unroll.lanes) == (STEPS, LANES)
        assert torch.equal(unroll.is_first[1:], unroll.done)


def test_observations_are_kept_although_the_environment_overwrites_them() -> None:
    [unroll] = collected()
    assert isinstance(unroll.observation, Tensor)
    episode, step = np.zeros(LANES), np.zeros(LANES)
    for t in range(STEPS + 1):
        expected = np.stack([np.arange(LANES), episode, step], axis=1)
        assert unroll.observation[t].tolist() == expected.tolist()
        done = ENDINGS[t % len(ENDINGS)] != GOES_ON
        episode, step = episode + done, np.where(done, 0, step + 1)


@pytest.mark.parametrize("as_dict", [False, True])
def test_last_observations_of_truncated_episodes_are_kept_and_no_others(as_dict: bool) -> None:
    [unroll] = collected(as_dict=as_dict)
    times, lanes = np.nonzero(ENDINGS[:STEPS] == TRUNCATED)
    assert unroll.final_time.tolist() == times.tolist()
    assert unroll.final_lane.tolist() == lanes.tolist()
    finals = Together()(unroll.final_observation)
    before = Together()(unroll.observation)[unroll.final_time, unroll.final_lane]
    assert torch.equal(finals, before + torch.tensor([0.0, 0.0, 1.0]))  # one step on, in the same episode


def test_the_state_and_the_policy_are_those_that_acted() -> None:
    unrolls = collected(3)
    assert all(part.eq(0).all() for part in unrolls[0].actor_state)
    for unroll in unrolls:
        with torch.no_grad():
            outputs, _ = network()(unroll.observation, unroll.actor_state, unroll.is_first)
        torch.testing.assert_close(outputs.logits[:-1], unroll.behaviour_logits)
    assert unrolls[1].actor_state[0].abs().min() > 0


def test_unrolls_follow_one_another_without_a_gap() -> None:
    first, second = collected(2)
    assert torch.equal(first.observation[-1], second.observation[0])  # type: ignore[index]
    assert torch.equal(first.is_first[-1], second.is_first[0])


def test_actions_are_drawn_from_the_policy() -> None:
    probability = torch.tensor([0.5, 0.3, 0.2, 0.0])
    logits = probability.log().expand(20_000, 4)
    drawn = sample(logits, torch.Generator().manual_seed(0)).bincount(minlength=4) / 20_000
    torch.testing.assert_close(drawn, probability, atol=0.015, rtol=0)
    assert drawn[3] == 0


def test_extreme_policies_are_drawn_from_as_well() -> None:
    logits = torch.tensor([[0.0, 1e4, -1e4], [-1e30, -1e30, 0.0]]).repeat(1000, 1)
    drawn = sample(logits, torch.Generator().manual_seed(0)).reshape(-1, 2)
    assert (drawn == torch.tensor([1, 2])).all()


def test_a_seed_decides_the_actions() -> None:
    def actions(acting: Actor) -> list[Any]:
        env = Script()
        acting.begin(env.reset())
        acting.collect(env, go_on)
        return np.stack(env.actions).tolist()

    again = actor(seed=3)
    again.seed(0)
    assert actions(actor()) == actions(actor()) == actions(again)
    assert actions(actor(seed=1)) != actions(actor())


# --- Stopping and going on ------------------------------------------------------------------------


@pytest.mark.parametrize("calls", range(1, STEPS + 1))
def test_a_stopped_unroll_is_completed_by_the_next_call(calls: int) -> None:
    env, acting = Script(), actor()
    acting.begin(env.reset())
    assert acting.collect(env, stop_after(calls)) is None
    completed = [acting.collect(env, go_on) for _ in range(2)]
    pairs = zip(completed, collected(2), strict=True)
    assert [differences(left._asdict(), right._asdict()) for left, right in pairs if left] == [[], []]


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("calls", [2, 5])
def test_an_actor_goes_on_from_its_state_in_a_file(tmp_path: Any, calls: int, as_dict: bool) -> None:
    env, acting, other = Script(as_dict), actor(), actor(seed=9)
    acting.begin(env.reset())
    acting.collect(env, stop_after(calls))
    checkpoint.save(tmp_path / "actor", acting.state_dict())
    other.load_state_dict(checkpoint.load(tmp_path / "actor"))
    completed = [other.collect(env, go_on) for _ in range(2)]
    pairs = zip(completed, collected(2, as_dict), strict=True)
    assert [differences(left._asdict(), right._asdict()) for left, right in pairs if left] == [[], []]


def test_a_state_is_a_copy() -> None:
    env, acting = Script(), actor()
    acting.begin(env.reset())
    acting.collect(env, stop_after(2))
    state = acting.state_dict()
    acting.collect(env, stop_after(2))
    assert len(state["begun"]["actions"]) == 2


def test_new_episodes_give_up_the_unroll_in_progress() -> None:
    env, acting = Script(), actor()
    acting.begin(env.reset())
    acting.collect(env, stop_after(2))
    acting.begin(Script().reset())
    unroll = acting.collect(Script(), go_on)
    assert unroll is not None and unroll.is_first[0].all()
    assert unroll.reward[0, 0] == 1.0


def test_a_step_that_fails_leaves_the_actor_as_it_was() -> None:
    class Failing(Script):
        def step(self, actions: np.ndarray) -> Any:
            if self.time == 2 and len(self.actions) == 2:
                self.actions.append(actions)
                raise OSError("connection lost")
            return super().step(actions)

    env, acting = Failing(), actor()
    acting.begin(env.reset())
    with pytest.raises(OSError, match="connection lost"):
        acting.collect(env, go_on)
    unroll = acting.collect(env, go_on)
    assert unroll is not None
    # The action that failed is lost with its randomness; all else is as it would have been.
    assert torch.equal(unroll.observation, collected()[0].observation)  # type: ignore[arg-type]
    assert torch.equal(unroll.reward, collected()[0].reward)


def test_the_unroll_is_still_held_when_its_end_is_told() -> None:
    env, acting, held = Script(), actor(), []
    acting.begin(env.reset())
    acting.collect(env, go_on, lambda: held.append(acting.state_dict()["begun"]))
    assert len(held[0]["actions"]) == STEPS
    assert acting.state_dict()["begun"] is None


def test_misuse_is_refused_with_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"pass the environments' first observations to begin\(\)"):
        actor().collect(Script(), go_on)
    wide, acting = Script(), actor()
    acting.begin(wide.reset())
    wide.num_envs = 7
    with pytest.raises(ValueError, match="the actor's 3 lanes, got 7"):
        acting.collect(wide, go_on)


def test_the_actor_and_the_engine_do_without_sb3() -> None:
    program = (
        "import sys, agents.learning.actor, agents.engines.serial; print('stable_baselines3' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


# --- Unrolls --------------------------------------------------------------------------------------


def seen(unroll: Unroll, scale: float = 1.0) -> Unroll:
    """An unroll with a learner's state and outputs, random but for their shapes."""
    value = torch.randn(STEPS, LANES)
    outputs = LearnerOutputs(torch.randn(STEPS, LANES, ACTIONS), value, torch.tensor(scale), value)
    state = (torch.randn(LANES, 2, 4, 6), torch.arange(LANES))
    return unroll._replace(learner=outputs, learner_state=state)


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("with_learner", [False, True])
def test_unrolls_survive_a_checkpoint(tmp_path: Any, as_dict: bool, with_learner: bool) -> None:
    [unroll] = collected(as_dict=as_dict)
    unroll = seen(unroll) if with_learner else unroll
    checkpoint.save(tmp_path / "unroll", unroll.to_tree())
    loaded = Unroll.from_tree(checkpoint.load(tmp_path / "unroll"))
    assert differences(unroll.to_tree(), loaded.to_tree()) == []
    assert (loaded.learner is None) == (not with_learner)


@pytest.mark.parametrize("as_dict", [False, True])
def test_joined_lanes_are_the_lanes_they_came_from(as_dict: bool) -> None:
    first, second = (seen(unroll) for unroll in collected(2, as_dict))
    parts = [(second, 1), (first, 0), (first, 1), (second, 1), (first, 2)]
    joined = join_lanes(parts)
    assert (joined.length, joined.lanes) == (STEPS, len(parts))
    for column, (unroll, lane) in enumerate(parts):
        mine, theirs = one_lane(joined, column), one_lane(unroll, lane)
        assert differences(mine, theirs) == []
    assert joined.learner is None


def one_lane(unroll: Unroll, lane: int) -> dict[str, Any]:
    """All that belongs to a lane of an unroll."""
    names = ("is_first", "action", "reward", "terminated", "truncated", "behaviour_logits")
    own = unroll.final_lane == lane
    assert unroll.learner_state is not None
    return {
        **{name: getattr(unroll, name)[:, lane] for name in names},
        "observation": map_observation(lambda x: x[:, lane], unroll.observation),
        "actor_state": [part[lane] for part in unroll.actor_state],
        "learner_state": [part[lane] for part in unroll.learner_state],
        "final_time": unroll.final_time[own],
        "final_observation": map_observation(lambda x: x[own], unroll.final_observation),
    }


def test_all_lanes_in_order_are_the_unroll_itself() -> None:
    unroll = seen(collected()[0])
    joined = join_lanes([(unroll, lane) for lane in range(LANES)])
    for lane in range(LANES):
        assert differences(one_lane(joined, lane), one_lane(unroll, lane)) == []


def test_lanes_without_truncations_can_be_joined() -> None:
    unroll = seen(collected()[0])
    joined = join_lanes([(unroll, 2), (unroll, 2)])
    assert len(joined.final_time) == len(joined.final_lane) == 0
    assert isinstance(joined.final_observation, Tensor) and joined.final_observation.shape == (0, 3)


def test_rows_are_replaced_in_a_copy() -> None:
    x = torch.arange(24.0).reshape(4, 3, 2)
    rows, columns = torch.tensor([1, 3]), torch.tensor([2, 0])
    by = torch.tensor([[-1.0, -2.0], [-3.0, -4.0]])
    replaced = replace_rows({"x": x}, rows, columns, {"x": by})
    assert isinstance(replaced, dict)
    changed = (replaced["x"] != x).any(-1).nonzero()
    assert changed.tolist() == [[1, 2], [3, 0]]
    assert replaced["x"][1, 2].tolist() == [-1, -2] and replaced["x"][3, 0].tolist() == [-3, -4]
    assert x.min() == 0
