"""The actor is sb3-contrib's recurrent policy, and the network that ALD trains is that same policy."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from torch import Tensor, nn

from agents.ald import ALD
from agents.ald.policy import LSTMActorPolicy
from agents.learning.unroll import Observation, map_observation
from tests.support.tiny import LANES, SETTINGS, UNROLL, CueEnv, Showcase, differences

pytestmark = pytest.mark.usefixtures("one_thread")

BOX = spaces.Box(-1, 1, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (1, 36, 36), np.uint8)
MIXED = spaces.Dict(image=IMAGE, vector=BOX, count=spaces.Discrete(5))
SPACES: dict[str, spaces.Space[Any]] = {"box": BOX, "image": IMAGE, "dict": MIXED}
CONTRIB = {"box": "MlpLstmPolicy", "image": "CnnLstmPolicy", "dict": "MultiInputLstmPolicy"}
# What LSTMActorPolicy asks of sb3-contrib's policy.
SAME = {"net_arch": [], "lstm_hidden_size": 8, "shared_lstm": True, "enable_critic_lstm": False}
STEPS = 12


def policy(space: spaces.Space[Any] = BOX, **kwargs: Any) -> LSTMActorPolicy:
    """With random heads: SB3 begins with heads so small that all policies look alike."""
    torch.manual_seed(0)
    built = LSTMActorPolicy(space, spaces.Discrete(3), lambda _: 1e-3, **{"lstm_hidden_size": 8, **kwargs})
    for head in (built.action_net, built.value_net):
        nn.init.normal_(head.weight)
        nn.init.normal_(head.bias)
    return built


def lanes(space: spaces.Space[Any]) -> VecEnv:
    return DummyVecEnv([partial(Showcase, space, spaces.Discrete(3))] * LANES)


def observations(space: spaces.Space[Any]) -> Observation:
    """[T, B, ...] random ones."""
    space.seed(0)
    samples = [[space.sample() for _ in range(LANES)] for _ in range(STEPS)]
    if isinstance(space, spaces.Dict):
        stacked = {key: np.array([[each[key] for each in row] for row in samples]) for key in space}
        return {key: torch.as_tensor(value) for key, value in stacked.items()}
    return torch.as_tensor(np.array(samples))


def starts() -> Tensor:
    """[T, B] bool: some lanes begin with the window, all begin again inside it."""
    is_first = torch.zeros(STEPS, LANES, dtype=torch.bool)
    is_first[[0, 4, 0, 5, 9, 3, 7], [0, 0, 1, 1, 1, 2, 3]] = True
    return is_first


def state() -> tuple[Tensor, Tensor]:
    """(h, c), each [B, H], of episodes in progress."""
    generator = torch.Generator().manual_seed(2)
    h, c = torch.randn(2, LANES, 8, generator=generator)
    return h, c


# --- One network, two faces -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("net_arch", [[], {"pi": [5], "vf": [7]}], ids=["bare", "with layers"])
def test_the_network_says_what_the_policy_says_step_by_step(kind: str, net_arch: Any) -> None:
    space = SPACES[kind]
    built = policy(space, net_arch=net_arch)
    window, is_first = observations(space), starts()
    with torch.no_grad():
        outputs, (h, c) = built.as_network()(window, state(), is_first)
        memory = tuple(part.unsqueeze(0) for part in state())
        for t in range(STEPS):
            step, first = map_observation(lambda x, t=t: x[t], window), is_first[t].float()
            values = built.predict_values(step, memory, first)
            same = built.forward(step, RNNStates(memory, memory), first, deterministic=True)
            distribution, memory = built.get_distribution(step, memory, first)
            torch.testing.assert_close(distribution.distribution.logits, outputs.policy[t].log_softmax(-1))
            torch.testing.assert_close(values.squeeze(-1), outputs.value[t])
            torch.testing.assert_close(same[1], values)
            assert torch.equal(same[0], outputs.policy[t].argmax(-1))
    torch.testing.assert_close((h, c), tuple(part.squeeze(0) for part in memory))
    assert outputs.policy.std() > 0.1  # or all of this would hold of nothing


def test_single_steps_of_the_network_equal_a_window() -> None:
    network, window, is_first, memory = policy().as_network(), observations(BOX), starts(), state()
    assert isinstance(window, Tensor)
    with torch.no_grad():
        outputs, last = network(window, memory, is_first)
    for t in range(STEPS):
        step, memory = network.step(window[t], memory, is_first[t])
        torch.testing.assert_close(step.policy, outputs.policy[t])
        torch.testing.assert_close(step.value, outputs.value[t])
    torch.testing.assert_close(memory, last)


def test_training_the_network_trains_the_policy() -> None:
    built = policy()
    network = built.as_network()
    shared = {id(parameter) for parameter in built.parameters()}
    assert {id(parameter) for parameter in network.parameters()} == shared


def test_values_reach_the_lstm_in_the_network_but_not_in_sb3_contribs_policy() -> None:
    built, is_first = policy(), starts()
    window = observations(BOX)
    assert isinstance(window, Tensor)
    value = built.as_network()(window, state(), is_first)[0].value
    value.sum().backward()
    assert built.lstm_actor.weight_hh_l0.grad.abs().sum() > 0  # type: ignore[union-attr]
    built.zero_grad()
    memory = tuple(part.unsqueeze(0) for part in state())
    built.predict_values(window[0], memory, is_first[0].float()).sum().backward()
    assert built.lstm_actor.weight_hh_l0.grad is None


# --- predict --------------------------------------------------------------------------------------


def as_given(observation: Any, form: str) -> Any:
    """The same numbers as what else a caller may have."""
    if isinstance(observation, dict):
        return {key: as_given(value, form) for key, value in observation.items()}
    if form == "read-only":
        observation.flags.writeable = False
        return observation
    if form == "strided":
        return np.repeat(observation, 2, axis=-1)[..., ::2]
    return observation.astype(np.float64) if form == "wider" else observation


FORMS = [*itertools.product(SPACES, ("as it is", "strided", "read-only")), ("box", "wider")]


@pytest.mark.parametrize(("kind", "form"), FORMS)
@pytest.mark.parametrize("deterministic", [False, True], ids=["sampled", "greedy"])
def test_predict_answers_as_sb3_contrib_does_from_the_same_random_numbers(
    deterministic: bool, kind: str, form: str
) -> None:
    built = policy(SPACES[kind], net_arch={"pi": [5], "vf": [7]})
    window, is_first = observations(SPACES[kind]), starts().numpy()
    for lane in (slice(None), 2):  # several, and one
        ours = theirs = None
        for t in range(STEPS):
            step: Any = map_observation(lambda x, t=t, lane=lane: x[t, lane], window)
            shown = as_given(
                {k: v.numpy() for k, v in step.items()} if kind == "dict" else step.numpy(), form
            )
            first = None if t == 6 else np.atleast_1d(is_first[t, lane])
            torch.manual_seed(t)
            actions, ours = built.predict(shown, ours, first, deterministic)
            torch.manual_seed(t)
            meant, theirs = RecurrentActorCriticPolicy.predict(built, shown, theirs, first, deterministic)
            assert actions.shape == meant.shape and np.array_equal(actions, meant)
            for said, expected in zip(ours, theirs, strict=True):
                assert said.dtype == expected.dtype
                np.testing.assert_allclose(said, expected, rtol=1e-5, atol=1e-6)


def test_predict_is_of_a_policy_that_does_not_train_and_refuses_other_shapes() -> None:
    built = policy()
    built.set_training_mode(True)
    built.predict(np.zeros(3, np.float32))
    assert not any(module.training for module in built.modules())
    with pytest.raises(ValueError, match="Unexpected observation shape"):
        built.predict(np.zeros((2, 4), np.float32))


# --- RecurrentPPO ---------------------------------------------------------------------------------


def play(model: Any, space: spaces.Space[Any]) -> list[np.ndarray]:
    """The best actions along a row of observations, memory and resets included."""
    window, is_first, memory, actions = observations(space), starts().numpy(), None, []
    for t in range(STEPS):
        step = map_observation(lambda x, t=t: x[t], window)
        shown = {k: v.numpy() for k, v in step.items()} if isinstance(step, dict) else step.numpy()
        action, memory = model.predict(shown, memory, is_first[t], deterministic=True)
        actions.append(action)
    return actions


@pytest.mark.parametrize("kind", SPACES)
def test_weights_go_to_recurrent_ppo_and_back(kind: str) -> None:
    env = lanes(SPACES[kind])
    ald = ALD("LstmPolicy", env, seed=0, device="cpu", **SETTINGS).learn(UNROLL)
    scatter(ald.policy)
    kwargs = {**SAME, "lstm_hidden_size": SETTINGS["actor_hidden_size"]}
    ppo = RecurrentPPO(
        CONTRIB[kind], env, n_steps=4, batch_size=8, seed=1, device="cpu", policy_kwargs=kwargs
    )
    assert not np.array_equal(play(ald, SPACES[kind]), play(ppo, SPACES[kind]))
    ppo.policy.load_state_dict(ald.policy.state_dict())
    assert np.array_equal(play(ald, SPACES[kind]), play(ppo, SPACES[kind]))
    ppo.learn(16)
    scatter(ppo.policy)
    ald.policy.load_state_dict(ppo.policy.state_dict())
    assert np.array_equal(play(ald, SPACES[kind]), play(ppo, SPACES[kind]))
    ald.learn(UNROLL)


def scatter(module: nn.Module) -> None:
    """Weights of a size that makes different observations end in different actions."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))


