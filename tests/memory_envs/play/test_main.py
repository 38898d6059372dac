"""Played by keyboard, in a window or a terminal: keys, scores, replays, refusals."""

import contextlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from memory_envs.play import __main__ as play
from memory_envs.rendering import painter
from memory_envs.rendering.display import Window
from memory_envs.rendering.views import ALL
from memory_envs.replay import Replay
from memory_envs.rules.grid import FORWARD, TURN_LEFT, TURN_RIGHT

ENV = "MemoryEnvs/IMaze-v0"


SHORT = '{"max_episode_steps": 3}'


class Script:
    """A screen on which keys are pressed as written, and all that is shown is kept."""

    def __init__(self, *presses: list[str]) -> None:
        self.presses = list(presses)
        self.shown: list[tuple[object, list[str]]] = []

    def show(self, scene, lines):
        self.shown.append((scene, list(lines)))

    def keys(self):
        return self.presses.pop(0)


@pytest.fixture
def pygame(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    module = pytest.importorskip("pygame")
    module.display.init()
    module.event.clear()
    yield module
    module.event.clear()


def test_keys_turn_and_walk(tmp_path):
    game = play.Game(ENV, {}, tmp_path, seed=0)
    screen = Script(["left"], ["a", "right"], ["d", "up", "w", "x"], ["q"])
    play.play(game, screen)
    assert game._actions == [TURN_LEFT, TURN_LEFT, TURN_RIGHT, TURN_RIGHT, FORWARD, FORWARD]
    assert [scene.steps for scene, _ in screen.shown] == [0, 1, 3, 6]
    assert not any(tmp_path.iterdir())  # no episode was finished


@pytest.mark.parametrize("key", ["q", "escape", "quit"])
def test_every_way_to_quit_quits(tmp_path, key):
    screen = Script(["w"], [key, "w"])
    play.play(play.Game(ENV, {}, tmp_path), screen)
    assert screen.shown[-1][0].steps == 1


def test_finished_episodes_are_scored_and_saved(tmp_path):
    folder = tmp_path / "plays"
    game = play.Game(ENV, json.loads(SHORT), folder, seed=4)
    screen = Script(["w", "w", "w", "w"], ["r"], ["a", "a", "a"], ["q"])
    play.play(game, screen)
    replays = [Replay.load(folder / f"IMaze-v0-{number:04}.json") for number in (1, 2)]
    assert [replay.actions for replay in replays] == [(2, 2, 2), (0, 0, 0)]
    assert replays[0].stream == replays[1].stream and [replay.episode for replay in replays] == [0, 1]
    scores = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]
    assert [score["replay"] for score in scores] == ["IMaze-v0-0001.json", "IMaze-v0-0002.json"]
    known = {"return": 0.0, "steps": 3, "success": False, "finished": True, "full_view": False}
    assert scores[0] | {"replay": ""} == {"replay": ""} | known
    assert "mean of 2: 0.00" in screen.shown[-1][1][0] and "has ended" in screen.shown[-1][1][-1]


def test_an_episode_that_is_given_up_counts(tmp_path):
    player = play.Game(ENV, json.loads(SHORT), tmp_path, seed=4, full_view=True)
    screen = Script(["w", "w", "r"], ["r"], ["a", "a", "a", "r"], ["q"])
    play.play(player, screen)
    scores = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [(score["finished"], score["steps"], score["full_view"]) for score in scores] == [
        (False, 2, True),
        (True, 3, True),
    ]
    assert Replay.load(tmp_path / scores[0]["replay"]).actions == (2, 2)
    assert "mean of 2: 0.00" in screen.shown[-1][1][0] and "r: give up" in screen.shown[0][1][-1]


def test_the_score_counts_rewards(tmp_path):
    game = play.Game("MemoryEnvs/MetaFetch-v0", {}, tmp_path, seed=0)
    rng, earned = np.random.default_rng(0), []
    while sum(earned) == 0:
        game.restart()
        earned.append(0)
        while not game.ended:
            game.play(int(rng.integers(3)))
            earned[-1] += game.scene().notes["reward"]
            assert f"score {earned[-1]}" in game.lines()[0]
    assert game.returns == earned


def test_a_window_takes_keys_and_shows_the_agents_view_only(pygame, tmp_path, monkeypatch, capsys):
    frames = []
    real_show = Window.show

    def show(window, image):
        frames.append(image)
        real_show(window, image)
        for key in presses.pop(0) if presses else [pygame.K_q]:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))

    monkeypatch.setattr(Window, "show", show)
    presses = [[pygame.K_LEFT], [pygame.K_w, pygame.K_UP], [pygame.K_d], [pygame.K_r], [pygame.K_a]]
    assert play.main([ENV, "--seed", "3", "--out", str(tmp_path), "--env-kwargs", SHORT, "--fps", "500"]) == 0
    assert "1 episodes, mean score 0.000" in capsys.readouterr().out
    assert Replay.load(tmp_path / "IMaze-v0-0001.json").actions == (TURN_LEFT, FORWARD, FORWARD)
    scene = play.Game(ENV, {}, tmp_path, seed=3).scene()
    shown = painter.with_legend(painter.pixels(scene, play.AGENT_ONLY), scene, play.AGENT_ONLY)
    assert (frames[0][: len(shown)] == shown).all() and frames[0].shape[1] == shown.shape[1]
    assert len(frames[0]) > len(shown) > len(painter.pixels(scene, play.AGENT_ONLY))


