"""The command that exports, with its table of times."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from agents.export import __main__ as export_program
from agents.export import latency
from agents.export.onnx_actor import OnnxActor
from tests.support.tiny import maze_model

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_command_exports_a_model_file_and_compares_its_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = partial(latency.latency_table, rounds=2, steps=2)
    monkeypatch.setattr(export_program, "latency_table", short)
    model, out = maze_model(), tmp_path / "actor.onnx"
    model.save(tmp_path / "model.zip")
    assert export_program.main([str(tmp_path / "model.zip"), "--out", str(out), "--benchmark"]) == 0
    said = capsys.readouterr().out
    assert "inputs: observation, state_h, state_c, episode_start\n" in said
    assert "\nMedians of 2 rounds of 2 steps, one thread; " in said
    assert re.search(r"agree over 144 steps with \d+ episode starts, largest difference \d\.\de-0[6-9]", said)
    rows = re.findall(r"^\| (.+?) \| [\d.]+ us \| \d+\.\d \| [\d.]+ us \| \d+\.\d \|$", said, re.M)
    assert rows == [
        *("exported actor, 8 units", "ALD.predict, 8 units"),
        *("RecurrentPPO.predict, 8 units", "RecurrentPPO.predict, 256 units"),
    ]
    assert OnnxActor(out).observation_space == model.observation_space


def test_the_command_refuses_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export_program.main([str(tmp_path / "nothing")]) == 2
    assert "error: there is no run directory and no model file" in capsys.readouterr().err
