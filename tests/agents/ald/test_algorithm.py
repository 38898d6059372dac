"""ALD does what users of Stable-Baselines3 expect of a model, in whatever environments they bring."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, CombinedExtractor, NatureCNN
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecFrameStack,
    VecNormalize,
    VecTransposeImage,
)
from torch import Tensor, nn

from agents.ald import ALD
from agents.ald.policy import LSTMActorPolicy
from tests.support.tiny import (
    LANES,
    SETTINGS,
    UNROLL,
    CueEnv,
    Showcase,
    cue_lanes,
    differences,
    maze_lanes,
    tiny_model,
)

pytestmark = pytest.mark.usefixtures("one_thread")

BOX = spaces.Box(-1, 1, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (36, 36, 1), np.uint8)
MIXED = spaces.Dict(image=IMAGE, vector=BOX, count=spaces.Discrete(5))


def showcase(observation_space: spaces.Space[Any], lanes: int = 2) -> VecEnv:
    return DummyVecEnv([partial(Showcase, observation_space, spaces.Discrete(3))] * lanes)


# --- Environments ---------------------------------------------------------------------------------

ENVIRONMENTS: dict[str, Callable[[], Any]] = {
    "an id": lambda: "CartPole-v1",
    "one environment": lambda: gymnasium.make("CartPole-v1"),
    "DummyVecEnv": cue_lanes,
    # Processes that are spawned import torch before they begin, which takes longer than all the rest.
    "SubprocVecEnv": lambda: SubprocVecEnv([CueEnv] * 2, start_method="fork"),
    "VecNormalize": lambda: VecNormalize(showcase(BOX)),
    "VecFrameStack": lambda: VecFrameStack(showcase(BOX), 3),
    "stacked images": lambda: VecFrameStack(showcase(IMAGE), 2),
    "GymnasiumVecEnv": maze_lanes,
    "float64": lambda: showcase(spaces.Box(-1, 1, (2, 2), np.float64)),
    "images": lambda: showcase(IMAGE),
    "Dict": lambda: showcase(MIXED),
}


@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_learns_and_predicts_in_whatever_sb3_takes(kind: str) -> None:
    trained = tiny_model(ENVIRONMENTS[kind](), unroll_length=6)
    before = [parameter.clone() for parameter in trained.policy.parameters()]
    env = trained.get_env()
    assert env is not None
    trained.learn(2 * 6 * env.num_envs)
    assert trained.num_timesteps == 2 * 6 * env.num_envs
    moved = zip(before, trained.policy.parameters(), strict=True)
    assert all(not torch.equal(old, new) for old, new in moved)
    assert all(parameter.isfinite().all() for parameter in trained.learner.network.parameters())
    observation = env.reset()
    actions, state = trained.predict(observation, episode_start=np.ones(env.num_envs, bool))
    assert all(env.action_space.contains(action) for action in actions)
    assert state is not None and state[0].shape == (1, env.num_envs, SETTINGS["actor_hidden_size"])
    env.close()


def test_images_get_a_cnn_and_are_transposed_as_in_sb3() -> None:
    trained = tiny_model(showcase(IMAGE))
    assert isinstance(trained.env, VecTransposeImage)
    for extractor in (trained.policy.features_extractor, trained.learner.network.encoder.extractor):
        assert isinstance(extractor, NatureCNN)
    assert trained.policy.features_extractor is not trained.learner.network.encoder.extractor


def test_dictionaries_get_a_combined_extractor_with_a_cnn_for_the_image() -> None:
    trained = tiny_model(showcase(MIXED))
    for extractor in (trained.policy.features_extractor, trained.learner.network.encoder.extractor):
        assert isinstance(extractor, CombinedExtractor)
        assert isinstance(extractor.extractors["image"], NatureCNN)


class Doubling(BaseFeaturesExtractor):
    """A features extractor of somebody's own."""

    def __init__(self, observation_space: spaces.Box, times: int = 2) -> None:
        super().__init__(observation_space, features_dim=times * int(observation_space.shape[0]))
        self.layer, self.times = nn.Linear(observation_space.shape[0], observation_space.shape[0]), times

    def forward(self, observations: Tensor) -> Tensor:
        return self.layer(observations).repeat(1, self.times)


