"""The cells of a benchmark: one run of one preset with one seed, each in a folder of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.runs.command_line import PROGRAM, parse
from agents.runs.directory import RunDirectory
from agents.runs.options import Options, differences, in_words
from agents.runs.settings import RunSettings, flag
from agents.vec_env.make import trust_flag
from memory_envs.registry.presets import PRESETS, Preset, get_preset

State = Literal["new", "broken off", "finished"]


@dataclass(frozen=True)
class Cell:
    """One run of the grid.

    Attributes:
        preset: What to run, from the table of presets or not.
        seed: Of the run.
        total_timesteps: Frames of training.
        folder: Of the benchmark.
        options: Of the training program, for every cell alike.
    """

    preset: Preset
    seed: int
    total_timesteps: int
    folder: Path
    options: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What people read."""
        return f"{self.preset.name} seed {self.seed}"

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.preset.name.replace('/', '-')}-s{self.seed}"

    @property
    def run(self) -> RunDirectory:
        """Where it runs."""
        return RunDirectory(self.folder / self.name)

    @property
    def log(self) -> Path:
        """What the program says; beside the runs, as a new run begins in an empty folder."""
        return self.folder / "logs" / f"{self.name}.log"

    def state(self) -> State:
        """Return how far it is.

        A finished run has an evaluation, written after its latest session began (which is when its
        configuration is written), and was to train for as many frames as are asked for now.
        """
        run = self.run
        if not run.config.is_file():
            return "new"
        if not run.evaluation.is_file():
            return "broken off"
        is_current = run.evaluation.stat().st_mtime_ns >= run.config.stat().st_mtime_ns
        is_long_enough = run.read_config()["run"]["total_timesteps"] >= self.total_timesteps
        return "finished" if is_current and is_long_enough else "broken off"

    def check(self) -> None:
        """Check that its program takes its options, and that what its folder holds is this experiment.

        A run of other settings would be counted as one of this preset's: the preset may have changed since.

        Raises:
            ValueError: An option is refused, or the folder holds a run of other settings or more frames.
            SystemExit: An option is none of the program's; it has said so.
        """
        wanted = parse(self._arguments())
        self._check_own(wanted.run)
        if self.state() == "new":
            return
        differing = differences(Options.from_dict(self.run.read_config()), wanted)
        frames, more_frames = differing.get("total_timesteps", (0, 0))
        if frames < more_frames:  # it goes on
            del differing["total_timesteps"]
        if differing:
            raise ValueError(
                f"{self.run.path} is another experiment than {self.preset.name} is now: "
                f"{in_words(differing)}; give another --folder, or take it away"
            )

    def command(self) -> list[str]:
        """Return the command that begins it or goes on with it."""
        program = [sys.executable, "-m", PROGRAM]
        if self.state() == "broken off":
            frames = ["--total-timesteps", str(self.total_timesteps)]
            trust = trust_flag(self.preset.env).split()
            return [*program, "--resume", str(self.run.path), *trust, *frames, *self.options]
        return [*program, *self._arguments()]

    def _arguments(self) -> list[str]:
        """Of the program, to begin."""
        where = ["--seed", str(self.seed), "--run-dir", str(self.run.path)]
        return [*_what(self.preset), *where, "--total-timesteps", str(self.total_timesteps), *self.options]

    def _check_own(self, wanted: RunSettings) -> None:
        own = {
            "preset": self.preset.name if _is_in_table(self.preset) else None,
            "seed": self.seed,
            "run_dir": str(self.run.path),
            "resume": None,
            "total_timesteps": self.total_timesteps,
        }
        changed = [name for name, value in own.items() if getattr(wanted, name) != value]
        if changed:
            flags = " ".join(map(flag, changed))
            raise ValueError(
                f"options must not set {flags}: the benchmark does, got {' '.join(self.options)!r}"
            )


def cells_of(
    presets: Sequence[Preset],
    seeds: Sequence[int],
    folder: Path,
    total_timesteps: int | None = None,
    options: Sequence[str] = (),
) -> list[Cell]:
    """Return a cell per preset and seed, seed by seed; arguments as for `make_grid`."""
    return [
        Cell(
            preset,
            seed,
            preset.total_timesteps if total_timesteps is None else total_timesteps,
            folder,
            tuple(options),
        )
        for seed in seeds
        for preset in presets
    ]


def make_grid(
    presets: Sequence[str],
    seeds: Sequence[int],
    folder: Path,
    total_timesteps: int | None = None,
    options: Sequence[str] = (),
) -> list[Cell]:
    """Return the cells of a benchmark, seed by seed, so that every preset is seen early.

    Args:
        presets: Names in `memory_envs.registry.presets`.
        seeds: Of each.
        folder: Of the benchmark.
        total_timesteps: Frames of training; those of each preset when None.
        options: Of the training program, for every cell alike.

    Raises:
        ValueError: No preset is named, there is no such preset, or two would share a folder.
    """
    if not presets:
        raise ValueError("presets must name at least one experiment, got none")
    rows = [get_preset(name) for name in presets]
    cells = cells_of(rows, seeds, folder, total_timesteps, options)
    names = [cell.name for cell in cells]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"presets must lead to different folders, got {', '.join(twice)} more than once")
    return cells


def _is_in_table(preset: Preset) -> bool:
    return PRESETS.get(preset.name) == preset


def _what(preset: Preset) -> list[str]:
    """What the program is told of a preset: its name, or all that it says if no table has it."""
    if _is_in_table(preset):
        return ["--preset", preset.name]
    settings = {
        "agent": preset.agent,
        "policy": preset.policy,
        "env": preset.env,
        "env_kwargs": json.dumps(preset.env_kwargs),
        "num_envs": preset.num_envs,
        **preset.overrides,
    }
    return [part for name, value in settings.items() for part in (flag(name), str(value))]
