"""Pictures show the state, need no display, and windows do not disturb each other."""

import builtins
import copy
import os
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import error

from memory_envs.imaze import LOOKS as IMAZE_LOOKS
from memory_envs.imaze import IMazeEnv, IMazeVectorEnv
from memory_envs.imaze import scene as imaze_scene
from memory_envs.meta_fetch import LOOKS as META_FETCH_LOOKS
from memory_envs.meta_fetch import MetaFetchEnv
from memory_envs.meta_fetch import scene as meta_fetch_scene
from memory_envs.rendering import ansi, display, painter
from memory_envs.rendering.scene import Icon
from memory_envs.rendering.sprites import PALETTE, agent_over, framed, sprite
from memory_envs.rendering.style import Style
from memory_envs.rules import imaze, meta_fetch
from tests.support import ROOT
from tests.support.env_oracles import drawn_maze, solution

IDS = [each for each in gym.registry if each.startswith("MemoryEnvs/")]
WITHOUT_DISPLAY = {
    name: value for name, value in os.environ.items() if "DISPLAY" not in name and "SDL" not in name
} | {"PYTHONPATH": str(ROOT)}


def scene_at(row=1, column=1, heading=0, cue=0, **fields):
    config = imaze.configure(
        **{name: fields.pop(name) for name in ("observability", "delay") if name in fields}
    )
    start = imaze.State(row, column, heading, cue, steps=0, seen_at=-1, sight=0, hold=0, outcome=0)
    return imaze_scene(config, start._replace(**fields))


def fetch_scene(key=7, observability="partial", num_objects=3, **fields):
    config = meta_fetch.configure(observability=observability, num_objects=num_objects)
    return meta_fetch_scene(config, meta_fetch.begin(config, key)._replace(**fields))


def fact(scene, name):
    return next(each for each in scene.facts if each.name == name)


def holds(frame: np.ndarray, picture: np.ndarray) -> bool:
    """Whether a picture lies somewhere in a frame, pixel by pixel."""
    windows = np.lib.stride_tricks.sliding_window_view(frame, picture.shape)[:, :, 0]
    corners = np.argwhere((windows[:, :, 0, 0] == picture[0, 0]).all(axis=-1))
    return any((windows[row, column] == picture).all() for row, column in corners)


def room_tile(frame: np.ndarray, row: int, column: int, cell: int = 44) -> np.ndarray:
    top, left = painter.MARGIN + row * cell, painter.MARGIN + column * cell
    return frame[top : top + cell, left : left + cell]


@pytest.mark.parametrize("cue", [0, 1])
def test_the_scene_shows_the_whole_maze(cue):
    scene = scene_at(cue=cue)
    assert (scene.tiles == drawn_maze(9, cue)).all()
    assert len(scene.looks) == imaze.NUM_TILES


def test_the_cells_the_agent_sees_are_marked():
    expected = np.zeros((9, 9), dtype=bool)
    expected[0:3, 3:6] = True
    assert (scene_at(row=1, column=3, heading=0).visible == expected).all()
    assert scene_at(row=1, column=1, heading=2).visible.sum() == 6  # one column of the window lies outside


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("observability", ["partial", "full", "perfect_memory"])
def test_the_view_and_the_notes_are_what_the_agent_observes(env_id, observability):
    env = gym.make(env_id, observation="tiles", observability=observability)
    observation, _ = env.reset(seed=5)
    for action in np.random.default_rng(0).integers(3, size=60):
        scene = env.unwrapped.scene()
        assert observation.tolist() == [*scene.view.flat, *scene.notes.values()]
        observation, *_ = env.step(action)


def test_frames_show_cue_goals_walls_and_light():
    scene = scene_at(row=1, column=4, heading=0, cue=1)
    frame = painter.pixels(scene)
    looks = scene.looks
    expected = {(1, 7): (looks[3], False), (7, 1): (looks[4], False), (7, 7): (looks[5], False)}
    expected |= {(4, 2): (looks[0], False), (0, 5): (looks[0], True), (1, 6): (looks[1], True)}
    for (row, column), (look, lit) in expected.items():
        assert (room_tile(frame, row, column) == sprite(look, 44, lit)).all()


