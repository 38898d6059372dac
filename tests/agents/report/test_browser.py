"""The report's page in a real browser: it plays, scrubs, and fits a telephone."""

import re
import shutil

import numpy as np
import pytest

from agents.report.__main__ import write_report
from agents.report.artwork import sheet_data
from agents.report.episode_data import in_view
from agents.results.acting import StepTime, write_acting
from memory_envs.imaze import LOOKS as IMAZE_LOOKS
from memory_envs.registry.looks import LOOKS
from memory_envs.rendering.sprites import sprite
from tests.support import ROOT
from tests.support.chromium import browser, find_chromium
from tests.support.page_sums import attention_on, reach
from tests.support.small_benchmark import write_benchmark

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


def show(chromium, page):
    """Open the page and wait until charts and player are drawn, which the browser does a moment later."""
    chromium.open(page)
    chromium.wait_for("document.querySelector('.chart text') && document.querySelector('.step').textContent")


def step_of(chromium):
    return int(chromium.evaluate("document.querySelector('.step').textContent.match(/step (\\d+)/)[1]"))


def open_episode(chromium, number):
    chromium.evaluate(f"document.querySelectorAll('[aria-label=\"Episode\"] button')[{number}].click()")


def middle_of(chromium, selector, share):
    """A place in the page, `share` of the way along an element."""
    box = chromium.evaluate(
        f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}});"
        " const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()"
    )
    return box[0] + share * box[2], box[1] + box[3] / 2


@pytest.fixture
def opened(chromium, small_report):
    chromium.screen(1280, 900)
    show(chromium, small_report.page)
    return chromium


def test_nothing_is_complained_of_and_nothing_asked_for(opened, small_report):
    assert opened.complaints() == []
    addresses = {url for url in opened.requests() if not url.startswith("data:")}
    assert addresses == {small_report.page.resolve().as_uri()}


def test_episode_plays_to_its_end(opened, small_report):
    lengths = [len(episode.actions) for episode in small_report.episodes]
    steps = min(lengths)
    open_episode(opened, lengths.index(steps))
    opened.evaluate("document.querySelector('[aria-label=\"Speed\"] button:last-child').click()")
    label = opened.evaluate(
        "(() => { const button = document.querySelector('[aria-label=Play]');"
        " button.click(); return button.getAttribute('aria-label'); })()"
    )
    assert label == "Pause"
    opened.wait_for(f"document.querySelector('.step').textContent.startsWith('step {steps} of {steps}')")
    opened.wait_for("document.querySelector('[aria-label=Play]')")
    assert opened.complaints() == []


def test_keys_go_step_by_step_and_space_plays_and_stops(opened):
    for key, expected in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        opened.press(key)
        assert step_of(opened) == expected
    opened.press(" ")
    opened.wait_for("Number(document.querySelector('.player input').value) > 1")
    opened.press(" ")
    stopped = step_of(opened)
    assert opened.evaluate("document.querySelector('[aria-label=Play]') !== null")
    opened.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    assert step_of(opened) == stopped


@pytest.mark.parametrize(
    "focus", ["[aria-label=Episode] button", ".player input", ".training input", ".transport button"]
)
def test_space_plays_whatever_has_the_focus(opened, focus):
    opened.evaluate(f"document.querySelector({focus!r}).focus()")
    opened.press(" ")
    opened.wait_for("Number(document.querySelector('.player input').value) > 1")
    opened.press(" ")
    assert opened.evaluate("document.querySelector('[aria-label=Play]') !== null")


def linked_to(address, small_report, folder):
    """The page as it is opened at an address."""
    linked = folder / "linked.html"
    text = small_report.page.read_text("utf-8")
    linked.write_text(text.replace("const { players", f'location.hash = "{address}"; const {{ players', 1))
    return linked


def test_an_address_leads_to_a_step_and_follows_it(chromium, small_report, tmp_path):
    chromium.screen(1280, 900)
    show(chromium, linked_to("episode=1&step=3", small_report, tmp_path))
    assert step_of(chromium) == 3
    pressed = "[...document.querySelectorAll('[aria-label=Episode] button')].map((e) => e.ariaPressed)"
    assert chromium.evaluate(pressed)[:2] == ["false", "true"]
    chromium.press("ArrowRight")
    assert chromium.evaluate("location.hash") == "#agent=0&episode=1&step=4"


