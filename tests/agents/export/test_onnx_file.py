"""A file that is damaged, or a sound one that is no actor, is refused before it acts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from agents.evaluation.latency import sample_observations
from agents.export.onnx_actor import OnnxActor
from agents.export.onnx_file import CHECKSUM_KEY, METADATA_KEY
from tests.support import ROOT
from tests.support.exported import BOX

pytestmark = pytest.mark.usefixtures("one_thread")


def changed(file: Path, change: Callable[[Any], None]) -> bytes:
    """The file with another content and no checksum, as somebody else may write it."""
    model = onnx.load(file)
    for entry in list(model.metadata_props):
        if entry.key == CHECKSUM_KEY:
            model.metadata_props.remove(entry)
    change(model)
    return bytes(model.SerializeToString())


def test_a_changed_weight_is_found_by_the_checksum(file: Path) -> None:
    content, weight = bytearray(file.read_bytes()), onnx.load(file).graph.initializer[0].raw_data
    content[bytes(content).index(weight)] ^= 1
    with pytest.raises(ValueError, match="is damaged: its checksum is that of another content"):
        OnnxActor(bytes(content))
    OnnxActor(file)


def test_a_file_without_a_checksum_is_read(file: Path) -> None:
    assert OnnxActor(changed(file, lambda model: None)).initial_state(1)[0].shape == (1, 1, 8)
    assert OnnxActor(ROOT / "tests/support/saved/actor.onnx").metadata["version"] == 1


@pytest.mark.parametrize("number", range(4))
def test_weights_that_are_not_finite_are_refused(file: Path, number: int) -> None:
    def poison(model: Any) -> None:
        weights = [each for each in model.graph.initializer if each.data_type == TensorProto.FLOAT]
        array = numpy_helper.to_array(weights[number]).copy()
        array.reshape(-1)[:] = np.nan
        weights[number].CopyFrom(numpy_helper.from_array(array, weights[number].name))

    with pytest.raises(ValueError, match=r"output '\w+' that is not finite: its weights are damaged"):
        OnnxActor(changed(file, poison))


def test_nothing_is_chosen_from_what_is_not_finite(file: Path) -> None:
    actor, observation = OnnxActor(file), sample_observations(BOX, 2, seed=0)
    for deterministic in (True, False):
        with pytest.raises(ValueError, match="observation and state must be finite"):
            actor.predict(observation * np.float32(np.nan), deterministic=deterministic)


def an_input(model: Any, name: str) -> Any:
    return next(each for each in model.graph.input if each.name == name).type.tensor_type


def of_strings(model: Any) -> None:
    an_input(model, "observation").elem_type = TensorProto.STRING
    del model.graph.node[:]
    for each in model.graph.output:
        kind = an_input(model, "state_h")
        model.graph.node.append(helper.make_node("Identity", ["state_h"], [each.name]))
        each.type.tensor_type.CopyFrom(kind)


def huge(model: Any) -> None:
    for each in an_input(model, "observation").shape.dim:
        if each.HasField("dim_value"):
            each.dim_value = 2**40


def said(**changes: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        entry = next(each for each in model.metadata_props if each.key == METADATA_KEY)
        entry.value = json.dumps(json.loads(entry.value) | changes)

    return change


def deep(model: Any) -> None:
    entry = next(each for each in model.metadata_props if each.key == METADATA_KEY)
    entry.value = "[" * 10**5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_strings, r"has an input 'observation' of the type tensor\(string\)"),
        (huge, "has an input 'observation' of the shape|cannot be read as an ONNX model"),
        (deep, "metadata that are damaged: it is nested deeper"),
        (said(version="1"), "metadata that are damaged: version must be of the kind int"),
        (said(version=None), "metadata that are damaged: version"),
        (said(action_space=3), "metadata that are damaged: action_space"),
        (lambda model: model.graph.output.pop(0), "is not an exported actor: it has the inputs"),
    ],
    ids=["strings", "huge", "deep", "version as text", "no version", "no space", "no logits"],
)
def test_sound_models_that_are_no_actors_are_refused(
    file: Path, tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(changed(file, change))
    with pytest.raises(ValueError, match=rf"other\.onnx .*({message})"):
        OnnxActor(path)
