"""Play by keyboard: `python -m memory_envs.play MemoryEnvs/IMaze-v0`.

By default you see what the agent sees, and no more: you have to remember as well. The score and the replay of
each episode that is finished or given up are saved.
"""

import argparse
import contextlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from gymnasium import error

from memory_envs.commands import FINISHED, add_env_kwargs, refused, run_program
from memory_envs.play.terminal import Terminal
from memory_envs.registry.envs import registered_id
from memory_envs.rendering import ansi, painter
from memory_envs.rendering.display import Window
from memory_envs.rendering.scene import Scene
from memory_envs.rendering.views import ALL, Style
from memory_envs.replay import NAMESPACE, Replay, open_env
from memory_envs.rules.grid import FORWARD, TURN_LEFT, TURN_RIGHT

ACTIONS = {
    "left": TURN_LEFT,
    "a": TURN_LEFT,
    "right": TURN_RIGHT,
    "d": TURN_RIGHT,
    "up": FORWARD,
    "w": FORWARD,
}
RESTART = ("r",)
QUIT = ("q", "escape", "quit")
TURNS = "left, right or a, d: turn    up or w: walk"
HELP = "r: give up, next episode    q: quit"
OVER = "the episode has ended    r: next    q: quit"

AGENT_ONLY = Style("agent", panel=False)


class Screen(Protocol):
    """Somewhere to play."""

    def show(self, scene: Scene, lines: Sequence[str]) -> None:
        """Show a scene and, below it, lines of text."""

    def keys(self) -> list[str]:
        """Return the names of the keys pressed since the last call."""


class WindowScreen:
    """A window, which opens when the first scene is shown."""

    def __init__(self, window: Window, style: Style) -> None:
        """Play in `window`."""
        self._window = window
        self._style = style
        self.keys = window.keys

    def show(self, scene: Scene, lines: Sequence[str]) -> None:
        """Show a scene and wait until the next frame is due.

        Raises:
            gymnasium.error.Error: There is no display, or no pygame.
        """
        frame = painter.pixels(scene, self._style)
        if not self._style.panel:
            frame = painter.with_legend(frame, scene, self._style)
        self._window.show(painter.captioned(frame, lines))


class TextScreen:
    """A terminal, whose keys are waited for."""

    def __init__(self, terminal: Terminal, style: Style) -> None:
        """Play in `terminal`, which has been entered."""
        self._terminal = terminal
        self._style = style
        self.keys = terminal.keys

    def show(self, scene: Scene, lines: Sequence[str]) -> None:
        """Draw a scene in place."""
        legend = [] if self._style.panel else [ansi.legend(scene)]
        self._terminal.draw("\n".join([ansi.text(scene, self._style, colour=True), *lines, *legend]))


