"""All that a model can do works with every recurrent core of its learner and of its actor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.ald import ALD
from agents.ald.policy import LSTMActorPolicy
from agents.learning.config import ALDConfig
from agents.learning.networks.cores import ACTOR_CORES, LEARNER_CORES
from agents.learning.networks.gtrxl import GTrXLCore
from agents.learning.networks.lru import LRUCore
from agents.report.roles import tracers
from agents.sb3 import checkpoint
from agents.vec_env.make import make_lanes
from tests.support.exported import LANES, STEPS, policy, starts
from tests.support.tiny import (
    SETTINGS,
    UNROLL,
    CueEnv,
    Showcase,
    differences,
    everything,
    maze_lanes,
    maze_model,
)

pytestmark = pytest.mark.usefixtures("one_thread")

# Each core once at least, on either side.
PAIRS = [
    {"learner_core": "lstm-gtrxl", "actor_core": "gru"},
    {"learner_core": "lru", "actor_core": "lru", "learner_layers": 2},
    {"learner_core": "gru", "actor_core": "lstm"},
    {"learner_core": "lstm", "actor_core": "lru"},
]
OTHERS = [name for name in ACTOR_CORES if name != "lstm"]


def named(pair: dict[str, Any]) -> str:
    return f"{pair['actor_core']} of {pair['learner_core']}"


# --- Choosing -------------------------------------------------------------------------------------


def test_the_defaults_are_the_papers() -> None:
    assert (ALDConfig().learner_core, ALDConfig().actor_core) == ("gtrxl", "lstm")
    assert isinstance(maze_model().learner.network.core, GTrXLCore)


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_the_cores_are_those_of_the_settings_in_the_sizes_of_the_settings(pair: dict[str, Any]) -> None:
    sizes = {"learner_width": 12, "actor_hidden_size": 6}
    model = maze_model(**(pair | sizes))
    learner, actor = model.learner.network.core, model.actor.network.core
    kinds = {
        "lstm-gtrxl": "LSTMThenGTrXL",
        **{name: f"{name.upper()}Core" for name in ("lstm", "gru", "lru")},
    }
    assert type(learner).__name__ == kinds[pair["learner_core"]]
    assert type(actor).__name__ == kinds[pair["actor_core"]]
    assert (learner.output_size, actor.output_size) == (12, 6)
    assert not isinstance(learner, LRUCore) or len(learner.layers) == 2
    shared = {id(parameter) for parameter in model.policy.parameters()}
    assert {id(parameter) for parameter in model.actor.network.parameters()} == shared
    optimized = [each for group in model.policy.optimizer.param_groups for each in group["params"]]
    assert {id(parameter) for parameter in optimized} == shared


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        (
            {"learner_core": "gtxl"},
            "learner_core must be one of gtrxl, lstm-gtrxl, lstm, gru, lru, got 'gtxl', did you mean 'gtrxl'",
        ),
        ({"learner_core": "transformer"}, "learner_core must be one of .*, lru, got 'transformer'"),
        (
            {"actor_core": "LSTM"},
            "actor_core must be one of lstm, gru, lru, got 'LSTM', did you mean 'lstm'?",
        ),
        ({"actor_core": "gtrxl"}, "actor_core must be one of lstm, gru, lru, got 'gtrxl'"),
        ({"actor_core": 3}, "actor_core must be a string, got 3"),
        (
            {"rl_loss": "vtrce"},
            "rl_loss must be one of vmpo, vtrace, primal_dual, got 'vtrce', did you mean 'vtrace'?",
        ),
        ({"distillation_direction": "actor_learnr"}, "got 'actor_learnr', did you mean 'actor_learner'?"),
    ],
)
def test_a_core_that_does_not_exist_is_answered_with_those_that_do(
    setting: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        maze_model(**setting)


def test_a_core_is_a_setting_and_no_argument_of_the_policy() -> None:
    with pytest.raises(ValueError, match="must not hold 'core', which is a setting: .*actor_core='gru'"):
        maze_model(policy_kwargs={"core": "gru"})


@pytest.mark.parametrize("core", OTHERS)
def test_what_describes_an_lstm_is_refused_with_another_core(core: str) -> None:
    with pytest.raises(ValueError, match=f"lstm_kwargs are for core='lstm', got .* with core='{core}'"):
        maze_model(actor_core=core, policy_kwargs={"lstm_kwargs": {"bias": False}})


# --- Learning and going on ------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_saving_and_going_on_equals_going_on_bit_for_bit(pair: dict[str, Any], tmp_path: Path) -> None:
    straight = maze_model(**pair).learn(4 * UNROLL)
    before = maze_model(**pair)
    untrained = {name: value.clone() for name, value in before.policy.state_dict().items()}
    before.learn(2 * UNROLL).save(tmp_path / "half")
    assert all(not torch.equal(untrained[name], each) for name, each in before.policy.named_parameters())
    second = ALD.load(tmp_path / "half", maze_lanes(), device="cpu", force_reset=False)
    second.learn(2 * UNROLL, reset_num_timesteps=False)
    assert differences(everything(straight), everything(second)) == []


def test_files_from_before_there_was_a_choice_are_of_the_defaults(tmp_path: Path) -> None:
    maze_model().learn(UNROLL).save(tmp_path / "new")
    tree = checkpoint.load(tmp_path / "new.zip", torch.device("cpu"))
    for name in ("learner_core", "actor_core"):
        del tree["arguments"]["config"][name]
    checkpoint.save(tmp_path / "old.zip", tree)
    old = ALD.load(tmp_path / "old.zip", device="cpu")
    assert (old.config.learner_core, old.config.actor_core) == ("gtrxl", "lstm")


@pytest.mark.parametrize("core", OTHERS)
def test_an_actor_with_many_inputs_comes_back_from_a_file(core: str, tmp_path: Path) -> None:
    # An LSTM of as many inputs, built in passing, would be more than the file could hold.
    space = spaces.Box(0, 1, (30_000,), np.float32)
    env = DummyVecEnv([lambda: Showcase(space, spaces.Discrete(2))])
    sizes = {"actor_hidden_size": 64, "learner_width": 8}
    model = ALD("LstmPolicy", env, seed=0, device="cpu", **{**SETTINGS, **sizes, "actor_core": core})
    model.save(tmp_path / "model")
    loaded = ALD.load(tmp_path / "model", device="cpu")
    assert differences(loaded.policy.state_dict(), model.policy.state_dict()) == []


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_memory_targets_are_predicted_from_every_core(pair: dict[str, Any]) -> None:
    told = {"analysis": ["known_cue"], "max_episode_steps": 9}
    env = make_lanes("MemoryEnvs/IMaze-7x7-v0", 4, told)
    model = maze_model(env=env, memory_targets=("known_cue",), **pair).learn(2 * UNROLL)
    for network in (model.learner.network, model.actor.network):
        assert network.memory_head is not None
        assert network.memory_head.in_features == network.core.output_size
        assert network.memory_head.weight.grad.abs().sum() > 0


# --- Acting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("core", OTHERS)
def test_the_policy_says_step_by_step_what_its_network_says_of_a_window(core: str) -> None:
    built = policy(core=core)
    assert isinstance(built, LSTMActorPolicy)
    window = torch.randn(STEPS, LANES, 3, generator=torch.Generator().manual_seed(0))
    is_first, network = torch.as_tensor(starts()), built.as_network()
    with torch.no_grad():
        _, beginning = network(window, network.initial_state(LANES), is_first)
        outputs, end = network(window, beginning, is_first)
        memory: Any = tuple(part.unsqueeze(0) for part in beginning)
        actions = torch.arange(LANES) % 3
        for t in range(STEPS):
            first = is_first[t].float()
            values = built.predict_values(window[t], memory, first)
            said = built.forward(window[t], RNNStates(memory, memory), first, deterministic=True)
            judged = built.evaluate_actions(window[t], actions, RNNStates(memory, memory), first)
            distribution, memory = built.get_distribution(window[t], memory, first)
            logits: Any = distribution.distribution.logits  # type: ignore[union-attr]
            torch.testing.assert_close(logits, outputs.policy[t].log_softmax(-1))
            torch.testing.assert_close(values.squeeze(-1), outputs.value[t])
            torch.testing.assert_close(said[1], values)
            torch.testing.assert_close(judged[0], values)
            torch.testing.assert_close(judged[1], logits.gather(-1, actions.unsqueeze(-1)).squeeze(-1))
            assert torch.equal(said[0], logits.argmax(-1))
            torch.testing.assert_close(said[2], logits.max(-1).values)
            assert differences(said[3].pi, memory) == differences(said[3].vf, memory) == []
    torch.testing.assert_close(end, tuple(part.squeeze(0) for part in memory))
    assert outputs.policy.std() > 0.1  # or all of this would hold of nothing


@pytest.mark.parametrize("core", OTHERS)
def test_predict_remembers_and_forgets(core: str) -> None:
    built = policy(core=core)
    assert isinstance(built, LSTMActorPolicy)
    network, window, is_first = (
        built.as_network(),
        np.random.default_rng(0).normal(size=(STEPS, LANES, 3)),
        starts(),
    )
    window = window.astype(np.float32)
    state, memory = None, network.initial_state(LANES)
    for t in range(STEPS):
        actions, state = built.predict(window[t], state, is_first[t], deterministic=True)
        outputs, memory = network.step(torch.as_tensor(window[t]), memory, torch.as_tensor(is_first[t]))
        assert np.array_equal(actions, outputs.policy.argmax(-1).numpy())
        assert [part.shape for part in state] == [(1, LANES, 8)] * len(memory)
        for ours, theirs in zip(state, memory, strict=True):
            np.testing.assert_allclose(ours[0], theirs.numpy(), rtol=1e-5, atol=1e-6)
    single, state = built.predict(window[0, 0])
    assert single.shape == () and state[0].shape == (1, 1, 8)
    samples = {int(built.predict(window[0, 0])[0]) for _ in range(200)}
    assert len(samples) > 1


@pytest.mark.parametrize("core", OTHERS)
def test_evaluate_policy_plays_episodes(core: str) -> None:
    env = DummyVecEnv([CueEnv] * 3)
    model = ALD("LstmPolicy", env, seed=0, device="cpu", **{**SETTINGS, "actor_core": core})
    returns, lengths = evaluate_policy(model, env, 12, return_episode_rewards=True, warn=False)
    assert set(lengths) == {2} and set(returns) <= {0.0, 1.0}


@pytest.mark.parametrize("core", OTHERS)
def test_a_policy_is_saved_and_loaded_by_itself(core: str, tmp_path: Path) -> None:
    built = policy(core=core, net_arch=[6], optimizer_kwargs={"eps": 1e-4})
    built.save(str(tmp_path / "policy.pth"))
    loaded = LSTMActorPolicy.load(str(tmp_path / "policy.pth"), device="cpu")
    assert loaded.core == core and loaded.optimizer.defaults["eps"] == 1e-4
    assert differences(built.state_dict(), loaded.state_dict()) == []


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_what_goes_on_inside_is_traced_where_it_has_a_picture(pair: dict[str, Any]) -> None:
    model = maze_model(**pair)
    assert model.env is not None
    for role, tracer in tracers(model).items():
        for _ in range(3):
            tracer.step(model.env.reset()[0])
        trace, core = tracer.trace(), pair[f"{role}_core"]
        assert (trace.hidden is not None) == (core != "lru")
        assert (trace.attention is not None) == (core == "lstm-gtrxl")
        assert trace.hidden is None or np.abs(trace.hidden).max() < 1


def test_every_core_is_tried_here() -> None:
    assert {pair["actor_core"] for pair in PAIRS} == {*ACTOR_CORES}
    assert {pair["learner_core"] for pair in PAIRS} | {"gtrxl"} == {*LEARNER_CORES}
