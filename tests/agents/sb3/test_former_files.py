"""Models of earlier versions say the same as they did then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from agents.ald import ALD
from agents.baselines import VMPO
from agents.sb3 import checkpoint
from agents.sb3.former_files import up_to_date

pytestmark = pytest.mark.usefixtures("one_thread")
SAVED = Path(__file__).parents[2] / "support/saved"


def former(agent: str) -> Path:
    [path] = (SAVED / agent / "checkpoints").glob("*640.zip")
    return path


def test_values_of_a_former_actor_are_the_same() -> None:
    policy = checkpoint.load(former("ald"))["policy"]
    weight, bias = policy["value_net.weight"], policy["value_net.bias"]
    model = ALD.load(former("ald"), device="cpu")
    features = torch.randn(7, weight.shape[1])
    with torch.no_grad():
        torch.testing.assert_close(model.policy.value_net(features), features @ weight.mT + bias)
    assert model.policy.value_net.scale != 1.0
    assert torch.equal(model.policy.value_net.scale, model.learner.popart.sigma)


def test_values_in_a_former_replay_are_the_same_in_units_of_their_time() -> None:
    before = checkpoint.load(former("ald"))["replay"]["unrolls"]
    model = ALD.load(former("ald"), device="cpu")
    assert len(before) == len(model.replay.unrolls) > 0
    for then, now in zip(before, model.replay.unrolls, strict=True):
        said = then["learner"]
        assert now.learner is not None
        again = now.learner.value * said["value_scale"] + model.learner.popart.mu
        torch.testing.assert_close(again, said["value"])


@pytest.mark.parametrize(("agent", "kind"), [("ald", ALD), ("asymmetric", VMPO), ("vmpo-gtrxl", VMPO)])
def test_a_former_learner_keeps_its_moments_and_their_pace(agent: str, kind: Any) -> None:
    then = checkpoint.load(former(agent))["learner"]["popart"]
    popart = kind.load(former(agent), device="cpu").learner.popart
    sigma = (then["mean_square"] - then["mean"].square()).sqrt().float()
    torch.testing.assert_close(popart.sigma, sigma)
    assert torch.equal(popart.mu, then["mean"].float())
    popart.update(torch.full((4,), 100.0), torch.nn.Linear(2, 1))
    moved = then["mean"] + popart.step_size * (100.0 - then["mean"])
    torch.testing.assert_close(popart.mean, moved)


def test_files_of_today_stay_as_they_are(tmp_path: Path) -> None:
    ALD.load(former("ald"), device="cpu").save(tmp_path / "model.zip")
    tree = checkpoint.load(tmp_path / "model.zip")
    assert up_to_date(tree) is tree


@pytest.mark.parametrize("tree", [None, 7, {}, {"learner": {"popart": {"mean": "x", "mean_square": 1}}}])
def test_what_is_no_model_is_left_to_the_checks(tree: Any) -> None:
    assert up_to_date(tree) is tree


def test_what_was_called_logits_is_the_policy() -> None:
    before = checkpoint.load(former("ald"))["replay"]["unrolls"]
    model = ALD.load(former("ald"), device="cpu")
    for then, now in zip(before, model.replay.unrolls, strict=True):
        assert now.learner is not None
        assert torch.equal(now.behaviour_policy, then["behaviour_logits"])
        assert torch.equal(now.learner.policy, then["learner"]["logits"])


def test_an_unroll_in_the_making_is_gone_on_with() -> None:
    tree = {"actor": {"begun": {"logits": [1], "actions": [2]}}, "replay": None}
    assert up_to_date(tree)["actor"]["begun"] == {"policies": [1], "actions": [2]}
