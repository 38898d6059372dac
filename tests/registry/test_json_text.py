"""The reader of what anybody may have written: limits, kinds, and errors in words."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_envs.registry.json_text import (
    MAX_DEPTH,
    MalformedJson,
    build,
    check_known,
    read,
    read_file,
    read_object,
    shown,
)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_was_written_is_read(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert read(text) == value and read(text.encode()) == value


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except MalformedJson:
        pass


def test_depth_is_counted_outside_of_strings() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        with pytest.raises(MalformedJson, match=f"deeper than {MAX_DEPTH}"):
            read(opening * (MAX_DEPTH + 1) + "1" + closing * (MAX_DEPTH + 1))
    with pytest.raises(MalformedJson, match="deeper"):
        read("[" * 10**6)
    for inside in ("[" * 1000, r"\"" + "[" * 1000, "\\\\"):
        assert len(read(f'["{inside}", 1]')) == 2
    assert read(", ".join(["[1]"] * 1000).join("[]")) == [[1]] * 1000


@pytest.mark.parametrize("text", ['"' * 10**5, r'"\"' * 10**5, '["' + "\\" * 10**6, "{" + '"a' * 10**5])
def test_counting_takes_no_longer_than_reading(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(MalformedJson):
        read(text)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        (b"\xff", "no JSON"),
        ("NaN", "constant NaN"),
        ("[-Infinity]", "constant -Infinity"),
        ("1e999", "number 1e999"),
        ("1" * 400, "whole number 1"),
        ("9" * 10_000, "whole number 9"),
        (str(2**128), "whole number 3402823669209384634633746074317"),
        (r'"\ud800"', "no JSON"),
    ],
)
def test_what_is_no_json_or_beyond_the_limits_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(MalformedJson, match=message):
        read(text)
    assert read(r'"\ud83d\ude00"') == "\U0001f600"


def test_halves_of_characters_are_read_where_they_will_not_be_printed() -> None:
    assert read(r'"\ud800"', any_text=True) == "\ud800"


def test_anything_can_be_shown() -> None:
    deep: list[Any] = []
    for _ in range(10**5):
        deep = [deep]
    for value in (deep, 10**5000, [10**5000], "x" * 10**6):
        assert len(shown(value)) <= 80
    while deep:
        deep = deep.pop()  # without recursion


def test_a_file_is_named(tmp_path: Any) -> None:
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(MalformedJson, match=r"list\.json cannot be read: it must hold a JSON obj"):
        read_file(tmp_path / "list.json")
    with pytest.raises(MalformedJson, match="must hold a JSON object, got 3"):
        read_object("3")


@dataclass(frozen=True)
class Inner:
    size: int
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"size must be at least 0, got {self.size}")


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    widths: tuple[int, ...] = ()
    more: dict[str, Inner] | None = None
    way: Literal["left", "right"] = "left"
    free: bool = False


def test_an_object_becomes_a_dataclass_with_all_inside_it() -> None:
    content = {"name": "a", "inner": {"size": 1}, "widths": [1, 2], "more": {"b": {"size": 2, "share": 1}}}
    assert build(Outer, content) == Outer("a", Inner(1), (1, 2), {"b": Inner(2, 1)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 1}, "it/name must be of the kind str, got 1"),
        ({"inner": None}, "it/inner must be of the kind Inner, got None"),
        ({"inner": {"size": 1.5}}, "it/inner/size must be of the kind int, got 1.5"),
        ({"inner": {"size": True}}, "it/inner/size must be of the kind int"),
        ({"inner": {"size": 1, "share": float("nan")}}, "it/inner/share must be of the kind float"),
        ({"inner": {}}, "it/inner lacks size"),
        ({"inner": {"size": -1}}, "it/inner is refused: size must be at least 0"),
        ({"colour": "red"}, "has the unknown colour"),
        ({"widths": [1, "x"]}, "it/widths/1 must be"),
        ({"widths": 3}, "it/widths must be"),
        ({"more": {"b": 3}}, "it/more/b must be"),
        ({"way": "up"}, "it/way must be"),
        ({"way": []}, "it/way must be"),
        ({"free": 1}, "it/free must be of the kind bool"),
    ],
)
def test_what_is_of_another_kind_is_refused_with_its_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedJson, match=message):
        build(Outer, {"name": "a", "inner": {"size": 1}} | changes)


def test_only_what_is_known_is_checked() -> None:
    check_known(Inner, {"size": 3, "colour": "red"}, "inner")
    with pytest.raises(MalformedJson, match="inner/size must be"):
        check_known(Inner, {"size": "3"}, "inner")
