"""Both algorithms are timed in turn, and the fast one is faster."""

from __future__ import annotations

import dataclasses
import re

import pytest

from agents.baselines.recurrent_ppo import training_speed
from agents.baselines.recurrent_ppo.training_speed import Seconds, Setting

pytestmark = pytest.mark.usefixtures("one_thread")


def test_both_are_timed_in_turn(capsys):
    few = ["--n-steps", "8", "--batch-size", "8", "--n-epochs", "1", "--lstm-hidden-size", "8"]
    training_speed.main([*few, "--rollouts", "3", "--warm-up", "1"])
    *_, wall, cpu = capsys.readouterr().out.splitlines()
    assert wall.startswith("wall  RecurrentPPO ") and cpu.startswith("cpu ")
    theirs, ours, ratio = (float(number) for number in re.findall(r"(?:PPO|ratio) ([\d.]+)", cpu))
    assert theirs > 0 and ours > 0 and ratio > 0


def test_summary_compares_the_same_rollouts():
    theirs = [Seconds(4.0, 8.0), Seconds(1.0, 1.0), Seconds(6.0, 6.0)]
    ours = [Seconds(2.0, 2.0), Seconds(1.0, 1.0), Seconds(2.0, 1.0)]
    wall, cpu = training_speed.summary(theirs, ours).splitlines()
    assert "RecurrentPPO 4.000 s (least 1.000)  FastRecurrentPPO 2.000 s (least 1.000)  ratio 2.00" in wall
    assert "ratio 4.00, 80 % of rollouts from 1.60 to 5.60" in cpu


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting", [Setting(), Setting(num_envs=64, n_steps=20, lstm_hidden_size=128)], ids=["1", "64"]
)
def test_trains_several_times_faster(setting):
    theirs, ours = training_speed.measure(dataclasses.replace(setting, rollouts=4, warm_up=1))
    assert min(each.cpu for each in theirs) / min(each.cpu for each in ours) > 3
