"""The report's page: its data is what was recorded, it loads nothing, and wrong paths are refused."""

import base64
import io
import json
import re
import shutil
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from agents.ald import ALD
from agents.report.__main__ import main
from agents.report.artwork import COLUMNS, sheet, sheet_data
from agents.report.episode_data import episode_data, in_view
from agents.report.packing import QUANTA, pack, pack_distinct
from agents.report.page import SCRIPTS, STYLES, embedded, page
from agents.report.players import players_data, runs_to_play
from agents.report.training import value_at
from agents.results.runs import Group, find_runs, grouped
from agents.runs.directory import RunDirectory
from agents.runs.log import FRAMES, read_rows
from agents.runs.snapshots import find_snapshots, restore_snapshot
from memory_envs.imaze import LOOKS as IMAZE_LOOKS
from memory_envs.rendering.sprites import agent_over, sprite
from tests.support.page_sums import attention_on, reach, unpack
from tests.support.small_report import MEMORY, copy_run, embedded_in


def test_embedded_episode_equals_the_recorded_one(small_report):
    [player] = small_report.data["players"]
    assert (player["kinds"], player["added"]) == (small_report.examples.kinds, False) == (2, False)
    evaluation = json.loads((small_report.runs / "seed0" / "evaluation.json").read_text())["sampled"]
    assert player["evaluated"] == {"episodes": 4, "measure": "success", "mean": evaluation["success"]["mean"]}
    shown = player["stops"][-1]["episodes"]
    assert len(shown) == len(small_report.episodes) == 3
    for embedded_one, recorded in zip(shown, small_report.episodes, strict=True):
        assert embedded_one == json.loads(json.dumps(episode_data(recorded)))
        assert embedded_one["actions"] == list(recorded.actions)
        tiles = np.stack([scene.tiles for scene in recorded.scenes])
        np.testing.assert_array_equal(unpack(embedded_one["room"]), tiles)
        facts = embedded_one["facts"]
        told = [[fact["distinct"][row]["text"] for row in fact["rows"]] for fact in facts]
        scenes = [[fact.text for fact in scene.facts] for scene in recorded.scenes]
        assert [list(each) for each in zip(*told, strict=True)] == scenes
        assert [fact["name"] for fact in embedded_one["kind"]] == ["cue, goal"]
        for role, trace in recorded.traces.items():
            values = embedded_one["traces"][role]
            np.testing.assert_allclose(values["probabilities"], trace.probabilities, atol=5.1e-5)
            np.testing.assert_allclose(values["value"], trace.value, atol=5.1e-5)


def test_embedded_attention_is_the_recorded_one_and_masked_steps_are_zero(small_report):
    [player] = small_report.data["players"]
    shown = player["stops"][-1]["episodes"]
    for embedded_one, recorded in zip(shown, small_report.episodes, strict=True):
        attention = unpack(embedded_one["traces"]["learner"]["attention"])
        steps, _, _, span = attention.shape
        whole = recorded.traces["learner"].attention
        assert span == min(steps, MEMORY + 1)
        np.testing.assert_allclose(attention, whole[..., :span], atol=QUANTA["uint16"])
        np.testing.assert_allclose(attention.sum(axis=-1), 1.0, atol=span * QUANTA["uint16"])
        for step in range(span):
            assert (attention[step, ..., step + 1 :] == 0).all()


def test_snapshots_play_the_same_episodes_by_the_network_of_their_time(small_report):
    [player] = small_report.data["players"]
    before, final = player["stops"][:-1], player["stops"][-1]
    kept = find_snapshots(small_report.run.directory)
    assert [stop["frames"] for stop in before] == list(kept) == [0, 320] and final["frames"] == 640
    for stop, path in zip(before, kept.values(), strict=True):
        model = ALD.load(small_report.run.directory.model, device="cpu")
        restore_snapshot(model, path)
        for played, last in zip(stop["episodes"], final["episodes"], strict=True):
            assert (played["stream"], played["number"]) == (last["stream"], last["number"])
            assert played["kind"] == last["kind"] and played["poses"][0] == last["poses"][0]
            again = small_report.stream.play(model, played["number"], only_acting=True)
            assert played["actions"] == list(again.actions)
            assert list(played["traces"]) == ["actor"]
            trace = played["traces"]["actor"]
            np.testing.assert_allclose(
                trace["probabilities"], again.traces["actor"].probabilities, atol=5.1e-5
            )
            assert trace["value"] is None and trace["attention"] is None and trace["hidden"] is None


def test_the_curve_of_the_snapshots_is_that_of_the_log(small_report):
    [player] = small_report.data["players"]
    rows = read_rows(small_report.run.directory.progress)
    logged = [
        [int(row[FRAMES]), float(row["rollout/success_rate"])] for row in rows if row["rollout/success_rate"]
    ]
    assert player["curve"]["measure"] == "success" and player["curve"]["points"] == logged
    for stop in player["stops"]:
        values = [value for frames, value in logged if frames <= stop["frames"]]
        assert stop["value"] == (values[-1] if values else None)
    assert player["stops"][0]["value"] is None
    rising = [
        row | {FRAMES: str(200 * k), "rollout/success_rate": str(0.1 * k)}
        for k, row in enumerate(rows[:4], start=1)
    ]
    run = replace(small_report.run, rows=rising)
    assert [value_at(run, frames) for frames in (199, 200, 399, 400, 401)] == [None, 0.1, 0.1, 0.2, 0.2]


