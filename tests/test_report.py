"""The report: what it says of runs, that its data is what was recorded, and that it plays in a browser."""

import base64
import io
import json
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from agents import training
from agents.baselines import VMPO
from agents.curves import PAPER
from agents.evaluation import acting
from agents.report.__main__ import main
from agents.report.artwork import COLUMNS, sheet, sheet_data
from agents.report.content import content
from agents.report.episodes import _Found, find_examples
from agents.report.learning import bootstrap_interval, curves, interquartile_mean
from agents.report.milestones import milestone_rows, settings_table
from agents.report.packing import QUANTA, pack, unpack
from agents.report.page import embedded, page
from agents.report.recording import attention_on, episode_data, in_view
from agents.report.runs import find_runs, grouped
from agents.report.tracing import Tracer, tracers
from agents.run_directory import RunDirectory
from memory_envs.scene import IMAZE_LOOKS
from memory_envs.sprites import agent_over, sprite
from tests.chromium import browser, find_chromium
from tests.tiny import maze_model

ENV = "MemoryEnvs/IMaze-v0"
SMALL_MAZE = {"size": 5, "view_size": 1, "max_episode_steps": 25}
SMALL = [
    *("--env", ENV, "--env-kwargs", json.dumps(SMALL_MAZE), "--num-envs", "4", "--unroll-length", "8"),
    *("--learner-layers", "2", "--learner-width", "16", "--learner-heads", "2", "--learner-mlp-width", "16"),
    *("--learner-memory", "8", "--replay-size", "3", "--num-threads", "1", "--evaluation-episodes", "4"),
    *("--log-every", "2", "--device", "cpu", "--total-timesteps", "640"),
]
MEMORY = 8


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with one run of ALD, made whole, and two more seeds of it, made of its files."""
    folder = tmp_path_factory.mktemp("report") / "runs"
    assert training.main("agents.ald.train", [*SMALL, "--run-dir", str(folder / "seed0")]) == 0
    for seed in (1, 2):
        copy_run(folder / "seed0", folder / f"seed{seed}", seed)
    return folder


def copy_run(source, target, seed, **config):
    """The log and the evaluation of a run under another seed, its success moved a little."""
    target.mkdir()
    settings = json.loads((source / "config.json").read_text())
    settings["run"]["seed"] = seed
    settings["config"].update(config)
    (target / "config.json").write_text(json.dumps(settings))
    (target / "evaluation.json").write_text((source / "evaluation.json").read_text())
    head, *rows = (source / "progress.csv").read_text().splitlines()
    place = head.split(",").index("rollout/success_rate")
    moved = []
    for row in rows:
        cells = row.split(",")
        cells[place] = str(float(cells[place] or 0) + 0.1 * seed)
        moved.append(",".join(cells))
    (target / "progress.csv").write_text("\n".join([head, *moved]) + "\n")


@pytest.fixture(scope="module")
def report(runs):
    """The page of the folder."""
    file = runs.parent / "report.html"
    assert main([str(runs), "--out", str(file), "--episodes", "3"]) == 0
    return file


def data_of(file):
    """What is embedded in a page."""
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', file.read_text("utf-8"), re.S
    )
    return json.loads(found.group(1))


@pytest.fixture(scope="module")
def examples(runs):
    [run] = [run for run in find_runs(runs) if run.seed == 0]
    return find_examples(load(run), run.env_id, run.env_kwargs, 3)


def load(run):
    from agents.ald import ALD

    return ALD.load(run.directory.model, device="cpu")


# What is recorded.


def test_every_step_looks_back_with_all_of_its_attention_and_never_before_the_episode(examples):
    for episode in examples.shown:
        attention = episode.traces["learner"].attention
        steps = len(episode.actions)
        assert attention.shape == (steps, 2, 2, MEMORY + 1)
        np.testing.assert_allclose(attention.sum(axis=-1), 1.0, atol=1e-5)
        too_far = np.arange(MEMORY + 1) > np.arange(steps)[:, None]
        assert too_far.any() and (attention.transpose(0, 3, 1, 2)[too_far] == 0).all()


def test_attention_that_is_shown_is_the_one_that_is_used():
    """Values mixed by the weights that are told are what the layer gives out."""
    network = maze_model(learner_layers=1).learner.network
    attention = network.core.layers[0].attention
    torch.manual_seed(0)
    queries, context = torch.randn(3, 5, 8), torch.randn(3, 13, 8)
    mask = torch.zeros(3, 1, 5, 13).masked_fill(torch.ones(5, 13).triu(9).bool(), -torch.inf)
    weights = attention.weights(queries, context, mask)
    values = attention._split(attention.key_value(context).chunk(2, dim=-1)[1])
    mixed = (weights @ values).transpose(1, 2).reshape(3, 5, 8)
    torch.testing.assert_close(attention.output(mixed), attention(queries, context, mask))


def test_traced_networks_say_what_the_model_says(examples, runs):
    """SB3's `predict` and `evaluate_actions` along the same episode, against the trace of the actor."""
    model = load(next(run for run in find_runs(runs) if run.seed == 0))
    episode = examples.shown[0]
    env = replayed(episode)
    tracer, state, start = tracers(model)["actor"], None, np.ones(1, dtype=bool)
    for step, action in enumerate(episode.actions):
        observation = env.observe()
        likeliest, state = model.predict(observation, state, start, deterministic=True)
        start[:] = False
        assert int(likeliest) == episode.traces["actor"].probabilities[step].argmax()
        np.testing.assert_allclose(state[0].reshape(-1), episode.traces["actor"].hidden[step], atol=1e-6)
        probabilities = torch.softmax(tracer.step(observation), dim=-1)
        np.testing.assert_allclose(probabilities, episode.traces["actor"].probabilities[step], atol=1e-6)
        env.step(action)


