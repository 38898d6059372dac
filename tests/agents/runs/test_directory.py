"""Of the files in a run directory, those count that a run writes, and none that somebody put beside them."""

import shutil

import pytest

from agents.runs.directory import RunDirectory

# Copies and notes of people, as they name them.
FOREIGN = (
    *("1-best.zip", "000000000064-good.zip", "0-000000000064.zip", "64.zip", "000000000064 (copy).zip"),
    *("000000000064.zip.bak", "000000000064.ZIP", "0000000000064.zip", "٠" * 12 + ".zip", "9" * 11 + ".zip"),
    *("000000000064.zip~", "999999999999.zip.zip", ".000000000099.zip", "000000000064.zip\n"),
)


class Model:
    """Writes something where it is told to."""

    def __init__(self, frames):
        self.num_timesteps = frames

    def save(self, path):
        path.write_text(f"{self.num_timesteps}")


@pytest.fixture
def run(tmp_path):
    run = RunDirectory.create(tmp_path / "run")
    yield run
    run.release()


def test_copies_of_somebody_are_no_checkpoints_and_cost_none(run):
    for name in FOREIGN:
        (run.checkpoints / name).write_text("mine")
    (run.checkpoints / "999999999999.zip").mkdir()
    assert not run.has_begun()
    with pytest.raises(FileNotFoundError, match="holds no checkpoint"):
        run.latest_checkpoint()
    for frames in (0, 32, 64):
        assert run.save_checkpoint(Model(frames)) == run.latest_checkpoint()
    assert run.latest_checkpoint().read_text() == "64"
    own = {"000000000032.zip", "000000000064.zip"}
    assert {each.name for each in run.checkpoints.iterdir()} == own | set(FOREIGN) | {"999999999999.zip"}
    assert all((run.checkpoints / name).read_text() == "mine" for name in FOREIGN)


def test_checkpoints_follow_one_another_by_their_frames_however_many(run):
    for frames in (999_999_999_999, 1_000_000_000_000, 20_000_000_000_000):
        run.save_checkpoint(Model(frames))
    assert [each.stem for each in sorted(run.checkpoints.iterdir())] == ["1000000000000", "20000000000000"]
    assert run.latest_checkpoint().read_text() == "20000000000000"


def test_the_state_before_the_first_frame_goes_when_there_is_another(run):
    for frames, kept in ((0, [0]), (32, [32]), (64, [32, 64]), (96, [64, 96])):
        run.save_checkpoint(Model(frames))
        assert [int(each.stem) for each in sorted(run.checkpoints.iterdir())] == kept


def test_a_folder_that_is_discarded_keeps_a_checkpoint(run):
    run.save_checkpoint(Model(0))
    run.discard()
    assert run.latest_checkpoint().is_file()
    shutil.rmtree(run.checkpoints)
    run.discard()
    assert not run.path.exists()
