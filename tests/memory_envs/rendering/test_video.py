"""Frames become GIFs and MP4s that are whole or not there."""

import numpy as np
import pytest

import memory_envs  # noqa: F401  (registers the environments)
from memory_envs.rendering.video import write_gif, write_mp4


def test_videos_name_what_is_wrong(tmp_path):
    frame = np.zeros((3, 4, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="an MP4 needs frames of even sides, got 4x3"):
        write_mp4(tmp_path / "a.mp4", [frame])
    for write in (write_gif, write_mp4):
        with pytest.raises(ValueError, match="at least one frame, got none"):
            write(tmp_path / "a", [])
        with pytest.raises(ValueError, match="frames_per_second must be above 0, got 0"):
            write(tmp_path / "a", [frame], frames_per_second=0)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        write_gif(tmp_path / "nowhere" / "a.gif", [frame])
    assert not any(tmp_path.iterdir())


def test_a_video_that_cannot_be_finished_leaves_nothing(tmp_path):
    def frames():
        yield np.zeros((4, 4, 3), dtype=np.uint8)
        raise RuntimeError("no more")

    for write in (write_gif, write_mp4):
        with pytest.raises(RuntimeError, match="no more"):
            write(tmp_path / "a.mp4", frames())
    assert not any(tmp_path.iterdir())
