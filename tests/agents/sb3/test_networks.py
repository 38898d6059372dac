"""Observations are handled as SB3 does, and new networks say next to nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import CombinedExtractor, FlattenExtractor, NatureCNN
from torch import nn

from agents.learning.distributions.discrete import Categorical
from agents.learning.networks.actor_critic import Core
from agents.learning.networks.gtrxl import GTrXLCore
from agents.learning.networks.lstm import LSTMCore
from agents.sb3.networks import Encoder, Layers, default_extractor, lanes_of, linear_actor_critic

BOX = spaces.Box(-1, 1, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (1, 36, 36), np.uint8)
MIXED = spaces.Dict(image=IMAGE, vector=BOX, count=spaces.Discrete(5))


@pytest.mark.parametrize(
    ("space", "extractor"), [(BOX, FlattenExtractor), (IMAGE, NatureCNN), (MIXED, CombinedExtractor)]
)
def test_extractors_are_chosen_as_in_sb3(space: spaces.Space, extractor: type) -> None:
    assert default_extractor(space) is extractor


def test_the_encoder_scales_images_as_sb3_does() -> None:
    image = torch.full((2, 1, 36, 36), 255, dtype=torch.uint8)
    seen = [Encoder(IMAGE, FlattenExtractor(IMAGE), scaled)(image).unique() for scaled in (True, False)]
    assert seen == [1.0, 255.0]


def test_the_encoder_turns_discrete_parts_into_one_hot_vectors() -> None:
    space = spaces.Dict(count=spaces.Discrete(4))
    encoded = Encoder(space, CombinedExtractor(space))({"count": torch.tensor([2, 0])})
    assert encoded.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize("core", [LSTMCore(nn.LSTM(3, 16)), GTrXLCore(3, 16)], ids=["LSTM", "GTrXL"])
def test_a_new_actor_critic_is_close_to_uniform_and_to_zero(core: Core) -> None:
    torch.manual_seed(0)
    network = linear_actor_critic(BOX, FlattenExtractor(BOX), Categorical(5), core)
    outputs, _ = network(torch.randn(12, 4, 3), network.initial_state(4), torch.rand(12, 4) < 0.2)
    assert outputs.policy.shape == (12, 4, 5)
    assert (outputs.policy.softmax(-1) - 0.2).abs().max() < 0.02
    assert 0 < outputs.value.abs().max() < 0.1


@pytest.mark.parametrize(("extractor", "standardised"), [(FlattenExtractor, True), (NatureCNN, False)])
def test_plain_features_are_standardised_and_learnt_ones_are_not(extractor: type, standardised: bool) -> None:
    made = extractor(IMAGE)
    network = linear_actor_critic(IMAGE, made, Categorical(5), LSTMCore(nn.LSTM(made.features_dim, 16)))
    assert (network.encoder.normalizer is not None) == standardised


def test_lanes_are_counted_in_any_observation() -> None:
    assert lanes_of(torch.zeros(4, 3)) == lanes_of({"count": torch.zeros(4), "image": torch.zeros(4, 1)}) == 4


@pytest.mark.parametrize(
    ("net_arch", "widths"),
    [
        ([5, 4], (4, 4)),
        ({"pi": [5], "vf": [7, 6]}, (5, 6)),
        ({"vf": [7]}, (3, 7)),
        ([{"pi": [5], "vf": [7]}], (5, 7)),
    ],
)
def test_hidden_layers_are_written_as_in_sb3(net_arch: Any, widths: tuple[int, int]) -> None:
    layers = Layers(net_arch).between(3)
    assert layers is not None and (layers.latent_dim_pi, layers.latent_dim_vf) == widths
    for empty in ([], {}, {"pi": [], "vf": []}, [{}]):
        assert Layers(empty).between(3) is None