def boards(chromium, what):
    return chromium.evaluate(f"[...document.querySelectorAll('.board')].map((e) => {what})")


def test_one_episode_of_each_kind_of_start_stands_beside_the_other_and_says_how_it_came_out(
    opened, small_report
):
    texts = boards(opened, "e.innerText")
    for text, episode in zip(texts, small_report.episodes, strict=True):
        outcome = "success" if episode.success else "failure"
        assert text.startswith("cue, goal") and f"{outcome}, {len(episode.actions)} steps" in text
    names = boards(opened, "e.querySelector('.kind canvas').ariaLabel")
    assert names == [
        episode.scenes[0].looks[episode.kind[0].icons[0].tile].name for episode in small_report.episodes
    ]
    assert set(names[:2]) == {"cue A", "cue B"}
    lefts = boards(opened, "e.getBoundingClientRect().left")
    assert lefts == sorted(set(lefts)) and len(set(boards(opened, "e.getBoundingClientRect().top"))) == 1
    rate = opened.evaluate("document.querySelector('.rate').innerText")
    evaluation = small_report.run.evaluation["sampled"]
    assert rate.startswith(f"{100 * evaluation['success']['mean']:g} % of 4 episodes succeeded")


def test_all_rooms_play_together_and_those_that_are_over_wait(opened, small_report):
    step = min(len(episode.actions) for episode in small_report.episodes) + 2
    longest = max(range(3), key=lambda k: len(small_report.episodes[k].actions))
    open_episode(opened, longest)
    for _ in range(step):
        opened.press("ArrowRight")
    told = boards(opened, "e.querySelector(':scope > canvas').ariaLabel")
    for text, episode in zip(told, small_report.episodes, strict=True):
        scene = episode.scenes[min(step, len(episode.actions))]
        assert f"row {scene.row}, column {scene.column}," in text
    moods = boards(opened, "e.className.split(' ').at(-1)")
    over = [len(episode.actions) <= step for episode in small_report.episodes]
    expected = [
        ("good" if e.success else "bad") if ended else ""
        for e, ended in zip(small_report.episodes, over, strict=True)
    ]
    assert moods == expected and any(over) and not all(over)


def outcomes(stop):
    return [
        f"{'success' if each['success'] else 'failure'}, {len(each['actions'])} steps"
        for each in stop["episodes"]
    ]


def shown_outcomes(chromium):
    return boards(chromium, "e.querySelector('.outcome').textContent")


def shares(chromium):
    """What the bars of the first network show, in percent."""
    bars = "document.querySelector('.mind').querySelectorAll('.bar i')"
    return chromium.evaluate(f"[...{bars}].map((e) => parseFloat(e.style.width))")


def policy_at_start(stop):
    return [100 * each for each in stop["episodes"][0]["traces"]["actor"]["probabilities"][0]]


def test_a_slider_over_the_training_swaps_the_replay_and_moves_along_the_curve(opened, small_report):
    [player] = small_report.data["players"]
    stops = player["stops"]
    assert shown_outcomes(opened) == outcomes(stops[-1])
    marker = "parseFloat(document.querySelector('.training .marker').style.left)"
    assert opened.evaluate(marker) == pytest.approx(100)
    opened.evaluate("document.querySelector('.training input').focus()")
    for stop in stops[-2::-1]:
        opened.press("ArrowLeft")
        assert shown_outcomes(opened) == outcomes(stop)
        assert opened.evaluate(marker) == pytest.approx(100 * stop["frames"] / 640)
        told = opened.evaluate("document.querySelector('.training [role=status]').innerText")
        known = (
            "" if stop["value"] is None else f": success {stop['value']:g} over the latest training episodes"
        )
        assert told.endswith(f"after {stop['frames']} frames{known}.")
        minds = opened.evaluate("[...document.querySelectorAll('.mind h4')].map((e) => e.textContent)")
        assert minds == ["actor"]  # the learner is not kept, nor the units of values
        assert shares(opened) == pytest.approx(policy_at_start(stop), abs=1e-3)
    assert "untrained" in told
    assert len({tuple(policy_at_start(stop)) for stop in stops}) == len(stops)
    assert opened.complaints() == []


