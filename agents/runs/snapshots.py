"""Snapshots: the acting network of a run as it was along the training, in one small file each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors.torch

from agents.runs.directory import RunDirectory
from agents.sb3.checkpoint import CheckpointError, read_tensors
from agents.sb3.fitting import fit
from agents.sb3.saving import FAULTS_OF_CONTENT
from memory_envs.files import replacing


def is_due(before: int, frames: int, total: int, count: int) -> bool:
    """Return whether one of `count` snapshots belongs to these frames.

    They are spread evenly: the first belongs to the untrained network, at 0 frames, and the final model takes
    the place of one at the end. It depends on the frames alone, so that a resumed run keeps the same ones.

    Args:
        before: Frames at the end of the last unroll.
        frames: Frames now.
        total: Of the whole training.
        count: How many are wanted; 0 for none.
    """
    return before * count // total < frames * count // total and frames < total


def save_snapshot(run: RunDirectory, model: Any) -> Path:
    """Write the acting network of a model, named by the frames it was trained for.

    Raises:
        OSError: It cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.policy.state_dict().items()}
    run.snapshots.mkdir(parents=True, exist_ok=True)
    path = run.snapshots / f"{model.num_timesteps:012d}.safetensors"
    with replacing(path) as file:
        file.write_bytes(safetensors.torch.save(tensors))
    return path


def find_snapshots(run: RunDirectory) -> dict[int, Path]:
    """Return the files that `save_snapshot` wrote by their frames, in that order."""
    found = run.snapshots.glob("*.safetensors") if run.snapshots.is_dir() else ()
    named = {int(each.stem): each for each in found if each.stem.isdecimal() and each.is_file()}
    return dict(sorted(named.items()))


def drop_snapshots_after(run: RunDirectory, frames: int) -> None:
    """Remove those of a training that was lost: it is resumed from fewer frames than they have."""
    for later, path in find_snapshots(run).items():
        if later > frames:
            path.unlink()


def restore_snapshot(model: Any, path: Path) -> None:
    """Let a model act with the network of a snapshot of its run. No code in the file is run.

    Values of an agent that scales them stay in the units of the model's own end.

    Raises:
        CheckpointError: The file is damaged, or of another network.
        OSError: It cannot be read.
    """
    try:
        tensors = read_tensors(path.read_bytes())
        fit(tensors, model.policy.state_dict(), "weights")
    except FAULTS_OF_CONTENT as fault:
        raise CheckpointError(f"{path} is no snapshot of this run: {fault}") from fault
    model.policy.load_state_dict(tensors)
