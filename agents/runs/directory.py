"""The folder of a training run, and the name of everything in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.runs.configuration import read_configuration
from memory_envs.files import write_json

KEPT_CHECKPOINTS = 2


class RunDirectory:
    """The folder of one run.

    Attributes:
        path: The folder.
        config: The whole configuration, config.json.
        progress: One row per log interval, progress.csv.
        tensorboard: Folder with the same rows as TensorBoard events.
        checkpoints: Folder with the latest states to resume from.
        model: The final model without what only training needs, model.zip.
        curve: The learning curve, learning_curve.png.
        evaluation: How the final model does, evaluation.json.
        replay: One episode of the final model, replay.json.
        animation: The same episode as pictures, replay.gif.
    """

    def __init__(self, path: str | Path) -> None:
        """Name the files; nothing is read or made."""
        self.path = Path(path)
        self.config = self.path / "config.json"
        self.progress = self.path / "progress.csv"
        self.tensorboard = self.path / "tensorboard"
        self.checkpoints = self.path / "checkpoints"
        self.model = self.path / "model.zip"
        self.curve = self.path / "learning_curve.png"
        self.evaluation = self.path / "evaluation.json"
        self.replay = self.path / "replay.json"
        self.animation = self.path / "replay.gif"
        self._lock = FileLock(self.path / ".lock", blocking=False)

    def claim(self) -> None:
        """Keep other programs from training here, until `release` or the end of this process.

        Raises:
            BlockingIOError: Another program is training here.
        """
        try:
            self._lock.acquire()
        except Timeout:
            raise BlockingIOError(
                f"another program is training in {self.path}: wait for it, or stop it"
            ) from None

    def release(self) -> None:
        """Let others train here."""
        self._lock.release()

    def remove_unless_trained(self) -> None:
        """Remove the folder if nothing in it can be resumed: no checkpoint and no model."""
        if not self._checkpoints() and not self.model.exists():
            shutil.rmtree(self.path)

    @classmethod
    def create(cls, path: str | Path) -> RunDirectory:
        """Make the folder of a new run.

        Raises:
            FileExistsError: Something is there already.
        """
        run = cls(path)
        if run.path.exists() and not (run.path.is_dir() and not any(run.path.iterdir())):
            raise FileExistsError(
                f"{path} is not an empty folder: choose another --run-dir, "
                f"or resume the run in it with --resume {path}"
            )
        run.checkpoints.mkdir(parents=True)
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Return the folder of an existing run.

        Raises:
            FileNotFoundError: There is no run.
        """
        run = cls(path)
        if not run.config.is_file():
            raise FileNotFoundError(f"{path} is not a run directory: it has no {run.config.name}")
        return run

    @classmethod
    def containing(cls, file: str | Path) -> RunDirectory | None:
        """Return the run that a file belongs to, or None."""
        folders = Path(file).resolve().parents[:2]  # the run's own and checkpoints/
        return next((cls(folder) for folder in folders if cls(folder).config.is_file()), None)

    def read_config(self) -> dict[str, Any]:
        """Return what `write_config` wrote.

        Raises:
            ValueError: The file is no JSON object, or a part of it is of another kind.
        """
        return read_configuration(self.config)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write the whole configuration, replacing what was there."""
        write_json(self.config, config)

    def save_checkpoint(self, model: BaseAlgorithm) -> Path:
        """Save a state to resume from, then delete all but the last two.

        Returns:
            The file, named by the frames it was trained for.
        """
        path = self.checkpoints / f"{model.num_timesteps:012d}.zip"
        model.save(path)
        for old in self._checkpoints()[:-KEPT_CHECKPOINTS]:
            old.unlink()
        return path

    def latest_checkpoint(self) -> Path:
        """Return the file to resume from.

        Raises:
            FileNotFoundError: None was saved yet.
        """
        checkpoints = self._checkpoints()
        if not checkpoints:
            raise FileNotFoundError(
                f"{self.checkpoints} holds no checkpoint: the run ended before its first one"
            )
        return checkpoints[-1]

    def _checkpoints(self) -> list[Path]:
        return sorted(self.checkpoints.glob("[0-9]*.zip"))
