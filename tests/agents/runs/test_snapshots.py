"""Acting networks that a run keeps on its way: which, from when, and that a resumed run keeps the same."""

import os
import signal

import numpy as np
import pytest
import torch

from agents.runs.directory import RunDirectory
from agents.runs.progress import TrainingProgress
from agents.runs.snapshots import find_snapshots, is_due, restore_snapshot
from agents.runs.trained import load_model
from agents.sb3.checkpoint import CheckpointError
from tests.support.small_run import UNROLL, resume, run_small

UNROLLS, KEPT = 8, 4


def kept_by(folder):
    return {path.name: path.read_bytes() for path in find_snapshots(RunDirectory(folder)).values()}


@pytest.fixture(scope="module")
def with_snapshots(tmp_path_factory, no_report_of_module):
    folder = tmp_path_factory.mktemp("snapshots") / "run"
    assert run_small(folder, UNROLLS, "--keep-snapshots", str(KEPT)) == 0
    return folder


@pytest.fixture(scope="module")
def no_report_of_module():
    """No pictures at the end of a run, which take longer than the run."""
    with pytest.MonkeyPatch.context() as patch:
        for picture in ("save_curve", "_record"):
            patch.setattr(f"agents.runs.finishing.{picture}", lambda *arguments: None)
        yield


@pytest.mark.parametrize(
    ("total", "unroll", "count"), [(700_000, 960, 10), (640, 32, 4), (96, 32, 9), (100, 32, 7)]
)
def test_snapshots_are_spread_evenly_over_the_total(total, unroll, count):
    ends = range(unroll, total + unroll, unroll)
    due = [0, *(end for end in ends if is_due(end - unroll, end, total, count))]
    wanted = sorted({-(-k * total // count // unroll) * unroll for k in range(count)})
    assert due == [frames for frames in wanted if frames < total]
    assert not any(is_due(end - unroll, end, total, 0) for end in ends)


def test_a_run_keeps_as_many_as_it_is_told_the_untrained_one_first(with_snapshots):
    run = RunDirectory(with_snapshots)
    found = find_snapshots(run)
    assert list(found) == [0, 2 * UNROLL, 4 * UNROLL, 6 * UNROLL]
    final = load_model(with_snapshots)
    sizes = {path.stat().st_size for path in found.values()}
    assert max(sizes) < run.model.stat().st_size / 3
    numbers = []
    for path in found.values():
        model = load_model(with_snapshots)
        restore_snapshot(model, path)
        numbers.append(torch.nn.utils.parameters_to_vector(model.policy.parameters()).detach())
    numbers.append(torch.nn.utils.parameters_to_vector(final.policy.parameters()).detach())
    assert all(not torch.equal(one, other) for one, other in zip(numbers, numbers[1:], strict=False))


def test_a_restored_snapshot_is_the_network_that_acted_then(with_snapshots, tmp_path, no_report):
    """A run that ends there, with the same settings, has the same policy."""
    assert run_small(tmp_path / "short", 4) == 0
    model = load_model(with_snapshots)
    restore_snapshot(model, find_snapshots(RunDirectory(with_snapshots))[4 * UNROLL])
    short = load_model(tmp_path / "short").policy.state_dict()
    for name, tensor in model.policy.state_dict().items():
        np.testing.assert_array_equal(tensor, short[name], err_msg=name)


def test_an_interrupted_and_resumed_run_keeps_the_same(with_snapshots, tmp_path, no_report):
    folder = tmp_path / "run"

    def press(self):
        if self.model.num_timesteps == 5 * UNROLL:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingProgress, "_on_rollout_end", press)
        assert run_small(folder, UNROLLS, "--keep-snapshots", str(KEPT)) == 130
    lost = RunDirectory(folder).snapshots / f"{7 * UNROLL:012d}.safetensors"
    lost.write_bytes(b"of frames beyond the checkpoint")
    assert resume(folder) == 0
    assert not lost.exists()
    assert kept_by(folder) == kept_by(with_snapshots)


@pytest.mark.slow
def test_the_ray_engine_in_lockstep_keeps_the_same(with_snapshots, tmp_path, no_report):
    more = ("--keep-snapshots", str(KEPT), "--engine", "ray", "--lockstep")
    assert run_small(tmp_path / "run", UNROLLS, *more) == 0
    assert kept_by(tmp_path / "run") == kept_by(with_snapshots)


@pytest.mark.parametrize("number", ["-1", "1001", "some"])
def test_a_wrong_number_is_refused_before_anything_is_made(number, tmp_path, capsys):
    try:
        status = run_small(tmp_path / "run", UNROLLS, f"--keep-snapshots={number}")
    except SystemExit as ended:
        status = ended.code
    assert status == 2 and "keep-snapshots" in "".join(capsys.readouterr()).replace("_", "-")
    assert not (tmp_path / "run").exists()


def test_no_snapshots_are_kept_unless_asked_for(tmp_path, no_report):
    assert run_small(tmp_path / "run", 2) == 0
    assert not RunDirectory(tmp_path / "run").snapshots.exists()


@pytest.mark.parametrize("damage", ["cut", "other", "nan"])
def test_a_damaged_snapshot_is_refused_in_words(with_snapshots, tmp_path, damage):
    model = load_model(with_snapshots)
    content = next(iter(find_snapshots(RunDirectory(with_snapshots)).values())).read_bytes()
    path = tmp_path / "000000000032.safetensors"
    path.write_bytes(
        {
            "cut": content[:-8],
            "other": content.replace(b"action_net.weight", b"another_net.weigh"),
            "nan": content[:-4] + np.float32(np.nan).tobytes(),
        }[damage]
    )
    before = {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}
    with pytest.raises(CheckpointError, match="no snapshot of this run"):
        restore_snapshot(model, path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.policy.state_dict().items())