def replayed(episode):
    """The environment at the beginning of a recorded episode."""
    from agents.make_env import make_single

    env = make_single(ENV, SMALL_MAZE).unwrapped
    env.reset(options={"stream": episode.stream, "episode": episode.number})
    return env


def test_learner_runs_along_as_over_a_whole_window(examples, runs):
    """Step by step it says of the last step what it says of it when it sees the episode at once."""
    learner = load(next(run for run in find_runs(runs) if run.seed == 0)).learner
    episode = max(examples.shown, key=lambda each: len(each.actions))
    env, seen = replayed(episode), []
    for action in episode.actions:
        seen.append(torch.as_tensor(env.observe()))
        env.step(action)
    is_first = torch.arange(len(seen)).unsqueeze(1) == 0
    with torch.no_grad():
        outputs, _ = learner.network(
            torch.stack(seen).unsqueeze(1), learner.network.initial_state(1), is_first
        )
    value = learner.popart.denormalize(outputs.value).squeeze(1)
    np.testing.assert_allclose(value, episode.traces["learner"].value, atol=1e-4)


def test_scenes_and_rewards_are_those_of_the_environment(examples):
    for episode in examples.shown:
        env, rewards = replayed(episode), []
        for action, scene in zip(episode.actions, episode.scenes, strict=False):
            np.testing.assert_array_equal(env.scene().view, scene.view)
            np.testing.assert_array_equal(env.scene().tiles, scene.tiles)
            rewards.append(env.step(action)[1])
        assert tuple(rewards) == episode.rewards
        assert env.scene().facts == episode.scenes[-1].facts


def test_same_seed_plays_the_same_episodes_whatever_else_is_drawn(examples, runs):
    run = next(run for run in find_runs(runs) if run.seed == 0)
    with acting(5):
        again = find_examples(load(run), run.env_id, run.env_kwargs, 3)
    assert [each.actions for each in again.shown] == [each.actions for each in examples.shown]
    other = find_examples(load(run), run.env_id, run.env_kwargs, 3, seed=1)
    assert [each.actions for each in other.shown] != [each.actions for each in examples.shown]


