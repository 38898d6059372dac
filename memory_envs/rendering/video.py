"""Videos: frames become a GIF or an MP4."""

import os
from collections.abc import Iterable
from contextlib import closing
from itertools import accumulate, chain, pairwise, repeat
from types import ModuleType
from typing import Any

import numpy as np
from gymnasium import error
from numpy.typing import NDArray

from memory_envs.extras import not_installed
from memory_envs.files import replacing
from memory_envs.rules.settings import check_integer, check_number

REST = 1.5
"""Seconds for which a video stays on its last frame."""

LARGEST_WIDTH = 4096
"""Most pixels across that frames are scaled to."""

MOST_PIXELS = 2**30
"""Most pixels of all frames of a GIF together: as many bytes are held in memory."""

FASTEST = 1000
"""Most frames per second."""

SHORTEST_STAY = 2
"""Hundredths of a second that a frame of a GIF stays at least: players slow down those that stay less."""

_COLOURS = 250
_SAMPLES = 8


class Gif:
    """A GIF in the making. Frames are kept with a byte per pixel, as there may be many."""

    def __init__(self, width: int | None = None) -> None:
        """Begin without frames.

        Args:
            width: Pixels across; frames are scaled to it. None leaves them as they are.

        Raises:
            TypeError: `width` is no integer.
            ValueError: It is not from 1 to LARGEST_WIDTH.
            gymnasium.error.DependencyNotInstalled: pillow is missing.
        """
        if width is not None:
            width = check_integer("width", width, 1, LARGEST_WIDTH)
        self._pillow = _pillow()
        self._width = width
        self._images: list[Any] = []
        self._pixels = 0
        self._seconds: list[float] = []

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._images)

    def add(self, frame: NDArray[np.uint8], seconds: float = 0.1) -> None:
        """Append a frame, uint8 [height, width, 3], that stays for so long.

        Raises:
            ValueError: With it the animation would have more than MOST_PIXELS.
        """
        image = self._pillow.fromarray(frame)
        height, width = frame.shape[:2]
        if self._width is not None:
            width, height = self._width, max(1, round(height * self._width / width))
        self._pixels += height * width
        if self._pixels > MOST_PIXELS:
            raise ValueError(
                f"a GIF may have {MOST_PIXELS:,} pixels in all, too few for {len(self) + 1} frames of "
                f"{width} x {height}: choose a smaller width or fewer frames"
            )
        if self._width is not None:
            image = image.resize((width, height), self._pillow.Resampling.BOX)
        self._images.append(image.quantize(_COLOURS, dither=self._pillow.Dither.NONE))
        self._seconds.append(seconds)

    def rest(self, seconds: float = REST) -> None:
        """Let the last frame stay for so long."""
        self._seconds[-1] = seconds

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an endless animation.

        A GIF counts in hundredths of a second. Frames are shown at the nearest ones, so that errors do not
        add up, and those that would stay for less than SHORTEST_STAY are left out: the pace is right.

        Raises:
            ValueError: There are no frames.
        """
        if not self._images:
            raise ValueError("a video needs at least one frame, got none")
        palette = self._palette()
        shown, stays = _timed(self._seconds)
        first, *others = (
            self._images[index].convert("RGB").quantize(palette=palette, dither=self._pillow.Dither.NONE)
            for index in shown
        )
        milliseconds = [10 * stay for stay in stays]
        with replacing(path) as file:
            first.save(file, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)

    def _palette(self) -> Any:
        """Return an image with the colours of the whole: what frames share is then stored only once."""
        step = max(1, len(self._images) // _SAMPLES)
        sampled = [np.asarray(image.convert("RGB")) for image in [*self._images[::step], self._images[-1]]]
        return self._pillow.fromarray(np.concatenate(sampled)).quantize(_COLOURS)


def _timed(seconds: list[float]) -> tuple[list[int], list[int]]:
    """The frames to show, and for how many hundredths of a second each, given how long every one should stay.

    Of frames that would be too short, one takes the place of several: the first, or one that stays longer.
    """
    starts = [round(100 * start) for start in accumulate(seconds, initial=0.0)]
    shown: list[int] = []
    begins: list[int] = []
    for index, (start, end) in enumerate(pairwise(starts)):
        if not begins or start - begins[-1] >= SHORTEST_STAY:
            shown.append(index)
            begins.append(start)
        elif end - start >= SHORTEST_STAY or index == len(seconds) - 1:
            shown[-1] = index
    ends = [*begins[1:], max(starts[-1], begins[-1] + SHORTEST_STAY)]
    return shown, [end - begin for begin, end in zip(begins, ends, strict=True)]


def write_gif(
    path: str | os.PathLike[str],
    frames: Iterable[NDArray[np.uint8]],
    frames_per_second: float = 10,
    width: int | None = None,
) -> None:
    """Write frames, uint8 [height, width, 3], as an endless GIF that rests on the last one.

    Raises:
        ValueError: There are no frames, they are too large, or the pace is not above 0 and at most FASTEST.
        gymnasium.error.DependencyNotInstalled: pillow is missing.
    """
    _check_pace(frames_per_second)
    gif = Gif(width)
    for frame in frames:
        gif.add(frame, 1 / frames_per_second)
    if len(gif):
        gif.rest()
    gif.save(path)


def write_mp4(
    path: str | os.PathLike[str], frames: Iterable[NDArray[np.uint8]], frames_per_second: float = 10
) -> None:
    """Write frames, uint8 [height, width, 3] with even sides, as an MP4 (H.264) that rests on the last one.

    Raises:
        ValueError: There are no frames, a side is odd, or the pace is not above 0 and at most FASTEST.
        gymnasium.error.DependencyNotInstalled: imageio-ffmpeg is missing.
    """
    _check_pace(frames_per_second)
    ffmpeg = _ffmpeg()
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError("a video needs at least one frame, got none")
    height, width = first.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"an MP4 needs frames of even sides, got {width}x{height}")
    with replacing(path) as file:
        writer = ffmpeg.write_frames(
            str(file), (width, height), fps=frames_per_second, macro_block_size=2, codec="libx264"
        )
        with closing(writer):
            writer.send(None)
            for last in chain([first], frames):
                writer.send(np.ascontiguousarray(last))
            for still in repeat(last, round(REST * frames_per_second)):
                writer.send(np.ascontiguousarray(still))


def _check_pace(frames_per_second: float) -> None:
    if not check_number("frames_per_second", frames_per_second, 0) > 0:
        raise ValueError(f"frames_per_second must be above 0, got {frames_per_second}")
    if frames_per_second > FASTEST:
        raise ValueError(f"frames_per_second must be at most {FASTEST}, got {frames_per_second}")


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as missing:
        raise error.DependencyNotInstalled(not_installed("a GIF", "pillow", "render")) from missing
    return Image


def _ffmpeg() -> ModuleType:
    try:
        import imageio_ffmpeg  # type: ignore[import-untyped]
    except ImportError as missing:
        raise error.DependencyNotInstalled(not_installed("an MP4", "imageio-ffmpeg", "render")) from missing
    return imageio_ffmpeg
