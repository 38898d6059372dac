"""Improve the reflexes that ship: `python -m memory_envs.certificate.improve MemoryEnvs/MetaFetch-v0`.

What comes out replaces what ships for these settings if it earns more in episodes that neither was improved
on. `python -m memory_envs.certificate` has to follow, for the certificates play what ships.
"""

import argparse
import time
from importlib import resources
from pathlib import Path

import gymnasium
import numpy as np

import memory_envs  # noqa: F401 - registers the ids
from memory_envs.certificate.reflexes import UNITS, improved, play
from memory_envs.certificate.sampling import Estimate
from memory_envs.policies.reflexes import FILE, Reflexes, entry_name, rounded, save, shipped
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import OBSERVABILITIES

_EPISODES = 20_000


def main(arguments: list[str] | None = None) -> None:
    """Improve, compare, and store the better one."""
    parser = argparse.ArgumentParser(prog="python -m memory_envs.certificate.improve", description=__doc__)
    parser.add_argument("id", metavar="ID", help="a room, such as MemoryEnvs/MetaFetch-v0")
    parser.add_argument("--observability", choices=OBSERVABILITIES, default="partial")
    parser.add_argument("--rollouts", type=int, default=1000)
    parser.add_argument("--units", type=int, default=UNITS, help="size of the hidden layer")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    env = gymnasium.make(given.id, observability=given.observability)
    config = env.unwrapped.config  # type: ignore[attr-defined]
    if not isinstance(config, meta_fetch.Config):
        parser.error(f"ID must be a room of Meta-Fetch, got {given.id}")
    begun = time.perf_counter()
    found = rounded(improved(config, given.rollouts, given.seed, given.units))
    found_return, known = _earned(config, found), shipped(config)
    print(f"found: {found_return.mean:.3f} +- {found_return.margin:.3f}", end=" ")
    print(f"after {time.perf_counter() - begun:.0f} s")
    if known is not None:
        known_return = _earned(config, known)
        print(f"known: {known_return.mean:.3f} +- {known_return.margin:.3f}")
        if known_return.mean >= found_return.mean:
            return
    with resources.as_file(resources.files("memory_envs.policies").joinpath(FILE)) as path:
        save(Path(path), entry_name(config), found)


def _earned(config: meta_fetch.Config, policy: Reflexes) -> Estimate:
    """Return what reflexes earn, in episodes that are used for nothing else."""
    return Estimate.of(play(config, policy, _EPISODES, np.random.default_rng([0, 2])).returns)


if __name__ == "__main__":
    main()