@pytest.mark.parametrize(
    ("outcomes", "wanted", "shown"),
    [
        ([True, True, False, False], 4, [True, True, False, False]),
        ([False, True, True], 3, [True, True, False]),
        ([True] * 6, 4, [True] * 4),  # looked for failures, in vain
        ([False] * 6, 4, [False] * 4),
        ([False, False, False, True], 4, [True, False, False, False]),
        ([None, None], 2, [None, None]),
    ],
)
def test_failures_are_shown_where_there_are_any(examples, outcomes, wanted, shown):
    found = _Found(failures=wanted // 2, others=wanted - wanted // 2)
    for outcome in outcomes:
        found.add(replace(examples.shown[0], success=outcome))
    chosen = found.examples()
    assert [episode.success for episode in chosen.shown] == shown
    assert chosen.played == len(outcomes)
    assert chosen.succeeded == (None if None in outcomes else sum(outcomes))


@pytest.mark.parametrize("policy", ["LstmPolicy", "GTrXLPolicy", "AsymmetricPolicy"])
def test_agents_that_act_for_themselves_are_traced_under_one_name(policy):
    sizes = {"learner_layers": 1, "learner_width": 8, "learner_heads": 2, "learner_memory": 8}
    model = VMPO(policy, "MemoryEnvs/IMaze-v0", seed=0, device="cpu", lstm_hidden_size=8, **sizes)
    [(role, tracer)] = tracers(model).items()
    for _ in range(3):
        tracer.step(model.env.reset()[0])
    trace = tracer.trace()
    assert role == "agent" and trace.probabilities.shape == (3, 3) and trace.value.shape == (3,)
    assert (trace.hidden is not None) == (policy != "GTrXLPolicy")
    assert (trace.attention is not None) == (policy != "LstmPolicy")


def test_watching_leaves_no_hook_behind():
    network = maze_model().learner.network
    Tracer(network).step(np.zeros(54, dtype=np.uint8))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


# What the page is given.


def test_embedded_episode_equals_the_recorded_one(examples, report):
    [task] = data_of(report)["tasks"]
    [player] = task["players"]
    assert (player["played"], player["succeeded"]) == (examples.played, examples.succeeded)
    assert len(player["episodes"]) == len(examples.shown) == 3
    for embedded_one, recorded in zip(player["episodes"], examples.shown, strict=True):
        assert embedded_one == json.loads(json.dumps(episode_data(recorded)))
        assert embedded_one["actions"] == list(recorded.actions)
        tiles = np.stack([scene.tiles for scene in recorded.scenes])
        np.testing.assert_array_equal(unpack(embedded_one["room"]), tiles)
        for role, trace in recorded.traces.items():
            values = embedded_one["traces"][role]
            np.testing.assert_allclose(values["probabilities"], trace.probabilities, atol=5.1e-5)
            np.testing.assert_allclose(values["value"], trace.value, atol=5.1e-5)


def test_embedded_attention_is_the_recorded_one_and_masked_steps_are_zero(examples, report):
    [player] = data_of(report)["tasks"][0]["players"]
    for embedded_one, recorded in zip(player["episodes"], examples.shown, strict=True):
        attention = unpack(embedded_one["traces"]["learner"]["attention"])
        steps, _, _, span = attention.shape
        whole = recorded.traces["learner"].attention
        assert span == min(steps, MEMORY + 1)
        np.testing.assert_allclose(attention, whole[..., :span], atol=QUANTA["uint16"])
        np.testing.assert_allclose(attention.sum(axis=-1), 1.0, atol=span * QUANTA["uint16"])
        for step in range(span):
            assert (attention[step, ..., step + 1 :] == 0).all()


def test_attention_on_steps_is_summed_at_their_distance():
    attention = np.zeros((4, 1, 2, 3), dtype=np.float32)
    attention[3, 0, 0] = 0.25, 0.5, 0.25  # to steps 3, 2 and 1
    attention[3, 0, 1] = 0.0, 0.0, 1.0
    attention[0, 0, :, 0] = 1.0
    share = attention_on(attention, np.array([False, True, True, False]))
    np.testing.assert_array_equal(share[3, 0], [0.75, 1.0])
    np.testing.assert_array_equal(share[0, 0], [0.0, 0.0])


def test_sightings_are_the_moments_at_which_a_tile_is_in_the_view(examples):
    scenes = examples.shown[0].scenes
    for sighting in episode_data(examples.shown[0])["sightings"]:
        expected = [moment for moment, scene in enumerate(scenes) if sighting["tile"] in scene.view.ravel()]
        assert sighting["steps"] == expected
        assert in_view(scenes, sighting["tile"]).sum() == len(expected)


@pytest.mark.parametrize(("kind", "low", "high"), [("uint8", 0, 255), ("int8", -1, 1), ("uint16", 0, 1)])
def test_packed_arrays_come_back_to_within_half_a_quantum(kind, low, high):
    values = np.random.default_rng(0).uniform(low, high, (3, 4, 5))
    values[0, 0, :2] = low, high
    packed = json.loads(json.dumps(pack(values, kind)))
    np.testing.assert_allclose(unpack(packed), values, atol=0.5001 * QUANTA[kind])
    with pytest.raises(ValueError, match=f"fit into {kind}"):
        pack(values + 2 * (high - low), kind)


def test_sheet_shows_the_sprites_of_the_environments():
    cell = sheet_data(IMAZE_LOOKS)["cell"]
    data = base64.b64decode(sheet_data(IMAZE_LOOKS)["uri"].removeprefix("data:image/png;base64,"))
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(pixels, sheet(IMAZE_LOOKS, cell))
    tiles = pixels.reshape(len(IMAZE_LOOKS), cell, len(COLUMNS), cell, 3).swapaxes(1, 2)
    for row, look in zip(tiles, IMAZE_LOOKS, strict=True):
        np.testing.assert_array_equal(row[COLUMNS.index("dimmed")], sprite(look, cell, lit=False))
        np.testing.assert_array_equal(row[COLUMNS.index("south")], agent_over(sprite(look, cell), 1))


# Curves, numbers and settings.


def test_interquartile_mean_leaves_out_a_quarter_at_each_end():
    assert interquartile_mean(np.array([0.0, 4.0, 6.0, 100.0])) == 5.0
    assert interquartile_mean(np.array([3.0, 1.0, 2.0])) == 2.0
    np.testing.assert_array_equal(interquartile_mean(np.array([[0, 1], [2, 3], [4, 5], [9, -9]])), [3, 2])


def test_bootstrap_interval_covers_as_often_as_it_says():
    """Of means of 12 normal samples; the percentile bootstrap is known to be a little too narrow."""
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(12, 300))
    low, high = bootstrap_interval(samples)
    assert 0.86 <= np.mean((low <= 0) & (high >= 0)) <= 0.98
    equal_low, equal_high = bootstrap_interval(np.full(5, 0.7))
    np.testing.assert_allclose([equal_low, equal_high], 0.7)


