"""The check finds whatever an exported actor does differently."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

from agents.export.check import ExportError, check_agreement
from agents.export.onnx_actor import OnnxActor
from agents.export.onnx_file import without_seal
from tests.support.exported import policy

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("action_net.bias", "logits"),
        ("value_net.bias", "value"),
        ("lstm_actor.weight_hh_l0", "(logits|state_.)"),
    ],
)
def test_a_difference_is_found(file: Path, part: str, name: str) -> None:
    other = policy()
    with torch.no_grad():
        other.get_parameter(part).view(-1)[0] += 0.01
    with pytest.raises(
        ExportError, match=rf"differs from its policy at step \d+ of \d lanes: {name} by up to \d"
    ):
        check_agreement(other, OnnxActor(without_seal(file.read_bytes())))


def test_a_wrong_action_is_found(small: RecurrentActorCriticPolicy, file: Path) -> None:
    model = onnx.load(file)
    [best] = [node for node in model.graph.node if node.op_type == "ArgMax"]
    best.op_type = "ArgMin"
    with pytest.raises(ExportError, match=r"action \[\d\], the policy has \[\d\]"):
        check_agreement(small, OnnxActor(without_seal(model.SerializeToString())))


def test_a_memory_that_is_not_cleared_is_found(small: RecurrentActorCriticPolicy, file: Path) -> None:
    model = onnx.load(file)
    cleared = [node for node in model.graph.node if node.op_type == "Where"]
    assert len(cleared) == 2
    cleared[0].input[1] = cleared[0].input[2]
    with pytest.raises(ExportError, match="differs from its policy at step .* (state_.|logits) by"):
        check_agreement(small, OnnxActor(without_seal(model.SerializeToString())))