def test_the_curve_has_the_colour_of_its_agent(opened):
    stroke = opened.evaluate("getComputedStyle(document.querySelector('.plot polyline')).stroke")
    assert "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", stroke)) == LOOKS["ald"].colour


def test_a_mouse_goes_along_the_curve_and_the_episode_stays_where_it_was(opened, small_report):
    stops = small_report.data["players"][0]["stops"]
    open_episode(opened, 1)
    for _ in range(3):
        opened.press("ArrowRight")
    opened.drag(middle_of(opened, ".plot", 0.9), middle_of(opened, ".plot", 0.45))
    assert shown_outcomes(opened) == outcomes(stops[1])
    assert step_of(opened) == 3 and boards(opened, "e.ariaPressed") == ["false", "true", "false"]
    assert opened.evaluate("location.hash") == "#agent=0&training=1&episode=1&step=3"


def test_an_address_leads_to_a_snapshot(chromium, small_report, tmp_path):
    show(chromium, linked_to("training=0&episode=1&step=2", small_report, tmp_path))
    assert shown_outcomes(chromium) == outcomes(small_report.data["players"][0]["stops"][0])
    assert step_of(chromium) == 2


def test_a_run_without_snapshots_has_no_such_slider(chromium, small_report, tmp_path):
    copied = tmp_path / "run"
    shutil.copytree(small_report.runs / "seed0", copied)
    shutil.rmtree(copied / "snapshots")
    show(chromium, write_report(copied, episodes=1))
    assert chromium.evaluate("document.querySelector('.training')") is None


@pytest.mark.parametrize("width", [1280, 1100, 768, 390])
def test_nothing_is_cut_off(chromium, small_report, width):
    """No element ends beyond the window or its frame, but in a table, which scrolls on a small screen."""
    chromium.screen(width, 900, touch=width < 500)
    show(chromium, small_report.page)
    chromium.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    beyond = chromium.evaluate(
        "[...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll') && e.checkVisibility()"
        " && (e.getBoundingClientRect().right > innerWidth + 0.5 || e.getBoundingClientRect().left < -0.5"
        " || (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible')))"
        ".map((e) => e.outerHTML.slice(0, 120))"
    )
    assert beyond == []
    if width >= 1100:
        wide = "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth)"
        assert chromium.evaluate(f"{wide}.map((e) => e.ariaLabel)") == []
    assert chromium.evaluate("document.documentElement.scrollWidth") == width


def test_episodes_come_before_curves_and_three_sentences_before_both(opened):
    heads = opened.evaluate("[...document.querySelectorAll('h2')].map((e) => e.textContent)")
    assert heads.index("Episodes") < heads.index("Learning curves") < heads.index("Numbers")
    subjects = opened.evaluate("[...document.querySelectorAll('.about dt')].map((e) => e.textContent)")
    assert subjects == ["Task", "Actor", "Learner"]
    assert opened.evaluate(
        "document.querySelector('.about').getBoundingClientRect().bottom"
    ) < opened.evaluate("document.querySelector('#episodes').getBoundingClientRect().top")


def test_controls_stay_in_sight_on_a_telephone(chromium, small_report):
    chromium.screen(390, 844, touch=True)
    show(chromium, small_report.page)
    place = "document.querySelector('.transport').getBoundingClientRect()"
    for part in (".stage", ".timeline"):
        chromium.evaluate(f"document.querySelector('{part}').scrollIntoView()")
        assert chromium.evaluate(f"{place}.top >= 0 && {place}.bottom <= innerHeight + 1"), part


