"""The folder of a training run, and the name of everything in it."""

from __future__ import annotations

import contextlib
import re
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.runs.configuration import read_configuration
from memory_envs.commands import in_words
from memory_envs.files import is_unfinished, sweep, write_json

KEPT_CHECKPOINTS = 2
# Names that `save_checkpoint` gives: frames in twelve digits, or in more of them.
_CHECKPOINT = re.compile(r"(?:[0-9]{12}|[1-9][0-9]{12,})\.zip")


class CannotWrite(OSError):
    """The folder of a run cannot be written to, as on a full disk; what was saved last is there."""


class RunDirectory:
    """The folder of one run.

    Attributes:
        path: The folder.
        config: The whole configuration, config.json.
        progress: One row per log interval, progress.csv.
        tensorboard: Folder with the same rows as TensorBoard events.
        checkpoints: Folder with the latest states to resume from, NUMBER-OF-FRAMES.zip.
        snapshots: Folder with the acting networks that were kept on the way, NUMBER-OF-FRAMES.safetensors.
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
        self.snapshots = self.path / "snapshots"
        self.model = self.path / "model.zip"
        self.curve = self.path / "learning_curve.png"
        self.evaluation = self.path / "evaluation.json"
        self.replay = self.path / "replay.json"
        self.animation = self.path / "replay.gif"
        self._lock = FileLock(self.path / ".lock", blocking=False)
        self._written: Mapping[str, Any] | None = None  # the configuration, if this object wrote it
        self._made: list[Path] | None = None  # folders that `create` made, from the innermost on

    def claim(self) -> None:
        """Keep other programs from training here, until `release` or the end of this process.

        What a program that was killed while it saved has left is removed.

        Raises:
            BlockingIOError: Another program is training here.
        """
        try:
            self._lock.acquire()
        except Timeout:
            raise BlockingIOError(
                f"another program is training in {self.path}: wait for it, or stop it"
            ) from None
        for folder in (self.path, self.checkpoints, self.snapshots):
            sweep(folder)

    def release(self) -> None:
        """Let others train here."""
        self._lock.release()

    @classmethod
    def create(cls, path: str | Path) -> RunDirectory:
        """Make the folder of a new run, and `claim` it.

        A folder that is empty will do, and so will one whose program was killed before it wrote anything.

        Raises:
            ValueError: The path is no text, which the log of TensorBoard asks for.
            FileExistsError: Something is there already.
            BlockingIOError: Another program has just begun a run there.
        """
        if any(unicodedata.category(each) in ("Cc", "Cs") for each in str(path)):  # control, surrogate
            raise ValueError(f"--run-dir must be printable text, got {str(path)!r}")
        run = cls(path)
        run._check_free()
        run._made = [folder for folder in (run.path, *run.path.parents) if not folder.exists()]
        try:
            run.checkpoints.mkdir(parents=True, exist_ok=True)
            run.claim()
            run._check_free()  # of what another program may have written meanwhile
        except (BlockingIOError, FileExistsError):  # it is another program's
            raise
        except BaseException:
            run.discard()
            raise
        return run

    def discard(self) -> None:
        """Remove what `create` made, and release it, unless there is a checkpoint, which could be resumed."""
        if self._made is None or self._checkpoints():
            return
        with contextlib.suppress(OSError):  # whatever is left can be begun in or resumed
            for child in self.path.iterdir():
                shutil.rmtree(child) if child.is_dir() else child.unlink()
            for folder in self._made:
                folder.rmdir()
        self.release()

    def _check_free(self) -> None:
        """Refuse a folder in which there is anything but what `create` leaves.

        Raises:
            FileExistsError: There is.
        """
        if not self.path.exists():
            return
        ours = (self.checkpoints.name, Path(self._lock.lock_file).name)
        found = [*self.path.iterdir(), *self._saved()] if self.path.is_dir() else [self.path]
        if any(each.name not in ours and not is_unfinished(each.name) for each in found):
            raise FileExistsError(
                f"{self.path} is not an empty folder: choose another --run-dir, "
                f"or resume the run in it with --resume {self.path}"
            )

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
        self._written = config

    def save_checkpoint(self, model: BaseAlgorithm) -> Path:
        """Save a state to resume from, then delete all but the last two, and that of no frames.

        Should somebody have removed the folder or the configuration meanwhile, they are made again.

        Returns:
            The file, named by the frames it was trained for.
        """
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        if self._written is not None and not self.config.exists():
            self.write_config(self._written)
        path = self.checkpoints / f"{model.num_timesteps:012d}.zip"
        model.save(path)
        checkpoints = self._checkpoints()
        for old in checkpoints[:-1]:
            if old not in checkpoints[-KEPT_CHECKPOINTS:] or int(old.stem) == 0:
                old.unlink()
        return path

    def latest_checkpoint(self) -> Path:
        """Return the file to resume from.

        Raises:
            FileNotFoundError: There is none.
        """
        checkpoints = self._checkpoints()
        if not checkpoints:
            trained = (
                f": start a new run from {self.model} with --trained-agent" if self.model.exists() else ""
            )
            raise FileNotFoundError(f"{self.checkpoints} holds no checkpoint{trained}")
        return checkpoints[-1]

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """Say which run it is that cannot be written to in a block.

        Raises:
            CannotWrite: It cannot.
        """
        try:
            yield
        except OSError as problem:
            raise CannotWrite(f"the run in {self.path} cannot be written: {in_words(problem)}") from problem

    def has_begun(self) -> bool:
        """Return whether there is anything of the training: a checkpoint, or a model."""
        return bool(self._checkpoints()) or self.model.exists()

    def _checkpoints(self) -> list[Path]:
        """The files that `save_checkpoint` wrote, in the order of their frames; no others count."""
        found = [each for each in self._saved() if _CHECKPOINT.fullmatch(each.name) and each.is_file()]
        return sorted(found, key=lambda each: int(each.stem))

    def _saved(self) -> list[Path]:
        return list(self.checkpoints.iterdir()) if self.checkpoints.is_dir() else []
