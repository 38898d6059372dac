"""Trains the reactive policies that ship: `python -m agents.baselines.reactive MemoryEnvs/MetaFetch-v0`.

Stable-Baselines3's PPO on a network with one hidden layer, which reads one observation and remembers nothing.
What comes out replaces what ships for these settings if it earns more in episodes that neither was trained
on. `python -m memory_envs.certificate` has to follow, for the certificates play what ships.
"""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

from agents.process.torch_modes import one_thread
from agents.vec_env.make import make_lanes
from memory_envs.certificate.sampling import Estimate, play_lanes
from memory_envs.meta_fetch import TASK
from memory_envs.policies.reactive import FILE, ReactivePolicy, entry_name, rounded, save, shipped
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import OBSERVABILITIES
from memory_envs.task import Network

LANES, STEPS = 512, 64
"""Size of a rollout."""

_EPISODES = 20_000
_STEP_SIZE, _LAST_STEP_SIZE = 3e-3, 1e-4
_ENTROPY = 0.01


def main(arguments: list[str] | None = None) -> None:
    """Train, compare, and store the better one."""
    parser = argparse.ArgumentParser(prog="python -m agents.baselines.reactive", description=__doc__)
    parser.add_argument("id", metavar="ID", help="a room, such as MemoryEnvs/MetaFetch-v0")
    parser.add_argument("--observability", choices=OBSERVABILITIES, default="partial")
    parser.add_argument("--rollouts", type=int, default=1000)
    parser.add_argument("--units", type=int, default=48, help="size of the hidden layer")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    settings = {"observability": given.observability}
    config: Any = gymnasium.make(given.id, **settings).unwrapped.config  # type: ignore[attr-defined]
    if not isinstance(config, meta_fetch.Config):
        parser.error(f"ID must be a room of Meta-Fetch, got {given.id}")
    found = rounded(exported(trained(given.id, settings, given.rollouts, given.units, given.seed), config))
    known, earned = shipped(config), mean_return(config, found)
    print(f"found: {earned.mean:.3f} +- {earned.margin:.3f}")
    if known is not None:
        before = mean_return(config, known)
        print(f"known: {before.mean:.3f} +- {before.margin:.3f}")
        if before.mean >= earned.mean:
            return
    with resources.as_file(resources.files("memory_envs.policies").joinpath(FILE)) as path:
        save(Path(path), entry_name(config), found)


def trained(env_id: str, settings: dict[str, Any], rollouts: int, units: int, seed: int) -> PPO:
    """Return PPO after so many rollouts of LANES lanes and STEPS steps, from random weights."""
    lanes = make_lanes(env_id, LANES, settings)
    model = PPO(
        "MlpPolicy",
        lanes,
        learning_rate=lambda left: _LAST_STEP_SIZE + left * (_STEP_SIZE - _LAST_STEP_SIZE),
        n_steps=STEPS,
        batch_size=LANES * STEPS // 8,
        n_epochs=2,
        policy_kwargs={"net_arch": {"pi": [units], "vf": [units]}, "activation_fn": nn.Tanh},
        seed=seed,
        device="cpu",
    )
    with one_thread():
        model.learn(rollouts * LANES * STEPS, callback=_FallingEntropy())
    lanes.close()
    return model


def exported(model: PPO, config: meta_fetch.Config) -> ReactivePolicy:
    """Return the network that acts, without the weights of objects that are in none of its rooms."""
    policy: Any = model.policy
    seeing, acting = (_weights(each) for each in (policy.mlp_extractor.policy_net[0], policy.action_net))
    tiles = np.arange(len(seeing) - 1 - meta_fetch.NUM_NOTES) % meta_fetch.NUM_TILES
    seeing[: len(tiles)][tiles >= meta_fetch.OBJECT + config.num_objects] = 0.0  # zeros take no room
    return ReactivePolicy(seeing, acting)


def mean_return(config: meta_fetch.Config, policy: ReactivePolicy) -> Estimate:
    """Return what a network earns, in episodes that are used for nothing else."""
    network = Network(policy.probabilities, "a reactive policy")
    record = play_lanes(TASK, config, network, _EPISODES, np.random.default_rng([0, 2]))
    return Estimate.of(record.returns)


class _FallingEntropy(BaseCallback):
    """Lets the entropy bonus fall to 0 in the course of training."""

    model: PPO

    def _on_rollout_start(self) -> None:
        self.model.ent_coef = _ENTROPY * self.model._current_progress_remaining

    def _on_step(self) -> bool:
        return True


def _weights(layer: nn.Linear) -> np.ndarray:
    """Return the weights of a layer, float32 [inputs + 1, outputs], the bias last."""
    return np.vstack([layer.weight.detach().numpy().T, layer.bias.detach().numpy()])


if __name__ == "__main__":
    main()