@pytest.mark.parametrize("heading", range(4))
def test_the_agent_points_where_it_looks_in_the_room_and_up_in_its_view(heading):
    scene = scene_at(row=4, column=4, heading=heading)
    frame = painter.pixels(scene)
    assert (room_tile(frame, 4, 4) == agent_over(sprite(scene.looks[1], 44), heading)).all()
    own = framed(agent_over(sprite(scene.looks[1], 56), heading=3), PALETTE["frame"])
    assert holds(frame, own)


def test_a_twins_hint_is_painted_in_the_agents_own_cell():
    hinted = scene_at(row=4, column=4, heading=1, cue=1, observability="full")
    own = framed(sprite(hinted.looks[imaze.CUE_B], 56), PALETTE["frame"])
    assert holds(painter.pixels(hinted), own)
    assert not holds(painter.pixels(scene_at(row=4, column=4, heading=1, cue=1)), own)
    assert ansi.text(hinted, Style("agent", panel=False)).splitlines()[2][1] == "B"


@pytest.mark.parametrize(
    "fields, memory",
    [
        ({"seen_at": -1, "steps": 9}, "cue not seen yet"),
        ({"seen_at": 9, "steps": 9}, "cue in view"),
        ({"seen_at": 8, "steps": 9}, "carried 1 step"),
        ({"seen_at": 2, "steps": 30}, "carried 28 steps"),
    ],
)
def test_the_panel_tells_how_long_the_cue_is_carried(fields, memory):
    assert fact(scene_at(**fields), "memory").text == memory


def test_the_panel_says_that_the_cue_is_in_view_whenever_it_is():
    env = gym.make("MemoryEnvs/IMaze-v0", observation="tiles")
    observation, _ = env.reset(seed=0)
    shown, since = set(), None
    for action in np.random.default_rng(1).integers(3, size=3000):
        in_view = bool(np.isin(observation, (2, 3)).any())
        since = 0 if in_view else None if since is None else since + 1
        told = fact(env.unwrapped.scene(), "memory").text
        assert told == {None: "cue not seen yet", 0: "cue in view", 1: "carried 1 step"}.get(
            since, f"carried {since} steps"
        )
        shown.add(told)
        observation, _, terminated, truncated, _ = env.step(int(action))
        if terminated or truncated:
            (observation, _), since = env.reset(), None
    assert len(shown) > 10


@pytest.mark.parametrize(
    "fields, outcome, mood",
    [
        ({"outcome": 1, "steps": 20}, "correct goal", "good"),
        ({"outcome": -1, "steps": 20}, "wrong goal", "bad"),
        ({"steps": 150}, "out of time", "bad"),
        ({"steps": 20}, "under way", "neutral"),
        ({"steps": 20, "hold": 3, "delay": 5}, "held for 3", "neutral"),
    ],
)
def test_the_outcome_is_told_and_coloured(fields, outcome, mood):
    scene = scene_at(**fields)
    assert (fact(scene, "outcome").text, scene.mood) == (outcome, mood)
    written = (painter.pixels(scene) == PALETTE["text" if mood == "neutral" else mood]).all(axis=-1)
    assert written[:, -painter.COLUMN :].any()


def test_the_order_is_told_with_what_is_done_and_what_is_next():
    config = meta_fetch.configure(num_objects=4)
    state = meta_fetch.begin(config, 3)
    order = [meta_fetch.OBJECT + meta_fetch.ordered(state, position) for position in range(4)]
    scene = meta_fetch_scene(config, state._replace(progress=2, paid=2, steps=9))
    marks = ("done", "done", "next", "")
    assert fact(scene, "order").icons == tuple(map(Icon, order, marks))
    assert fact(scene, "memory").text == "2 of 4 known"
    for code in order[:2]:
        assert not (scene.tiles == code).any()  # fetched objects are not in the room
    assert all((scene.tiles == code).sum() == 1 for code in order[2:])


