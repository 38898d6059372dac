"""A tree comes back exactly as it was stored; what cannot be stored, or describes no tree, is refused."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agents.sb3 import checkpoint
from agents.sb3.trees import MAX_DEPTH, tree_from_json, tree_to_json
from tests.support.trees import EVERYTHING, round_trip, same

TENSOR_DTYPES = (
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
    *(torch.float8_e4m3fn, torch.float8_e5m2),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.ckpt"


# What is kept -----------------------------------------------------------------


def test_everything_a_tree_may_hold_comes_back(path):
    assert same(round_trip(path, EVERYTHING), EVERYTHING)


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    dtype = draw(st.sampled_from(TENSOR_DTYPES))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    size = int(np.prod(shape)) * dtype.itemsize
    raw = draw(st.binary(min_size=size, max_size=size))
    if dtype is torch.bool:
        raw = bytes(byte & 1 for byte in raw)
    if not size:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(dtype).reshape(shape)


def arrays() -> st.SearchStrategy[np.ndarray]:
    kinds = st.one_of(
        *(hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), hnp.floating_dtypes()),
        *(hnp.complex_number_dtypes(), hnp.unicode_string_dtypes(), hnp.byte_string_dtypes()),
        *(hnp.datetime64_dtypes(), hnp.timedelta64_dtypes()),
    )
    return hnp.arrays(kinds, hnp.array_shapes(min_dims=0, min_side=0, max_side=3))


LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), tensors(), arrays()),
    arrays().filter(lambda array: array.size > 0).map(lambda array: array.flat[0]),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        *(st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple)),
        st.dictionaries(st.one_of(st.text(), st.integers()), inner, max_size=3),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(tree=TREES)
def test_any_tree_comes_back(tmp_path_factory, tree):
    assert same(round_trip(tmp_path_factory.getbasetemp() / "any.ckpt", tree), tree)


def test_a_module_and_its_optimizer_continue_from_a_checkpoint(path):
    def trainer() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        module = torch.nn.LSTM(3, 4)
        return module, torch.optim.Adam(module.parameters(), lr=0.1)

    def train(module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for _ in range(3):
            optimizer.zero_grad()
            module(torch.ones(2, 1, 3))[0].sum().backward()
            optimizer.step()

    straight, resumed = trainer(), trainer()
    train(*straight)
    checkpoint.save(path, [part.state_dict() for part in straight])
    train(*straight)
    for part, state in zip(resumed, checkpoint.load(path), strict=True):
        part.load_state_dict(state)
    train(*resumed)
    pairs = zip(straight[0].parameters(), resumed[0].parameters(), strict=True)
    assert all(torch.equal(left, right) for left, right in pairs)


def test_generators_continue_from_a_checkpoint(path):
    numpy_generator, torch_generator = np.random.default_rng(3), torch.Generator().manual_seed(3)
    checkpoint.save(path, (numpy_generator.bit_generator.state, torch_generator.get_state()))
    expected = numpy_generator.random(5), torch.rand(5, generator=torch_generator)
    states = checkpoint.load(path)
    numpy_generator.bit_generator.state = states[0]
    torch_generator.set_state(states[1])
    assert same((numpy_generator.random(5), torch.rand(5, generator=torch_generator)), expected)


def test_views_share_storage_when_saved_and_nothing_when_loaded(path):
    base = torch.arange(12.0).reshape(3, 4)
    views = [base, base, base[1], base.mT, base[:, ::2], base[:0], torch.tensor(1.0).expand(5)]
    loaded = round_trip(path, views)
    assert same(loaded, views)
    for tensor in loaded:
        tensor.fill_(-1)
        assert tensor.is_contiguous()
    assert same(base, torch.arange(12.0).reshape(3, 4))
    assert same(round_trip(path, loaded)[3], torch.full((4, 3), -1.0))


def test_loaded_arrays_own_their_memory_and_can_be_written(path):
    array = round_trip(path, np.arange(6).reshape(2, 3).T)
    array[:] = 7
    assert array.flags.owndata and array.flags.c_contiguous


def test_lazily_conjugated_tensors_are_stored_as_they_read(path):
    tensor = torch.tensor([1 + 2j]).conj()
    assert round_trip(path, tensor).item() == 1 - 2j


def test_ordered_dicts_and_parameters_come_back_plain(path):
    tree = round_trip(path, OrderedDict(b=torch.nn.Parameter(torch.ones(2)), a=1))
    assert type(tree) is dict and list(tree) == ["b", "a"]
    assert type(tree["b"]) is torch.Tensor and not tree["b"].requires_grad


def test_equal_trees_give_equal_bytes(path, tmp_path):
    checkpoint.save(path, EVERYTHING)
    checkpoint.save(tmp_path / "again", checkpoint.load(path))
    assert path.read_bytes() == (tmp_path / "again").read_bytes()


def test_device_moves_tensors_and_leaves_arrays(path):
    checkpoint.save(path, [torch.ones(2), torch.ones(2, dtype=torch.complex64), np.ones(2)])
    real, imaginary, array = checkpoint.load(path, device="meta")
    assert real.is_meta and imaginary.is_meta and isinstance(array, np.ndarray)


def test_an_unknown_device_is_not_blamed_on_the_file(path):
    checkpoint.save(path, torch.ones(1))
    with pytest.raises(RuntimeError, match="nowhere"):
        checkpoint.load(path, device="nowhere")


# What is refused when saving --------------------------------------------------


class Colour(IntEnum):
    RED = 1


Point = namedtuple("Point", "x")


@pytest.mark.parametrize(
    "value",
    [
        *(object(), {1}, b"bytes", 1j, Colour.RED, Point(1), torch.float32, Path("x")),
        *(np.array([None]), np.zeros(1, "f4,i4"), np.ma.array([1]), np.void(b"a")),
        *(torch.eye(2).to_sparse(), torch.ones(2, device="meta")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_stored_is_named_with_its_place(path, value):
    with pytest.raises(TypeError, match="learner/optimizer/0/1"):
        checkpoint.save(path, {"learner": {"optimizer": {0: [1, value]}}})
    assert not path.exists()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_nested_tensors_are_refused(path):
    with pytest.raises(TypeError, match="ragged"):
        checkpoint.save(path, {"ragged": torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])})


@pytest.mark.parametrize("key", [True, 1.5, None, (1, 2), Colour.RED])
def test_keys_other_than_str_and_int_are_refused(path, key):
    with pytest.raises(TypeError, match="learner"):
        checkpoint.save(path, {"learner": {key: 1}})


def test_a_tree_that_contains_itself_is_refused(path):
    tree: list[Any] = []
    tree.append(tree)
    with pytest.raises(ValueError, match="deeper than 64"):
        checkpoint.save(path, tree)


def test_the_deepest_tree_that_is_saved_can_be_loaded(path):
    tree: Any = 0
    for _ in range(MAX_DEPTH):
        tree = {"inner": tree}
    assert same(round_trip(path, tree), tree)
    with pytest.raises(ValueError, match="deeper"):
        checkpoint.save(path, [tree])


# What describes no tree -------------------------------------------------------


def eight_bytes() -> dict[str, torch.Tensor]:
    return {"0": torch.zeros(8, dtype=torch.uint8)}


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ({"module": "os"}, r"\['module'\] where one of \['tuple', 'dict'"),
        ({}, "where one of"),
        ({"tuple": 1}, "int where a list must be"),
        ({"dict": [["a", 1], ["a", 2]]}, "repeated key"),
        ({"dict": [[1.5, 1]]}, "keys other than"),
        ({"dict": [["a", 1, 2]]}, "unpack"),
        ([{"tensor": "0"}, {"tensor": "0"}], "mentions tensor '0' twice"),
        ({"tensor": "9"}, "mentions tensor '9'"),
        ({"tensor": ["0"]}, "unhashable"),
        (1, "does not mention 1 of the tensors"),
        ({"array": {"data": "0", "dtype": "O", "shape": [1]}}, "array of object"),
        ({"array": {"data": "0", "dtype": "u1", "shape": [2**40]}}, "array of uint8"),
        ({"array": {"data": "0", "dtype": "u1", "shape": [-1, -8]}}, "negative"),
        ({"float": "1.0"}, "1.0"),
        ({"complex": "0"}, "takes tensor '0' for complex"),
    ],
)
def test_a_malformed_description_is_refused(data, match):
    with pytest.raises(ValueError, match=match):
        tree_from_json(data, eight_bytes())


JSON_TREES = st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3), st.just("0")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["tuple", "dict", "int", "float", "tensor", "complex"]), inner, max_size=1
        ),
        st.builds(
            lambda kind, dtype, shape: {kind: {"data": "0", "dtype": dtype, "shape": shape}},
            st.sampled_from(["array", "scalar"]),
            st.one_of(st.sampled_from(["u1", "<f4", "U2", "V8", "M8[s]", "O", "f4,f4"]), inner),
            st.one_of(st.lists(st.integers(-9, 9)), inner),
        ),
    ),
)


@settings(deadline=None, max_examples=300)
@given(data=JSON_TREES)
def test_any_description_is_rebuilt_or_refused(data):
    try:
        tree = tree_from_json(data, eight_bytes())
    except ValueError:
        return
    assert same(tree_from_json(*tree_to_json(tree)), tree)
