"""Compiled code is kept on disk, and is never older than the rules."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from memory_envs.imaze import IMazeEnv
from memory_envs.rules import imaze, maze, meta_fetch
from memory_envs.stepping import compilation
from memory_envs.stepping.compilation import compile_rulebook
from tests.support import ROOT

FIRST_RESET = """
import json, time, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    start = time.process_time()
    from memory_envs.imaze import IMazeEnv
    env = IMazeEnv()
    observation, _ = env.reset(seed=0)
print(json.dumps({
    "seconds": time.process_time() - start,
    "warnings": [str(each.message) for each in caught],
    "observation": observation.tolist(),
}))
"""


# Two fifths of the time of compiling go into making the code fast, which is of no use to one reset.
QUICKLY = {"NUMBA_OPT": "0"}


def first_reset(folder: Path, **variables: str | Path) -> dict:
    """Reset an environment of the packages in `folder` in a process of its own, with more variables."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))
    }
    environment |= {name: str(value) for name, value in (variables | {"PYTHONPATH": folder}).items()}
    command = [sys.executable, "-c", FIRST_RESET]
    finished = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=True, timeout=200
    )
    return json.loads(finished.stdout)


def copy_packages(to: Path) -> Path:
    for package in ("memory_envs", "registry"):
        shutil.copytree(ROOT / package, to / package, ignore=shutil.ignore_patterns("__pycache__"))
    return to


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the two packages that has never been compiled."""
    return copy_packages(tmp_path)


@pytest.fixture(scope="module")
def uncached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Future[dict]]]:
    """A copy that can be written to nowhere, and its first reset, which goes on beside the tests.

    There are files where the cache folders would be: that stops a superuser too, whom permissions do not.
    """
    folder = copy_packages(tmp_path_factory.mktemp("uncached"))
    for name in ("memory_envs/stepping/__pycache__", "memory_envs/rules/__pycache__", "home"):
        (folder / name).write_text("")
    home = folder / "home"
    with ThreadPoolExecutor(1) as beside:
        yield folder, beside.submit(first_reset, folder, HOME=home, XDG_CACHE_HOME=home, **QUICKLY)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, uncached: object) -> tuple[Path, dict]:
    """A third, and its first reset, in which it was compiled; tests leave it as it was, but for its cache."""
    folder = copy_packages(tmp_path_factory.mktemp("compiled"))
    first = first_reset(folder, NUMBA_CACHE_DIR=folder / "cache")
    assert {name.split("-")[1] for name in compiled_files(folder)} == {"reset", "step_one"}
    return folder, first


def tiles(reset: dict) -> list[int]:
    """Codes of the tiles in a one-hot observation."""
    return np.array(reset["observation"]).reshape(9, 6).argmax(axis=1).tolist()


def compiled_files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.nbc")}


@pytest.mark.parametrize(
    "rulebook, own",
    [
        (imaze, {"imaze.py", "maze.py", "grid.py"}),
        (meta_fetch, {"meta_fetch.py", "grid.py", "layouts.py", "order.py", "room.py"}),
        ("t_maze", {"t_maze_of_the_page.py"}),
    ],
    ids=("imaze", "meta_fetch", "t_maze"),
)
def test_the_digest_covers_every_file_that_kernels_call_and_the_constants_beside_them(rulebook, own, request):
    rulebook = request.getfixturevalue(rulebook) if isinstance(rulebook, str) else rulebook
    called = {
        Path(each.__code__.co_filename).name
        for loop in compilation.make_loops(rulebook)
        for each in compilation._called(loop)
    }
    assert own | {"kernels.py", "randomness.py"} <= called
    covered = {path.name for path in compilation.source_files(rulebook)}
    assert called | {"compilation.py", "__init__.py", "settings.py"} <= covered


def test_an_edit_to_a_rule_anywhere_changes_the_digest(tmp_path, monkeypatch):
    """A rulebook may call rules of this package and of others, packaged or not."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "shared.py").write_text("def doubled(x):\n    return 2 * x\n")
    lone = (ROOT / "memory_envs" / "rules" / "imaze.py").read_text()
    lone = lone.replace("following, outcome - config", "following, doubled(outcome) - config")
    (tmp_path / "lone_rules.py").write_text("from other.shared import doubled\n" + lone)
    monkeypatch.syspath_prepend(tmp_path)
    rulebook = importlib.import_module("lone_rules")
    digests = {compilation.source_digest(rulebook)}
    for path in (tmp_path / "lone_rules.py", tmp_path / "other" / "shared.py"):
        path.write_text(path.read_text() + "# edited\n")
        digests.add(compilation.source_digest(rulebook))
    assert len(digests) == 3


def test_kernels_of_a_rulebook_are_made_once():
    assert compile_rulebook(imaze) is compile_rulebook(imaze)


def test_compiling_takes_seconds_and_loading_does_not(compiled):
    folder, first = compiled
    files = compiled_files(folder)
    assert first["seconds"] < 60, "a quiet machine needs under 10 s"
    second = first_reset(folder, NUMBA_CACHE_DIR=folder / "cache")
    assert second["observation"] == first["observation"] and second["warnings"] == []
    assert compiled_files(folder) == files
    assert second["seconds"] < max(2.0, first["seconds"] / 2)


def test_an_edited_rule_is_compiled_again(compiled):
    folder, before = compiled
    rules = folder / "memory_envs" / "rules" / "maze.py"
    text = rules.read_text()
    edited = text.replace("= FLOOR if in_corridor(", "= GOAL_LEFT if in_corridor(")
    assert edited != text
    rules.write_text(edited)
    try:
        after = first_reset(folder, NUMBA_CACHE_DIR=folder / "cache", **QUICKLY)
    finally:
        rules.write_text(text)
    assert maze.FLOOR in tiles(before)
    assert tiles(after) == [maze.GOAL_LEFT if code == maze.FLOOR else code for code in tiles(before)]


def test_a_damaged_cache_file_is_named_and_replaced_by_compiling(compiled):
    folder, whole = compiled
    for path in sorted((folder / "cache").rglob("*reset*.nbc")):
        path.write_bytes(path.read_bytes()[:100])
    after = first_reset(folder, NUMBA_CACHE_DIR=folder / "cache")
    assert after["observation"] == whole["observation"]
    assert any("cannot be read" in warning for warning in after["warnings"])
    assert first_reset(folder, NUMBA_CACHE_DIR=folder / "cache")["warnings"] == []


def test_without_any_writable_folder_it_runs_and_says_so_once(uncached):
    folder, first = uncached
    result = first.result()
    assert len(result["observation"]) == 54
    (warning,) = result["warnings"]
    assert "NUMBA_CACHE_DIR" in warning and "compiles an environment again" in warning
    assert compiled_files(folder) == set()


def test_with_compilation_switched_off_the_kernels_are_python(copied):
    code = (
        "from memory_envs.imaze import IMazeEnv\n"
        "env = IMazeEnv(); observation, _ = env.reset(seed=0); env.step(2)\n"
        "print(type(env._lanes._kernels.step_one).__name__, observation.tolist())"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(copied)}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=copied, capture_output=True, text=True, check=True
    )
    expected, _ = IMazeEnv().reset(seed=0)
    assert found.stdout.strip() == f"function {expected.tolist()}"