def test_curves_hold_every_logged_row_and_an_interval_from_three_seeds(runs):
    groups = grouped(find_runs(runs))
    [drawn] = curves(groups)
    panel = drawn["success"]["frames"]
    assert [line["seed"] for line in panel["runs"]] == [0, 1, 2]
    rows = groups[0].runs[1].rows
    logged = [row for row in rows if row["rollout/success_rate"]]
    assert panel["runs"][1]["x"] == [round(int(row["time/total_timesteps"]) / 1e6, 5) for row in logged]
    assert panel["runs"][1]["y"] == [round(float(row["rollout/success_rate"]), 5) for row in logged]
    aggregate = panel["aggregate"]
    middle = np.interp(aggregate["x"], panel["runs"][1]["x"], panel["runs"][1]["y"])
    np.testing.assert_allclose(aggregate["y"], middle, atol=2e-3)  # the seeds are 0.1 apart
    assert all(low <= y <= high for low, y, high in zip(*(aggregate[k] for k in ("low", "y", "high"))))
    [two] = curves([replace(groups[0], runs=groups[0].runs[:2])])
    assert two["success"]["frames"]["aggregate"] is None


def test_milestones_are_medians_over_seeds_beside_the_papers(runs):
    [group] = grouped(find_runs(runs))

    def rows_of(*successes):
        return [
            {
                "time/total_timesteps": str(1000 * k),
                "time/training_seconds": str(60 * k),
                "rollout/success_rate": str(success),
            }
            for k, success in enumerate(successes, start=1)
        ]

    logs = [rows_of(0.1, 0.6, 0.96, 1.0), rows_of(0.5, 0.5, 0.5, 0.97), rows_of(0.0, 0.0, 0.0, 0.5)]
    group = replace(
        group, runs=tuple(replace(run, rows=log) for run, log in zip(group.runs, logs, strict=True))
    )
    ours, *papers = milestone_rows([group], PAPER)
    half, most, all_but = ours["reached"]["minutes"]
    assert (half["median"], half["low"], half["high"], half["reached"]) == (2, 1, 4, 3)
    assert (most["median"], most["reached"]) == (4, 2)
    assert (all_but["median"], all_but["reached"], all_but["high"]) == (None, 1, 4)
    assert ours["runs"][0]["reached"]["frames"] == [0.002, 0.003, 0.004]
    assert [row["name"] for row in papers] == ["ALD", "GTrXL", "Asymmetric AC", "LSTM"]
    assert papers[0]["reached"]["frames"][2] == 3.25
    assert papers[1]["reached"]["frames"][0] == pytest.approx(1 + 0.25 * 0.16 / 0.31)
    assert papers[3]["reached"]["frames"] == [None, None, None]


