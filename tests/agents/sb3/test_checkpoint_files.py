"""A file that is no checkpoint, or no longer, is refused in a sentence, and no code in it is run."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3 import PPO

from agents.sb3 import checkpoint
from agents.sb3.checkpoint import CheckpointError
from tests.support.trees import EVERYTHING, round_trip, same


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.ckpt"


def saved(folder: Path, tree: Any) -> bytes:
    """The content of a checkpoint: saving waits for the disk, which is too long to do for each example."""
    checkpoint.save(folder / "saved.ckpt", tree)
    return (folder / "saved.ckpt").read_bytes()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return saved(tmp_path_factory.mktemp("everything"), EVERYTHING)


@pytest.fixture(scope="module")
def eight_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return saved(tmp_path_factory.mktemp("bytes"), torch.zeros(8, dtype=torch.uint8))


def test_a_missing_file_is_not_found(path):
    with pytest.raises(FileNotFoundError):
        checkpoint.load(path)


def write_zip(path: Path, members: dict[str, bytes], **options: Any) -> None:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, **changes: Any) -> None:
    """Change entries of the document in tree.json."""
    members = members_of(path)
    members["tree.json"] = json.dumps(json.loads(members["tree.json"]) | changes).encode()
    write_zip(path, members)


def assert_refused(path: Path, match: str = "cannot be loaded") -> None:
    with pytest.raises(CheckpointError, match=match) as caught:
        checkpoint.load(path)
    assert str(path) in str(caught.value)


class Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("form", ["pickle", "torch", "zipped", "inside"])
def test_code_in_a_file_is_not_run(path, tmp_path, form):
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    if form == "pickle":
        path.write_bytes(bomb)
    elif form == "torch":
        torch.save(Bomb(tmp_path / "exploded"), path)
    elif form == "zipped":
        write_zip(path, {"data.pkl": bomb})
    else:
        write_zip(path, {"tree.json": bomb, "tensors.safetensors": bomb})
    assert_refused(path)
    assert not (tmp_path / "exploded").exists()
    if form == "pickle":  # the bomb is live: what other loaders do with it
        pickle.loads(bomb)
        assert (tmp_path / "exploded").exists()


def test_a_model_of_stable_baselines3_is_refused(path):
    PPO("MlpPolicy", "CartPole-v1", device="cpu").save(path)
    assert_refused(path, r"expected a zip of tree.json and tensors.safetensors, got one of \['data'")


@pytest.mark.parametrize("content", [b"", b"PK", b"\0" * 1000, b"progress,step\n1,2\n"], ids=repr)
def test_other_files_are_refused(path, content):
    path.write_bytes(content)
    assert_refused(path, "not a zip file")


def test_every_truncation_is_refused(path):
    checkpoint.save(path, EVERYTHING)
    content = path.read_bytes()
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        assert_refused(path)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_changed_byte_is_refused_or_changes_nothing(tmp_path_factory, everything, data):
    path, content = tmp_path_factory.getbasetemp() / "changed.ckpt", bytearray(everything)
    # Of the fields around the contents, more are near the end than a uniform choice would find.
    near_end = st.integers(len(content) - 250, len(content) - 1)
    content[data.draw(st.one_of(st.integers(0, len(content) - 1), near_end))] ^= data.draw(
        st.integers(1, 255)
    )
    path.write_bytes(content)
    try:
        tree = checkpoint.load(path)
    except CheckpointError:
        return
    assert same(tree, EVERYTHING)


def test_a_newer_version_says_so(path):
    checkpoint.save(path, 1)
    rewritten(path, version=checkpoint.VERSION + 1)
    assert_refused(path, "version 2, this program reads up to 1")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"format": "another"}, "does not say that its format is"),
        ({"version": "1"}, "version must be a positive integer, got '1'"),
        ({"version": 0}, "version must be a positive integer, got 0"),
        ({"tree": {"module": "os"}}, r"\['module'\] where one of \['tuple', 'dict'"),
        ({"tree": {}}, "where one of"),
        ({"tree": {"tuple": 1}}, "int where a list must be"),
        ({"tree": {"dict": [["a", 1], ["a", 2]]}}, "repeated key"),
        ({"tree": {"dict": [[1.5, 1]]}}, "keys other than"),
        ({"tree": {"dict": [["a", 1, 2]]}}, "unpack"),
        ({"tree": [{"tensor": "0"}, {"tensor": "0"}]}, "mentions tensor '0' twice"),
        ({"tree": {"tensor": "9"}}, "mentions tensor '9'"),
        ({"tree": {"tensor": ["0"]}}, "unhashable"),
        ({"tree": 1}, "holds 1 tensors that tree.json does not mention"),
        ({"tree": {"array": {"data": "0", "dtype": "O", "shape": [1]}}}, "array of object"),
        ({"tree": {"array": {"data": "0", "dtype": "u1", "shape": [2**40]}}}, "array of uint8"),
        ({"tree": {"array": {"data": "0", "dtype": "u1", "shape": [-1, -8]}}}, "negative"),
        ({"tree": {"float": "1.0"}}, "1.0"),
        ({"tree": {"complex": "0"}}, "takes tensor '0' for complex"),
    ],
)
def test_a_tampered_structure_is_refused(path, changes, match):
    checkpoint.save(path, torch.zeros(8, dtype=torch.uint8))
    rewritten(path, **changes)
    assert_refused(path, match)


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
@given(tree=JSON_TREES)
def test_any_structure_is_loaded_or_refused(tmp_path_factory, eight_bytes, tree):
    path = tmp_path_factory.getbasetemp() / "structure.ckpt"
    path.write_bytes(eight_bytes)
    rewritten(path, tree=tree)
    try:
        loaded = checkpoint.load(path)
    except CheckpointError:
        return
    assert same(round_trip(path, loaded), loaded)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "9" * 100_000, "", "\xff", "NaN"],
    ids=["deep list", "deep object", "long number", "empty", "not utf-8", "no json"],
)
def test_absurd_json_is_refused(path, text):
    write_zip(path, {"tree.json": text.encode("latin-1"), "tensors.safetensors": b""})
    assert_refused(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(path):
    write_zip(path, {"tree.json": b"[" * 10**7, "tensors.safetensors": b""}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 20_000
    assert_refused(path, "tree.json must be neither compressed")


def test_a_size_beyond_the_file_is_refused(path):
    checkpoint.save(path, 1)
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\1\2")  # the first entry of the directory, with two sizes 20 bytes in
    content[entry + 20 : entry + 28] = (2**31).to_bytes(4, "little") * 2
    path.write_bytes(content)
    assert_refused(path, "larger than the file")


@pytest.mark.parametrize("extra", ["../../escape", "tensors.pkl", "tree.json"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_beyond_the_two_are_refused(path, extra):
    checkpoint.save(path, 1)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(extra, b"1")
    assert_refused(path, "expected a zip of")


@pytest.mark.parametrize(
    "header",
    [
        {"0": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}},
        {"0": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}},
        {"0": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
        {"0": {"dtype": "F8_E8M0", "shape": [4], "data_offsets": [0, 4]}},
        {"0": {"dtype": "pickle", "shape": [4], "data_offsets": [0, 4]}},
    ],
    ids=["huge", "short", "negative", "unknown to torch", "unknown"],
)
def test_tampered_tensors_are_refused(path, header):
    document = {"format": checkpoint.FORMAT, "version": 1, "tree": {"tensor": "0"}}
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + bytes(4)
    write_zip(path, {"tree.json": json.dumps(document).encode(), "tensors.safetensors": content})
    assert_refused(path)
