"""A trained actor acts as a policy of the suite as it does in an evaluation."""

from __future__ import annotations

import gymnasium as gym
import pytest
import torch

from agents import pretrained
from agents.evaluation.episodes import FIRST_EVALUATION_SEED, acting, play
from agents.pretrained.acting import trained_policy


@pytest.mark.parametrize("deterministic", [False, True])
def test_it_chooses_the_actions_of_an_evaluation_memory_and_chance_included(deterministic: bool) -> None:
    policy, env_id, settings = trained_policy("imaze/ald", seed=3, deterministic=deterministic)
    env, model = gym.make(env_id, **settings), pretrained.load("imaze/ald")
    with acting(FIRST_EVALUATION_SEED + 3):
        expected = [play(model, env, deterministic=deterministic, seed=each).actions for each in (0, 1)]
    for seed, actions in enumerate(expected):
        observation, _ = env.reset(seed=seed)
        policy.reset()
        torch.manual_seed(seed)  # whatever others draw
        for action in actions:
            chosen = policy(observation)
            assert chosen == int(action)
            observation, *_ = env.step(chosen)


def test_it_leaves_the_generator_of_torch_alone() -> None:
    policy, env_id, _ = trained_policy("imaze/ald", seed=0, deterministic=False)
    observation, _ = gym.make(env_id).reset(seed=0)
    before = torch.get_rng_state()
    policy(observation)
    assert torch.equal(before, torch.get_rng_state())


def test_what_is_neither_shipped_nor_a_file_is_refused_with_what_ships() -> None:
    with pytest.raises(
        FileNotFoundError, match="no model file imaze/adl, and no actor .*there are imaze/ald"
    ):
        trained_policy("imaze/adl", seed=0, deterministic=False)