def test_final_numbers_are_those_of_the_evaluation(runs):
    group = grouped(find_runs(runs))[0]
    [row] = milestone_rows([group], [])
    evaluation = json.loads((runs / "seed0" / "evaluation.json").read_text())
    assert row["runs"][0]["final"]["sampled"]["success"] == evaluation["sampled"]["success"]
    mean = evaluation["deterministic"]["mean_return"]["mean"]
    assert row["final"]["deterministic"]["mean_return"] == pytest.approx(
        {"mean": mean, "low": mean, "high": mean}
    )


def test_settings_that_differ_are_told_apart(runs, tmp_path):
    copy_run(runs / "seed0", tmp_path / "other", 7, learner_width=32)
    table = settings_table([*find_runs(runs)[:1], *find_runs(tmp_path)])
    assert {row["name"]: row["values"] for row in table if row["differs"]} == {
        "seed": ["0", "7"],
        "learner_width": ["16", "32"],
    }
    config = json.loads((runs / "seed0" / "config.json").read_text())
    assert set(config["config"]) <= {row["name"] for row in table}


def test_runs_are_grouped_by_preset_and_by_what_they_were_run_on(runs, tmp_path):
    for seed, preset in ((1, "imaze/b"), (2, "imaze/a"), (3, "imaze/b"), (4, None)):
        folder = tmp_path / str(seed)
        copy_run(runs / "seed0", folder, seed)
        config = json.loads((folder / "config.json").read_text())
        config["run"]["preset"] = preset
        if seed == 3:
            config["run"]["env_kwargs"] = "{}"
        (folder / "config.json").write_text(json.dumps(config))
    tasks = content(find_runs(tmp_path), episodes=0)["tasks"]
    assert [(task["name"], task["groups"]) for task in tasks] == [
        ("IMaze-v0 (max_episode_steps=25, size=5, view_size=1)", ["IMaze-v0/ald", "imaze/a", "imaze/b"]),
        ("IMaze-v0", ["imaze/b"]),
    ]
    assert [len(task["published"]) for task in tasks] == [0, 4]


# The page.


