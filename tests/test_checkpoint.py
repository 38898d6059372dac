"""A checkpoint brings back exactly what was saved, survives a crash while saving, and cannot run code."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
import zipfile
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
from stable_baselines3 import PPO

from agents import checkpoint
from agents.checkpoint import CheckpointError

EVERYTHING: dict[str | int, Any] = {
    "learner": {"optimizer": {0: {"step": torch.tensor(3.0)}, 1: (torch.zeros(2, 3), None)}},
    "0": "not the same key as 0",
    0: [True, 2, -(10**5000), 2**53 + 1, 1.5, -0.0, float("inf"), "ü\ud800"],
    "numbers": (np.float32(0.1), np.arange(6, dtype=">i2").reshape(2, 3), np.datetime64("2020-01-01", "s")),
    "empty": [{}, [], (), "", torch.empty(0, 3), np.zeros((2, 0))],
}
TENSOR_DTYPES = (
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
    *(torch.float8_e4m3fn, torch.float8_e5m2),
)


def same(left: Any, right: Any) -> bool:
    """Equal in type, structure, order and every bit (all NaN of Python count as one)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        header = (left.dtype, left.shape, left.device) == (right.dtype, right.shape, right.device)
        return header and bits(left) == bits(right)
    if isinstance(left, (np.ndarray, np.generic)):
        return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return repr(left) == repr(right) if isinstance(left, float) else left == right


def bits(tensor: torch.Tensor) -> bytes:
    flat = tensor.resolve_conj().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


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


def round_trip(path: Path, tree: Any) -> Any:
    checkpoint.save(path, tree)
    return checkpoint.load(path)


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
    for _ in range(checkpoint.MAX_DEPTH):
        tree = {"inner": tree}
    assert same(round_trip(path, tree), tree)
    with pytest.raises(ValueError, match="deeper"):
        checkpoint.save(path, [tree])


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
from agents import checkpoint

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
    unfinished = sum(name.endswith(".tmp") for name in os.listdir(os.path.dirname(path)))
    if trial >= 8 and unfinished:
        break
assert unfinished, "no child was killed in the middle of a save"
print("whole")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_process_killed_while_saving_leaves_a_whole_file(path):
    root = Path(checkpoint.__file__).parents[1]
    command = [sys.executable, "-c", KILLER, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=root, check=False)
    assert run.stdout.strip() == "whole", run.stderr


@pytest.mark.skipif(os.name != "posix", reason="folders can be synced on POSIX only")
def test_content_is_on_disk_before_its_name_and_its_name_before_save_returns(path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda file: (events.append(stat.S_ISDIR(os.fstat(file).st_mode)), fsync(file))
    )
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("named"), replace(*names)))
    checkpoint.save(path, 1)
    assert events == [False, "named", True]


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
def test_the_file_has_the_permissions_of_any_new_file(path, tmp_path):
    (tmp_path / "other").touch()
    checkpoint.save(path, 1)
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_link_is_followed(path, tmp_path):
    (tmp_path / "latest").symlink_to(path)
    checkpoint.save(tmp_path / "latest", "through the link")
    assert (tmp_path / "latest").is_symlink() and checkpoint.load(path) == "through the link"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        checkpoint.save(tmp_path / "nowhere" / "model.ckpt", 1)


# Files of others --------------------------------------------------------------


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