class Game:
    """One environment, played episode by episode.

    Attributes:
        returns: Of the episodes that were finished or given up.
        ended: Whether the current episode has ended.
    """

    def __init__(
        self,
        env_id: str,
        kwargs: Mapping[str, Any],
        folder: Path,
        seed: int | None = None,
        *,
        full_view: bool = False,
    ) -> None:
        """Begin the first episode.

        Args:
            env_id: Registered id of an environment of this package.
            kwargs: Its settings.
            folder: Where replays and scores go; it is made now, so that no episode is played in vain.
            seed: Of the first episode; the others follow from it. None draws one.
            full_view: Whether the player sees more than the agent, which is noted with each score.

        Raises:
            ValueError: The id is unknown, or the settings make no environment.
            OSError: The folder cannot be made or written to.
        """
        self._task = (registered_id(env_id), dict(kwargs))
        self._env = open_env(env_id, kwargs)
        self._full_view = full_view
        self.returns: list[float] = []
        self._actions: list[int] = []
        self.ended = False
        self.restart(seed)
        self._folder, self._made = folder, [each for each in (folder, *folder.parents) if not each.exists()]
        try:
            _make_writable(folder)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Remove what was made of the folder if nothing was saved there."""
        for folder in self._made:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()

    def restart(self, seed: int | None = None) -> None:
        """Begin the next episode; one that is under way counts as it stands, as given up."""
        if self._actions and not self.ended:
            self._save(success=False, finished=False)
        self._env.reset(seed=seed)
        self._actions = []
        self.ended = False
        self._score = 0.0

    def play(self, action: int) -> None:
        """Play one action, and save the episode if it ends; after its end nothing happens."""
        if self.ended:
            return
        _, reward, terminated, truncated, info = self._env.step(action)
        self._actions.append(action)
        self._score += reward
        self.ended = terminated or truncated
        if self.ended:
            self._save(bool(info["is_success"]), finished=True)

    def scene(self) -> Scene:
        """Return what there is to see."""
        scene: Scene = self._env.scene()
        return scene

    def lines(self) -> list[str]:
        """Return what to tell below the picture: steps, score, the task, and the keys."""
        scene = self.scene()
        told = [f"step {scene.steps}/{scene.max_steps}", f"score {self._score:g}"]
        if self.returns:
            told.append(f"mean of {len(self.returns)}: {sum(self.returns) / len(self.returns):.2f}")
        return ["    ".join(told), scene.aim, TURNS, OVER if self.ended else HELP]

    def _save(self, success: bool, finished: bool) -> None:
        self.returns.append(self._score)
        replay = Replay.of(*self._task, self._env.stream, self._env.episode, self._actions)
        name = self._task[0].removeprefix(NAMESPACE)
        numbered = (self._folder / f"{name}-{number:04}.json" for number in itertools.count(1))
        path = next(each for each in numbered if not each.exists())
        replay.save(path)
        score = {
            "replay": path.name,
            "return": self._score,
            "steps": len(self._actions),
            "success": success,
            "finished": finished,
            "full_view": self._full_view,
        }
        with (self._folder / "scores.jsonl").open("a", encoding="utf-8") as scores:
            scores.write(json.dumps(score) + "\n")


def play(game: Game, screen: Screen) -> None:
    """Show the game's environment and obey keys, until one asks to quit."""
    while True:
        screen.show(game.scene(), game.lines())
        for key in screen.keys():
            if key in QUIT:
                return
            if key in RESTART:
                game.restart()
            elif key in ACTIONS:
                game.play(ACTIONS[key])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 2 refused (an environment that cannot be made, nowhere to show it).
    """
    options = _parser().parse_args(arguments)
    style = ALL if options.full_view else AGENT_ONLY
    try:
        with contextlib.closing(
            Game(options.env, options.env_kwargs, options.out, options.seed, full_view=options.full_view)
        ) as game:
            with _text(style) if options.ansi else _window(options.env, style, options.fps) as screen:
                with contextlib.suppress(KeyboardInterrupt):
                    play(game, screen)
    except (ValueError, OSError, error.Error) as problem:
        return refused(problem)
    print(_summary(game.returns, options.out))
    return FINISHED


@contextmanager
def _window(title: str, style: Style, frames_per_second: float) -> Iterator[Screen]:
    window = Window(title, frames_per_second, otherwise="with --ansi you can play in this terminal")
    try:
        yield WindowScreen(window, style)
    finally:
        window.close()


@contextmanager
def _text(style: Style) -> Iterator[Screen]:
    with Terminal() as terminal:
        yield TextScreen(terminal, style)


def _make_writable(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"the folder {folder} cannot be written to")


def _summary(returns: Sequence[float], folder: Path) -> str:
    if not returns:
        return "no episode was finished, nothing was saved"
    mean = sum(returns) / len(returns)
    return f"{len(returns)} episodes, mean score {mean:.3f}; scores and replays are in {folder}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m memory_envs.play",
        description="Play by keyboard. You see what the agent sees, and have to remember as well.",
        epilog="keys: left or a, right or d turn; up or w walks; r gives the episode up, which counts, and "
        "begins the next; q or escape quits",
    )
    parser.add_argument("env", metavar="ID", help="environment, for instance MemoryEnvs/IMaze-v0")
    parser.add_argument("--ansi", action="store_true", help="play in the terminal, without a window")
    parser.add_argument("--seed", type=int, metavar="N", help="of the first episode; drawn when not given")
    parser.add_argument("--full-view", action="store_true", help="show the whole room and the hidden facts")
    add_env_kwargs(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("plays"), metavar="DIR", help="where scores and replays go (./plays)"
    )
    parser.add_argument(
        "--fps", type=float, default=30, metavar="N", help="frames per second of the window (30)"
    )
    return parser


if __name__ == "__main__":
    run_program(main)