def test_the_last_reward_is_lit_below_the_view():
    for rewarded, colour in ((0, "card"), (1, "good")):
        scene = fetch_scene(rewarded=rewarded)
        frame = painter.pixels(scene, Style("agent", panel=False))
        assert (frame[-painter.MARGIN - 2, painter.MARGIN] == PALETTE[colour]).all()
        assert f"reward: {'yes' if rewarded else 'no'}" in ansi.text(scene)


def test_a_solved_episode_ends_in_a_good_mood():
    env = IMazeEnv(render_mode="ansi")
    env.reset(seed=0)
    for action in solution(env.config, imaze.State(*list(env.get_state().values())[3:])):
        env.step(action)
    assert env.scene().mood == "good" and "correct goal" in env.render()


def test_text_shows_room_view_facts_and_legend():
    lines = ansi.text(scene_at(row=1, column=3, heading=2, cue=1, steps=12)).splitlines()
    assert lines[:3] == ["#########    #.#", "#..<   B#    #.#", "#### ####    #^#"]
    assert lines[7] == "#a     b#"
    assert lines[9].startswith("step: 12/150  cue, goal: B b  memory: cue not seen yet")
    assert lines[10].startswith("legend: ^>v< agent, # wall, . floor, A cue A")
    assert len(lines) == 11


def test_text_marks_the_order():
    told = ansi.text(fetch_scene(progress=1, paid=1, steps=4))
    symbols = [META_FETCH_LOOKS[icon.tile].symbol for icon in fact(fetch_scene(), "order").icons]
    assert "order: ({}) [{}] {}  ".format(*symbols) in told


def test_text_is_plain_unless_colours_are_asked_for():
    scene = fetch_scene()
    plain, coloured = ansi.text(scene), ansi.text(scene, colour=True)
    assert "\x1b" not in plain and "\x1b[" in coloured
    stripped = coloured
    while "\x1b" in stripped:
        before, _, after = stripped.partition("\x1b")
        stripped = before + after.partition("m")[2]
    assert stripped == plain


def test_the_panel_hides_what_the_agent_is_not_told_when_it_is_switched_off():
    for scene in (scene_at(steps=12), fetch_scene(steps=12)):
        told = ansi.text(scene, Style(panel=False))
        assert not any(each in told for each in ("order", "goal", "memory", "12", "legend"))
        assert painter.pixels(scene, Style(panel=False)).size < painter.pixels(scene).size


def test_the_agents_view_alone_is_the_same_wherever_the_hidden_facts_differ():
    style = Style("agent", panel=False)
    one = scene_at(row=4, column=4, heading=1, cue=0, steps=9, seen_at=5, sight=2)
    other = scene_at(row=4, column=4, heading=1, cue=1, steps=40, seen_at=9, sight=2)
    assert (painter.pixels(one, style) == painter.pixels(other, style)).all()
    assert ansi.text(one, style) == ansi.text(other, style)
    assert (painter.pixels(one) != painter.pixels(other)).any()


@pytest.mark.parametrize("view", ["both", "room", "agent"])
@pytest.mark.parametrize("panel", [True, False])
@pytest.mark.parametrize("env_id", IDS)
def test_frames_of_an_id_have_even_sides_of_one_size(env_id, view, panel):
    env = gym.make(env_id, render_mode="rgb_array", render_view=view, render_panel=panel)
    env.reset(seed=0)
    shapes = {env.render().shape}
    for action in np.random.default_rng(0).integers(3, size=5):
        env.step(action)
        shapes.add(env.render().shape)
    [(height, width, channels)] = shapes
    assert height % 2 == width % 2 == 0 and channels == 3 and max(height, width) <= 720