def test_mouse_scrubs_along_every_track(opened, small_report):
    moments = len(small_report.episodes[0].actions) + 1
    start, end = (
        middle_of(opened, ".track canvas", (moment + 0.5) / moments) for moment in (1, moments // 2)
    )
    opened.drag(start, end)
    assert step_of(opened) == moments // 2


def test_finger_scrubs(chromium, small_report):
    chromium.screen(390, 844, touch=True)
    show(chromium, small_report.page)
    moments = len(small_report.episodes[0].actions) + 1
    start, end = (
        middle_of(chromium, ".track canvas", (moment + 0.5) / moments) for moment in (1, moments - 2)
    )
    chromium.swipe(start, end)
    assert step_of(chromium) == moments - 2


def test_what_is_told_of_a_step_is_what_was_recorded(opened, small_report):
    trace = small_report.episodes[0].traces
    for _ in range(3):
        opened.press("ArrowRight")
    told = opened.evaluate("[...document.querySelectorAll('.mind')].map((mind) => mind.innerText)")
    for role, text in zip(("actor", "learner"), told, strict=True):
        assert text.startswith(role) and f"value {trace[role].value[3]:.2f}" in text.replace("\n", " ")
        numbers = [int(number) for number in re.findall(r"(\d+) %", text)]
        likeliest = [each[3].max() for each in trace[role].memory]
        expected = [*trace[role].probabilities[3], *likeliest]
        np.testing.assert_allclose(numbers, 100 * np.array(expected), atol=0.51)
        for target, believed in zip(small_report.episodes[0].targets, trace[role].memory, strict=True):
            value, truth = believed[3].argmax(), target.truth[3]
            fact = "no more" if truth is None else target.meanings[truth].name
            likely = f"{target.title}: {target.meanings[value].name}, {100 * believed[3].max():.0f} %"
            assert f"{likely}; in truth {fact}" in text


def met_tiles(episode):
    """What the agent saw before the end."""
    scenes = episode.scenes[:-1]
    return [tile for tile in scenes[0].things if in_view(scenes, tile).any()]


def test_attention_and_sightings_in_the_page_are_those_of_python(opened, small_report):
    """The page's own sums, of the mean of all heads and of each, against `attention_on`."""
    number, met = next(each for each in enumerate(map(met_tiles, small_report.episodes)) if each[1])
    episode, last = small_report.episodes[number], len(small_report.episodes[number].actions) - 1
    scenes, attention = episode.scenes, episode.traces["learner"].attention
    open_episode(opened, number)
    opened.press("End")
    opened.press("ArrowLeft")
    assert step_of(opened) == last
    shares = {tile: attention_on(attention, in_view(scenes[:-1], tile))[last] for tile in met}
    reached = [100 * reach(attention, in_view(scenes[:-1], tile))[last] for tile in met]
    told = opened.evaluate("document.querySelector('.lookback').textContent")
    np.testing.assert_allclose(
        [int(each) for each in re.findall(r"through the layers: (\d+) %", told)], reached, atol=0.52
    )
    for button in range(5):
        opened.evaluate(
            f"document.querySelectorAll('[aria-label=\"Attention head\"] button')[{button}].click()"
        )
        told = opened.evaluate(
            "[...document.querySelectorAll('.lookback b')].map((each) => parseInt(each.textContent))"
        )
        of_head = [share.mean() if button == 0 else share.flat[button - 1] for share in shares.values()]
        np.testing.assert_allclose(told, 100 * np.array(of_head), atol=0.52)


def test_room_on_the_canvas_has_the_colours_of_the_frame(opened, small_report):
    """The pixel in the middle of the cue and of a wall, as the sprites have it."""
    opened.wait_for("document.querySelector('.board > canvas').width > 100")
    scene = small_report.episodes[0].scenes[0]
    middle = opened.evaluate(
        "(() => { const c = document.querySelector('.board > canvas'), n = 5, s = c.width / n;"
        " const d = c.getContext('2d'); return [...Array(n * n).keys()].map((k) => [...d.getImageData("
        "Math.floor((k % n + 0.5) * s), Math.floor((Math.floor(k / n) + 0.5) * s), 1, 1).data]); })()"
    )
    cell = sheet_data(IMAZE_LOOKS)["cell"]
    walked = {(each.row, each.column) for each in small_report.episodes[0].scenes}  # there is a line
    for place, pixel in enumerate(middle):
        row, column = divmod(place, 5)
        if (row, column) in walked:
            continue
        lit = bool(scene.visible[row, column])
        expected = sprite(scene.looks[scene.tiles[row, column]], cell, lit)[cell // 2, cell // 2]
        np.testing.assert_allclose(pixel[:3], expected, atol=6)


def test_curves_are_figures_whose_letters_can_be_selected(opened):
    labels = opened.evaluate(
        "[...document.querySelectorAll('.chart svg')].map((e) => e.getAttribute('aria-label'))"
    )
    assert labels == [
        f"{metric} while training over {axis}"
        for metric in ("success", "return")
        for axis in ("million frames", "minutes of training")
    ]
    chosen = opened.evaluate(
        "(() => { const text = [...document.querySelectorAll('.chart text')].at(-1);"
        " getSelection().selectAllChildren(text); return getSelection().toString(); })()"
    )
    assert chosen == "return while training over minutes of training"
    names = opened.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(names) == len(set(names)) > 100


def test_values_of_curves_can_be_unfolded(opened):
    opened.evaluate("document.querySelector('summary').click()")
    table = "document.querySelector('[aria-label=\"Values: success\"]')"
    assert opened.evaluate(f"{table}.offsetHeight") > 0
    assert opened.evaluate(f"{table}.querySelector('tbody th').textContent") == "ALD, told, hindsight"


@pytest.mark.parametrize("dark", [False, True])
def test_curves_are_drawn_in_the_ink_of_the_page(chromium, small_report, dark):
    chromium.screen(1280, 900, dark=dark)
    show(chromium, small_report.page)
    ink, page = (
        chromium.evaluate(f"getComputedStyle(document.querySelector('{where}')).{what}")
        for where, what in ((".chart text", "fill"), ("body", "color"))
    )
    assert ink == page


@pytest.mark.parametrize("dark", [False, True])
def test_telephone_shows_all_of_its_width_and_no_more(chromium, small_report, dark):
    chromium.screen(390, 844, dark=dark, touch=True)
    show(chromium, small_report.page)
    chromium.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert chromium.evaluate("document.documentElement.scrollWidth") == 390
    background = chromium.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) < 3 * 60) == dark
    smallest = chromium.evaluate(
        "Math.min(...[...document.querySelectorAll('.chart text')]"
        ".map((text) => text.getBoundingClientRect().height))"
    )
    assert smallest >= 11
    assert chromium.complaints() == []


