"""What the driver asks of actors, told by handles that only listen."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from agents.engines.ray.acting import Acting
from agents.engines.ray.meters import Meters
from agents.engines.ray.settings import RaySettings

LANES, ACTORS = 28, 16


@pytest.fixture
def begun() -> list[int]:
    """First seeds of the lanes of each actor that was asked to begin, in order."""
    return []


@pytest.fixture
def acting(begun: list[int], monkeypatch: pytest.MonkeyPatch) -> Acting:
    def hire(number: int) -> Any:
        begin = SimpleNamespace(remote=lambda first, random: begun.append(first))
        return SimpleNamespace(begin=begin, collect=SimpleNamespace(remote=lambda after: None))

    generator = torch.Generator().manual_seed(0)
    made = Acting(hire, LANES, generator, lambda: [], RaySettings(num_actors=ACTORS), Meters())
    monkeypatch.setattr(made, "_wait", lambda done: None)
    monkeypatch.setattr(made, "last_observation", lambda: None)
    return made


def lanes_of(begun: list[int]) -> list[int]:
    return [seed for first in begun for seed in range(first, first + LANES)]


def test_lanes_begin_with_the_seed_that_is_given(acting: Acting, begun: list[int]) -> None:
    acting.begin(7)
    assert lanes_of(begun) == list(range(7, 7 + LANES * ACTORS))


def test_seeds_that_are_drawn_are_small_and_those_of_no_two_lanes(acting: Acting, begun: list[int]) -> None:
    """A simulator that keeps seeds in 16 bits trains with the seed that it was given, and begins anew."""
    acting.begin(7)
    acting.begin(None)
    found = lanes_of(begun)
    assert len(set(found)) == len(found) == 2 * LANES * ACTORS and max(found) < 2**15


def test_a_worker_in_the_place_of_a_dead_one_begins_with_other_small_seeds(
    acting: Acting, begun: list[int]
) -> None:
    acting.begin(7)
    for number in range(200):
        acting._begin_anew(number % ACTORS)
    replaced = lanes_of(begun[ACTORS:])
    assert max(replaced) < 2**15 and not set(replaced) & set(lanes_of(begun[:ACTORS]))


def test_seeds_are_drawn_where_none_was_given(acting: Acting, begun: list[int]) -> None:
    acting.begin(None)
    found = lanes_of(begun)
    assert len(set(found)) == LANES * ACTORS and max(found) < 2**15
