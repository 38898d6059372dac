"""Frames become GIFs and MP4s that are whole or not there."""

from math import inf

import numpy as np
import pytest
from PIL import Image

import memory_envs  # noqa: F401  (registers the environments)
from memory_envs.rendering import video
from memory_envs.rendering.video import write_gif, write_mp4


def test_videos_name_what_is_wrong(tmp_path):
    frame = np.zeros((3, 4, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="an MP4 needs frames of even sides, got 4x3"):
        write_mp4(tmp_path / "a.mp4", [frame])
    for write in (write_gif, write_mp4):
        with pytest.raises(ValueError, match="at least one frame, got none"):
            write(tmp_path / "a", [])
        for pace, message in (
            (0, "above 0, got 0"),
            (10**9, "at most 1000"),
            (inf, "finite"),
        ):
            with pytest.raises(ValueError, match=f"frames_per_second must be .*{message}"):
                write(tmp_path / "a", [frame], frames_per_second=pace)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        write_gif(tmp_path / "nowhere" / "a.gif", [frame])
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "width, problem, message",
    [
        (10**6, ValueError, "width must be an integer, from 1 to 4096, got 1000000"),
        (0, ValueError, "width must be an integer, from 1 to 4096, got 0"),
        (2.5, TypeError, "width must be an integer, got 2.5"),
    ],
)
def test_a_width_that_cannot_be_served_is_refused_before_a_frame_is_painted(
    width, problem, message, tmp_path
):
    def never():
        raise AssertionError("was painted")
        yield

    with pytest.raises(problem, match=message):
        write_gif(tmp_path / "a.gif", never(), width=width)


def test_a_gif_does_not_outgrow_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "MOST_PIXELS", 100)
    frame = np.zeros((4, 4, 3), dtype=np.uint8)
    write_gif(tmp_path / "a.gif", [frame] * 6)
    with pytest.raises(ValueError, match="a GIF may have 100 pixels in all, too few for 2 frames of 8 x 8"):
        write_gif(tmp_path / "b.gif", [frame] * 6, width=8)


def test_a_video_that_cannot_be_finished_leaves_nothing(tmp_path):
    def frames():
        yield np.zeros((4, 4, 3), dtype=np.uint8)
        raise RuntimeError("no more")

    for write in (write_gif, write_mp4):
        with pytest.raises(RuntimeError, match="no more"):
            write(tmp_path / "a.mp4", frames())
    assert not any(tmp_path.iterdir())


def shown(path):
    """The grey values of a GIF's frames and the hundredths of a second that each stays."""
    frames = []
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            frames.append((np.asarray(image.convert("RGB"))[0, 0, 0], image.info["duration"] // 10))
    return frames


@pytest.mark.parametrize("pace", [3, 7, 10, 24, 30, 50, 60, 75, 100, 144, 240, 1000])
def test_a_gif_takes_as_long_as_it_should_at_any_pace(pace, tmp_path):
    """Frames stay whole hundredths of a second, and players slow down those that stay less than two."""
    number = 2 * pace
    frames = [np.full((2, 2, 3), 60 * (index % 5), np.uint8) for index in range(number)]
    write_gif(tmp_path / "a.gif", frames, pace)
    stays = [stay for _, stay in shown(tmp_path / "a.gif")]
    assert min(stays) >= 2
    assert sum(stays) == pytest.approx(100 * (number - 1) / pace + 150, abs=2)
    if pace <= 50:
        assert len(stays) == number and stays[-1] == pytest.approx(150, abs=1)


def test_the_last_frame_of_a_fast_gif_is_always_shown(tmp_path):
    frames = [np.full((2, 2, 3), value, np.uint8) for value in (0, 50, 100, 150, 200, 250)]
    write_gif(tmp_path / "a.gif", frames, 1000)
    values = [value for value, _ in shown(tmp_path / "a.gif")]
    assert values[-1] == pytest.approx(250, abs=2) and len(values) < 6