def test_page_asks_for_nothing_outside_itself(report):
    text = report.read_text("utf-8")
    assert set(re.findall(r"https?://[^\s\"'<]*", text)) == {"http://www.w3.org/2000/svg"}  # SVG's name
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:)|@import|url\((?!data:)|\bfetch\(""", text)
    assert "default-src 'none'" in text


def test_every_script_is_in_the_page_and_in_the_package(report):
    text = report.read_text("utf-8")
    names = [entry.name for entry in resources.files("agents.report").joinpath("assets").iterdir()]
    scripts = [name for name in names if name.endswith(".js")]
    assert len(scripts) >= 8
    for name in scripts:
        assert resources.files("agents.report").joinpath("assets", name).read_text("utf-8") in text


def test_data_cannot_end_its_element():
    data = {"name": "</script><script>alert(1)</script>"}
    assert "<" not in embedded(data) and json.loads(embedded(data)) == data
    assert "<title>&lt;b&gt;</title>" in page("<b>", data)
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded({"x": float("nan")})


def test_report_lies_in_the_folder_unless_told_otherwise(runs, tmp_path, capsys):
    copy_run(runs / "seed0", tmp_path / "run", 0)
    assert main([str(tmp_path / "run"), "--episodes", "0"]) == 0
    assert "report.html" in capsys.readouterr().out
    [task] = data_of(tmp_path / "run" / "report.html")["tasks"]
    assert task["players"] == [{"group": "IMaze-v0/ald", "reason": "no episodes were asked for"}]


def test_unfinished_runs_have_curves_and_a_reason_for_no_episodes(runs, tmp_path):
    copy_run(runs / "seed0", tmp_path / "run", 0)
    (tmp_path / "run" / "evaluation.json").unlink()
    [task] = content(find_runs(tmp_path), episodes=2)["tasks"]
    assert "no run has finished" in task["players"][0]["reason"]
    assert task["curves"][0]["success"]["frames"]["runs"] and task["milestones"][0]["final"] == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nowhere"], "no run directory"), (["RUNS", "--out", "no/such/folder/x.html"], "no such folder")],
)
def test_wrong_paths_are_refused(runs, arguments, message, capsys):
    arguments = [str(runs) if each == "RUNS" else each for each in arguments]
    assert main([*arguments, "--episodes", "0"]) == 2
    assert message in capsys.readouterr().err


def test_a_configuration_that_is_none_of_a_run_is_refused(tmp_path, capsys):
    RunDirectory(tmp_path).config.write_text('{"run": {}}')
    assert main([str(tmp_path)]) == 2
    assert "has no agent and no config" in capsys.readouterr().err


# In a browser.


needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


def step_of(chromium):
    return int(chromium.evaluate("document.querySelector('.step').textContent.match(/step (\\d+)/)[1]"))


def middle_of(chromium, selector, share):
    """A place in the page, `share` of the way along an element."""
    box = chromium.evaluate(
        f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}});"
        " const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()"
    )
    return box[0] + share * box[2], box[1] + box[3] / 2


@needs_chromium
class TestInChromium:
    @pytest.fixture
    def opened(self, chromium, report):
        chromium.screen(1280, 900)
        chromium.open(report)
        return chromium

    def test_nothing_is_complained_of_and_nothing_asked_for(self, opened, report):
        opened.wait_for("document.querySelector('.track canvas').width > 0")
        assert opened.complaints() == []
        addresses = {url for url in opened.requests() if not url.startswith("data:")}
        assert addresses == {report.resolve().as_uri()}

    def test_episode_plays_to_its_end(self, opened, examples):
        steps = len(examples.shown[0].actions)
        opened.evaluate("document.querySelector('[aria-label=\"Speed\"] button:last-child').click()")
        opened.evaluate("document.querySelector('[aria-label=Play]').click()")
        opened.wait_for("document.querySelector('[aria-label=Pause]')")
        opened.wait_for(f"document.querySelector('.step').textContent.startsWith('step {steps} of {steps}')")
        opened.wait_for("document.querySelector('[aria-label=Play]')")
        assert opened.complaints() == []

    def test_keys_go_step_by_step_and_space_plays_and_stops(self, opened):
        for key, expected in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
            opened.press(key)
            assert step_of(opened) == expected
        opened.press(" ")
        opened.wait_for("Number(document.querySelector('input[type=range]').value) > 1")
        opened.press(" ")
        stopped = step_of(opened)
        assert opened.evaluate("document.querySelector('[aria-label=Play]') !== null")
        opened.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
        assert step_of(opened) == stopped

    def test_mouse_scrubs_along_every_track(self, opened, examples):
        moments = len(examples.shown[0].actions) + 1
        start, end = (middle_of(opened, ".track canvas", share) for share in (0.1, 0.6))
        opened.drag(start, end)
        assert step_of(opened) == int(0.6 * moments)

    def test_finger_scrubs(self, chromium, report, examples):
        chromium.screen(390, 844, touch=True)
        chromium.open(report)
        moments = len(examples.shown[0].actions) + 1
        start, end = (middle_of(chromium, ".track canvas", share) for share in (0.1, 0.8))
        chromium.swipe(start, end)
        assert step_of(chromium) == int(0.8 * moments)

    def test_what_is_told_of_a_step_is_what_was_recorded(self, opened, examples):
        trace = examples.shown[0].traces
        for _ in range(3):
            opened.press("ArrowRight")
        told = opened.evaluate("[...document.querySelectorAll('.mind')].map((mind) => mind.innerText)")
        for role, text in zip(("actor", "learner"), told, strict=True):
            assert text.startswith(role) and f"value {trace[role].value[3]:.2f}" in text.replace("\n", " ")
            numbers = [int(number) for number in re.findall(r"(\d+) %", text)]
            np.testing.assert_allclose(numbers, 100 * trace[role].probabilities[3], atol=0.51)

    def test_attention_and_sightings_in_the_page_are_those_of_python(self, opened, examples):
        """The page's own sums, of the mean of all heads and of each, against `attention_on`."""
        last = len(examples.shown[0].actions) - 1
        for _ in range(last):
            opened.press("ArrowRight")
        scenes, attention = examples.shown[0].scenes, examples.shown[0].traces["learner"].attention
        met = [tile for tile in scenes[0].things if in_view(scenes[: last + 1], tile).any()]
        shares = {tile: attention_on(attention, in_view(scenes[:-1], tile))[last] for tile in met}
        for button in range(5):
            opened.evaluate(
                f"document.querySelectorAll('[aria-label=\"Attention head\"] button')[{button}].click()"
            )
            told = opened.evaluate(
                "[...document.querySelectorAll('.lookback b')].map((each) => parseInt(each.textContent))"
            )
            of_head = [share.mean() if button == 0 else share.flat[button - 1] for share in shares.values()]
            np.testing.assert_allclose(told, 100 * np.array(of_head), atol=0.52)

    def test_room_on_the_canvas_has_the_colours_of_the_frame(self, opened, examples):
        """The pixel in the middle of the cue and of a wall, as the sprites have it."""
        opened.wait_for("document.querySelector('.stage canvas').width > 100")
        scene = examples.shown[0].scenes[0]
        middle = opened.evaluate(
            "(() => { const c = document.querySelector('.stage canvas'), n = 5, s = c.width / n;"
            " const d = c.getContext('2d'); return [...Array(n * n).keys()].map((k) => [...d.getImageData("
            "Math.floor((k % n + 0.5) * s), Math.floor((Math.floor(k / n) + 0.5) * s), 1, 1).data]); })()"
        )
        cell = sheet_data(IMAZE_LOOKS)["cell"]
        for place, pixel in enumerate(middle):
            row, column = divmod(place, 5)
            if (row, column) == (scene.row, scene.column):
                continue
            lit = bool(scene.visible[row, column])
            expected = sprite(scene.looks[scene.tiles[row, column]], cell, lit)[cell // 2, cell // 2]
            np.testing.assert_allclose(pixel[:3], expected, atol=6)

    def test_axis_and_series_can_be_switched(self, opened):
        labels = "[...document.querySelectorAll('.chart svg')].map((each) => each.getAttribute('aria-label'))"
        opened.wait_for(f"{labels}.length === 2")
        lines = "document.querySelectorAll('.chart polyline').length"
        assert opened.evaluate(labels)[0] == "success over million frames"
        assert opened.evaluate(lines) == 2 * (3 + 1)  # three seeds and what they have in common
        opened.evaluate("document.querySelectorAll('[aria-label=\"Horizontal axis\"] button')[1].click()")
        assert opened.evaluate(labels)[0] == "success over minutes of training"
        opened.evaluate("document.querySelector('.toggle').click()")
        assert opened.evaluate(lines) == 0
        opened.evaluate("document.querySelector('.toggle').click()")
        assert opened.evaluate(lines) == 8

    def test_hovering_tells_values(self, opened):
        x, y = middle_of(opened, ".chart svg", 0.5)
        opened.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        opened.wait_for("document.querySelector('.tip').offsetWidth > 0")
        told = opened.evaluate("document.querySelector('.tip').innerText")
        assert re.search(r"3 seeds\s*\d+\.\d % \[\d+\.\d %, \d+\.\d %\]", told)

    @pytest.mark.parametrize("dark", [False, True])
    def test_telephone_shows_all_of_its_width_and_no_more(self, chromium, report, dark):
        chromium.screen(390, 844, dark=dark, touch=True)
        chromium.open(report)
        chromium.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert chromium.evaluate("document.documentElement.scrollWidth") == 390
        background = chromium.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background))) < 3 * 60) == dark
        smallest = chromium.evaluate(
            "Math.min(...[...document.querySelectorAll('.chart text')].map((t) => t.getBoundingClientRect().height))"
        )
        assert smallest >= 11
        assert chromium.complaints() == []

    def test_controls_have_names(self, opened):
        nameless = opened.evaluate(
            "[...document.querySelectorAll('button, input, canvas, svg[role=img], .scroll')]"
            ".filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim())).map((e) => e.outerHTML)"
        )
        assert nameless == []

    def test_other_episodes_can_be_opened(self, opened, examples):
        for number, episode in enumerate(examples.shown):
            opened.evaluate(f"document.querySelectorAll('[aria-label=\"Episode\"] button')[{number}].click()")
            text = opened.evaluate("document.querySelector('.step').textContent")
            assert text == f"step 0 of {len(episode.actions)}"
        assert opened.complaints() == []


def test_page_of_a_run_names_it(report):
    assert "<title>IMaze-v0/ald on IMaze-v0 (" in report.read_text("utf-8")
    assert Path(report).stat().st_size < 1e6