def test_controls_have_names(opened):
    nameless = opened.evaluate(
        "[...document.querySelectorAll('button, input, canvas, svg[role=img], .scroll')]"
        ".filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim())).map((e) => e.outerHTML)"
    )
    assert nameless == []


def test_other_episodes_can_be_opened(opened, small_report):
    for number, episode in enumerate(small_report.episodes):
        open_episode(opened, number)
        text = opened.evaluate("document.querySelector('.step').textContent")
        assert text == f"step 0 of {len(episode.actions)}"
    assert opened.complaints() == []


@pytest.fixture(scope="module")
def benchmark_page(tmp_path_factory):
    folder = write_benchmark(tmp_path_factory.mktemp("benchmark"))
    write_acting(folder, {"imaze/ald": {1: StepTime(120.0, 1.0), 64: StepTime(250.0, 1.0)}})
    return write_report(folder, episodes=0)


def choose(chromium, label, number):
    chromium.evaluate(f"document.querySelectorAll('[aria-label=\"{label}\"] button')[{number}].click()")


def test_benchmark_shows_scores_probabilities_and_costs(chromium, benchmark_page):
    chromium.screen(1280, 900)
    chromium.open(benchmark_page)
    chromium.wait_for("document.querySelector('.chart text')")
    rows = "[...document.querySelectorAll('[aria-label=\"Table of comparisons\"] tr')]"
    head, ours, other = chromium.evaluate(f"{rows}.map((row) => [...row.cells].map((c) => c.innerText))")
    assert head[1:4] == ["normalised score", "the same, greedy", "P(better): score"]
    assert head[-2:] == ["µs a step, batch 1", "µs a step, batch 64"]
    assert ours[0] == "ALD" and ours[3] == "—" and ours[-3:] == ["4.0", "120", "250"]
    assert other[3].startswith("1.000") and other[-1] == "—"


