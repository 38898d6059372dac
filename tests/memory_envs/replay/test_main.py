"""The command verifies a replay and shows it."""

import subprocess
import sys

import memory_envs  # noqa: F401  (registers the environments)
from memory_envs.replay import Replay
from memory_envs.replay.__main__ import main
from tests.support.replays import changed


def test_the_command_verifies_and_shows(replay, tmp_path, capsys):
    short = Replay.of(replay.env_id, replay.kwargs, replay.stream, 0, [0, 1, 0, 1])
    short.save(path := tmp_path / "episode.json")
    gif, mp4 = tmp_path / "a.gif", tmp_path / "a.mp4"
    assert main([str(path), "--ansi", "--gif", str(gif), "--mp4", str(mp4), "--width", "80"]) == 0
    said = capsys.readouterr().out
    assert said.count("legend:") == 5 and "4 steps, return 0, every state verified" in said
    assert gif.stat().st_size > 0 and mp4.stat().st_size > 0
    changed(path, actions=[1, 1, 0, 1], hashes=list(short.hashes))
    assert main([str(path)]) == 2
    assert "error: step 1 led to state" in capsys.readouterr().err
    assert main([str(path), "--no-verify"]) == 0
    assert "not verified" in capsys.readouterr().out
    assert main([str(tmp_path / "none.json")]) == 2


def test_the_command_runs_as_a_module(replay, tmp_path):
    replay.save(path := tmp_path / "episode.json")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "memory_envs.replay", str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0 and "every state verified" in done.stdout, done.stderr
