"""Actions of every kind that SB3 has distributions for are served by ALD and V-MPO."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.ald import ALD
from agents.ald.policy import LSTMActorPolicy
from agents.evaluation.episodes import evaluate, play
from tests.support.kinds import KINDS
from tests.support.steered import ACTIONS, BANDITS, Bandit, bandit_lanes, steered_lanes
from tests.support.tiny import SETTINGS, UNROLL, Showcase, differences, everything, tiny_model

pytestmark = pytest.mark.usefixtures("one_thread")
BOX = spaces.Box(-1, 1, (3,), np.float32)
every_kind = pytest.mark.parametrize("kind", ACTIONS)
# As SB3 has them.
DTYPES = {"multi-discrete": np.int64, "multi-binary": np.float32, "box": np.float32}


@pytest.mark.parametrize(
    ("name", "kind"),
    [*(("ald", kind) for kind in ACTIONS), ("vmpo-gtrxl", "multi-binary"), ("asymmetric", "box")]
    + [("vtrace-lstm", "box"), ("vmpo-lstm", "multi-discrete")],
)
def test_such_actions_are_learnt_saved_loaded_and_played(name: str, kind: str, tmp_path: Path) -> None:
    model = KINDS[name].model(bandit_lanes(kind, 2), max_grad_norm=1.0).learn(36)
    model.save(tmp_path / "model")
    loaded = KINDS[name].algorithm.load(tmp_path / "model", bandit_lanes(kind, 2), device="cpu")
    assert loaded.action_space == BANDITS[kind]
    assert differences(dict(model.get_parameters()), dict(loaded.get_parameters())) == []
    loaded.learn(24, reset_num_timesteps=False)
    batch = bandit_lanes(kind, 3).reset()
    actions, state = loaded.predict(batch)
    again, _ = loaded.predict(batch, state, np.zeros(3, bool), deterministic=True)
    for each in (actions, again):
        assert each.shape == (3, 2) and each.dtype == DTYPES[kind]
        assert all(BANDITS[kind].contains(action) for action in each)
    assert BANDITS[kind].contains(loaded.predict(batch[0])[0])
    assert evaluate(loaded, bandit_lanes(kind, 3), 4).mean_length == 1
    assert len(evaluate_policy(loaded, bandit_lanes(kind, 2), 3, return_episode_rewards=True)[0]) == 3
    assert play(loaded, Bandit(BANDITS[kind]), seed=0).length == 1


@every_kind
def test_saving_loading_and_going_on_equals_going_on(kind: str, tmp_path: Path) -> None:
    settings = {"learner_sees_actions": True, "memory_targets": "hindsight:reward"}
    model = tiny_model(steered_lanes(kind), **settings).learn(3 * UNROLL + 8)  # stops inside an unroll
    model.save(tmp_path / "model.zip")
    twin = ALD.load(tmp_path / "model.zip", env=steered_lanes(kind), device="cpu", force_reset=False)
    for each in (model, twin):
        each.learn(3 * UNROLL, reset_num_timesteps=False)
    assert differences(everything(model), everything(twin)) == []


@every_kind
@pytest.mark.parametrize("deterministic", [False, True], ids=["sampled", "greedy"])
def test_predict_answers_as_sb3_contrib_does_from_the_same_random_numbers(
    deterministic: bool, kind: str
) -> None:
    torch.manual_seed(0)
    built = LSTMActorPolicy(BOX, ACTIONS[kind], lambda _: 1e-3, lstm_hidden_size=8, ortho_init=False)
    torch.nn.init.normal_(built.action_net.weight)  # type: ignore[arg-type]
    observations = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)
    for lane in (slice(None), 2):  # several, and one
        ours = theirs = None
        for t, shown in enumerate(observations[:, lane]):
            torch.manual_seed(t)
            actions, ours = built.predict(shown, ours, None, deterministic)
            torch.manual_seed(t)
            meant, theirs = RecurrentActorCriticPolicy.predict(built, shown, theirs, None, deterministic)
            assert actions.shape == meant.shape and actions.dtype == meant.dtype
            np.testing.assert_allclose(actions, meant, rtol=1e-5, atol=1e-6)
    if kind == "box":
        assert np.abs(actions).max() <= 1.0


@every_kind
def test_the_network_that_is_trained_is_the_policy_that_acts(kind: str) -> None:
    model = tiny_model(bandit_lanes(kind, 2), policy_kwargs={"net_arch": [4]})
    own = {id(each) for each in model.policy.parameters()}
    assert {id(each) for each in model.distiller.network.parameters()} == own
    if kind == "box":
        assert id(model.policy.log_std) in own


# Of choices and bits, each of four and of two seeds had learnt all after as many.
FRAMES = {"multi-discrete": 2_000, "multi-binary": 2_000, "box": 8_000}


@pytest.mark.parametrize("kind", BANDITS)
def test_what_is_asked_for_is_learnt(kind: str) -> None:
    settings = {
        **{"unroll_length": 8, "actor_learning_rate": 1e-2, "learner_learning_rate": 1e-2, "replay_lanes": 8},
        **{"entropy_coef": 0.003, "value_coef": 1.0, "eps_alpha": 0.1, "eps_alpha_spread": 0.1},
        **{"learner_replays": 1, "distillation_steps": 4, "replay_size": 16},
    }
    trained = ALD("LstmPolicy", bandit_lanes(kind), seed=0, device="cpu", **{**SETTINGS, **settings})
    trained.learn(FRAMES[kind])
    greedy = evaluate(trained, bandit_lanes(kind), 32, deterministic=True).mean_return.mean
    assert greedy > (-0.3 if kind == "box" else -0.1)  # about -1 is earned by chance


def test_the_spread_begins_where_the_policy_kwargs_say() -> None:
    model = tiny_model(bandit_lanes("box", 2), policy_kwargs={"log_std_init": -1.5})
    said = [network.state_dict() for network in (model.policy, model.learner.network, model.learner.target)]
    for state in said:
        [spread] = [value for name, value in state.items() if name.endswith("log_std")]
        assert spread.tolist() == [-1.5, -1.5]


# --- What is refused ------------------------------------------------------------------------------

REFUSED: dict[str, spaces.Space[Any]] = {
    "tuple": spaces.Tuple([spaces.Discrete(2), spaces.Discrete(3)]),
    "dict": spaces.Dict(a=spaces.Discrete(2)),
    "text": spaces.Text(3),
    "shifted": spaces.Discrete(2, start=1),
    "shifted choices": spaces.MultiDiscrete([2, 2], start=[0, 1]),
    "a table of choices": spaces.MultiDiscrete([[2, 2], [3, 3]]),
    "a table of bits": spaces.MultiBinary([2, 3]),
    "whole numbers": spaces.Box(0, 5, (2,), np.int64),
}


@pytest.mark.parametrize("name", ["ald", "vmpo-lstm"])
@pytest.mark.parametrize("kind", REFUSED)
def test_other_actions_are_refused_with_the_choices(name: str, kind: str) -> None:
    env = DummyVecEnv([partial(Showcase, BOX, REFUSED[kind])])
    with pytest.raises(ValueError, match=r"takes actions of a Discrete .* MultiDiscrete .* MultiBinary .*"):
        KINDS[name].model(env)


def test_noise_that_depends_on_the_state_is_refused() -> None:
    with pytest.raises(ValueError, match="use_sde=False, got use_sde=True"):
        tiny_model(bandit_lanes("box", 1), policy_kwargs={"use_sde": True})


@pytest.mark.parametrize("kind", BANDITS)
def test_rewards_are_predicted_of_choices_alone(kind: str) -> None:
    with pytest.raises(ValueError, match="reward_prediction_coef must be 0 where actions are not"):
        tiny_model(bandit_lanes(kind, 1), reward_prediction_coef=1.0)


def test_policies_are_made_of_such_actions_alone() -> None:
    for kind in (LSTMActorPolicy, KINDS["vmpo-lstm"].algorithm.policy_aliases["LstmPolicy"]):
        assert issubclass(kind, BasePolicy)
        with pytest.raises(ValueError, match=f"{kind.__name__} takes actions of a Discrete"):
            kind(BOX, spaces.Discrete(2, start=1), lambda _: 1e-3)
