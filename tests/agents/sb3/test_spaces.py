"""A space described in JSON is rebuilt as it was; anything else is refused by name."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from gymnasium import Space, spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agents.sb3.spaces import MAX_ELEMENTS, space_from_json, space_to_json


def through_json(space: Space[Any]) -> Space[Any]:
    return space_from_json(json.loads(json.dumps(space_to_json(space), allow_nan=False)))


def assert_same_box(left: spaces.Box, right: spaces.Box) -> None:
    for name in ("low", "high", "bounded_below", "bounded_above"):
        ours, theirs = getattr(left, name), getattr(right, name)
        assert (ours.dtype, ours.shape, ours.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes()), (
            name
        )


def sampled(space: Space[Any]) -> str:
    space.seed(5)
    return repr([space.sample() for _ in range(3)])


@st.composite
def boxes(draw: st.DrawFn) -> spaces.Box:
    dtype = draw(st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.int32, np.int64, np.uint8]))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    elements = {"allow_nan": False} if np.issubdtype(dtype, np.floating) else {}
    bounds = [draw(hnp.arrays(dtype, shape, elements=elements or None)) for _ in range(2)]
    low, high = np.minimum(*bounds), np.maximum(*bounds)
    # Gymnasium itself puts a lower bound of +inf, or an upper one of -inf, among the unbounded.
    return spaces.Box(
        np.where(low == np.inf, 0, low).astype(dtype),
        np.where(high == -np.inf, 0, high).astype(dtype),
        dtype=dtype,
    )


def counts() -> st.SearchStrategy[Any]:
    return hnp.arrays(np.int64, hnp.array_shapes(max_dims=2, max_side=3), elements=st.integers(1, 1000))


SIMPLE = st.one_of(
    boxes(),
    st.builds(
        lambda n, start: spaces.Discrete(n, start=start), st.integers(1, 10**9), st.integers(-(10**9), 10**9)
    ),
    counts().map(spaces.MultiDiscrete),
    counts().map(lambda nvec: spaces.MultiDiscrete(nvec, start=nvec - 5)),
    st.integers(1, 20).map(spaces.MultiBinary),
    st.lists(st.integers(1, 4), min_size=1, max_size=3).map(spaces.MultiBinary),
)
NESTED = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.dictionaries(st.text(max_size=3), inner, max_size=3).map(
            lambda parts: spaces.Dict(OrderedDict(parts))
        ),
        st.lists(inner, max_size=3).map(spaces.Tuple),
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(space=NESTED)
def test_any_space_equals_its_description_rebuilt(space):
    assert through_json(space) == space


@settings(deadline=None)
@given(box=boxes())
def test_bounds_are_exact(box):
    assert_same_box(through_json(box), box)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-np.inf, np.inf, (2, 2)),
        spaces.Box(np.array([-np.inf, 0.1]), np.array([0.3, np.inf]), dtype=np.float64),
        spaces.Box(-np.inf, 5, (3,), np.int32),
        spaces.Box(np.zeros(2, np.uint64), np.full(2, 2**64 - 1, np.uint64), dtype=np.uint64),
        spaces.Box(-(2**63), 2**63 - 1, (1,), np.int64),
        spaces.Box(np.zeros(2, bool), np.array([False, True]), dtype=bool),
        spaces.Box(np.array([0.0, -0.0], np.float32), np.float32([1, 1])),
        spaces.Box(0, 1, (0, 3)),
        spaces.Box(np.float32(0.1), np.float32(3.3), ()),
    ],
    ids=str,
)
def test_odd_boxes_are_exact_and_sample_alike(space):
    rebuilt = through_json(space)
    assert_same_box(rebuilt, space)
    if space.dtype != np.uint64:  # Gymnasium cannot sample up to 2**64 - 1
        assert sampled(rebuilt) == sampled(space)


def test_boxes_with_one_bound_for_all_are_compact():
    assert space_to_json(spaces.Box(0, 255, (84, 84, 3), np.uint8)) == {
        "type": "Box",
        "dtype": "uint8",
        "shape": [84, 84, 3],
        "low": 0,
        "high": 255,
    }


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3, start=-1),
        spaces.MultiDiscrete([[2, 3], [4, 5]], start=[[0, 1], [2, 3]]),
        spaces.MultiDiscrete([2, 3], dtype=np.int32),
        spaces.MultiBinary([2, 3]),
        spaces.Dict({"b": spaces.Discrete(2), "a": spaces.Tuple([spaces.Box(0, 1), spaces.MultiBinary(2)])}),
    ],
    ids=str,
)
def test_rebuilt_spaces_sample_alike(space):
    rebuilt = through_json(space)
    assert (rebuilt, rebuilt.dtype) == (space, space.dtype)
    assert sampled(rebuilt) == sampled(space)


def test_the_order_of_keys_is_kept():
    space = spaces.Dict(OrderedDict(z=spaces.Discrete(2), a=spaces.Discrete(3), m=spaces.Discrete(4)))
    assert list(through_json(space).spaces) == ["z", "a", "m"]


class CleverBox(spaces.Box):
    pass


@pytest.mark.parametrize(
    "space", [spaces.Text(5), spaces.Sequence(spaces.Discrete(2)), CleverBox(0, 1), "Box"]
)
def test_other_spaces_are_refused_with_their_place(space):
    with pytest.raises(TypeError, match="space must be one of Box, Discrete"):
        space_to_json(space)
    if isinstance(space, Space):
        nested = spaces.Dict(camera=spaces.Tuple([spaces.Discrete(2), space]))
        with pytest.raises(
            TypeError, match=r"space\['camera'\]\[1\] must be .* got .*" + type(space).__name__
        ):
            space_to_json(nested)


def test_keys_that_are_not_strings_are_refused():
    with pytest.raises(TypeError, match="keys of space must be str, got 1"):
        space_to_json(spaces.Dict(OrderedDict([(1, spaces.Discrete(2))])))


BOX = {"type": "Box", "dtype": "float32", "shape": [2], "low": 0, "high": 1}


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (None, "space must be an object with a 'type', got None"),
        ({"type": 3}, "object with a 'type'"),
        (
            {"type": "Text"},
            "must be one of Box, Discrete, MultiDiscrete, MultiBinary, Dict, Tuple, got 'Text'",
        ),
        ({"type": "box"}, "did you mean 'Box'"),
        ({"type": "Discrete"}, "missing.*'n'"),
        ({"type": "Discrete", "n": 0, "start": 0}, "Discrete.*positive"),
        ({"type": "Discrete", "n": 2, "start": 0, "end": 3}, "end"),
        ({"type": "MultiBinary", "n": "x"}, "MultiBinary"),
        ({"type": "Box"}, "space of type Box lacks the field 'dtype'"),
        (BOX | {"low": 2}, "low"),
        (BOX | {"low": [0, 0, 0]}, "Box"),
        (BOX | {"low": "nan"}, "nan"),
        (BOX | {"dtype": "object"}, "dtype"),
        (BOX | {"shape": [-1]}, "shape"),
        (BOX | {"shape": [MAX_ELEMENTS, 2]}, f"at most {MAX_ELEMENTS}"),
        (BOX | {"dtype": "uint8", "high": 256}, "Box"),
        (
            {"type": "Dict", "spaces": [["a", {"type": "Dict", "spaces": [["b", {}]]}]]},
            r"space\['a'\]\['b'\] must",
        ),
        ({"type": "Dict", "spaces": [["a"]]}, "Dict"),
        ({"type": "Tuple", "spaces": [BOX, 1]}, r"space\[1\] must"),
        ({"type": "Tuple", "spaces": 1}, "Tuple"),
    ],
)
def test_malformed_descriptions_are_refused(data, match):
    with pytest.raises(ValueError, match=match):
        space_from_json(data)