def test_every_line_of_the_panel_fits_into_its_column():
    longest = [
        scene_at(steps=140, seen_at=2),
        scene_at(steps=140, hold=999, delay=1000),
        scene_at(outcome=1, steps=9),
        fetch_scene(num_objects=6, completed=99),
    ]
    for scene in longest:
        for each in scene.facts:
            icons = len(each.icons) * 30
            widths = [display.letters(each.name, 21).shape[1], display.letters(each.text, 24).shape[1]]
            assert sum(widths) + icons + 8 <= painter.COLUMN, each


@pytest.mark.parametrize("size", [21, 31])
def test_a_small_frame_of_a_large_maze_still_shows_what_lies_where(size):
    image = pytest.importorskip("PIL.Image")
    env = IMazeEnv(size=size, render_mode="rgb_array")
    env.reset(seed=3)
    scene, frame = env.scene(), env.render()
    small = np.asarray(image.fromarray(frame).resize((320, 320 * len(frame) // frame.shape[1]), image.BOX))
    scale, cell = 320 / frame.shape[1], 396 // size // 2 * 2
    places = [(scene.row, scene.column, PALETTE["agent"])]
    for row, column in np.argwhere(np.isin(scene.tiles, scene.things)).tolist():
        places.append((row, column, PALETTE[scene.looks[scene.tiles[row, column]].colour]))
    assert len(places) == 4
    for row, column, colour in places:
        y, x = (round((painter.MARGIN + (place + 0.5) * cell) * scale) for place in (row, column))
        near = small[y - 8 : y + 9, x - 8 : x + 9].astype(int)
        assert (np.abs(near - np.array(colour)).max(axis=-1) < 50).sum() >= 25, (row, column)


@pytest.mark.parametrize("size", [5, 9, 15])
def test_things_fill_their_cells_while_these_are_large(size):
    env = IMazeEnv(size=size, view_size=1, render_mode="rgb_array")
    env.reset(seed=0)
    cell = 396 // size // 2 * 2
    assert holds(env.render()[:, : 2 * painter.MARGIN + size * cell], sprite(IMAZE_LOOKS[4], cell, lit=False))


@pytest.mark.parametrize("size", [5, 9, 15, 31, 101])
def test_every_size_can_be_painted(size):
    env = IMazeEnv(size=size, view_size=1, render_mode="rgb_array")
    env.reset(seed=0)
    frame = env.render()
    assert frame.dtype == np.uint8 and frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert frame.shape[1] == max(4, 396 // size // 2 * 2) * size + painter.COLUMN + 3 * painter.MARGIN


def test_frames_are_new_objects_and_follow_the_state():
    env = IMazeEnv(render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    kept = before.copy()
    env.step(0)
    assert (env.render() != before).any() and (before == kept).all()
    before[:] = 0
    assert env.render().any()


@pytest.mark.parametrize("env_id", ["MemoryEnvs/IMaze-v0", "MemoryEnvs/MetaFetch-v0"])
@pytest.mark.parametrize("render_mode", ["rgb_array", "ansi"])
def test_lists_of_frames_come_from_gymnasium(env_id, render_mode):
    env = gym.make(env_id, render_mode=f"{render_mode}_list")
    env.reset(seed=0)
    for action in (0, 2, 1):
        env.step(action)
    frames = env.render()
    assert isinstance(frames, list) and len(frames) == 4 and env.render() == []


@pytest.mark.parametrize("env_id", ["MemoryEnvs/IMaze-v0", "MemoryEnvs/MetaFetch-v0"])
@pytest.mark.parametrize("render_mode", ["rgb_array", "ansi"])
def test_a_vector_environment_returns_the_frames_of_a_synchronous_one(env_id, render_mode):
    options = {"num_envs": 3, "render_mode": render_mode, "render_view": "agent"}
    native, synchronous = (
        gym.make_vec(env_id, vectorization_mode=mode, **options) for mode in (None, "sync")
    )
    for envs in (native, synchronous):
        envs.reset(seed=4)
        envs.step(np.array([0, 1, 2]))
    frames, expected = native.render(), synchronous.render()
    assert type(frames) is type(expected) is tuple and len(frames) == len(expected) == 3
    assert all(map(np.array_equal, frames, expected))


@pytest.mark.parametrize("num_envs", [1, 2, 5, 16, 300])
def test_a_mosaic_shows_the_first_lanes_near_to_a_square(num_envs):
    envs = IMazeVectorEnv(num_envs)
    with pytest.raises(error.ResetNeeded, match=r"mosaic\(\) was asked for before the first reset"):
        envs.mosaic()
    envs.reset(seed=0)
    frame = envs.mosaic()
    columns = next(n for n in range(1, 10) if n * n >= min(num_envs, 64))
    rows = -(-min(num_envs, 64) // columns)
    cell = (frame.shape[1] - 6) // columns // 9
    assert frame.shape == (rows * (9 * cell + 6) + 6, columns * (9 * cell + 6) + 6, 3)
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0 and max(frame.shape) <= 1000
    start = agent_over(sprite(envs.scene(0).looks[1], cell), envs.scene(0).heading)
    assert (frame[6 + cell : 6 + 2 * cell, 6 + cell : 6 + 2 * cell] == start).all()
    with pytest.raises(ValueError, match="max_lanes must be at least 1, got 0"):
        envs.mosaic(max_lanes=0)


def test_the_border_of_a_lane_tells_how_its_episode_ended():
    frame = painter.mosaic([scene_at(outcome=1), scene_at(outcome=-1), scene_at(), scene_at(steps=150)])
    half = len(frame) // 2
    shown = [frame[half // 2, 4], frame[half // 2, -4], frame[-half // 2, 4], frame[-half // 2, -4]]
    expected = [PALETTE[name] for name in ("good", "bad", "page", "bad")]
    assert [tuple(colour.tolist()) for colour in shown] == expected


def test_the_border_tells_of_the_episode_that_a_step_ended_and_began_anew():
    envs = IMazeVectorEnv(2, autoreset_mode="SameStep", max_episode_steps=2)
    envs.reset(seed=0)
    colours = []
    for _ in range(4):
        colours.append(tuple(envs.mosaic()[20, 4].tolist()))
        envs.step(np.zeros(2, dtype=int))
    assert colours == [PALETTE["page"], PALETTE["page"], PALETTE["bad"], PALETTE["page"]]
    envs.reset()
    assert tuple(envs.mosaic()[20, 4].tolist()) == PALETTE["page"]


@pytest.mark.parametrize("num_objects", [3, 6])
def test_the_legend_names_everything(num_objects):
    scene = fetch_scene(num_objects=num_objects)
    frame = painter.pixels(scene)
    for code in scene.things:
        assert holds(frame[-80:], sprite(scene.looks[code], 28))
    assert holds(frame[-80:], sprite(scene.looks[1], 28, lit=False))  # out of view


def test_rendering_before_reset_or_without_a_mode_says_so():
    with pytest.raises(error.ResetNeeded, match=r"render\(\) was asked for before the first reset"):
        IMazeEnv(render_mode="ansi").render()
    with pytest.raises(error.ResetNeeded, match="before the first reset"):
        IMazeVectorEnv(2, render_mode="ansi").render()
    env = IMazeEnv()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="does nothing without a render_mode"):
        assert env.render() is None


@pytest.mark.parametrize("make", [IMazeEnv, MetaFetchEnv, IMazeVectorEnv])
def test_odd_options_are_named(make):
    with pytest.raises(ValueError, match="render_view must be one of 'both', 'room', 'agent', got 'top'"):
        make(render_view="top")
    with pytest.raises(TypeError, match="render_panel must be a bool, got 'no'"):
        make(render_panel="no")


def test_a_missing_pygame_is_named_and_text_and_mosaics_do_without_it(monkeypatch):
    real_import = builtins.__import__

    def without_pygame(name, *arguments, **keywords):
        if name == "pygame":
            raise ImportError(name)
        return real_import(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_pygame)
    display.letters.cache_clear()
    with pytest.raises(error.DependencyNotInstalled, match=r'pip install "memory-envs\[render\]"'):
        painter.pixels(scene_at())
    assert ansi.text(scene_at()).startswith("####")
    assert painter.mosaic([scene_at()]).any()


def test_windows_live_and_die_alone(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    envs = [gym.make("MemoryEnvs/IMaze-v0", render_mode="human") for _ in range(2)]
    for env in envs:
        env.reset(seed=0)
        env.step(0)
    envs[0].close()
    envs[0].close()
    envs[1].step(1)
    assert envs[1].render() is None
    envs[1].close()
    envs[1].reset()  # opens a new window
    envs[1].close()


@pytest.mark.parametrize("button", ["QUIT", "WINDOWCLOSE"])
def test_the_closing_button_closes_one_window_and_the_run_goes_on(monkeypatch, button):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame = pytest.importorskip("pygame")
    env, other = IMazeEnv(render_mode="human"), IMazeEnv(render_mode="human")
    other.reset(seed=0)
    env.reset(seed=0)
    fields = {"window": env._window._window} if button == "WINDOWCLOSE" else {}
    pygame.event.post(pygame.event.Event(getattr(pygame, button), **fields))
    for _ in range(3):
        env.step(0)
        assert env._window._window is None and other._window._window is not None
    env.close()
    env.reset()  # a closed environment that is used again shows itself again
    assert env._window._window is not None
    env.close()
    other.close()


def test_a_window_shows_the_frame(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = MetaFetchEnv(render_mode="human")
    env.reset(seed=0)
    pygame = pytest.importorskip("pygame")
    shown = pygame.surfarray.array3d(env._window._window.get_surface()).swapaxes(0, 1)
    assert (shown == painter.pixels(env.scene())).all()
    env.close()


def test_a_vector_environment_shows_its_mosaic_in_a_window(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    envs = gym.make_vec("MemoryEnvs/MetaFetch-v0", num_envs=4, render_mode="human")
    envs.reset(options={"reset_mask": np.array([True, False, False, False])})
    assert envs._window._window is None  # the other lanes have no state yet
    envs.reset(seed=0)
    pygame = pytest.importorskip("pygame")
    shown = pygame.surfarray.array3d(envs._window._window.get_surface()).swapaxes(0, 1)
    assert (shown == envs.mosaic()).all()
    envs.step(envs.action_space.sample())
    envs.close()
    assert envs._window._window is None


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_an_environment_with_an_open_window_can_be_copied(monkeypatch, duplicate):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = IMazeEnv(render_mode="human")
    env.reset(seed=0)
    twin = duplicate(env)
    assert twin._window._window is None and env._window._window is not None
    assert twin.get_state() == env.get_state()
    twin.step(0)  # opens its own
    twin.close()
    env.step(0)
    env.close()


def test_painting_initialises_neither_display_nor_sound():
    code = (
        "import gymnasium, memory_envs\n"
        "env = gymnasium.make('MemoryEnvs/MetaFetch-v0', render_mode='rgb_array'); env.reset(seed=0)\n"
        "env.render(); import os, pygame\n"
        "print(pygame.display.get_init(), pygame.mixer.get_init(), os.environ.get('SDL_VIDEODRIVER'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=WITHOUT_DISPLAY,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["False", "None", "None"], done.stderr


@pytest.mark.parametrize("driver", [{}, {"SDL_VIDEODRIVER": "x11"}])
def test_without_a_display_pixels_work_and_windows_say_what_does(driver):
    code = (
        "from memory_envs.imaze import IMazeEnv\n"
        "env = IMazeEnv(render_mode='rgb_array'); env.reset(seed=0); print(env.render().shape)\n"
        "try:\n    IMazeEnv(render_mode='human').reset(seed=0)\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    environment = WITHOUT_DISPLAY | driver
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    shape, complaint = found.stdout.splitlines()
    assert shape == "(466, 684, 3)"
    assert complaint.startswith("Error") and 'use render_mode="rgb_array" or "ansi"' in complaint
