"""The actor writes down what happened, and nothing else."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.learning.actor import Actor
from agents.learning.distributions.discrete import Categorical
from agents.learning.steps import Step
from agents.sb3 import checkpoint
from tests.support.oracles import GOES_ON, TERMINATED, TRUNCATED
from tests.support.scripted import (
    ENDINGS,
    LANES,
    STEPS,
    Script,
    Together,
    actor,
    collected,
    go_on,
    network,
)
from tests.support.tiny import differences

pytestmark = pytest.mark.usefixtures("one_thread")


def stop_after(calls: int) -> Callable[[np.ndarray, Step], bool]:
    remaining = [calls]

    def on_step(actions: np.ndarray, step: Step) -> bool:
        remaining[0] -= 1
        return remaining[0] != 0

    return on_step


# --- What the actor writes down -------------------------------------------------------------------


def sample(logits: Tensor, *arguments: Any) -> Tensor:
    return Categorical(logits.shape[-1]).sample(logits, *arguments)


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
        torch.testing.assert_close(outputs.policy[:-1], unroll.behaviour_policy)
    assert unrolls[1].actor_state[0].abs().min() > 0


def test_unrolls_follow_one_another_without_a_gap() -> None:
    first, second = collected(2)
    assert torch.equal(first.observation[-1], second.observation[0])  # type: ignore[index]
    assert torch.equal(first.is_first[-1], second.is_first[0])


def test_each_step_is_told_with_its_actions_as_it_came() -> None:
    told: list[tuple[list[int], int, bool]] = []
    env, acting = Script(), actor()

    def note(actions: np.ndarray, step: Step) -> bool:
        told.append((actions.tolist(), step.infos[0]["time"], step.observation is env.rows))
        return True

    acting.begin(env.reset())
    acting.collect(env, note)
    assert told == [(actions.tolist(), time + 1, True) for time, actions in enumerate(env.actions)]


def test_an_episode_that_ends_by_its_rules_and_by_a_limit_at_once_has_terminated() -> None:
    class Both(Script):
        def step(self, actions: np.ndarray) -> Step:
            step = super().step(actions)
            return step._replace(truncated=step.truncated | step.terminated)

    acting = actor()
    acting.begin(Both().reset())
    unroll, [expected] = acting.collect(Both(), go_on), collected()
    assert unroll is not None
    assert differences(unroll.to_tree(), expected.to_tree()) == []


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


def test_actors_with_equal_seeds_draw_as_one_for_all_lanes() -> None:
    logits = torch.randn(6, 3)
    draw = functools.partial(torch.Generator().manual_seed, 4)
    parts = [sample(logits[rows], draw(), (rows.start, 6)) for rows in (slice(0, 2), slice(2, 6))]
    assert torch.equal(torch.cat(parts), sample(logits, draw()))


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