def with_success(run, folder, seed, mean, low, high):
    """A finished run of another seed, and of another success."""
    directory = RunDirectory(folder / f"seed{seed}")
    directory.path.mkdir()
    directory.model.touch()
    interval = {"mean": mean, "low": low, "high": high}
    evaluation = {"sampled": {**run.evaluation["sampled"], "success": interval}}
    return replace(run, directory=directory, settings={**run.settings, "seed": seed}, evaluation=evaluation)


def test_the_best_and_the_worst_seed_play_if_some_learned_and_others_failed(small_report, tmp_path):
    run = small_report.run
    middling = with_success(run, tmp_path, 3, 0.9, 0.88, 0.92)
    good = with_success(run, tmp_path, 4, 0.99, 0.98, 1.0)
    bad = with_success(run, tmp_path, 5, 0.51, 0.48, 0.54)
    as_good = with_success(run, tmp_path, 6, 0.98, 0.96, 0.985)

    def seeds(*runs):
        return [each.seed for each in runs_to_play(Group("imaze/ald", runs))]

    assert seeds(middling, good, bad, as_good) == [4, 5]
    assert seeds(as_good, good) == [6]
    unfinished = replace(bad, directory=RunDirectory(tmp_path / "nowhere"))
    assert seeds(unfinished, good) == [4] and seeds(unfinished) == [5]
    assert seeds(replace(bad, evaluation={}), good) == [5]


def test_a_damaged_snapshot_is_left_out_and_named(small_report, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(small_report.runs / "seed0", folder)
    RunDirectory(folder).snapshots.joinpath(f"{320:012d}.safetensors").write_bytes(b"nothing")
    said = []
    [player] = players_data({"a maze": grouped(find_runs(folder))}, 1, say=said.append)["players"]
    assert [stop["frames"] for stop in player["stops"]] == [0, 640]
    assert len(said) == 1 and "000000000320.safetensors is no snapshot of this run" in said[0]


def test_attention_on_steps_is_summed_at_their_distance():
    attention = np.zeros((4, 1, 2, 3), dtype=np.float32)
    attention[3, 0, 0] = 0.25, 0.5, 0.25  # to steps 3, 2 and 1
    attention[3, 0, 1] = 0.0, 0.0, 1.0
    attention[0, 0, :, 0] = 1.0
    share = attention_on(attention, np.array([False, True, True, False]))
    np.testing.assert_array_equal(share[3, 0], [0.75, 1.0])
    np.testing.assert_array_equal(share[0, 0], [0.0, 0.0])


def test_attention_reaches_through_a_step_that_looked():
    """Layer 2 looks from step 3 to step 2, at which layer 1 looked to step 0: 0.9 of 0.5."""
    attention = np.zeros((4, 2, 1, 4), dtype=np.float32)
    attention[:, :, 0, 0] = 1.0
    attention[3, 1, 0] = 0.1, 0.9, 0.0, 0.0
    attention[2, 0, 0] = 0.5, 0.0, 0.5, 0.0
    looked_for = np.array([True, False, False, False])
    np.testing.assert_allclose(reach(attention, looked_for), [1, 0, 0.5, 0.45])
    assert attention_on(attention, looked_for)[3].max() == 0


def test_sightings_are_the_moments_at_which_a_tile_is_in_the_view(small_report):
    scenes = small_report.episodes[0].scenes
    for sighting in episode_data(small_report.episodes[0])["sightings"]:
        expected = [moment for moment, scene in enumerate(scenes) if sighting["tile"] in scene.view.ravel()]
        assert sighting["steps"] == expected
        assert in_view(scenes, sighting["tile"]).sum() == len(expected)


def test_equal_parts_are_packed_once():
    values = np.random.default_rng(0).integers(0, 256, (3, 4, 5)).astype(np.uint8)[[0, 1, 0, 2, 2, 0]]
    packed = json.loads(json.dumps(pack_distinct(values)))
    assert packed["shape"] == [3, 4, 5]
    np.testing.assert_array_equal(unpack(packed), values)


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


# --


def test_page_asks_for_nothing_outside_itself(small_report):
    text = small_report.page.read_text("utf-8")
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\s\"'<]*", text)) == namespaces
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:|#)|@import|url\((?!data:|#)|\bfetch\(""", text)
    assert "default-src 'none'" in text


