"""Steps per second of the environments: `python -m memory_envs.benchmark`.

Actions are drawn beforehand and environments are never rendered. Each number is the best of several rounds,
because what else a machine is doing can only make a round slower.
"""

import argparse
import platform
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from memory_envs.commands import FINISHED, refused, run_program
from memory_envs.files import check_output, write_json
from memory_envs.registry.envs import ENVS
from memory_envs.version import __version__

IDS = tuple({row.entry_point: row.id for row in reversed(ENVS)}.values())[::-1]
"""The first id of each task."""

OBSERVATIONS = ("onehot", "tiles", "rgb")
MINIGRID = "MiniGrid-MemoryS13-v0"
LANES = (64, 1024, 4096)
ROUNDS = 5


def single_rate(env_id: str, seconds: float, **settings: Any) -> float:
    """Return steps/s of one environment from `gymnasium.make`, resets included."""
    env = gymnasium.make(env_id, disable_env_checker=True, **settings)
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, env.action_space.n, 1000).tolist()  # type: ignore[attr-defined]

    def play() -> int:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return len(actions)

    return _best_rate(play, seconds)


def vector_rate(env_id: str, num_envs: int, seconds: float, **settings: Any) -> float:
    """Return steps/s of all lanes together of an environment from `gymnasium.make_vec`."""
    envs = gymnasium.make_vec(env_id, num_envs=num_envs, **settings)
    envs.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, envs.single_action_space.n, (16, num_envs))  # type: ignore[attr-defined]

    def play() -> int:
        for each in actions:
            envs.step(each)
        return actions.size

    return _best_rate(play, seconds)


def measure(seconds: float) -> dict[str, float]:
    """Return steps/s by what was measured, MiniGrid's relative included when it is installed."""
    rates = {}
    for env_id in IDS:
        rates[f"{env_id}, one environment"] = single_rate(env_id, seconds)
        for num_envs in LANES:
            rates[f"{env_id}, {num_envs} lanes"] = vector_rate(env_id, num_envs, seconds)
        for observation in OBSERVATIONS[1:]:
            rate = vector_rate(env_id, LANES[-1], seconds, observation=observation)
            rates[f"{env_id}, {LANES[-1]} lanes, {observation}"] = rate
        rate = vector_rate(env_id, LANES[0], seconds, analysis=True)
        rates[f"{env_id}, {LANES[0]} lanes, analysis"] = rate
    if find_spec("minigrid") is not None:
        import_module("minigrid")  # registers its environments
        rates[f"{MINIGRID}, one environment"] = single_rate(MINIGRID, seconds)
    return rates


def table(rates: dict[str, float]) -> str:
    """Return the rates as lines of text, each compared with MiniGrid's when there is one."""
    rival = rates.get(f"{MINIGRID}, one environment")
    lines = [f"{'steps per second, one thread':44}{'':>14}" + ("  x MiniGrid" if rival else "")]
    for name, rate in rates.items():
        lines.append(f"{name:44}{rate:14,.0f}" + (f"{rate / rival:12,.1f}" if rival else ""))
    return "\n".join(lines)


def main() -> int:
    """Measure, print the table, and write it as JSON where asked to.

    Returns:
        The exit status: 0 finished, 2 refused.
    """
    parser = argparse.ArgumentParser(prog="python -m memory_envs.benchmark", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rates to FILE")
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each measurement (default: 2)")
    arguments = parser.parse_args()
    try:
        check_output("--json", arguments.json)
        rates = measure(arguments.seconds)
        print(table(rates))
        if arguments.json:
            write_json(arguments.json, _report(rates))
    except OSError as problem:
        return refused(problem)
    return FINISHED


def _best_rate(play: Callable[[], int], seconds: float) -> float:
    play()
    return max(_rate(play, seconds / ROUNDS) for _ in range(ROUNDS))


def _rate(play: Callable[[], int], seconds: float) -> float:
    steps, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        steps += play()
    return steps / spent


def _report(rates: dict[str, float]) -> dict[str, Any]:
    return {
        "steps_per_second": rates,
        "memory_envs": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
    }


if __name__ == "__main__":
    run_program(main)
