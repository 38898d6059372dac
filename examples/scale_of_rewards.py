"""ALD on CartPole with its rewards times 0.01, 1 and 100, everything else as by default: it learns alike.

python examples/scale_of_rewards.py --frames 120000 --seeds 3 --out scale_of_rewards.svg

draws the figure of docs/results.md: the mean return of an episode, counted in steps, over frames.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.wrappers import TransformReward
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.ald import ALD
from agents.figures.curves import Curve, Panel, draw_panels, ordinal_colours
from agents.figures.files import save_svg
from memory_envs.files import write_json

FACTORS = (0.01, 1.0, 100.0)
LANES = 16
POINTS = 24


class Lengths(BaseCallback):
    """Notes the mean length of the last hundred episodes, which on CartPole is the return at factor 1."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every, self.frames, self.means = every, [], []

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.every * (len(self.means) + 1) and self.model.ep_info_buffer:
            self.frames.append(self.num_timesteps)
            self.means.append(float(np.mean([info["l"] for info in self.model.ep_info_buffer])))
        return True


def learn(factor: float, seed: int, frames: int) -> dict[str, list[float]]:
    """Train with default settings; return frames and mean lengths of episodes."""

    def make() -> gymnasium.Env:
        return Monitor(TransformReward(gymnasium.make("CartPole-v1"), lambda reward: factor * reward))

    lengths = Lengths(frames // POINTS)
    ALD("LstmPolicy", DummyVecEnv([make] * LANES), seed=seed).learn(frames, lengths)
    return {"frames": lengths.frames, "lengths": lengths.means}


def figure(runs: dict[str, list[dict[str, list[float]]]]):
    """One line per factor: the mean over seeds, and the range that they span."""
    curves = []
    for (factor, seeds), colour in zip(runs.items(), ordinal_colours(len(runs)), strict=True):
        count = min(len(seed["lengths"]) for seed in seeds)
        lengths = np.array([seed["lengths"][:count] for seed in seeds])
        curves.append(
            Curve(
                np.array(seeds[0]["frames"][:count]) / 1000,
                lengths.mean(axis=0),
                f"rewards times {float(factor):g}",
                colour,
                band=(lengths.min(axis=0), lengths.max(axis=0)),
            )
        )
    panel = Panel("mean length of the last 100 episodes", "thousand frames", curves, (0.0, 520.0))
    return draw_panels([[panel]], "ALD with default settings on CartPole-v1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, draw, and write the numbers beside the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=120_000, help="of each run")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each factor")
    parser.add_argument("--out", type=Path, default=Path("scale_of_rewards.svg"), help="the figure")
    parser.add_argument("--numbers", type=Path, help="of the figure; default: beside it, as .json")
    options = parser.parse_args(arguments)
    numbers = options.numbers or options.out.with_suffix(".json")
    runs: dict[str, list[dict[str, list[float]]]] = (
        json.loads(numbers.read_text(encoding="utf-8")) if numbers.is_file() else {}
    )
    for seed in range(options.seeds):
        for factor in FACTORS:
            done = runs.setdefault(f"{factor:g}", [])
            if len(done) > seed:  # of an earlier call
                continue
            done.append(learn(factor, seed, options.frames))
            write_json(numbers, runs)
            print(f"rewards times {factor:g}, seed {seed}: {done[-1]['lengths'][-1]:.0f}", flush=True)
    print(save_svg(options.out, figure(runs), "length of episodes over frames, for three scales of rewards"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