def test_both_networks_use_the_features_extractor_of_the_policy_kwargs() -> None:
    kwargs = {"features_extractor_class": Doubling, "features_extractor_kwargs": {"times": 3}}
    trained = tiny_model(showcase(BOX), policy_kwargs=kwargs).learn(12)
    for extractor in (trained.policy.features_extractor, trained.learner.network.encoder.extractor):
        assert isinstance(extractor, Doubling) and extractor.times == 3
    assert trained.policy.lstm_actor.input_size == 9


def test_images_reach_both_networks_unscaled_where_the_policy_says_so() -> None:
    kwargs = {"normalize_images": False, "features_extractor_class": CombinedExtractor}
    trained = tiny_model(showcase(spaces.Dict(image=IMAGE)), policy_kwargs=kwargs)
    encoders = trained.distiller.network.encoder, trained.learner.network.encoder
    assert [encoder.normalize_images for encoder in encoders] == [False, False]


def test_the_environments_of_the_tests_are_sound() -> None:
    check_env(CueEnv())
    check_env(Showcase(BOX, spaces.Discrete(3)))


def test_vec_normalize_is_found() -> None:
    env = VecNormalize(showcase(BOX))
    assert tiny_model(env).get_vec_normalize_env() is env
    assert tiny_model(showcase(BOX)).get_vec_normalize_env() is None


def test_an_environment_can_be_exchanged() -> None:
    trained = tiny_model(cue_lanes()).learn(UNROLL)
    other = cue_lanes()
    trained.set_env(other)
    trained.learn(UNROLL, reset_num_timesteps=False)
    assert trained.get_env() is other and trained.num_timesteps == 2 * UNROLL
    with pytest.raises(ValueError, match="spaces do not match"):
        trained.set_env(showcase(BOX, lanes=LANES))


# --- Policy ------------------------------------------------------------------------------


def test_other_policies_are_refused() -> None:
    with pytest.raises(ValueError, match="LSTMActorPolicy, got RecurrentActorCriticPolicy"):
        ALD(RecurrentActorCriticPolicy, CueEnv())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="MlpPolicy"):
        ALD("MlpPolicy", CueEnv())


# --- Parameters -------------------------------------------------------------------------


def test_parameters_can_be_carried_over() -> None:
    source, target = (tiny_model(cue_lanes(), seed) for seed in (0, 1))
    source.learn(3 * UNROLL)
    parameters = source.get_parameters()
    target.set_parameters(parameters)
    observation = np.eye(3, dtype=np.float32)
    actions = [each.predict(observation, deterministic=True)[0] for each in (source, target)]
    assert np.array_equal(*actions)
    assert differences(source.get_parameters(), target.get_parameters()) == []
    with pytest.raises(ValueError, match="do not match"):
        target.set_parameters({"policy": parameters["policy"]})
    target.set_parameters({"policy": parameters["policy"]}, exact_match=False)


def test_carried_over_values_mean_the_same_in_units_of_the_return() -> None:
    source, target = (tiny_model(cue_lanes(), seed, popart_step_size=0.3) for seed in (0, 1))
    source.learn(3 * UNROLL)
    target.set_parameters(source.get_parameters())
    normalized = torch.tensor([-1.0, 2.0])
    assert torch.equal(*(each.learner.popart.denormalize(normalized) for each in (source, target)))


def test_the_policy_is_sb3_contribs_recurrent_one() -> None:
    assert isinstance(tiny_model(CueEnv()).policy, RecurrentActorCriticPolicy)
    assert ALD.policy_aliases["MlpLstmPolicy"] is LSTMActorPolicy
