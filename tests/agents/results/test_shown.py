"""What is shown and published of runs is what is meant to be; nothing tells of the machine and its owner."""

from __future__ import annotations

import json

import pytest

from agents.benchmark.collect import collect
from agents.report.__main__ import main as report
from agents.results.runs import find_runs
from agents.results.shown import shown_config, shown_settings
from tests.support.small_benchmark import write_run

SECRET = "s3cret"
ADDRESS = "10.1.2.3:6379"


def telling_run(folder, seed=0):
    """A run that was begun with an agent of somebody's home, on somebody's cluster, by a later version."""
    run = write_run(folder, "imaze/ald", seed, [0.1, 0.9])
    config = json.loads((run / "config.json").read_text())
    config["run"] |= {
        "trained_agent": f"/home/{SECRET}/runs/model.zip",
        "ray_address": ADDRESS,
        "run_dir": f"/home/{SECRET}/run",
        "resume": f"/home/{SECRET}/run",
        "of_a_later_version": SECRET,
    }
    config["config"]["of_a_later_version"] = SECRET
    session = config["sessions"][0]
    session |= {"begins_with": {"file": f"/home/{SECRET}/runs/model.zip"}, "host": SECRET, "user": SECRET}
    session["libraries"]["of-their-own"] = SECRET
    (run / "config.json").write_text(json.dumps(config))
    (run / "model.zip").write_bytes(b"damaged")
    return run


def test_a_page_and_raw_data_tell_nothing_of_the_machine(tmp_path, capsys):
    for seed in (0, 1):
        telling_run(tmp_path / SECRET, seed)
    page = tmp_path / "page.html"
    assert report([str(tmp_path / SECRET), "--out", str(page), "--episodes", "1"]) == 0
    assert "No episodes of" in capsys.readouterr().out
    collect(tmp_path / SECRET, tmp_path / "raw", acting=False)
    for file in (page, tmp_path / "raw" / "runs.json"):
        text = file.read_text()
        assert (
            SECRET not in text and ADDRESS not in text and "/home" not in text and str(tmp_path) not in text
        )
        assert "abacus" in text and "model.zip (" in text


@pytest.mark.parametrize(
    "path", ["/a/b", "../b", "a/../../b", "~/b", "~me/b", r"C:\a\b", r"\\host\a\b", "/a/../b"]
)
def test_paths_outside_of_the_working_directory_are_shown_by_their_name(path):
    shown = shown_settings({"trained_agent": path})["trained_agent"]
    assert shown.startswith("b (") and len(shown) == len("b (01234567)")
    assert shown != shown_settings({"trained_agent": path + "/b"})["trained_agent"]


@pytest.mark.parametrize("path", ["runs/a", "a.zip", None])
def test_others_are_shown_as_they_are(path):
    assert shown_settings({"trained_agent": path}) == {"trained_agent": path}


DAMAGES = {
    "config.json": (b"", b"[]", b"{", b'{"run": 1, "agent": 2, "config": 3}', b"\xff", b"[" * 100_000),
    "progress.csv": (b"\0\0\0\n", b"a,b\n1,2\n", b"time/total_timesteps\nmany\n", b"\xff\n"),
    "evaluation.json": (b"{", b"\xff", b"[" * 100_000),
}


def test_damaged_runs_are_named_and_the_others_are_shown(tmp_path, capsys):
    damages = [(name, content) for name, contents in DAMAGES.items() for content in contents]
    sound, *damaged = (write_run(tmp_path, "imaze/ald", seed, [0.1, 0.9]) for seed in range(1 + len(damages)))
    for run, (name, content) in zip(damaged, damages, strict=True):
        (run / name).write_bytes(content)
    assert report([str(tmp_path), "--episodes", "0"]) == 0
    out = capsys.readouterr().out
    for run in damaged:
        assert f"Left out, {run} cannot be read: " in out
    assert f"Left out, {sound} " not in out
    assert "<h1>ALD on IMaze-v0</h1>" in (tmp_path / "report.html").read_text()
    for run in damaged:
        assert report([str(run), "--episodes", "0"]) == 2
        assert capsys.readouterr().err.startswith(f"error: {run} cannot be read: ")
        with pytest.raises(ValueError, match="cannot be read"):
            find_runs(run)


def test_damaged_times_of_acting_are_named_and_the_rest_is_shown(tmp_path, capsys):
    write_run(tmp_path, "imaze/ald", 0, [0.1, 0.9])
    (tmp_path / "acting.csv").write_text("experiment,batch\nx,y\n")
    assert report([str(tmp_path), "--episodes", "0"]) == 0
    assert f"Left out, {tmp_path}/acting.csv must have the columns" in capsys.readouterr().out


def test_a_row_that_is_being_written_disturbs_nobody(tmp_path):
    run = write_run(tmp_path, "imaze/ald", 0, [0.1, 0.9])
    with (run / "progress.csv").open("a") as file:
        file.write("3000,90,1")
    assert len(find_runs(run)[0].rows) == 2


def test_teachers_are_shown_by_their_names():
    shown = shown_config({"teachers": ["optimal", "imaze/ald", f"/home/{SECRET}/run"], "temperature": 1.0})
    assert shown["temperature"] == 1.0 and shown["teachers"][:2] == ["optimal", "imaze/ald"]
    assert shown["teachers"][2].startswith("run (") and SECRET not in shown["teachers"][2]
