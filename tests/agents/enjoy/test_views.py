"""Every view shows what was played, and ends with the summary."""

import re
import sys

from PIL import Image

from agents.enjoy import __main__ as enjoy
from agents.enjoy import views

SUMMARY = re.compile(r"success [01]\.\d{3} over (\d+) episodes, return -?[01]\.\d{3}")
SHORT = '{"size": 5, "view_size": 1, "max_episode_steps": 3}'


def test_gif_holds_every_frame_of_every_episode(run, tmp_path, capsys):
    file = tmp_path / "maze.gif"
    assert enjoy.main([str(run), "--gif", str(file), "--episodes", "2"]) == 0
    first, last = capsys.readouterr().out.strip().splitlines()[-2:]
    assert SUMMARY.fullmatch(last).group(1) == "2"
    frames = int(first.split()[0])
    assert frames > 4
    with Image.open(file) as gif:
        # Frames that look like the one before are merged with it by Pillow.
        total = 0
        for index in range(gif.n_frames):
            gif.seek(index)
            total += gif.info["duration"]
    assert total == 100 * (frames - 2) + 2 * 1000 * views.REST


def test_text_shows_the_episodes_that_headless_counts(run, capsys):
    assert enjoy.main([str(run), "--ansi", "--episodes", "1"]) == 0
    shown = capsys.readouterr().out
    assert "#####" in shown and "step: 1/" in shown and "\x1b" not in shown
    assert SUMMARY.fullmatch(shown.strip().splitlines()[-1])


def test_window_without_a_display_names_the_other_ways(run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    assert enjoy.main([str(run)]) == 2
    error = capsys.readouterr().err
    assert all(way in error for way in ("--headless", "--gif", "--ansi"))


def test_window_opens_and_ends_with_the_summary(run, monkeypatch, capsys):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(views, "REST", 0.0)
    assert enjoy.main([str(run), "--episodes", "1", "--env-kwargs", SHORT]) == 0
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert SUMMARY.fullmatch(last).group(1) == "1"
