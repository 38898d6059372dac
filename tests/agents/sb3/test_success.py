"""A success rate is one of all episodes, or there is none: those that say so may be a selection."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3.common.logger import Logger

from agents.evaluation.episodes import Episode, Evaluation, evaluate
from agents.train import main as train
from agents.vec_env.make import make_lanes
from tests.support import foreign  # noqa: F401  (registers environments)
from tests.support.kinds import KINDS
from tests.support.tiny import Rows

pytestmark = pytest.mark.usefixtures("one_thread")

every_kind = pytest.mark.parametrize("name", ["ald", "vmpo-lstm", "ppo", "recurrent-ppo", "random"])


def logged(model: Any, frames: int) -> list[dict[str, Any]]:
    rows = Rows()
    model.set_logger(Logger(folder=None, output_formats=[rows]))
    model.learn(frames, log_interval=1, reset_num_timesteps=False)
    return rows.rows


@every_kind
def test_no_rate_is_logged_of_episodes_that_choose_to_say_so(name: str, tmp_path: Path) -> None:
    model = KINDS[name].model(make_lanes("Foreign/Open-v0", 4, {"success": "good"}))
    with pytest.warns(UserWarning, match="is_success .*of some episodes only.*no success rate"):
        rows = logged(model, 480)
    assert "rollout/success_rate" not in rows[-1] and rows[-1]["rollout/ep_len_mean"] == 6
    model.save(tmp_path / "model")
    loaded = KINDS[name].algorithm.load(
        tmp_path / "model", make_lanes("Foreign/Open-v0", 4, {"success": "good"}), device="cpu"
    )
    with pytest.warns(UserWarning, match="no success rate"):  # for those who go on with it
        rows = logged(loaded, 240)
    assert not any("rollout/success_rate" in row for row in rows)


@every_kind
def test_the_rate_of_all_episodes_is_logged_without_a_word(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = KINDS[name].model(make_lanes("Foreign/Open-v0", 4))
        assert 0 <= logged(model, 240)[-1]["rollout/success_rate"] <= 1
        silent = KINDS[name].model(make_lanes("Foreign/Open-v0", 4, {"success": "none"}))
        assert "rollout/success_rate" not in logged(silent, 240)[-1]
    for left_out in ([], ["ep_success_buffer"], ["ep_info_buffer"]):
        model.save(tmp_path / "model", exclude=left_out)
        lanes = make_lanes("Foreign/Open-v0", 4)
        loaded = KINDS[name].algorithm.load(tmp_path / "model", lanes, device="cpu")
        assert "rollout/success_rate" in logged(loaded, 240)[-1]


def test_an_evaluation_gives_no_rate_of_a_selection_and_says_of_how_many_it_would_be() -> None:
    said = [Episode(1.0, 3, True), Episode(1.0, 3, True), Episode(0.0, 5, None)]
    partial = Evaluation.of(said)
    assert partial.success is None and partial.success_reported == 2
    assert partial.summary() == (
        "return 0.667 over 3 episodes; no success rate, since 2 of them alone said whether they succeeded"
    )
    assert partial.to_dict()["success_reported"] == 2
    whole, silent = Evaluation.of(said[:2]), Evaluation.of(said[2:])
    assert whole.success is not None and whole.success.mean == 1.0
    assert silent.success is None and silent.summary() == "return 0.000 over 1 episodes"
    assert "success_reported" not in {**whole.to_dict(), **silent.to_dict()}
    lanes = make_lanes("Foreign/Open-v0", 3, {"success": "good"})
    found = evaluate(KINDS["random"].model(lanes), lanes, 30)
    assert found.success is None and 0 < found.success_reported < 30


def test_a_run_says_so_and_does_not_stop_at_such_a_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = ["--agent", "random", "--policy", "RandomPolicy", "--env", "Foreign/Open-v0"]
    arguments += ["--env-kwargs", '{"success": "good"}', "--num-envs", "4", "--n-steps", "12"]
    arguments += ["--total-timesteps", "4000", "--stop-at-success", "0.9", "--run-dir", str(run)]
    with pytest.warns(UserWarning, match="no success rate"):
        assert train([*arguments, "--evaluation-episodes", "20", "--device", "cpu"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "of them alone said whether they succeeded" in shown and "Stopped at" not in shown
    with (run / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert not rows[-1].get("rollout/success_rate")
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["sampled"]["success"] is None
