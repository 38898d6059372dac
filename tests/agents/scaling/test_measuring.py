"""Costs are measured with the engine's own parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.scaling.__main__ import main
from agents.scaling.costs import Costs
from tests.agents.scaling.test_costs import NAMES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "imaze/ppo"], "'imaze/ppo' does not run on the Ray engine: choose one of imaze/ald"),
        (["--preset", "imaze/adl"], "did you mean 'imaze/ald'"),
        (["--lanes", "4", "4"], "two different numbers or more"),
        (["--repeats", "0"], "repeats at least 1, got 7 14 28 56 112 224 and 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "costs.json"
    assert main(["measure", "--out", str(out), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.slow
def test_costs_are_measured_with_the_engine_s_own_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "costs.json"
    assert main(["measure", "--out", str(out), "--lanes", "2", "40", "--repeats", "2"]) == 0
    assert "| actor: a vector step |" in capsys.readouterr().out
    costs = Costs.read(out)
    assert (costs.unroll_length, costs.learner_replays, costs.distillation_steps) == (40, 3, 14)
    for name in NAMES:
        assert getattr(costs, name).at(28) > 0, name
    assert costs.first_outputs.at(40) > costs.first_outputs.at(2) > costs.distilling_step.at(2)
