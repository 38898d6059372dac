"""The site's first page: its rules and its network are those of Python, and it plays in a real browser."""

import base64
import importlib
import io
import itertools
import json
import sys

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

from agents import pretrained
from agents.export import export_actor
from agents.export.onnx_actor import OnnxActor
from memory_envs.certificate import certify
from memory_envs.rules import imaze
from tests.support import ROOT
from tests.support.chromium import browser, find_chromium

FOLDER = ROOT / "docs" / "_static" / "first_page"
needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def generator():
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    yield importlib.import_module("first_page_data")
    sys.path.remove(str(ROOT / "docs" / "_ext"))


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
        f'<script src="{(FOLDER / name).as_uri()}"></script>' for name in ("data.js", "rules.js", "policies.js")
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
    fields = [int(state[name]) for name in imaze.State._fields]
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


@needs_chromium
def test_network_in_the_page_is_the_exported_actor(scripts, tmp_path):
    """Thousands of steps along observations of several mazes, memory handed on, and reset in between."""
    export_actor(pretrained.load("imaze/ald"), tmp_path / "actor.onnx")
    actor = OnnxActor(tmp_path / "actor.onnx")
    worlds = [played(size, delay, "end", 3, seed=1, steps=1000) for size, delay in ((9, 0), (9, 20), (15, 0))]
    episodes = [[row[10:] for row in each["rows"]] for world in worlds for each in world["episodes"]]
    answers = scripts.evaluate(
        f"""(() => {{ const lstm = new Lstm(FIRST_PAGE.actor); return {json.dumps(episodes)}.map((episode) => {{
          lstm.reset();
          return episode.map((tiles) => {{ const action = lstm.act(tiles); return [action, ...lstm.logits]; }});
        }}); }})()"""
    )
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
    assert float(certify("MemoryEnvs/IMaze-v0").memoryless.success.upper) == 0.5
    for size in generator.SIZES:
        outcomes = ends(scripts, f"new Memoryless(FIRST_PAGE.memoryless, {size})", size)
        assert sorted((outcomes[:4], outcomes[4:])) == [[-1] * 4, [1] * 4]


@needs_chromium
def test_what_the_page_says_of_the_actor_is_so(scripts):
    lstm = "new Lstm(FIRST_PAGE.actor)"
    for size, delay in itertools.product((7, 9), (0, 1, 10, 50, 100)):
        assert ends(scripts, lstm, size, delay) == [1] * 8
    for size in range(11, 18, 2):  # it keeps cue B and loses cue A
        assert ends(scripts, lstm, size) == [0] * 4 + [1] * 4
    assert 1 not in ends(scripts, lstm, 21)
    assert ends(scripts, lstm, held="policy.held.set(20, -1);") == [1] * 4 + [-1] * 4
    assert ends(scripts, lstm, held="policy.held.set(20, 1);") == [-1] * 4 + [1] * 4
