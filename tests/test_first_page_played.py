"""The site's first page in a real browser: it is played, watched, and fits a telephone."""

import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from memory_envs.imaze import LOOKS
from memory_envs.rendering.sprites import sprite
from memory_envs.rules import grid, imaze, maze
from tests.support import ROOT
from tests.support.chromium import browser, find_chromium

pytestmark = [
    pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="the docs extra is not installed"),
]
MOST_BYTES = 200_000
FORWARD, LEFT, RIGHT = "ArrowUp", "ArrowLeft", "ArrowRight"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The first page as the site has it, without the others."""
    return built(tmp_path_factory.mktemp("site"), {})[0]


def built(out, environment):
    """The page, and what Sphinx said of more than the pages that are not there."""
    command = [sys.executable, "-m", "sphinx", "-q", "-D", "include_patterns=index.md"]
    command += ["-d", str(out / "doctrees"), str(ROOT / "docs"), str(out / "html")]
    told = {"capture_output": True, "text": True, "env": os.environ | environment}
    said = subprocess.run(command, cwd=ROOT, check=True, **told).stderr.splitlines()
    return out / "html" / "index.html", [
        line for line in said if "[toc." not in line and "[myst.xref" not in line
    ]


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


def show(chromium, page, width=1280, height=900, **screen):
    chromium.screen(width, height, **screen)
    chromium.open(page)
    chromium.wait_for("document.documentElement.dataset.firstPage === 'ready'")
    return chromium


@pytest.fixture
def opened(chromium, page):
    return show(chromium, page)


def begun(chromium, cue, heading=0):
    """Begin a maze with a cue, as chance would."""
    draws = [(cue + 0.5) / 2, (heading + 0.5) / 4]
    chromium.evaluate(f"(() => {{ const d = {draws}, r = Math.random; Math.random = () => d.shift();"
                      " document.querySelector('#again').click(); Math.random = r; })()")  # fmt: skip


def said(chromium):
    return chromium.evaluate("document.querySelector('#said').textContent")


def text(chromium, name):
    return chromium.evaluate(f"document.getElementById('{name}').textContent")


TO_THE_STEM = [FORWARD] * 4 + [RIGHT, RIGHT] + [FORWARD, LEFT] + [FORWARD] * 6


def test_a_maze_is_solved_by_keys(opened):
    begun(opened, cue=0)
    opened.evaluate("document.querySelector('#eye').scrollIntoView({ block: 'center' })")
    opened.wait_for("true")
    opened.evaluate("new Promise((resolve) => setTimeout(resolve, 200))")
    for key in TO_THE_STEM[:4]:
        opened.press(key)
    assert said(opened) == "It is an amber disc. Remember it."
    for key in TO_THE_STEM[4:]:
        opened.press(key)
    assert said(opened) == "Out of sight for 10 steps. Which goal?"
    assert not opened.evaluate("document.querySelector('#whole-maze').checkVisibility()")
    for key in [RIGHT, *[FORWARD] * 3]:
        opened.press(key)
    assert said(opened) == "Right. You carried one bit for 14 steps."
    assert opened.evaluate("document.querySelector('#whole-maze').checkVisibility()")
    assert text(opened, "tally") == "1 of 1 right"
    opened.press(FORWARD)  # over is over
    assert text(opened, "steps") == "step 18 of 150"


def test_the_other_goal_is_wrong_and_buttons_do_what_keys_do(opened):
    begun(opened, cue=1)
    names = {FORWARD: "Walk forward", LEFT: "Turn left", RIGHT: "Turn right"}
    for key in [*TO_THE_STEM, RIGHT, *[FORWARD] * 3]:
        opened.evaluate(f"document.querySelector('#game [aria-label=\"{names[key]}\"]').click()")
    assert said(opened) == "Wrong. The cue was a blue diamond, 14 steps ago."
    opened.evaluate("document.querySelector('#again').click()")
    assert text(opened, "steps") == "step 0 of 150"


def test_fingers_swipe_and_tap(chromium, page):
    show(chromium, page, 390, 844, touch=True)
    begun(chromium, cue=0)
    chromium.evaluate("document.querySelector('#eye').scrollIntoView({ block: 'center' })")
    x, y = chromium.evaluate(
        "(() => { const b = document.querySelector('#eye').getBoundingClientRect();"
        " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    for dx, dy, place in ((0, -80, (1, 2, 0)), (0, 0, (1, 3, 0)), (80, 0, (1, 3, 1)), (-80, 0, (1, 3, 0))):
        chromium.swipe((x, y), (x + dx, y + dy))
        state = chromium.evaluate("(({ row, column, heading }) => [row, column, heading])(Game.state())")
        assert tuple(state) == place


def test_keys_are_left_alone_where_somebody_types_or_the_maze_is_out_of_sight(opened):
    begun(opened, cue=0)
    opened.evaluate("document.querySelector('.sidebar-search').focus()")
    opened.press(FORWARD)
    opened.evaluate("document.activeElement.blur(); scrollTo(0, document.body.scrollHeight)")
    opened.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    opened.press(FORWARD)
    assert text(opened, "steps") == "step 0 of 150"


def slide(chromium, name, value):
    chromium.evaluate(f"(() => {{ const e = document.getElementById('{name}'); e.value = {value};"
                      " e.dispatchEvent(new Event('input')); })()")  # fmt: skip


def scores(chromium):
    return [text(chromium, name) for name in ("memoryless-score", "lstm-score")]


def outcomes(chromium):
    return [text(chromium, f"{player}-{cue}-told") for player in ("memoryless", "lstm") for cue in (0, 1)]


def test_the_same_maze_is_walked_without_memory_and_with_it(opened):
    assert scores(opened) == ["4 of 8", "8 of 8"]
    assert outcomes(opened) == [
        "right goal, 18 steps",
        "wrong goal",
        "right goal, 18 steps",
        "right goal, 18 steps",
    ]
    slide(opened, "moment", 0)
    assert outcomes(opened) == ["no cue yet"] * 4
    opened.evaluate("document.querySelector('#play').click()")
    opened.wait_for("document.querySelector('#play').textContent === 'Play'")
    assert "right goal, 18 steps" in outcomes(opened)


def test_sliders_show_where_the_actor_forgets(opened):
    for size, delay, expected in ((9, 100, "8 of 8"), (7, 3, "4 of 8"), (11, 0, "4 of 8"), (21, 0, "0 of 8")):
        slide(opened, "size", size)
        slide(opened, "delay", delay)
        assert scores(opened) == ["4 of 8", expected]
        assert text(opened, "size-told") == f"{size}×{size}"
    assert text(opened, "steps") == "step 0 of 650"  # the next maze to play has that size, too


def test_a_click_holds_the_unit_that_is_the_bit(opened):
    unit = "document.querySelectorAll('#units button')[20]"
    labels = []
    for _ in range(3):
        opened.evaluate(f"{unit}.click()")
        labels.append(
            (opened.evaluate(f"{unit}.getAttribute('aria-label')"), outcomes(opened)[2:], scores(opened)[1])
        )
    right, wrong = "right goal, 18 steps", "wrong goal"
    assert labels == [
        # It does not even go to look.
        ("unit 20, held at +1", [wrong, "right goal, 14 steps"], "4 of 8"),
        ("unit 20, held at −1", [right, wrong], "4 of 8"),
        ("unit 20, free", [right, right], "8 of 8"),
    ]
    opened.evaluate("document.querySelector('[data-hold=\"1\"]').click()")
    assert scores(opened)[1] == "4 of 8"
    opened.evaluate("document.querySelector('#release').click()")
    assert scores(opened)[1] == "8 of 8"


def test_watching_begins_where_the_player_began_and_holds_still_where_that_is_preferred(chromium, page):
    show(chromium, page, still=True)
    begun(chromium, cue=0, heading=2)
    chromium.evaluate("document.querySelector('#game [aria-label=\"Turn left\"]').click()")
    chromium.evaluate("document.querySelector('#watch').click()")
    yours = "[...document.querySelectorAll('.yours canvas')].map((canvas) => canvas.id)"
    assert chromium.evaluate(yours) == ["memoryless-0", "lstm-0"]
    assert text(chromium, "play") == "Play" and text(chromium, "moment-told") == "step 20 of 20"
    source = "document.querySelector('.fp-gallery img').currentSrc"
    chromium.evaluate("document.querySelector('.fp-gallery').scrollIntoView()")
    chromium.wait_for(f"{source}.endsWith('.png')")
    show(chromium, page)
    chromium.evaluate("document.querySelector('#watch').click()")
    assert text(chromium, "play") == "Pause"
    chromium.evaluate("document.querySelector('.fp-gallery').scrollIntoView()")
    chromium.wait_for(f"{source}.endsWith('.gif')")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_its_screen_and_complains_of_nothing(chromium, page, width, dark):
    show(chromium, page, width, 844, dark=dark, touch=width < 500)
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    background = chromium.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) < 3 * 60) == dark
    ink, page_ink = (
        chromium.evaluate(f"getComputedStyle(document.querySelector('{where}')).{what}")
        for where, what in ((".fp-figure text", "fill"), ("body", "color"))
    )
    assert ink == page_ink
    smallest = chromium.evaluate(
        "Math.min(...[...document.querySelectorAll('.fp-figure text')]"
        ".map((text) => text.getBoundingClientRect().height))"
    )
    assert smallest >= 9
    cut = chromium.evaluate(
        "[...document.querySelectorAll('article .table-wrapper')]"
        ".filter((e) => e.scrollWidth > e.clientWidth + 1).length"
    )
    assert cut == 0
    assert chromium.complaints() == []
    assert [url for url in chromium.requests() if not url.startswith(("file:", "data:"))] == []


def test_everything_can_be_reached_by_keyboard_and_has_a_name(opened):
    nameless = opened.evaluate(
        "[...document.querySelectorAll('article :is(button, input, canvas, img, svg)')]"
        ".filter((e) => !(e.getAttribute('aria-label') || e.alt || e.labels?.length || e.textContent.trim()))"
        ".map((e) => e.outerHTML)"
    )
    assert nameless == []
    hidden = (
        "[...document.querySelectorAll('article button, article input')].filter((e) => e.tabIndex < 0).length"
    )
    assert opened.evaluate(hidden) == 0


def test_pictures_are_there(opened):
    broken = (
        "Promise.all([...document.querySelectorAll('article img')].map((e) => { e.loading = 'eager';"
        " return e.decode().then(() => '', () => e.src); })).then((all) => all.filter(Boolean))"
    )
    assert opened.evaluate(broken) == []


def test_scripts_styles_and_data_are_small(page):
    folder = page.parent / "_static" / "first_page"
    sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.suffix in (".js", ".css")}
    assert len(sizes) == 7 and sum(sizes.values()) < MOST_BYTES


def test_the_head_says_what_the_site_is(page):
    head = page.read_text(encoding="utf-8").partition("</head>")[0]
    assert '<meta name="description" content="Reinforcement-learning environments' in head
    assert 'property="og:title"' in head and 'icon" href="_static/favicon.svg"' in head


def test_a_site_with_an_address_and_a_repository_says_so(tmp_path):
    where = {"SITE_URL": "https://example.org/site", "GITHUB_SERVER_URL": "https://git.example.org"}
    page, said = built(tmp_path, where | {"GITHUB_REPOSITORY": "some/repository"})
    assert said == []
    text = page.read_text(encoding="utf-8")
    assert 'content="https://example.org/site/_static/first_page/card.png"' in text
    assert 'href="https://git.example.org/some/repository"' in text
    assert (page.parent / "_static" / "first_page" / "card.png").is_file()


def middles(chromium, name, side):
    """The colour in the middle of each cell of a canvas, [side, side, 3]."""
    pixels = chromium.evaluate(
        f"(() => {{ const c = document.getElementById('{name}'), n = {side}, s = c.width / n;"
        " const d = c.getContext('2d'); return [...Array(n * n).keys()].map((k) => [...d.getImageData("
        "Math.floor((k % n + 0.5) * s), Math.floor((Math.floor(k / n) + 0.5) * s), 1, 1).data].slice(0, 3)); "
        "})()"
    )
    return np.array(pixels).reshape(side, side, 3)


def colour(tile, lit=True):
    return sprite(LOOKS[tile], 96, lit)[48, 48].astype(int)


def test_view_and_rooms_are_painted_from_the_state(opened):
    """At the cue: the view is what Python's rules show, and in a room the cells in view are lit."""
    begun(opened, cue=1)
    for _ in range(4):
        opened.evaluate("document.querySelector('#game [aria-label=\"Walk forward\"]').click()")
    config = imaze.configure()
    state = imaze.first_state(config, 1, 0)._replace(column=5)
    view = np.zeros((3, 3), np.uint8)
    imaze.observe(config, state, view)
    seen = middles(opened, "eye", 3)
    for row, column in np.ndindex(2, 3):  # in the last row stands the agent
        np.testing.assert_allclose(seen[row, column], colour(view[row, column]), atol=8)
    assert view[0, 1] == maze.CUE_B
    slide(opened, "moment", 4)
    for cue, player in ((0, "memoryless"), (1, "lstm")):
        room = middles(opened, f"{player}-{cue}", 9)
        for row, column in np.ndindex(9, 9):
            if row == 1 and column <= 5:  # the way there, and the agent
                continue
            lit = grid.in_window(1, 5, 0, 3, row, column)
            tile = maze.tile(config, cue, row, column)
            np.testing.assert_allclose(room[row, column], colour(tile, lit), atol=12)
