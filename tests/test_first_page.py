"""The site's first page: its rules and its network are those of Python, and it plays in a real browser."""

import base64
import importlib
import io
import json
from statistics import median

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import memory_envs
from agents import pretrained
from agents.export import export_actor
from agents.export.onnx_actor import OnnxActor
from agents.results.acting import read_acting
from agents.results.records import read_records
from agents.results.runs import grouped
from agents.results.scores import first_reach
from agents.runs.curve import UNITS
from memory_envs.registry.envs import ENVS
from memory_envs.rules import imaze
from tests.support import ROOT
from tests.support.chromium import browser, find_chromium

INDEX = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
FOLDER = ROOT / "docs" / "_static" / "first_page"
needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def extensions():
    """The folder of docs/_ext among those that are imported from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs" / "_ext")
        yield importlib.import_module


@pytest.fixture(scope="module")
def generator(extensions):
    return extensions("first_page_data")


@pytest.fixture(scope="module")
def images(extensions):
    return extensions("first_page_images")


@pytest.fixture(scope="module")
def site(extensions):
    return extensions("first_page")


@pytest.fixture(scope="module")
def committed():
    text = (FOLDER / "data.js").read_text(encoding="utf-8")
    return json.loads(text[text.index("{") : text.rindex(";")])


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def scripts(chromium, tmp_path_factory):
    """A page that holds nothing but the rules, the policies and their data."""
    page = tmp_path_factory.mktemp("scripts") / "page.html"
    sources = "".join(
        f'<script src="{(FOLDER / name).as_uri()}"></script>'
        for name in ("data.js", "rules.js", "policies.js")
    )
    page.write_text(f"<!doctype html><meta charset=utf-8><link rel=icon href='data:,'><h1>-</h1>{sources}")
    chromium.open(page)
    return chromium


def test_what_is_committed_is_what_the_generator_makes(generator, committed):
    made = json.loads(json.dumps(generator.data()))
    theirs, ours = (Image.open(io.BytesIO(_bytes(each["sheet"].pop("uri")))) for each in (committed, made))
    assert made == committed
    # Versions of Pillow may choose other colours or pack them in another way: what is seen is the same.
    difference = np.asarray(theirs.convert("RGB"), int) - np.asarray(ours.convert("RGB"), int)
    assert np.abs(difference).mean() < 1


def _bytes(uri):
    return base64.b64decode(uri.partition(",")[2])


def played(size, delay, start, view_size, seed, steps):
    """Episodes of `gym.make` by random actions, mostly forwards: what happened, and what to ask the page."""
    settings = {"size": size, "delay": delay, "start": start, "view_size": view_size}
    env = gym.make("MemoryEnvs/IMaze-v0", observation="tiles", **settings).unwrapped
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    episodes = []
    while steps > 0:
        view, _ = env.reset()
        state = env.get_state()
        rows, actions, ended = [_row(state, view, env)], [], False
        while not ended:
            actions.append(int(rng.choice(3, p=(0.2, 0.2, 0.6))))
            view, reward, terminated, truncated, _ = env.step(actions[-1])
            rows.append(_row(env.get_state(), view, env))
            ended = terminated or truncated
            assert reward == rows[-1][8]  # nothing but the outcome is paid
        steps -= len(actions)
        episodes.append({"cue": state["cue"], "heading": state["heading"], "actions": actions, "rows": rows})
    config = {"size": size, "delay": delay, "start": start, "viewSize": view_size}
    return {"config": config, "episodes": episodes}


def _row(state, view, env):
    fields = [int(state[name]) for name in imaze.State._fields if name not in imaze.State._field_defaults]
    return [*fields, int(imaze.has_ended(env.config, imaze.State(*fields))), *view.tolist()]


REPLAYED = """((config, episodes) => episodes.map(({ cue, heading, actions }) => {
  const settings = IMaze.configure(config);
  let s = IMaze.firstState(settings, cue, heading);
  const row = () => [s.row, s.column, s.heading, s.cue, s.steps, s.seenAt, s.sight, s.hold, s.outcome,
    Number(IMaze.hasEnded(settings, s)), ...IMaze.observe(settings, s)];
  const rows = [row()];
  for (const action of actions) { s = IMaze.transition(settings, s, action); rows.push(row()); }
  return rows;
}))"""


@needs_chromium
@pytest.mark.parametrize(
    ("size", "delay", "start", "view_size"),
    [(9, 0, "end", 3), (7, 0, "end", 3), (9, 12, "end", 3), (15, 0, "center", 3), (11, 5, "center", 5),
     (21, 40, "end", 3), (5, 3, "end", 1), (13, 1, "end", 5)],
)  # fmt: skip
def test_rules_in_the_page_are_those_of_the_environment(scripts, size, delay, start, view_size):
    told = played(size, delay, start, view_size, seed=size + delay, steps=1500)
    asked = [{name: each[name] for name in ("cue", "heading", "actions")} for each in told["episodes"]]
    rows = scripts.evaluate(f"{REPLAYED}({json.dumps(told['config'])}, {json.dumps(asked)})")
    for theirs, episode in zip(rows, told["episodes"], strict=True):
        assert theirs == episode["rows"]
    sights = {row[6] for episode in told["episodes"] for row in episode["rows"]}
    assert sights >= {imaze.CUE_UNSEEN, imaze.CUE_IN_SIGHT, imaze.CUE_LEFT_BEHIND}


ANSWERED = """((episodes) => {
  const lstm = new Lstm(FIRST_PAGE.actor);
  return episodes.map((episode) => {
    lstm.reset();
    return episode.map((tiles) => [lstm.act(tiles), ...lstm.logits]);
  });
})"""


@needs_chromium
def test_network_in_the_page_is_the_exported_actor(scripts, tmp_path):
    """Thousands of steps along observations of several mazes, memory handed on, and reset in between."""
    export_actor(pretrained.load("imaze/ald"), tmp_path / "actor.onnx")
    actor = OnnxActor(tmp_path / "actor.onnx")
    worlds = [played(size, delay, "end", 3, seed=1, steps=1000) for size, delay in ((9, 0), (9, 20), (15, 0))]
    episodes = [[row[10:] for row in each["rows"]] for world in worlds for each in world["episodes"]]
    answers = scripts.evaluate(f"{ANSWERED}({json.dumps(episodes)})")
    assert sum(map(len, episodes)) > 3000
    for episode, told in zip(episodes, answers, strict=True):
        state = None
        for tiles, (action, *logits) in zip(episode, told, strict=True):
            seen = (np.asarray(tiles)[:, None] == np.arange(6)).astype(np.uint8).reshape(1, -1)
            step, state = actor.step(seen, state, np.array([state is None]))
            np.testing.assert_allclose(logits, step.logits[0], atol=1e-4)
            assert action == step.action[0] or np.ptp(np.sort(step.logits[0])[-2:]) < 1e-4


def ends(scripts, policy, size=9, delay=0, held=""):
    """Outcomes of the eight starts, of cue A and then of cue B."""
    return scripts.evaluate(
        f"""(() => {{ const config = IMaze.configure({{ size: {size}, delay: {delay} }});
          const policy = {policy}; {held}
          return [...Array(8).keys()].map((k) => playEpisode(config, policy, k >> 2, k & 3).outcome); }})()"""
    )


@needs_chromium
def test_policy_without_memory_in_the_page_is_a_best_one_at_every_size(scripts, generator):
    assert memory_envs.reference("MemoryEnvs/IMaze-v0").memoryless.success.upper == 0.5
    for size in generator.SIZES:
        outcomes = ends(scripts, f"new Memoryless(FIRST_PAGE.memoryless, {size})", size)
        assert sorted((outcomes[:4], outcomes[4:])) == [[-1] * 4, [1] * 4]


@needs_chromium
def test_what_the_page_says_of_the_actor_is_so(scripts):
    lstm = "new Lstm(FIRST_PAGE.actor)"
    for delay in (0, 1, 2, 3, 5, 10, 20, 50, 100):
        assert ends(scripts, lstm, 9, delay) == [1] * 8
    assert ends(scripts, lstm, 7) == [1] * 8
    assert ends(scripts, lstm, 7, 3).count(1) == 4
    assert ends(scripts, lstm, 11) == [0] * 4 + [1] * 4
    assert 1 not in ends(scripts, lstm, 21)
    assert ends(scripts, lstm, held="policy.held.set(20, -1);") == [1] * 4 + [-1] * 4
    assert ends(scripts, lstm, held="policy.held.set(20, 1);") == [-1] * 4 + [1] * 4


def test_what_the_page_says_of_minigrid_was_measured(images):
    found = json.loads(images.MEASURED.read_text(encoding="utf-8"))
    for size in (7, 9):
        row = found[f"MiniGrid-MemoryS{size}-v0"]
        assert row["deterministic"] == 0.5
        assert f"MemoryS{size} in **{100 * row['memoryless']:.1f} %**" in INDEX


@pytest.mark.filterwarnings("default")
def test_leaking_views_are_minigrids_own(images):
    """The state of the leak, put before MiniGrid again."""
    pytest.importorskip("minigrid")
    example = images.load_example()
    task = example.MiniGridMemory("MiniGrid-MemoryS7-v0")
    seen = {
        ("".join(map(str, images.kinds_in(task.picture(state)))), task.question(state))
        for first in task.start_counts
        for state in [first._replace(column=5, row=3, direction=2)]
    }
    leaks = json.loads(images.MEASURED.read_text(encoding="utf-8"))["MiniGrid-MemoryS7-v0"]["leaks"]
    assert len(leaks) == 4
    assert {("".join(each["kinds"]), each["question"]) for each in leaks} == seen


def test_views_beside_each_other_are_painted_from_the_rules(images):
    first, second = (images.stem_view(cue) for cue in range(2))
    assert np.array_equal(first, second)  # this is what the page says
    for name in ("a", "b"):
        with Image.open(images.IMAGES / f"view-imaze-{name}.png") as stored:
            assert np.abs(np.asarray(stored.convert("RGB"), int) - first).mean() < 1
    drawn = images.leaking_views()
    assert set(drawn) == {"ball", "key"}
    for question, text in drawn.items():
        assert (images.IMAGES / f"view-minigrid-{question}.svg").read_text(encoding="utf-8") == text


def test_the_gallery_shows_what_it_says(images, one_thread):
    """Frames of the animation of the shipped actor, up to the colours that a GIF has."""
    assert {each.env_id for each in images.GALLERY} <= {row.id for row in ENVS}
    frames = list(images.frames(images.GALLERY[0]))
    with Image.open(images.IMAGES / "imaze.gif") as stored:
        assert stored.n_frames == len(frames)
        for number in (0, len(frames) // 2, len(frames) - 1):
            stored.seek(number)
            painted = Image.fromarray(frames[number]).resize(stored.size, Image.Resampling.BOX)
            difference = np.asarray(stored.convert("RGB"), int) - np.asarray(painted, int)
            assert np.abs(difference).mean() < 4


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("git@example.org:some/repository.git", "https://example.org/some/repository"),
        ("https://user:word@example.org/some/repository.git", "https://example.org/some/repository"),
        ("ssh://git@example.org/some/repository", "https://example.org/some/repository"),
        ("/srv/git/repository.git", ""),
        ("../elsewhere", ""),
        ("", ""),
    ],
)
def test_the_repository_is_linked_without_anybodys_name(site, remote, expected):
    assert site.web_page(remote) == expected
    assert site.repository_address({"READTHEDOCS_GIT_CLONE_URL": remote or "x"}) == expected
    github = {"GITHUB_SERVER_URL": "https://example.org", "GITHUB_REPOSITORY": "some/repository"}
    assert site.repository_address(github) == "https://example.org/some/repository"


def test_what_shows_a_link_gets_a_picture_where_the_site_has_an_address(site):
    assert site.site_address({"READTHEDOCS_CANONICAL_URL": "https://example.org/en/latest"}).endswith(
        "latest/"
    )
    assert "og:image" not in site.head("index", "memory-envs", "words", "")
    head = site.head("index", "a <b>", 'say "so"', "https://example.org/")
    assert '<meta property="og:image" content="https://example.org/_static/first_page/card.png">' in head
    assert 'content="a &lt;b&gt;"' in head and "say &quot;so&quot;" in head


def rows(path, names):
    """Cells of the rows of tables, by the name in their first cell."""
    lines = [
        line.strip("| ").split("|") for line in path.read_text(encoding="utf-8").splitlines() if "|" in line
    ]
    return {
        cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines if cells[0].strip() in names
    }


def test_tables_of_first_page_and_readme_have_the_numbers_of_the_benchmark():
    results = ROOT / "docs" / "results" / "imaze"
    times = read_acting(results)
    groups = {group.name: group.runs for group in grouped(tuple(read_records(results)))}
    index = rows(ROOT / "docs" / "index.md", {"ALD", "GTrXL"})
    readme = rows(ROOT / "README.md", {"ALD", "the transformer (GTrXL) acting for itself"})
    for name, ours, theirs in zip(
        ("imaze/ald", "imaze/vmpo-gtrxl"), index.values(), readme.values(), strict=True
    ):
        runs = [run.timed_by("cpu") for run in groups[name]]
        frames, minutes = (median(first_reach(run, 0.99, unit) for run in runs) for unit in UNITS)
        seconds = round(60 * minutes)
        milliseconds = times[name][1].microseconds / 1000
        assert ours == ["5 of 5", f"{frames:.2f} M", f"{seconds} s"]
        clock = f"{seconds // 60}:{seconds % 60:02d}"
        assert theirs == ["5 of 5", f"{frames:.2f} M", clock, f"{milliseconds:.2f} ms"]
    for name, end in (
        ("Asymmetric AC", "asymmetric"),
        ("LSTM", "vmpo-lstm"),
        ("RecurrentPPO", "recurrent-ppo"),
    ):
        reached = sum(first_reach(run, 0.95, "frames") is not None for run in groups[f"imaze/{end}"])
        assert f"| {name} | {reached} of 5 |" in INDEX
