"""A folder of runs that takes seconds to make, and the report of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch

from agents.ald import ALD
from agents.report import episodes
from agents.report.__main__ import main
from agents.report.episodes import Examples, RecordedEpisode
from agents.results.runs import Run
from agents.runs import finishing
from agents.train import main as train
from agents.vec_env.make import make_single

ENV = "MemoryEnvs/IMaze-v0"
ANALYSIS = ["known_cue", "reached"]
# Which chance solves now and then.
MAZE = {"size": 5, "view_size": 1, "max_episode_steps": 60, "analysis": ANALYSIS}
MEMORY = 8
EPISODES = 3
SNAPSHOTS = 2
ATTEMPTS = 4  # to find successes, which takes as long as the training
OPTIONS = [
    *("--env", ENV, "--env-kwargs", json.dumps(MAZE), "--num-envs", "4", "--unroll-length", "8"),
    *("--learner-layers", "2", "--learner-width", "16", "--learner-heads", "2", "--learner-mlp-width", "16"),
    *("--learner-memory", str(MEMORY), "--replay-size", "3", "--num-threads", "1", "--device", "cpu"),
    *("--learner-replays", "0", "--distillation-steps", "1"),
    *("--memory-targets", "known_cue", "hindsight:reached"),
    *("--evaluation-episodes", "4", "--log-every", "2", "--total-timesteps", "640"),
    *("--keep-snapshots", str(SNAPSHOTS)),
]


@dataclass(frozen=True)
class SmallReport:
    """Three runs and their page.

    Attributes:
        runs: Folder with seed0, a run of ALD, and seed1 and seed2, made of its log.
        page: The report of the folder.
    """

    runs: Path
    page: Path

    @classmethod
    def made_in(cls, folder: Path) -> SmallReport:
        """Train, copy and report."""
        made = cls(folder / "runs", folder / "report.html")
        with pytest.MonkeyPatch.context() as patch:
            for picture in ("save_curve", "_record"):  # which take longer than the training
                patch.setattr(finishing, picture, lambda *arguments: None)
            patch.setattr(episodes, "ATTEMPTS", ATTEMPTS)
            assert train([*OPTIONS, "--run-dir", str(made.runs / "seed0")]) == 0
            for seed in (1, 2):
                copy_run(made.runs / "seed0", made.runs / f"seed{seed}", seed)
            assert main([str(made.runs), "--out", str(made.page), "--episodes", str(EPISODES)]) == 0
        return made

    @cached_property
    def run(self) -> Run:
        """The one that was trained."""
        return Run.read(self.runs / "seed0")

    @cached_property
    def model(self) -> ALD:
        """Its model."""
        return ALD.load(self.run.directory.model, device="cpu")

    @cached_property
    def examples(self) -> Examples:
        """The episodes of the page, played once more."""
        return episodes.find_examples(self.model, self.stream, EPISODES)

    @cached_property
    def stream(self) -> episodes.EpisodeStream:
        """What these episodes are of."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(episodes, "ATTEMPTS", ATTEMPTS)
            return episodes.EpisodeStream(ENV, MAZE)

    @property
    def episodes(self) -> tuple[RecordedEpisode, ...]:
        """Those of them that are shown."""
        assert self.examples.failure is None  # as there are failures among them
        return self.examples.shown

    @cached_property
    def data(self) -> dict[str, Any]:
        """What is embedded in the page."""
        return embedded_in(self.page)


def copy_run(source: Path, target: Path, seed: int, **config: Any) -> None:
    """Make a run of the configuration and the log of another; its success is better by a tenth per seed."""
    target.mkdir()
    settings = json.loads((source / "config.json").read_text())
    settings["run"]["seed"] = seed
    settings["config"].update(config)
    (target / "config.json").write_text(json.dumps(settings))
    (target / "evaluation.json").write_text((source / "evaluation.json").read_text())
    head, *rows = (line.split(",") for line in (source / "progress.csv").read_text().splitlines())
    place = head.index("rollout/success_rate")
    for row in rows:
        row[place] = str(float(row[place] or 0) + 0.1 * seed)
    (target / "progress.csv").write_text("".join(",".join(row) + "\n" for row in [head, *rows]))


def embedded_in(page: Path) -> dict[str, Any]:
    """Return the data of a page."""
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.S
    )
    assert found is not None
    return dict(json.loads(found.group(1)))


def replayed(episode: RecordedEpisode) -> Any:
    """Return the environment at the beginning of a recorded episode."""
    env: Any = make_single(ENV, MAZE).unwrapped
    env.reset(options={"stream": episode.stream, "episode": episode.number})
    return env


def observations(episode: RecordedEpisode) -> torch.Tensor:
    """[T, 1, ...] what was seen before each action of a recorded episode, in one lane."""
    env, seen = replayed(episode), []
    for action in episode.actions:
        seen.append(torch.as_tensor(env.observe()))
        env.step(action)
    return torch.stack(seen).unsqueeze(1)
