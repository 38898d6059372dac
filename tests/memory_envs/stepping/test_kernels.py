"""Compiled code does what the rules say, is kept on disk, and is never older than the rules."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_envs.imaze import TASK, IMazeEnv
from memory_envs.rules import imaze
from memory_envs.stepping import compilation
from memory_envs.stepping.compilation import compile_rulebook
from memory_envs.stepping.kernels import make_loops, pack
from memory_envs.stepping.lanes import Lanes
from tests.support import ROOT
from tests.support.env_oracles import one_hot, play_in_python

CONFIGS = [
    {},
    {"size": 15, "view_size": 5, "start": "center", "delay": 9, "step_penalty": 0.01},
    {"size": 5, "view_size": 1, "max_episode_steps": 7},
]

FIRST_RESET = """
import json, time, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    start = time.perf_counter()
    from memory_envs.imaze import TASK, IMazeEnv
    env = IMazeEnv()
    observation, _ = env.reset(seed=0)
print(json.dumps({
    "seconds": time.perf_counter() - start,
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
    assert len(compiled_files(folder)) == 3
    return folder, first


def tiles(reset: dict) -> list[int]:
    """Codes of the tiles in a one-hot observation."""
    return np.array(reset["observation"]).reshape(9, 6).argmax(axis=1).tolist()


def compiled_files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.nbc")}


@pytest.mark.parametrize("settings", CONFIGS)
@settings(deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_compiled_lane_equals_the_uncompiled_rules(settings, seed):
    env = IMazeEnv(**settings)
    actions = np.random.default_rng(seed).choice(3, size=400, p=[0.15, 0.25, 0.6]).tolist()
    observation, info = env.reset(seed=seed)
    expected = play_in_python(env.config, env.stream, env.episode, actions)
    state, window, *_ = next(expected)
    assert (observation == one_hot(window)).all()
    for action, (state, window, *outcome) in zip(actions, expected, strict=False):
        observation, *played, info = env.step(action)
        assert (observation == one_hot(window)).all()
        assert played == outcome
        assert info == {"is_success": state.outcome == 1}
        assert {name: env.get_state()[name] for name in state._fields} == state._asdict()


@pytest.mark.parametrize("autoreset", range(3))
@pytest.mark.parametrize("observation", ["onehot", "tiles"])
def test_compiled_loops_equal_the_same_loops_in_python(autoreset, observation):
    config = imaze.configure(max_episode_steps=30, delay=2)
    compiled, plain = (Lanes(TASK, config, 3, observation, autoreset) for _ in range(2))
    plain._kernels = make_loops(imaze)
    generator = np.random.default_rng(0)
    compiled.rows[:, 0] = plain.rows[:, 0] = [11, 22, 33]
    everyone = np.ones(3, dtype=bool)
    assert (compiled.begin(everyone) == plain.begin(everyone)).all()
    for _ in range(200):
        actions = generator.choice(3, size=3, p=[0.15, 0.25, 0.6])
        one, other = compiled.step(actions), plain.step(actions)
        over = one.flags[:2].any(axis=0)
        assert all((a == b).all() for a, b in zip(one[:1] + one[2:], other[:1] + other[2:], strict=True))
        if autoreset == 1:
            assert (one.final_observations[over] == other.final_observations[over]).all()
        if autoreset == 2 and over.any():
            assert (compiled.begin(over) == plain.begin(over)).all()
        assert (compiled.rows == plain.rows).all()
    assert compiled.rows[:, 1].sum() > 3 or autoreset == 2


def test_the_digest_of_a_rulebook_elsewhere_covers_this_packages_rules(tmp_path, monkeypatch):
    """A rulebook may call them, packaged or not; an edit to any of them must be compiled again."""
    (tmp_path / "lone_rules.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    lone = importlib.import_module("lone_rules")
    names = {name for name, _ in compilation._sources(lone)}
    assert {"kernels", "lone_rules", "memory_envs.rules/randomness.py", "memory_envs.rules/grid.py"} <= names
    before = compilation.source_digest(lone)
    (tmp_path / "lone_rules.py").write_text("A = 2\n")
    assert compilation.source_digest(lone) != before


def test_kernels_of_a_rulebook_are_made_once():
    assert compile_rulebook(imaze) is compile_rulebook(imaze)


def test_a_config_with_fields_out_of_order_is_refused():
    class Config(NamedTuple):
        weight: float
        size: int

    with pytest.raises(TypeError, match="Config must have int fields, then float fields"):
        pack(Config(0.5, 3))


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
    rules = folder / "memory_envs" / "rules" / "imaze.py"
    text = rules.read_text()
    edited = text.replace("    return FLOOR\n", "    return GOAL_LEFT\n")
    assert edited != text
    rules.write_text(edited)
    try:
        after = first_reset(folder, NUMBA_CACHE_DIR=folder / "cache", **QUICKLY)
    finally:
        rules.write_text(text)
    assert imaze.FLOOR in tiles(before)
    assert tiles(after) == [imaze.GOAL_LEFT if code == imaze.FLOOR else code for code in tiles(before)]


def test_a_damaged_cache_file_is_named_and_replaced_by_compiling(compiled):
    folder, whole = compiled
    for path in sorted((folder / "cache").rglob("*facts*.nbc")):  # the loop that is compiled soonest
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
    assert "NUMBA_CACHE_DIR" in warning and "compiles its environments again" in warning
    assert compiled_files(folder) == set()


def test_with_compilation_switched_off_the_kernels_are_python(copied):
    code = (
        "from memory_envs.imaze import IMazeEnv\n"
        "env = IMazeEnv(); observation, _ = env.reset(seed=0); env.step(2)\n"
        "print(type(env._lanes._kernels.step).__name__, observation.tolist())"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(copied)}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=copied, capture_output=True, text=True, check=True
    )
    expected, _ = IMazeEnv().reset(seed=0)
    assert found.stdout.strip() == f"function {expected.tolist()}"
