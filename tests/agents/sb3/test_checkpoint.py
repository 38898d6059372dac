"""A checkpoint survives a crash while saving; a file that is none is refused, and no code in it is run."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
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
from tests.support import ROOT
from tests.support.trees import EVERYTHING, same


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.ckpt"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The content of a checkpoint: saving waits for the disk, which is too long to do for each example."""
    path = tmp_path_factory.mktemp("everything") / "saved.ckpt"
    checkpoint.save(path, EVERYTHING)
    return path.read_bytes()


# Crashes ----------------------------------------------------------------------


def raises(error: BaseException) -> Any:
    def function(*args: Any, **kwargs: Any) -> None:
        raise error

    return function


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize(
    "step", ["os.fsync", "os.replace", "zipfile.ZipFile.close", "zipfile.ZipFile.writestr"]
)
def test_a_failure_at_any_step_leaves_the_old_file_and_nothing_else(path, monkeypatch, step, error):
    checkpoint.save(path, "old")
    with monkeypatch.context() as patch:
        patch.setattr(step, raises(error))
        with pytest.raises(type(error)):
            checkpoint.save(path, "new")
    assert checkpoint.load(path) == "old"
    assert os.listdir(path.parent) == [path.name]


def test_a_disk_that_fills_up_leaves_the_old_file_and_nothing_else(path):
    resource = pytest.importorskip("resource", reason="limits of a process are known on POSIX only")
    checkpoint.save(path, "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            checkpoint.save(path, torch.zeros(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert checkpoint.load(path) == "old"
    assert os.listdir(path.parent) == [path.name]


# Children save one number after another and are killed at a later and later moment of a save.
KILLER = """
import os, signal, sys, time
import torch
from agents.sb3 import checkpoint

torch.set_num_threads(1)  # threads do not survive a fork
path = sys.argv[1]
unfinished = 0
for trial in range(60):
    saved, ready = os.pipe()
    child = os.fork()
    if not child:
        for count in range(trial * 1000, trial * 1000 + 1000):
            checkpoint.save(path, [torch.full((250_000,), float(count)) for _ in range(2)])
            os.write(ready, b"1")
        os._exit(0)
    os.read(saved, 1)
    time.sleep(0.001 * trial)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(saved), os.close(ready)
    values = {value for tensor in checkpoint.load(path) for value in tensor.unique().tolist()}
    assert len(values) == 1 and trial * 1000 <= min(values) < trial * 1000 + 1000, values
    unfinished = sum(name.startswith(".") for name in os.listdir(os.path.dirname(path)))
    if trial >= 8 and unfinished:
        break
assert unfinished, "no child was killed in the middle of a save"
print("whole")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_process_killed_while_saving_leaves_a_whole_file(path):
    command = [sys.executable, "-c", KILLER, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)
    assert run.stdout.strip() == "whole", run.stderr


def test_a_link_is_followed(path, tmp_path):
    (tmp_path / "latest").symlink_to(path)
    checkpoint.save(tmp_path / "latest", "through the link")
    assert (tmp_path / "latest").is_symlink() and checkpoint.load(path) == "through the link"


# Files that are no checkpoints ------------------------------------------------


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
    ],
)
def test_a_tampered_document_is_refused(path, changes, match):
    checkpoint.save(path, 1)
    rewritten(path, **changes)
    assert_refused(path, match)


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
