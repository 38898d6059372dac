"""Training times of both: `python -m agents.baselines.recurrent_ppo.training_speed`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
import torch
import tyro
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.env_util import make_vec_env

from agents.baselines.recurrent_ppo.algorithm import FastRecurrentPPO
from agents.process.provenance import provenance


class Seconds(NamedTuple):
    """Duration of one rollout and its update."""

    wall: float
    cpu: float
    """Of all threads of the process."""


@dataclass(frozen=True)
class Setting:
    """What to measure; the defaults are those of RecurrentPPO."""

    env: Annotated[str, tyro.conf.arg(help="any id of Gymnasium")] = "CartPole-v1"
    num_envs: Annotated[int, tyro.conf.arg(help="environments")] = 1
    n_steps: Annotated[int, tyro.conf.arg(help="steps of a rollout")] = 128
    batch_size: Annotated[int, tyro.conf.arg(help="steps in a minibatch")] = 128
    n_epochs: Annotated[int, tyro.conf.arg(help="passes over a rollout")] = 10
    lstm_hidden_size: Annotated[int, tyro.conf.arg(help="units of each LSTM")] = 256
    threads: Annotated[int, tyro.conf.arg(help="of torch, for FastRecurrentPPO")] = 1
    their_threads: Annotated[int, tyro.conf.arg(help="of torch, for RecurrentPPO")] = 1
    rollouts: Annotated[int, tyro.conf.arg(help="how many are measured")] = 30
    warm_up: Annotated[int, tyro.conf.arg(help="rollouts before the first that is measured")] = 2
    seed: Annotated[int, tyro.conf.arg(help="of both, which therefore see the same episodes")] = 0


def measure(setting: Setting) -> tuple[list[Seconds], list[Seconds]]:
    """Train both in turn, so that other load on the machine affects both.

    Returns:
        Times of RecurrentPPO and of FastRecurrentPPO for the same `setting.rollouts` rollouts.
    """
    models = [_model(algorithm, setting) for algorithm in (RecurrentPPO, FastRecurrentPPO)]
    times: tuple[list[Seconds], list[Seconds]] = ([], [])
    for _ in range(setting.warm_up + setting.rollouts):
        for model, threads, taken in zip(
            models, (setting.their_threads, setting.threads), times, strict=True
        ):
            torch.set_num_threads(threads)
            taken.append(_timed(model))
    return times[0][setting.warm_up :], times[1][setting.warm_up :]


def _model(algorithm: type[RecurrentPPO], setting: Setting) -> RecurrentPPO:
    return algorithm(
        "MlpLstmPolicy",
        make_vec_env(setting.env, setting.num_envs, seed=setting.seed),
        n_steps=setting.n_steps,
        batch_size=setting.batch_size,
        n_epochs=setting.n_epochs,
        policy_kwargs={"lstm_hidden_size": setting.lstm_hidden_size},
        seed=setting.seed,
        device="cpu",
    )


def _timed(model: RecurrentPPO) -> Seconds:
    wall, cpu = time.perf_counter(), time.process_time()
    model.learn(model.n_steps * model.n_envs, reset_num_timesteps=False)
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def summary(theirs: Sequence[Seconds], ours: Sequence[Seconds]) -> str:
    """Return medians, minima and ratios of the same rollouts, one line per clock."""
    lines = []
    for clock in Seconds._fields:
        before, after = (np.array([getattr(each, clock) for each in times]) for times in (theirs, ours))
        low, ratio, high = np.quantile(before / after, [0.1, 0.5, 0.9])
        lines.append(
            f"{clock:4}  RecurrentPPO {np.median(before):.3f} s (least {before.min():.3f})  "
            f"FastRecurrentPPO {np.median(after):.3f} s (least {after.min():.3f})  "
            f"ratio {ratio:.2f}, 80 % of rollouts from {low:.2f} to {high:.2f}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    setting = tyro.cli(
        Setting, prog="python -m agents.baselines.recurrent_ppo.training_speed", args=arguments
    )
    machine = provenance()
    print(f"{machine['processor']}, {machine['cores']} cores, torch {machine['libraries']['torch']}")
    print(setting)
    print(summary(*measure(setting)))


if __name__ == "__main__":
    main()