def test_recurrent_ppo_trains_the_actors_policy() -> None:
    ppo = RecurrentPPO(LSTMActorPolicy, lanes(BOX), n_steps=8, batch_size=16, seed=0, device="cpu")
    before = [parameter.clone() for parameter in ppo.policy.parameters()]
    ppo.learn(2 * 8 * LANES)
    assert isinstance(ppo.policy, LSTMActorPolicy) and ppo.policy.lstm_output_dim == 32
    assert all(not torch.equal(old, new) for old, new in zip(before, ppo.policy.parameters(), strict=True))


@pytest.mark.parametrize("kind", SPACES)
def test_a_policy_is_saved_and_loaded_by_itself(tmp_path: Path, kind: str) -> None:
    built = policy(SPACES[kind], net_arch=[6], activation_fn=nn.ReLU, optimizer_kwargs={"eps": 1e-4})
    built.save(str(tmp_path / "policy.pth"))
    loaded = LSTMActorPolicy.load(str(tmp_path / "policy.pth"), device="cpu")
    assert differences(built.state_dict(), loaded.state_dict()) == []
    assert np.array_equal(play(built, SPACES[kind]), play(loaded, SPACES[kind]))
    assert loaded.lstm_output_dim == 8 and loaded.optimizer.defaults["eps"] == 1e-4
    assert isinstance(loaded.mlp_extractor.policy_net[1], nn.ReLU)


# --- Construction ---------------------------------------------------------------------------------

UNSUITABLE = [
    {"shared_lstm": False},
    {"enable_critic_lstm": True},
    {"n_lstm_layers": 2},
    {"share_features_extractor": False},
]


@pytest.mark.parametrize("kwargs", UNSUITABLE, ids=lambda kwargs: next(iter(kwargs)))
def test_what_is_not_one_shared_lstm_is_refused(kwargs: dict[str, Any]) -> None:
    [(name, value)] = kwargs.items()
    with pytest.raises(ValueError, match=f"one LSTM layer that policy and value share.*got {name}={value}"):
        policy(**kwargs)


def test_the_actor_of_a_model_has_the_size_of_the_settings() -> None:
    model = ALD("LstmPolicy", CueEnv(), **{**SETTINGS, "actor_hidden_size": 11})
    assert model.policy.lstm_actor.hidden_size == 11
