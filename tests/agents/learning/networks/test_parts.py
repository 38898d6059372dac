"""Encoders of some parts of a Dict observation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agents.learning.networks.normalizer import RunningNormalizer
from agents.learning.networks.parts import JoinedEncoder, PartsEncoder

SEEN = {
    "a": torch.tensor([[1.0], [3.0]]),
    "b": torch.tensor([[5.0, 6.0], [7.0, 8.0]]),
    "c": torch.zeros(2, 1),
}


class Concatenated(nn.Module):
    """All the parts that it gets, in the order of their names, and their moments."""

    def __init__(self) -> None:
        super().__init__()
        self.met: list[list[str]] = []

    def forward(self, parts: dict[str, Tensor]) -> Tensor:
        return torch.cat([parts[name] for name in sorted(parts)], dim=-1)

    def observe(self, parts: dict[str, Tensor]) -> None:
        self.met.append(sorted(parts))


def test_an_encoder_of_parts_sees_those_alone() -> None:
    inner = Concatenated()
    encoder = PartsEncoder(inner, ["b", "a"])
    assert encoder(SEEN).tolist() == [[1, 5, 6], [3, 7, 8]]
    encoder.observe(SEEN)
    assert inner.met == [["a", "b"]]


def test_a_part_that_is_alone_comes_as_it_is_also_where_there_are_no_others() -> None:
    encoder = PartsEncoder(nn.Identity(), ["b"], alone=True)
    assert torch.equal(encoder(SEEN), SEEN["b"]) and torch.equal(encoder(SEEN["b"]), SEEN["b"])
    encoder.observe(SEEN)  # an encoder without moments ignores it


def test_joined_encoders_stand_side_by_side_and_keep_moments_of_their_own() -> None:
    normalizer = RunningNormalizer(2)
    joined = JoinedEncoder(PartsEncoder(normalizer, ["b"], alone=True), PartsEncoder(Concatenated(), ["a"]))
    joined.observe(SEEN)
    assert normalizer.mean.tolist() == [6.0, 7.0]
    assert joined(SEEN).tolist() == [[-1, -1, 1], [1, 1, 3]]
