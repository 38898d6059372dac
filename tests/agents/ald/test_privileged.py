"""A learner that sees more than its actor: who sees what, and that acting never needs it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.ald import ALD, ALDConfig
from agents.evaluation.episodes import evaluate
from agents.export import export_actor
from agents.report.roles import tracers
from agents.runs.trained import check_spaces
from agents.vec_env.make import make_lanes, shown_privileged
from tests.support.hidden import CRITIC, POLICY, CueAndState, knowing_lanes, knowing_model, state_lanes
from tests.support.tiny import LANES, UNROLL, CueEnv, Showcase, differences, everything, tiny_model

pytestmark = pytest.mark.usefixtures("one_thread")

MODES = {"critic": CRITIC, "policy": POLICY}
BESIDE = [{}, {"learner_sees_actions": True}, {"learner_core": "lstm-gtrxl"}]


def modes(function: Any) -> Any:
    return pytest.mark.parametrize("mode", MODES)(function)


# --- Who sees what --------------------------------------------------------------------------------


@modes
def test_the_actor_is_one_of_an_environment_that_lacks_the_parts(mode: str) -> None:
    model = knowing_model(**MODES[mode])
    assert isinstance(model.observation_space, spaces.Dict)
    assert model.policy.observation_space == model.observation_space["observation"]
    plain = tiny_model(make_lanes("MemoryEnvs/IMaze-v0", LANES))
    shapes = {name: each.shape for name, each in model.policy.state_dict().items()}
    assert shapes == {name: each.shape for name, each in plain.policy.state_dict().items()}


@pytest.mark.parametrize("beside", BESIDE, ids=lambda beside: next(iter(beside), "defaults"))
@modes
def test_what_the_learner_alone_is_shown_reaches_what_it_is_said_to(
    mode: str, beside: dict[str, Any]
) -> None:
    model = knowing_model(**MODES[mode], **beside).learn(2 * UNROLL)
    unroll = model.replay.unrolls[-1]._replace(learner=None, learner_state=None)
    assert isinstance(unroll.observation, dict) and isinstance(unroll.final_observation, dict)
    changed = unroll._replace(
        observation={**unroll.observation, "state": 0.5 - unroll.observation["state"]},
        final_observation={**unroll.final_observation, "state": 0.5 - unroll.final_observation["state"]},
    )
    state, network = unroll.actor_state, model.actor.network
    acts = [network(each.observation, state, each.is_first)[0] for each in (unroll, changed)]
    assert torch.equal(acts[0].policy, acts[1].policy) and torch.equal(acts[0].value, acts[1].value)
    learnt, says = model.learner.state_dict(), []
    for each in (unroll, changed):
        twin = knowing_model(**MODES[mode], **beside)
        twin.learner.load_state_dict(learnt)
        said = twin.learner.evaluate(each).unroll.learner
        assert said is not None
        says.append(said)
    assert torch.equal(says[0].policy, says[1].policy) == (mode == "critic")
    assert torch.equal(says[0].value, says[1].value) == (mode == "critic")
    assert (says[0].advantage != says[1].advantage).float().mean() > 0.9


@modes
def test_distillation_sends_no_gradient_through_the_parts(mode: str) -> None:
    model = knowing_model(**MODES[mode]).learn(UNROLL)
    unroll = model.replay.unrolls[-1]
    assert isinstance(unroll.observation, dict)
    state = unroll.observation["state"].clone().requires_grad_()
    loss, _, _ = model.distiller._loss(unroll._replace(observation={**unroll.observation, "state": state}))
    assert torch.autograd.grad(loss, state, allow_unused=True) == (None,)


def test_several_parts_are_left_as_a_dict() -> None:
    model = tiny_model(state_lanes(), **CRITIC).learn(UNROLL)
    assert set(model.policy.observation_space) == {"noise", "seen"}  # type: ignore[call-overload]
    seen = CueAndState().reset(seed=0)[0]
    action, _ = model.predict(seen, deterministic=True)
    del seen["state"]
    assert model.predict(seen, deterministic=True)[0] == action
    with pytest.raises(ValueError, match="must have the parts .*noise.*, got seen; missing: noise"):
        model.predict({"seen": seen["seen"]})


def test_pictures_can_be_what_the_learner_alone_sees() -> None:
    space = spaces.Dict({"own": spaces.Box(-1, 1, (3,)), "camera": spaces.Box(0, 255, (36, 36, 3), np.uint8)})
    for settings in ({}, {"learner_sees": "policy", "distillation_direction": "learner_actor"}):
        env = DummyVecEnv([lambda: Showcase(space, spaces.Discrete(3))] * 2)
        model = tiny_model(env, learner_only="camera", **settings).learn(24)
        assert model.policy.observation_space.shape == (3,)
        assert model.predict(np.zeros((1, 3), np.float32))[0].shape == (1,)


# --- Acting without the parts ---------------------------------------------------------------------


@modes
def test_predict_evaluate_and_export_do_without_the_parts(mode: str, tmp_path: Path) -> None:
    model = knowing_model(**MODES[mode]).learn(2 * UNROLL)
    model.save(tmp_path / "model")
    loaded = ALD.load(tmp_path / "model", device="cpu")
    told, plain = knowing_lanes(2), make_lanes("MemoryEnvs/IMaze-v0", 2, {"max_episode_steps": 9})
    for env in (told, plain):
        env.seed(5)
    full, bare, states = told.reset(), plain.reset(), [None, None]
    for _ in range(12):
        first, states[0] = model.predict(full, states[0], deterministic=True)  # type: ignore[call-overload]
        second, states[1] = loaded.predict(bare, states[1], deterministic=True)
        assert first.tolist() == second.tolist()
        full, bare = told.step(first)[0], plain.step(second)[0]
        assert (full["observation"] == bare).all()
    evaluations = [evaluate(loaded, env, 4, seed=1) for env in (told, plain)]
    assert evaluations[0].mean_length == evaluations[1].mean_length
    assert len(evaluate_policy(loaded, plain, 3, return_episode_rewards=True, warn=False)[0]) == 3
    exported = export_actor(loaded, tmp_path / "actor.onnx")
    assert exported.inputs == ("observation", "state_h", "state_c", "episode_start")
    for env in (told, plain):
        check_spaces(loaded, env, "it")
    with pytest.raises(ValueError, match="the model was trained with the observation_space"):
        check_spaces(loaded, make_lanes("CartPole-v1", 1), "it")


@modes
def test_what_goes_on_inside_is_traced_with_the_parts_and_of_a_critic_without(mode: str) -> None:
    model = knowing_model(**MODES[mode], learner_sees_actions=True).learn(UNROLL)
    shown = shown_privileged("MemoryEnvs/IMaze-v0", {}, model.config.learner_only)
    for kwargs in (shown, {}) if mode == "critic" else (shown,):
        env = make_lanes("MemoryEnvs/IMaze-v0", 1, kwargs)
        observation: Any = env.reset()
        one = {name: part[0] for name, part in observation.items()} if kwargs else observation[0]
        for watched in tracers(model).values():
            assert watched.step(one).shape == (3,)
            assert np.isfinite(watched.trace().value).all()


# --- Saving and going on --------------------------------------------------------------------------


@modes
def test_saving_and_going_on_equals_going_on_bit_for_bit(mode: str, tmp_path: Path) -> None:
    straight = knowing_model(**MODES[mode]).learn(4 * UNROLL)
    knowing_model(**MODES[mode]).learn(2 * UNROLL).save(tmp_path / "half")
    second = ALD.load(tmp_path / "half", knowing_lanes(), device="cpu", force_reset=False)
    second.learn(2 * UNROLL, reset_num_timesteps=False)
    assert differences(everything(straight), everything(second)) == []


def test_parameters_carry_the_privileged_values_over() -> None:
    model, other = knowing_model().learn(UNROLL), knowing_model(seed=1)
    other.set_parameters(model.get_parameters())
    assert model.learner.insight is not None and other.learner.insight is not None
    assert differences(model.learner.insight.state_dict(), other.learner.insight.state_dict()) == []


def test_files_from_before_there_was_a_choice_are_of_models_that_see_alike() -> None:
    config = ALDConfig()
    absent = {"learner_only", "learner_sees", "backtrack_target_kl", "actor_rl_coef"}
    fields = {field.name: field for field in type(config).__dataclass_fields__.values()}
    assert all(fields[name].metadata["absent"] == getattr(config, name) for name in absent)


# --- The pull -------------------------------------------------------------------------------------


def test_the_pull_follows_the_distance_and_is_logged() -> None:
    model = knowing_model(**POLICY)
    objective = model.learner.objective
    assert float(objective.pull) == pytest.approx(model.config.pull_to_actor)
    for distance, factor in ((0.02, 1.2), (0.005, 1 / 1.2)):
        before = float(objective.pull)
        objective.backtrack(torch.tensor(distance))
        assert float(objective.pull) == pytest.approx(before * factor)
    for distance, limit in ((1.0, 10.0), (0.0, 1e-3)):
        for _ in range(80):
            objective.backtrack(torch.tensor(distance))
        assert float(objective.pull) == pytest.approx(limit)
    fixed = knowing_model().learner.objective
    fixed.backtrack(torch.tensor(1.0))
    assert float(fixed.pull) == pytest.approx(ALDConfig().pull_to_actor)


# --- What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"learner_only": ("stat",)}, "learner_only must be among .*, got 'stat', did you mean 'state'?"),
        ({"learner_only": ("state", "observation")}, "must leave something to act on, got all of "),
        ({"learner_only": ("state", "state")}, "learner_only must be keys, each once, got"),
        (
            {"learner_sees": "polici"},
            "learner_sees must be one of critic, policy, got 'polici', did you ",
        ),
        ({"learner_only": (), "learner_sees": "policy"}, "must be critic without learner_only"),
        ({"learner_sees": "policy"}, "distillation_direction must be learner_actor with learner_sees='poli"),
        ({"backtrack_target_kl": -1.0}, "backtrack_target_kl must be at least 0"),
        (
            {"backtrack_target_kl": 0.1, "policy_coef": 0.0},
            "learner_regularisation must be greater than 0",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        knowing_model(**settings)


def test_parts_need_a_dict() -> None:
    with pytest.raises(ValueError, match=re.escape("must be keys of a Dict observation, got Box(")):
        tiny_model(DummyVecEnv([CueEnv]), **CRITIC)


def test_the_log_tells_of_it() -> None:
    metrics = knowing_model(**POLICY).learn(UNROLL, log_interval=0)._metrics.take()
    assert {"learner/kl_to_actor", "learner/pull_to_actor", "distillation/policy_gradient"} <= set(metrics)
    assert "loss/privileged_value" in knowing_model().learn(UNROLL, log_interval=0)._metrics.take()