def test_every_script_and_style_is_in_the_page_and_in_the_package(small_report):
    text = small_report.page.read_text("utf-8")
    names = [entry.name for entry in resources.files("agents.report").joinpath("assets").iterdir()]
    scripts = [name for name in names if name.endswith((".js", ".css"))]
    assert set(scripts) == {*SCRIPTS, *STYLES}
    for name in scripts:
        assert resources.files("agents.report").joinpath("assets", name).read_text("utf-8") in text


def test_data_cannot_end_its_element():
    data = {"name": "</script><script>alert(1)</script>"}
    assert "<" not in embedded(data) and json.loads(embedded(data)) == data
    text = page("<b>", [], data)
    assert "<title>&lt;b&gt;</title>" in text and "<h1>&lt;b&gt;</h1>" in text and "<script>alert" not in text
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded({"x": float("nan")})


def test_report_lies_in_the_folder_unless_told_otherwise(small_report, tmp_path, capsys):
    copy_run(small_report.runs / "seed0", tmp_path / "run", 0)
    assert main([str(tmp_path / "run"), "--episodes", "0"]) == 0
    assert "report.html" in capsys.readouterr().out
    [player] = embedded_in(tmp_path / "run" / "report.html")["players"]
    assert (player["group"], player["reason"]) == ("ALD, told, hindsight", "no episodes were asked for")


def test_unfinished_runs_have_curves_and_a_reason_for_no_episodes(small_report, tmp_path):
    copy_run(small_report.runs / "seed0", tmp_path / "run", 0)
    (tmp_path / "run" / "evaluation.json").unlink()
    [player] = players_data({"a maze": grouped(find_runs(tmp_path))}, episodes=2)["players"]
    assert "no run has finished" in player["reason"]
    assert main([str(tmp_path)]) == 0
    text = (tmp_path / "report.html").read_text("utf-8")
    assert text.count("<svg xmlns") == 4 and "final success" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no run directory"),
        (["RUNS", "--out", "no/such/folder/x.html"], "a folder that does not exist"),
    ],
)
def test_wrong_paths_are_refused(small_report, arguments, message, capsys):
    arguments = [str(small_report.runs) if each == "RUNS" else each for each in arguments]
    assert main([*arguments, "--episodes", "0"]) == 2
    assert message in capsys.readouterr().err


def test_a_configuration_that_is_none_of_a_run_is_refused(tmp_path, capsys):
    RunDirectory(tmp_path).config.write_text('{"run": {}}')
    assert main([str(tmp_path)]) == 2
    assert "has no agent and no config" in capsys.readouterr().err


def test_page_names_what_it_is_about_and_stays_small(small_report):
    assert "<title>ALD, told, hindsight on IMaze-v0 (" in small_report.page.read_text("utf-8")
    assert small_report.page.stat().st_size < 1e6


@pytest.mark.parametrize("option", ["--episodes", "--seed"])
@pytest.mark.parametrize("value", ["-1", "many", str(2**63)])
def test_wrong_numbers_are_refused(small_report, option, value, capsys):
    try:
        assert main([str(small_report.runs), f"{option}={value}"]) == 2
    except SystemExit as ended:  # no number at all
        assert ended.code == 2
    said = capsys.readouterr()
    assert option.strip("-") in said.err + said.out and not said.out.endswith("browser\n")


def test_a_model_that_cannot_be_loaded_is_the_reason_for_no_episodes(small_report, tmp_path):
    copy_run(small_report.runs / "seed0", tmp_path / "run", 0)
    (tmp_path / "run" / "model.zip").write_bytes(b"of a version long ago")
    data = players_data({"a maze": grouped(find_runs(tmp_path))}, episodes=1)
    [player] = data["players"]
    assert "model.zip" in player["reason"] and "stops" not in player and data["sheets"] == [None]


HOSTILE = (
    *("/* SCRIPT */", "/* DATA */", "{{ data }}", "{% raw %}", "</script><script>", "<!--<script>"),
    *("${x}", "\\1 \\g<0>"),
)


@pytest.mark.parametrize(
    "text", [" ".join(HOSTILE), *(pytest.param(each, marks=pytest.mark.slow) for each in HOSTILE)]
)
def test_text_of_users_stays_text_on_the_page(text, small_report, tmp_path):
    """In a setting of an environment, and as the name of a preset."""
    folder = tmp_path / "seed0"
    copy_run(small_report.runs / "seed0", folder, 0)
    run = RunDirectory(folder)
    config = run.read_config()
    config["run"]["env_kwargs"] = json.dumps(json.loads(config["run"]["env_kwargs"]) | {"note": text})
    config["run"]["preset"] = text
    run.write_config(config)
    pages = []
    for runs, name in ((small_report.runs / "seed0", "plain.html"), (folder, "hostile.html")):
        assert main([str(runs), "--episodes", "0", "--out", str(tmp_path / name)]) == 0
        pages.append((tmp_path / name).read_text())
    plain, hostile = pages
    for mark in ("<script", "</script>", "<!--", "<style", *SCRIPTS, "function "):
        assert hostile.count(mark) == plain.count(mark)
    assert abs(len(hostile) - len(plain)) < 10_000