def test_the_papers_points_do_not_squeeze_ours_unless_asked_for(chromium, benchmark_page):
    """Ours end after a twentieth of a million frames, the paper's after five millions."""
    chromium.screen(1280, 900)
    chromium.open(benchmark_page)
    chromium.wait_for("document.querySelector('.chart text')")
    ends = (
        "[...document.querySelectorAll('.chart svg')].filter((e) => e.checkVisibility()"
        " && e.ariaLabel.startsWith('success while training over million'))"
        ".map((e) => Math.max(...[...e.querySelectorAll('text')].map((t) => Number(t.textContent) || 0)))"
    )
    closed = chromium.evaluate(ends)
    names = "document.querySelector('.names').innerText"
    assert len(closed) == 2 and max(closed) <= 1 and "paper" not in chromium.evaluate(names)
    chromium.evaluate("document.querySelector('details.paper > summary').click()")
    opened = chromium.evaluate(ends)
    assert max(opened) >= 4 and len(opened) == 3
    assert "paper: ALD" in chromium.evaluate("document.querySelector('details.paper').innerText")


def test_values_of_runs_that_ended_early_are_told_and_reached_by_keyboard(chromium, benchmark_page):
    chromium.screen(1280, 900)
    chromium.open(benchmark_page)
    table = "document.querySelector('[aria-label=\"Values: success\"]')"
    chromium.evaluate(f"{table}.closest('details').querySelector('summary').focus()")
    assert not chromium.evaluate(f"{table}.checkVisibility()")
    chromium.press(" ")
    assert chromium.evaluate(f"{table}.checkVisibility()") and chromium.evaluate(f"{table}.tabIndex") == 0
    cells = chromium.evaluate(
        f"[...{table}.querySelectorAll('tbody tr')].map((r) => r.cells[r.cells.length - 1].innerText)"
    )
    assert len(cells) == 2 and all(" after " in f" {cell}" for cell in cells)


def test_every_task_and_every_seed_is_on_the_page(chromium, benchmark_page):
    chromium.screen(1280, 900)
    chromium.open(benchmark_page)
    tasks = chromium.evaluate("[...document.querySelectorAll('h2.task')].map((each) => each.innerText)")
    assert tasks == ["IMaze-v0", "MetaFetch-v0"]
    facts = "[...document.querySelectorAll('.facts')].map((each) => each.innerText)"
    maze, fetch = chromium.evaluate(facts)
    assert maze.splitlines()[:4] == ["99%", "ALD", "65.7%", "LSTM"] and "50%\nno memory (proved)" in maze
    labels = chromium.evaluate("[...document.querySelectorAll('.facts')].map((each) => each.ariaLabel)")
    assert labels[0].startswith("Success of the final models on IMaze")
    assert labels[1].startswith("Return of")  # success says little there
    assert "ALD" in fetch
    assert "normalised return" in chromium.evaluate("document.querySelector('main').innerText")
    rows = "[...document.querySelectorAll('[aria-label=\"Every seed\"] tbody tr')]"
    seeds = f"{rows}.filter((row) => row.checkVisibility()).length"
    assert chromium.evaluate(seeds) == 0
    chromium.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert chromium.evaluate(seeds) == 15
    names = "[...document.querySelectorAll('[aria-label=Experiment] button')].map((e) => e.textContent)"
    assert "MetaFetch-v0: ALD" in chromium.evaluate(names)
    assert "No episodes: no episodes were asked for." in chromium.evaluate(
        "document.querySelector('#episodes').innerText"
    )
    assert chromium.complaints() == []


def test_the_report_of_the_site_shows_an_agent_that_fails_with_one_cue(chromium):
    """The seed of ALD of which 51.8 % of 1,000 episodes succeeded."""
    page = ROOT / "docs/results/imaze/report.html"
    assert page.stat().st_size < 2e6
    chromium.screen(1280, 900)
    show(chromium, page)
    names = chromium.evaluate(
        "[...document.querySelectorAll('[aria-label=Experiment] button')].map((e) => e.innerText)"
    )
    choose(chromium, "Experiment", next(k for k, name in enumerate(names) if "51.8" in name))
    assert chromium.evaluate("document.querySelector('.rate').innerText").startswith(
        "51.8 % of 1,000 episodes"
    )
    assert sorted(outcome.split(",")[0] for outcome in shown_outcomes(chromium)) == ["failure", "success"]
    assert chromium.evaluate("document.querySelector('.training input').max") == "12"
    assert chromium.complaints() == []
