"""Figures and tables of a benchmark, from its raw data alone."""

import re
import shutil
from xml.etree import ElementTree

from agents.benchmark import __main__ as program
from agents.benchmark.collect import collect
from agents.benchmark.figures import save_figures
from agents.results.records import read_records
from agents.results.runs import find_runs
from tests.support.small_benchmark import write_run


def test_figures_and_tables_come_again_bit_for_bit_from_raw_data_alone(raw, folder, tmp_path):
    shutil.rmtree(folder)
    times = []
    for _ in range(2):
        assert program.main(["figures", str(raw), "--images", str(tmp_path / "images")]) == 0
        files = [*sorted((tmp_path / "images").iterdir()), raw / "README.md"]
        times.append({file.name: file.read_bytes() for file in files})
    first, second = times
    assert first == second
    # Two experiments are compared in a table.
    assert [*first] == ["raw-imaze-v0-curves.svg", "raw-metafetch-v0-curves.svg", "README.md"]
    for file in (tmp_path / "images").iterdir():
        assert f"](../images/{file.name})" in first["README.md"].decode()
        assert ElementTree.parse(file).getroot().attrib["role"] == "img" and file.stat().st_size < 150_000


def test_three_experiments_are_compared_in_a_figure(folder, tmp_path):
    for seed in range(3):
        write_run(folder, "imaze/ppo", seed, [0.1, 0.2])
    collect(folder, tmp_path / "raw", acting=False)
    figures = save_figures(read_records(tmp_path / "raw"), {}, tmp_path, "small")
    assert figures["MetaFetch-v0"].comparison is None
    drawn = figures["IMaze-v0"].comparison.read_text()
    for text in ("normalised score", "probability that ALD is better", "LSTM", "PPO"):
        assert f">{text}</text>" in drawn


def test_values_of_a_setting_stand_in_order_and_the_default_among_them(tmp_path):
    write_run(tmp_path, "imaze/ald", 0, [0.1, 0.9], config={"distillation_steps": 14})
    for steps in (16, 1, 8):
        config = {"distillation_steps": steps}
        write_run(tmp_path, f"imaze/ald-distillation-steps-{steps}", 0, [0.1, 0.2], config=config)
    figures = save_figures(find_runs(tmp_path), {}, tmp_path, "steps")
    texts = re.findall(r">([^<>]+)</text>", figures["IMaze-v0"].comparison.read_text())
    start = texts.index("distillation steps per unroll:")
    assert texts[start : start + 5] == ["distillation steps per unroll:", "1", "8", "14 (default)", "16"]
    assert "by distillation steps per unroll, over million frames" in figures["IMaze-v0"].curves.read_text()


def test_an_agent_that_took_no_part_is_refused(raw, tmp_path, capsys):
    assert program.main(["figures", str(raw), "--images", str(tmp_path / "images"), "--agent", "vmpo"]) == 2
    assert "no agent 'vmpo', did you mean 'vmpo-lstm'? (there are 'ald', " in capsys.readouterr().err
    assert not (tmp_path / "images").exists()