def test_below_the_picture_stand_the_task_and_the_keys(tmp_path):
    lines = play.Game(ENV, {}, tmp_path).lines()
    assert "find the cue" in lines[1] and "up or w: walk" in lines[2] and "q: quit" in lines[3]


def test_the_closing_button_of_the_window_quits(pygame, tmp_path, monkeypatch):
    monkeypatch.setattr(Window, "_open", closing := closes_at_once(Window._open, pygame))
    assert play.main([ENV, "--out", str(tmp_path), "--full-view"]) == 0
    assert closing.opened == 1


def closes_at_once(open_window, pygame):
    def opening(window, *arguments):
        open_window(window, *arguments)
        opening.opened += 1
        pygame.event.post(pygame.event.Event(pygame.QUIT))

    opening.opened = 0
    return opening


@pytest.mark.parametrize("style", [ALL, play.AGENT_ONLY])
@pytest.mark.parametrize("env_id", [ENV, "MemoryEnvs/MetaFetch-v0"])
def test_the_lines_below_the_picture_fit(tmp_path, style, env_id):
    game = play.Game(env_id, {}, tmp_path)
    game.returns = [-1.0] * 1000
    picture = painter.pixels(game.scene(), style)
    for line in game.lines():
        assert painter.letters(line, 21).shape[1] + painter.MARGIN < picture.shape[1], line


def test_without_a_display_the_terminal_is_named(tmp_path):
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    environment.pop("SDL_VIDEODRIVER", None)
    done = subprocess.run(
        [sys.executable, "-m", "memory_envs.play", ENV, "--out", str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "with --ansi you can play in this terminal" in done.stderr
    assert "render_mode" not in done.stderr


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["MemoryEnvs/IMaze-v1"], "did you mean 'MemoryEnvs/IMaze-v0'"),
        ([ENV, "--env-kwargs", '{"size": 8}'], "size must be an odd integer"),
        ([ENV, "--ansi"], "needs a terminal"),
    ],
)
def test_refusals_name_the_reason(arguments, complaint, tmp_path, capsys):
    assert play.main([*arguments, "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert complaint in told and "you can play in this terminal" not in told


def test_a_folder_that_cannot_be_made_is_refused_before_an_episode_is_played(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        play.Game(ENV, {}, tmp_path / "file" / "plays")
    assert play.main([ENV, "--out", str(tmp_path / "file")]) == 2
    assert "file" in capsys.readouterr().err


def test_an_id_may_name_the_package(tmp_path):
    game = play.Game(f"memory_envs:{ENV}", json.loads(SHORT), tmp_path)
    play.play(game, Script(["a", "a", "a"], ["q"]))
    assert Replay.load(tmp_path / "IMaze-v0-0001.json").env_id == ENV


def test_odd_settings_are_named(capsys):
    with pytest.raises(SystemExit, match="2"):
        play.main([ENV, "--env-kwargs", "[1]"])
    assert "must be a JSON object, got '[1]'" in capsys.readouterr().err


def test_a_folder_in_which_nothing_was_saved_is_not_left_behind(tmp_path, monkeypatch, capsys):
    out = tmp_path / "new" / "plays"
    assert play.main([ENV, "--ansi", "--out", str(out)]) == 2, "there is no terminal"
    assert play.main([ENV, "--ansi", "--seed", "-1", "--out", str(out)]) == 2
    assert not out.parent.exists()
    screens = [Script(["w"], ["q"]), Script(["w"], ["r"], ["q"]), Script(["q"])]
    monkeypatch.setattr(play, "_text", lambda style: contextlib.nullcontext(screens.pop(0)))
    assert play.main([ENV, "--ansi", "--out", str(out)]) == 0
    assert "nothing was saved" in capsys.readouterr().out and not out.parent.exists()
    for _ in range(2):
        assert play.main([ENV, "--ansi", "--out", str(out)]) == 0
        assert sorted(each.name for each in out.iterdir()) == ["IMaze-v0-0001.json", "scores.jsonl"]
    (mine := tmp_path / "mine").mkdir()
    screens.append(Script(["q"]))
    assert play.main([ENV, "--ansi", "--out", str(mine)]) == 0 and mine.is_dir()
